//! Forms, as token endpoints get them.

use percent_encoding::percent_decode;

/// The fields of a form, decoded.
pub fn form_fields(bytes: &[u8]) -> Vec<(String, String)> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decoded(halves.next()), decoded(halves.next()))
        })
        .collect()
}

fn decoded(part: Option<&[u8]>) -> String {
    let spaced: Vec<u8> = part
        .unwrap_or_default()
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let fields = form_fields(b"a=1+2&b=%2F%24&c&d=x=y");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            fields,
            [
                pair("a", "1 2"),
                pair("b", "/$"),
                pair("c", ""),
                pair("d", "x=y")
            ]
        );
    }
}
