//! Values captured from an answer: typed, never converted to another type.

use serde_json::Value;
use serde_json_path::{JsonPath, LocatedNode};

use super::json_place::written;
use crate::model::{Answer, Capture, CaptureKind, Finding, Query, RawJson, catalogue};
use crate::secret::Secret;

/// The longest text that is kept.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// A captured value.
#[derive(Clone, Debug)]
pub enum CapturedValue {
    /// A string, as it was.
    Text(String),
    /// A number, with the digits that came.
    Number(RawJson),
    /// A truth value.
    Bool(bool),
    /// A string that nothing shows.
    Secret(Secret),
    /// Values in order.
    List(Vec<RawJson>),
    /// One value of any kind.
    Document(RawJson),
}

impl CapturedValue {
    /// Whether it is just this value, of the same kind. Nothing is just a secret.
    pub fn is(&self, wanted: &RawJson) -> bool {
        let text = |value: Value| RawJson::from(value).is_same(wanted);
        match self {
            Self::Text(one) => text(one.as_str().into()),
            Self::Bool(flag) => text((*flag).into()),
            Self::Secret(_) => false,
            Self::List(list) => wanted.items().is_some_and(|items| {
                let mut pairs = list.iter().zip(&items);
                list.len() == items.len() && pairs.all(|(one, other)| one.is_same(other))
            }),
            Self::Number(value) | Self::Document(value) => value.is_same(wanted),
        }
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
}

/// Fields of the same name stay apart (RFC 9110 §5.3 lets lists be joined, and `Set-Cookie` is none).
fn of_header(kind: CaptureKind, values: Option<&Vec<String>>) -> Lookup {
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        return Lookup::Absent;
    };
    match kind {
        CaptureKind::List => Lookup::Value(CapturedValue::List(
            values
                .iter()
                .map(|value| Value::from(value.as_str()).into())
                .collect(),
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
    let nodes: Vec<&LocatedNode<'_>> = located.iter().collect();
    let found = match (kind, &nodes[..]) {
        (_, []) => return Lookup::Absent,
        // One array is the list; else the nodes are.
        (CaptureKind::List, [one]) => {
            let one = written(one, answer);
            CapturedValue::List(one.items().unwrap_or_else(|| vec![one]))
        }
        (CaptureKind::List, several) => {
            CapturedValue::List(several.iter().map(|one| written(one, answer)).collect())
        }
        (_, [_, _, ..]) => return Lookup::Several,
        (_, [one]) => match (kind, one.node()) {
            (CaptureKind::String | CaptureKind::Secret, Value::String(one)) => {
                return text(kind, one);
            }
            (CaptureKind::Number, Value::Number(_)) => CapturedValue::Number(written(one, answer)),
            (CaptureKind::Bool, Value::Bool(flag)) => CapturedValue::Bool(*flag),
            (CaptureKind::Document, _) => CapturedValue::Document(written(one, answer)),
            (
                CaptureKind::String
                | CaptureKind::Secret
                | CaptureKind::Number
                | CaptureKind::Bool
                | CaptureKind::List,
                _,
            ) => return Lookup::OtherType,
        },
    };
    Lookup::Value(found)
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
            headers: headers.collect(),
            text: json.to_string(),
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

    fn tree(raw: &RawJson) -> Value {
        raw.tree().unwrap()
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
                    Some(CapturedValue::Number(one) | CapturedValue::Document(one)) => tree(&one),
                    Some(CapturedValue::Bool(flag)) => Value::from(flag),
                    Some(CapturedValue::List(list)) if value.is_array() => list.iter().map(tree).collect(),
                    Some(CapturedValue::List(list)) => tree(&list[0]),
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
        let wanted = json!(["a=1, b", "c=2"]).into();
        assert!(list.unwrap().unwrap().is(&wanted));
        let several = capture(&header("set-cookie", CaptureKind::String), &answer).unwrap_err();
        assert_eq!(several.seen, "several");
        let one = capture(&header("etag", CaptureKind::String), &answer);
        assert!(one.unwrap().unwrap().is(&json!("x").into()));
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
        let raw = |text: &str| RawJson::new(text).unwrap();
        let number = CapturedValue::Number(raw("12345678901234567890.5"));
        assert!(number.is(&raw("12345678901234567890.50")));
        assert!(!number.is(&raw("12345678901234567890.6")));
        assert!(CapturedValue::Text("1".to_owned()).is(&raw("\"1\"")));
        assert!(!CapturedValue::Text("1".to_owned()).is(&raw("1")));
        assert!(!CapturedValue::Number(raw("1")).is(&raw("\"1\"")));
        assert!(!CapturedValue::Bool(true).is(&raw("\"true\"")));
        assert!(!CapturedValue::Secret(Secret::new("x")).is(&raw("\"x\"")));
    }
}
