//! Content codings that a partner uses though `identity` was asked for (RFC 9110 section 12.5.3 lets it).

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// Codings that are named and not read.
const NAMED: [&str; 4] = ["br", "zstd", "deflate", "compress"];
const UNKNOWN: &str = "an unknown coding";

/// Decodes the body of one answer, a piece at a time.
pub(super) enum Decoder {
    /// It comes as it is.
    Identity,
    /// Gzip; whether anything came.
    Gzip(Box<MultiGzDecoder<Vec<u8>>>, bool),
}

impl Decoder {
    /// For an answer with these headers.
    ///
    /// # Errors
    /// The coding, when it cannot be read here, in a word of ours.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, &'static str> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let text: Vec<&str> = values
            .map(|value| value.to_str().ok())
            .collect::<Option<_>>()
            .ok_or(UNKNOWN)?;
        let text = text.join(",").to_ascii_lowercase();
        let codings = text.split(',').map(str::trim);
        let codings: Vec<&str> = codings
            .filter(|coding| !coding.is_empty() && *coding != "identity")
            .collect();
        match codings.as_slice() {
            [] => Ok(Self::Identity),
            ["gzip" | "x-gzip"] => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())), false)),
            [one] => Err(NAMED.iter().find(|name| *name == one).unwrap_or(&UNKNOWN)),
            [_, _, ..] => Err("several codings"),
        }
    }

    /// What a piece of the body decodes to.
    pub(super) fn decode(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(piece.to_vec()),
            Self::Gzip(decoder, is_begun) => {
                *is_begun |= !piece.is_empty();
                decoder.write_all(piece)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    /// What is left at the end of the body. An empty body is empty, whatever its header says.
    pub(super) fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity | Self::Gzip(_, false) => Ok(Vec::new()),
            Self::Gzip(decoder, true) => decoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coding: Option<&'static str>, body: &[u8]) -> Option<io::Result<Vec<u8>>> {
        let mut headers = HeaderMap::new();
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let mut decoder = Decoder::of(&headers).ok()?;
        let mut all = Vec::new();
        for piece in body.chunks(7) {
            match decoder.decode(piece) {
                Ok(piece) => all.extend(piece),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(decoder.end().map(|last| [all, last].concat()))
    }

    #[test]
    fn gzip_is_read_and_other_codings_are_not() {
        let text = b"{\"resourceType\":\"Patient\",\"id\":\"R-1\"}\n".repeat(50);
        let twice = [gzip(&text), gzip(&text)].concat();
        for (coding, body, wanted) in [
            (None, text.clone(), text.clone()),
            (Some("identity"), text.clone(), text.clone()),
            (Some("gzip"), gzip(&text), text.clone()),
            (Some("X-GZip"), gzip(&text), text.clone()),
            (Some("identity, gzip"), gzip(&text), text.clone()),
            (Some("gzip"), twice, [text.clone(), text.clone()].concat()),
            (Some("gzip"), Vec::new(), Vec::new()),
        ] {
            assert_eq!(
                decoded(coding, &body).unwrap().unwrap(),
                wanted,
                "{coding:?}"
            );
        }
        for coding in ["br", "zstd", "deflate", "gzip, gzip"] {
            assert!(decoded(Some(coding), &text).is_none(), "{coding}");
        }
        let whole = gzip(&text);
        assert!(decoded(Some("gzip"), &text).unwrap().is_err());
        assert!(
            decoded(Some("gzip"), &whole[..whole.len() / 2])
                .unwrap()
                .is_err()
        );
    }
}
