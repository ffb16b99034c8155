//! Values captured from an answer: typed, never converted to another type.

use serde_json::{Number, Value};
use serde_json_path::JsonPath;

use super::numbers::{is_same, is_same_number, keeps_digits, text_at};
use crate::model::{Answer, Capture, CaptureKind, Finding, Query, catalogue};
use crate::secret::Secret;

/// The longest text that is kept.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// A captured value.
#[derive(Clone, Debug)]
pub enum CapturedValue {
    /// A string, as it was.
    Text(String),
    /// A number.
    Number(CapturedNumber),
    /// A truth value.
    Bool(bool),
    /// A string that nothing shows.
    Secret(Secret),
    /// Values in order.
    List(Vec<Value>),
    /// One value of any kind.
    Document(Value),
}

impl CapturedValue {
    /// Whether it is just this value, of the same kind. Nothing is just a secret.
    pub fn is(&self, wanted: &Value) -> bool {
        match self {
            Self::Text(text) => wanted.as_str() == Some(text),
            Self::Number(number) => wanted
                .as_number()
                .is_some_and(|one| is_same_number(one, &number.value)),
            Self::Bool(flag) => wanted.as_bool() == Some(*flag),
            Self::Secret(_) => false,
            Self::List(list) => is_same(&Value::Array(list.clone()), wanted),
            Self::Document(value) => is_same(value, wanted),
        }
    }
}

/// A number as it came: 1.0 is sent as 1.0, and no digit is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedNumber {
    /// As far as 64 bits hold it.
    pub value: Number,
    /// As the partner wrote it.
    pub text: String,
}

impl CapturedNumber {
    fn new(value: &Number, written: Option<&str>) -> Self {
        Self {
            value: value.clone(),
            text: written.map_or_else(|| value.to_string(), str::to_owned),
        }
    }
}

impl From<i64> for CapturedNumber {
    fn from(value: i64) -> Self {
        Self::new(&value.into(), None)
    }
}

/// One captured value; none where it is optional and not there.
///
/// # Errors
/// The finding that broke: not there, more than one, or of another type.
pub fn capture(capture: &Capture, answer: &Answer) -> Result<Option<CapturedValue>, Finding> {
    let (place, found) = match &capture.query {
        Query::Header(name) => (
            format!("header {name}"),
            of_header(capture.kind, answer.headers.get(name)),
        ),
        Query::Json(path) => (path.to_string(), of_json(capture.kind, path, answer)),
    };
    match found {
        Lookup::Value(value) => Ok(Some(value)),
        Lookup::Absent if capture.optional => Ok(None),
        Lookup::Absent => {
            let is_read = matches!(capture.query, Query::Header(_)) || answer.json.is_some();
            let seen = if is_read {
                "none".to_owned()
            } else {
                answer.body_kind()
            };
            Err(broken(capture.kind, &place, seen))
        }
        Lookup::Several => Err(broken(capture.kind, &place, "several")),
        Lookup::OtherType => Err(broken(capture.kind, &place, "another type")),
        Lookup::TooLong => Err(broken(capture.kind, &place, "a text above the limit")),
        Lookup::TooManyDigits => {
            let seen =
                "a number in it with more digits than 64 bits hold; capture that number alone";
            Err(broken(capture.kind, &place, seen))
        }
    }
}

fn broken(kind: CaptureKind, place: &str, seen: impl Into<String>) -> Finding {
    let expected = match kind {
        CaptureKind::List => format!("a list at {place}"),
        CaptureKind::String
        | CaptureKind::Number
        | CaptureKind::Bool
        | CaptureKind::Secret
        | CaptureKind::Document => format!("one {kind} at {place}"),
    };
    catalogue::CAPTURE.finding(false, expected, seen)
}

enum Lookup {
    Value(CapturedValue),
    Absent,
    Several,
    OtherType,
    TooLong,
    TooManyDigits,
}

/// Fields of the same name stay apart (RFC 9110 §5.3 lets lists be joined, and `Set-Cookie` is none).
fn of_header(kind: CaptureKind, values: Option<&Vec<String>>) -> Lookup {
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        return Lookup::Absent;
    };
    match kind {
        CaptureKind::List => Lookup::Value(CapturedValue::List(
            values.iter().map(|value| value.as_str().into()).collect(),
        )),
        CaptureKind::String | CaptureKind::Secret => match &values[..] {
            [one] => text(kind, one),
            _ => Lookup::Several,
        },
        // The configuration lets none of these through for a header.
        CaptureKind::Number | CaptureKind::Bool | CaptureKind::Document => Lookup::OtherType,
    }
}

fn of_json(kind: CaptureKind, path: &JsonPath, answer: &Answer) -> Lookup {
    let Some(json) = &answer.json else {
        return Lookup::Absent;
    };
    let located = path.query_located(json);
    let written = |place| text_at(&answer.text, place).filter(|text| !text.is_empty());
    if matches!(kind, CaptureKind::List | CaptureKind::Document) {
        let mut texts = located.iter().filter_map(|one| written(one.location()));
        if !texts.all(keeps_digits) {
            return Lookup::TooManyDigits;
        }
    }
    let number_text = located
        .iter()
        .next()
        .and_then(|one| written(one.location()));
    let found: Vec<&Value> = located.iter().map(|one| one.node()).collect();
    if kind == CaptureKind::List {
        // One array is the list; else the nodes are.
        return match &found[..] {
            [] => Lookup::Absent,
            [Value::Array(list)] => Lookup::Value(CapturedValue::List(list.clone())),
            nodes => Lookup::Value(CapturedValue::List(
                nodes.iter().copied().cloned().collect(),
            )),
        };
    }
    let one = match &found[..] {
        [] => return Lookup::Absent,
        [one] => *one,
        _ => return Lookup::Several,
    };
    match (kind, one) {
        (CaptureKind::String | CaptureKind::Secret, Value::String(one)) => text(kind, one),
        (CaptureKind::Number, Value::Number(number)) => Lookup::Value(CapturedValue::Number(
            CapturedNumber::new(number, number_text),
        )),
        (CaptureKind::Bool, Value::Bool(flag)) => Lookup::Value(CapturedValue::Bool(*flag)),
        (CaptureKind::Document, value) => Lookup::Value(CapturedValue::Document(value.clone())),
        (
            CaptureKind::String
            | CaptureKind::Secret
            | CaptureKind::Number
            | CaptureKind::Bool
            | CaptureKind::List,
            _,
        ) => Lookup::OtherType,
    }
}

fn text(kind: CaptureKind, text: &str) -> Lookup {
    if text.len() > TEXT_BYTES_MAX {
        return Lookup::TooLong;
    }
    Lookup::Value(if kind == CaptureKind::Secret {
        CapturedValue::Secret(Secret::new(text))
    } else {
        CapturedValue::Text(text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn answer(json: Value, headers: &[(&str, &[&str])]) -> Answer {
        let headers = headers.iter().map(|(name, values)| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            ((*name).to_owned(), values)
        });
        Answer {
            status: 200,
            media: None,
            headers: headers.collect(),
            json: Some(json),
            has_body: true,
            ..Answer::default()
        }
    }

    fn of(kind: CaptureKind, path: &str) -> Capture {
        Capture {
            name: "it".to_owned(),
            query: Query::Json(JsonPath::parse(path).unwrap()),
            kind,
            optional: false,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            "[0-9]{1,12}".prop_map(Value::from),
            Just(json!("true")),
            Just(json!("T")),
            Just(json!(["a", 1])),
            Just(json!({"a": 1})),
        ]
    }

    proptest! {
        #[test]
        fn a_value_is_captured_as_what_it_is_or_not_at_all(value in any_json()) {
            let answer = answer(json!({"it": value}), &[]);
            for kind in CaptureKind::ALL {
                let captured = capture(&of(*kind, "$.it"), &answer).ok().flatten();
                let fits = match kind {
                    CaptureKind::String | CaptureKind::Secret => value.is_string(),
                    CaptureKind::Number => value.is_number(),
                    CaptureKind::Bool => value.is_boolean(),
                    CaptureKind::List | CaptureKind::Document => true,
                };
                prop_assert_eq!(captured.is_some(), fits, "{} of {}", kind, value);
                let back = match captured {
                    Some(CapturedValue::Text(text)) => Value::from(text),
                    Some(CapturedValue::Secret(secret)) => Value::from(secret.reveal()),
                    Some(CapturedValue::Number(number)) => Value::Number(number.value),
                    Some(CapturedValue::Bool(flag)) => Value::from(flag),
                    Some(CapturedValue::Document(value)) => value,
                    Some(CapturedValue::List(list)) if value.is_array() => Value::Array(list),
                    Some(CapturedValue::List(list)) => list[0].clone(),
                    None => continue,
                };
                prop_assert_eq!(&back, &value);
            }
        }
    }

    #[test]
    fn header_fields_stay_apart_and_one_is_one() {
        let answer = answer(
            Value::Null,
            &[("set-cookie", &["a=1, b", "c=2"]), ("etag", &["x"])],
        );
        let header = |name: &str, kind| Capture {
            query: Query::Header(name.to_owned()),
            ..of(kind, "$")
        };
        let list = capture(&header("set-cookie", CaptureKind::List), &answer);
        assert!(list.unwrap().unwrap().is(&json!(["a=1, b", "c=2"])));
        let several = capture(&header("set-cookie", CaptureKind::String), &answer).unwrap_err();
        assert_eq!(several.seen, "several");
        let one = capture(&header("etag", CaptureKind::String), &answer);
        assert!(one.unwrap().unwrap().is(&json!("x")));
        let none = header("link", CaptureKind::String);
        assert_eq!(capture(&none, &answer).unwrap_err().seen, "none");
        let optional = Capture {
            optional: true,
            ..none
        };
        assert!(capture(&optional, &answer).unwrap().is_none());
    }

    #[test]
    fn a_condition_compares_without_turning_one_kind_into_another() {
        assert!(CapturedValue::Text("1".to_owned()).is(&json!("1")));
        assert!(!CapturedValue::Text("1".to_owned()).is(&json!(1)));
        assert!(!CapturedValue::Number(1.into()).is(&json!("1")));
        assert!(!CapturedValue::Bool(true).is(&json!("true")));
        assert!(!CapturedValue::Secret(Secret::new("x")).is(&json!("x")));
    }
}
