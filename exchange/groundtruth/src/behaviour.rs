//! How one request is answered: the words that an address or an order may use.

use serde::{Deserialize, Serialize};

use super::limits::{BODY_BYTES_MAX, DELAY_MS_MAX, HEADERS_MAX, PIECES_MAX, TEXT_BYTES_MAX};

/// The part of a path behind which a behaviour stands.
const MARK: &str = "do";

/// How one request is answered. What is left out is an ordinary answer at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// The status, 200 to 599.
    pub status: u16,
    /// From the last byte of the request to the first of the head, in milliseconds.
    pub head_ms: u32,
    /// From the head to the last byte of the body, in milliseconds.
    pub body_ms: u32,
    /// In so many pieces the body is sent, each after its share of `body_ms`.
    pub pieces: u32,
    /// What the body is.
    pub body: Body,
    /// The content type; none for one that fits the body.
    pub media: Option<String>,
    /// More header fields, in order; a name may stand there more than once.
    pub headers: Vec<(String, String)>,
    /// How long a granted token lasts, in seconds.
    pub expires_in: u32,
    /// How the answer ends.
    pub end: End,
    /// Whether head and body of the request are kept in the log.
    pub keep: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            head_ms: 0,
            body_ms: 0,
            pieces: 1,
            body: Body::Fitting,
            media: None,
            headers: Vec::new(),
            expires_in: 300,
            end: End::Whole,
            keep: false,
        }
    }
}

/// What the body of an answer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// What the path asks for: discovery, a token, or else a small document.
    #[default]
    Fitting,
    /// The request as it was received.
    Echo,
    /// So many bytes of JSON.
    Bytes(usize),
    /// This text.
    Text(String),
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With its last byte.
    #[default]
    Whole,
    /// Never a byte, until the client goes away.
    Hang,
    /// The connection is closed without a byte.
    Close,
    /// The connection is reset without a byte.
    Reset,
    /// Head and half of the body, and nothing more until the client goes away.
    Stall,
    /// Head and half of the body, and the connection is closed.
    Cut,
    /// Head and half of the body, and the connection is reset.
    Torn,
}

impl End {
    /// Whether a head is sent at all.
    pub(super) fn has_head(self) -> bool {
        match self {
            Self::Whole | Self::Stall | Self::Cut | Self::Torn => true,
            Self::Hang | Self::Close | Self::Reset => false,
        }
    }

    fn named(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }
}

/// Why a behaviour is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBehaviour {
    /// A word that is not known, or has no value.
    #[error(
        "{0:?} is no behaviour: name=value with status, head_ms, body_ms, pieces, bytes, body=echo, expires_in, end, location or keep=yes"
    )]
    Word(String),
    /// A value that does not fit its name.
    #[error("{name} cannot be {value:?}")]
    Value {
        /// The name.
        name: &'static str,
        /// What stands there.
        value: String,
    },
}

impl Behaviour {
    /// The behaviour that a path asks for: the words behind a part `do`, as in
    /// `/any/do/head_ms=200,status=503/metadata`. None when it asks for none.
    ///
    /// # Errors
    /// [`InvalidBehaviour`] names the word that is wrong.
    pub fn of_path(path: &str) -> Result<Option<Self>, InvalidBehaviour> {
        let mut parts = path.split('/');
        if !parts.any(|part| part == MARK) {
            return Ok(None);
        }
        let mut behaviour = Self::default();
        let words = parts.next().unwrap_or_default().split(',');
        for word in words.filter(|word| !word.is_empty()) {
            behaviour.word(word)?;
        }
        behaviour.checked().map(Some)
    }

    fn word(&mut self, word: &str) -> Result<(), InvalidBehaviour> {
        let unknown = || InvalidBehaviour::Word(word.to_owned());
        let (name, value) = word.split_once('=').ok_or_else(unknown)?;
        match name {
            "status" => self.status = number("status", value)?,
            "head_ms" => self.head_ms = number("head_ms", value)?,
            "body_ms" => self.body_ms = number("body_ms", value)?,
            "pieces" => self.pieces = number("pieces", value)?,
            "bytes" => self.body = Body::Bytes(number("bytes", value)?),
            "expires_in" => self.expires_in = number("expires_in", value)?,
            "body" if value == "echo" => self.body = Body::Echo,
            "keep" if value == "yes" => self.keep = true,
            "end" => self.end = End::named(value).ok_or_else(|| invalid("end", value))?,
            "location" => {
                let to = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                self.headers.push(("location".to_owned(), to.into_owned()));
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// The same, when every value is within its limit.
    ///
    /// # Errors
    /// [`InvalidBehaviour::Value`] names the first that is not.
    pub fn checked(self) -> Result<Self, InvalidBehaviour> {
        let is_text = |text: &String| text.bytes().all(|byte| byte == b'\t' || byte >= b' ');
        let body = match &self.body {
            Body::Bytes(bytes) => *bytes,
            Body::Text(text) if text.len() > TEXT_BYTES_MAX => usize::MAX,
            Body::Text(_) | Body::Fitting | Body::Echo => 0,
        };
        let wrong = [
            (!(200..=599).contains(&self.status)).then(|| invalid("status", self.status)),
            (self.head_ms > DELAY_MS_MAX).then(|| invalid("head_ms", self.head_ms)),
            (self.body_ms > DELAY_MS_MAX).then(|| invalid("body_ms", self.body_ms)),
            (!(1..=PIECES_MAX).contains(&self.pieces)).then(|| invalid("pieces", self.pieces)),
            (body > BODY_BYTES_MAX).then(|| invalid("body", "longer than its limit")),
            (self.headers.len() > HEADERS_MAX).then(|| invalid("headers", self.headers.len())),
            // A line end in a field would be another field, and no text of ours.
            (!self
                .headers
                .iter()
                .all(|(name, value)| is_text(name) && is_text(value)))
            .then(|| invalid("headers", "with control characters")),
            (!self.media.iter().all(is_text)).then(|| invalid("media", "with control characters")),
        ];
        match wrong.into_iter().flatten().next() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}

fn invalid(name: &'static str, value: impl ToString) -> InvalidBehaviour {
    InvalidBehaviour::Value {
        name,
        value: value.to_string(),
    }
}

fn number<N: std::str::FromStr>(name: &'static str, value: &str) -> Result<N, InvalidBehaviour> {
    value.parse().map_err(|_| invalid(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_how_it_is_answered() {
        let path = "/keystone/do/status=503,head_ms=20,end=torn,bytes=9,location=%2Fa%2Cb/metadata";
        let behaviour = Behaviour::of_path(path).unwrap().unwrap();
        assert_eq!(
            behaviour,
            Behaviour {
                status: 503,
                head_ms: 20,
                body: Body::Bytes(9),
                headers: vec![("location".to_owned(), "/a,b".to_owned())],
                end: End::Torn,
                ..Behaviour::default()
            }
        );
        for ordinary in ["/", "/keystone/metadata", "/doing/x"] {
            assert_eq!(Behaviour::of_path(ordinary), Ok(None));
        }
        let plain = Behaviour::of_path("/do").unwrap();
        assert_eq!(plain, Some(Behaviour::default()));
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (words, said) in [
            ("sleep", "\"sleep\" is no behaviour"),
            ("body=all", "\"body=all\" is no behaviour"),
            ("status=high", "status cannot be \"high\""),
            ("status=99", "status cannot be \"99\""),
            ("end=soon", "end cannot be \"soon\""),
            ("pieces=0", "pieces cannot be \"0\""),
            ("head_ms=99999999", "head_ms cannot be"),
            ("bytes=99999999999", "body cannot be"),
            ("location=%0d%0a", "headers cannot be"),
        ] {
            let error = Behaviour::of_path(&format!("/do/{words}/x")).unwrap_err();
            assert!(error.to_string().starts_with(said), "{words}: {error}");
        }
    }
}
