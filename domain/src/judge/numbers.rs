//! JSON numbers: compared by value, and found in a text as they were written.

use serde_json::{Number, Value};
use serde_json_path::{NormalizedPath, PathElement};

/// Whether two values are the same. Numbers are compared by value: 1, 1.0 and 10e-1 are one number.
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, one): (&String, &Value)| {
                other.get(name).is_some_and(|other| is_same(one, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

/// Whether two numbers have one value.
pub fn is_same_number(one: &Number, other: &Number) -> bool {
    Decimal::of(&one.to_string()) == Decimal::of(&other.to_string())
}

/// A decimal number: sign, digits without zeros at either end, and the power of ten of the last digit.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number.
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut exponent: i64 = exponent.parse().ok()?;
        exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let all = format!("{whole}{fraction}");
        let bare = all.trim_start_matches('0');
        let digits = bare.trim_end_matches('0');
        let zeros = i64::try_from(bare.len() - digits.len()).ok()?;
        let is_zero = digits.is_empty();
        Some(Self {
            is_negative: is_negative && !is_zero,
            digits: digits.to_owned(),
            exponent: if is_zero { 0 } else { exponent + zeros },
        })
    }
}

/// Whether each number of a JSON text is held without loss once the text is read.
pub fn keeps_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = behind_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = behind_number(bytes, at);
                let written = &text[at..end];
                let read = serde_json::from_str::<Number>(written).ok();
                let is_kept =
                    read.is_some_and(|read| Decimal::of(&read.to_string()) == Decimal::of(written));
                if !is_kept {
                    return false;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    true
}

/// The text of the value at a place of a JSON document, as it was written.
pub fn text_at<'t>(document: &'t str, place: &NormalizedPath<'_>) -> Option<&'t str> {
    let bytes = document.as_bytes();
    let mut at = behind_space(bytes, 0);
    for element in place.iter() {
        at = match element {
            PathElement::Name(name) => member(document, at, name)?,
            PathElement::Index(index) => item(bytes, at, *index)?,
        };
    }
    document.get(at..behind_value(bytes, at))
}

/// Where the last member of a name begins, in the object that begins at `at`.
fn member(document: &str, at: usize, name: &str) -> Option<usize> {
    let bytes = document.as_bytes();
    let mut found = None;
    let mut at = behind_space(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let end = behind_text(bytes, at);
        let key: String = serde_json::from_str(document.get(at..end)?).ok()?;
        let value = behind_space(bytes, behind_space(bytes, end) + 1);
        if key == name {
            found = Some(value);
        }
        at = behind_space(bytes, behind_value(bytes, value));
        if bytes.get(at) == Some(&b',') {
            at = behind_space(bytes, at + 1);
        }
    }
    found
}

/// Where an item begins, in the list that begins at `at`.
fn item(bytes: &[u8], at: usize, index: usize) -> Option<usize> {
    let mut at = behind_space(bytes, at + 1);
    for _ in 0..index {
        at = behind_space(bytes, behind_value(bytes, at));
        if bytes.get(at) != Some(&b',') {
            return None;
        }
        at = behind_space(bytes, at + 1);
    }
    Some(at)
}

fn behind_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn behind_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn behind_number(bytes: &[u8], mut at: usize) -> usize {
    while matches!(
        bytes.get(at),
        Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
    ) {
        at += 1;
    }
    at
}

fn behind_value(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = behind_text(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' if depth == 0 => return at,
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                if depth == 0 {
                    return at;
                }
                at += 1;
                continue;
            }
            _ => at = behind_scalar(bytes, at),
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn behind_scalar(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(byte) if !b",:]} \t\n\r".contains(byte)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use serde_json_path::JsonPath;

    #[test]
    fn numbers_are_one_by_their_value() {
        for (one, other, is_one) in [
            ("1", "1.0", true),
            ("100", "1e2", true),
            ("0", "-0", true),
            ("-0.0", "0", true),
            ("1", "1.0000001", false),
            ("-1", "1", false),
            ("18446744073709551615", "18446744073709551614", false),
            ("0.1", "1E-1", true),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(is_same(&read(one), &read(other)), is_one, "{one} {other}");
            let list = |text: &str| json!({"a": [read(text)]});
            assert_eq!(is_same(&list(one), &list(other)), is_one, "{one} {other}");
        }
        assert!(!is_same(&json!("1"), &json!(1)));
    }

    #[test]
    fn digits_that_64_bits_do_not_hold_are_noticed() {
        assert!(keeps_digits(
            r#"{"a":[1.0,1e2,-0,"12345678901234567890123"]}"#
        ));
        assert!(keeps_digits("18446744073709551615"));
        assert!(!keeps_digits("12345678901234567890123"));
        assert!(!keeps_digits(r#"[0.12345678901234567890123]"#));
    }

    proptest! {
        #[test]
        fn a_value_is_found_as_it_was_written(number in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9])?", noise in "[\\[\\]{}\",:\\\\ a-z]{0,12}") {
            let noise = Value::from(noise).to_string();
            let text = format!("{{{noise} : [ {noise}, {{}} ,[[]]],\"it\":1, \"a\\u0062\":[true, {{\"it\" :\n{number} ,\"x\":{noise}}}]}}");
            let json: Value = serde_json::from_str(&text).unwrap();
            let path = JsonPath::parse("$.ab[1].it").unwrap();
            let found = path.query_located(&json).exactly_one().unwrap();
            prop_assert_eq!(text_at(&text, found.location()), Some(number.as_str()));
            let whole = JsonPath::parse("$").unwrap();
            let whole = whole.query_located(&json).exactly_one().unwrap();
            prop_assert_eq!(text_at(&text, whole.location()), Some(text.as_str()));
        }
    }
}
