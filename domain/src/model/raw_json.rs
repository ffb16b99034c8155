//! A JSON value as it was written.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::baseline::JsonKind;

/// The text of one JSON value (RFC 8259). It is compared by value and sent as it came: a number in it
/// may have more digits than any type of 64 bits holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawJson(String);

impl RawJson {
    /// What the text says, without blanks around it; none where it is not one JSON value.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        let is_one = serde_json::from_str::<&RawValue>(text).is_ok();
        is_one.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What the value is.
    pub fn kind(&self) -> JsonKind {
        match self.0.as_bytes().first() {
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::List,
            Some(b'"') => JsonKind::Text,
            Some(b't' | b'f') => JsonKind::Flag,
            Some(b'n') | None => JsonKind::Null,
            Some(_) => JsonKind::Number,
        }
    }

    /// The items of a list; none of another value.
    pub fn items(&self) -> Option<Vec<Self>> {
        let items: Vec<&RawValue> = serde_json::from_str(&self.0).ok()?;
        let items = items.into_iter().map(|item| Self(item.get().to_owned()));
        Some(items.collect())
    }

    /// As a tree; none where it has a number that 64 bits do not hold with each digit.
    pub fn tree(&self) -> Option<Value> {
        let tree: Value = serde_json::from_str(&self.0).ok()?;
        is_same(&tree.to_string(), &self.0).then_some(tree)
    }

    /// Whether two values are the same. Numbers are compared by value: 1, 1.0 and 10e-1 are one number.
    pub fn is_same(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one == other || is_same_value(one, other).unwrap_or(false)
}

/// None where they are of two kinds.
fn is_same_value(one: &str, other: &str) -> Option<bool> {
    let first = one.bytes().next()?;
    Some(match first {
        b'{' => {
            let one: BTreeMap<String, &RawValue> = serde_json::from_str(one).ok()?;
            let other: BTreeMap<String, &RawValue> = serde_json::from_str(other).ok()?;
            let is_equal = |(name, one): (&String, &&RawValue)| {
                let other = other.get(name);
                other.is_some_and(|other| is_same(one.get(), other.get()))
            };
            one.len() == other.len() && one.iter().all(is_equal)
        }
        b'[' => {
            let one: Vec<&RawValue> = serde_json::from_str(one).ok()?;
            let other: Vec<&RawValue> = serde_json::from_str(other).ok()?;
            let mut pairs = one.iter().zip(&other);
            one.len() == other.len() && pairs.all(|(one, other)| is_same(one.get(), other.get()))
        }
        b'"' => {
            let one: String = serde_json::from_str(one).ok()?;
            one == serde_json::from_str::<String>(other).ok()?
        }
        b'-' | b'0'..=b'9' => Decimal::of(one)? == Decimal::of(other)?,
        _ => false,
    })
}

/// A decimal number: sign, digits without zeros at either end, and the power of ten of the last digit.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    const ZERO: Self = Self {
        is_negative: false,
        digits: String::new(),
        exponent: 0,
    };

    /// Reads a JSON number; none of another value, or with an exponent beyond 64 bits.
    fn of(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bare = all.trim_start_matches('0');
        let digits = bare.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self::ZERO);
        }
        let exponent: i64 = exponent.parse().ok()?;
        let behind_point = i64::try_from(fraction.len()).ok()?;
        let zeros = i64::try_from(bare.len() - digits.len()).ok()?;
        let exponent = exponent.checked_sub(behind_point)?.checked_add(zeros)?;
        Some(Self {
            is_negative,
            digits: digits.to_owned(),
            exponent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn raw(text: &str) -> RawJson {
        RawJson::new(text).unwrap_or_else(|| panic!("{text} is JSON"))
    }

    #[test]
    fn numbers_are_one_by_their_value() {
        for (one, other, is_one) in [
            ("1", "1.0", true),
            ("100", "1e2", true),
            ("0", "-0", true),
            ("-0.0", "0", true),
            ("0e99999999999999999999", "0", true),
            ("1", "1.0000001", false),
            ("-1", "1", false),
            ("18446744073709551615", "18446744073709551614", false),
            ("12345678901234567890.5", "12345678901234567890.6", false),
            ("12345678901234567890.5", "12345678901234567890.50", true),
            ("98765432109876543210", "98765432109876543211", false),
            ("98765432109876543210", "9.876543210987654321e19", true),
            ("0.10000000000000000001", "0.1", false),
            ("1e400", "10e399", true),
            ("1e400", "1e401", false),
            ("1e-400", "0", false),
            ("1e-400", "0.1E-399", true),
            ("1e9223372036854775807", "10e9223372036854775807", false),
            ("1e-99999999999999999999", "1e-99999999999999999998", false),
            ("0.1", "1E-1", true),
        ] {
            assert_eq!(raw(one).is_same(&raw(other)), is_one, "{one} {other}");
            let within = |number: &str| raw(&format!("{{\"a\": [true, {number} ]}}"));
            assert_eq!(within(one).is_same(&within(other)), is_one, "{one} {other}");
        }
    }

    #[test]
    fn kinds_stay_apart_and_a_tree_has_each_digit() {
        for (one, other) in [
            ("\"1\"", "1"),
            ("1", "true"),
            ("null", "false"),
            ("[]", "{}"),
            ("[1]", "[1,1]"),
            ("{\"a\":1}", "{\"a\":1,\"b\":1}"),
            ("{\"a\":1}", "{\"b\":1}"),
        ] {
            assert!(!raw(one).is_same(&raw(other)), "{one} {other}");
            assert!(!raw(other).is_same(&raw(one)), "{other} {one}");
        }
        assert!(raw("\"\\u0061\"").is_same(&raw(" \"a\" ")));
        assert_eq!(raw("[1.0]").tree(), Some(json!([1.0])));
        for lossy in [
            "[12345678901234567890123]",
            "0.12345678901234567890123",
            "1e400",
        ] {
            assert_eq!(raw(lossy).tree(), None, "{lossy}");
        }
        assert!(RawJson::new("1 2").is_none() && RawJson::new("inf").is_none());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,3}", inner, 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_itself_however_it_is_set_out(one in any_json(), other in any_json()) {
            let wide = raw(&serde_json::to_string_pretty(&one).unwrap());
            prop_assert!(wide.is_same(&RawJson::from(one.clone())));
            prop_assert_eq!(wide.kind(), JsonKind::of(&one));
            let is_same = RawJson::from(one.clone()).is_same(&RawJson::from(other.clone()));
            prop_assert!(is_same || one != other);
        }

        #[test]
        fn a_digit_more_is_another_number(whole in "[1-9][0-9]{0,40}", fraction in "[0-9]{0,40}", more in "[1-9]") {
            let number = format!("{whole}.{fraction}0");
            let (longer, same) = (raw(&format!("{number}{more}")), raw(&format!("{number}00e0")));
            let number = raw(&number);
            prop_assert!(!number.is_same(&longer));
            prop_assert!(number.is_same(&same));
        }
    }
}
