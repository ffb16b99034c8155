//! The body of a request: one JSON object, read strictly.

use std::fmt;

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// One JSON object in which no object has a key twice. What the body of a request means depends on no reader's choice.
#[derive(Debug)]
pub(super) struct Document(Map<String, Value>);

impl Document {
    /// The text under a key; none where there is none, or another kind of value.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// The list under a key; empty where there is none, or another kind of value.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        let list = self.0.get(key).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// The texts under these keys, all of which there must be, and no other key.
    pub(super) fn texts<const N: usize>(&self, keys: [&str; N]) -> Option<[&str; N]> {
        let known = self.0.keys().all(|key| keys.contains(&key.as_str()));
        let texts: Vec<&str> = keys.iter().filter_map(|key| self.text(key)).collect();
        texts.try_into().ok().filter(|_| known)
    }

    /// What the whole document says; none where it says something else.
    pub(super) fn read<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_value(Value::Object(self.0)).ok()
    }
}

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = StatusCode;

    async fn from_request(request: Request, state: &S) -> Result<Self, StatusCode> {
        let types = request.headers().get_all(header::CONTENT_TYPE);
        if types.iter().count() > 1 {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let read = Json::from_request(request, state).await;
        read.map(|Json(document)| document)
            .map_err(|why| why.status())
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        let Value::Object(object) = value else {
            return Err(D::Error::custom("the document is no object"));
        };
        Ok(Self(object))
    }
}

/// A value in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("an object has a key twice"));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_one_object_with_each_key_once() {
        let read = |text: &str| serde_json::from_str::<Document>(text);
        let whole = r#"{"a": "x", "b": [1, -1, 0.5, true, null, {"c": "y"}]}"#;
        let document = read(whole).unwrap();
        assert_eq!(Value::Object(document.0), whole.parse::<Value>().unwrap());
        for wrong in [
            "[]",
            "[\"a\"]",
            "7",
            "null",
            "\"a\"",
            "",
            "{} {}",
            "{",
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"{"b": [{"c": 1, "c": 2}]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_are_all_there_and_alone() {
        let texts = |text: &str| {
            let document: Document = serde_json::from_str(text).unwrap();
            document.texts(["a", "b"]).map(|texts| texts.concat())
        };
        assert_eq!(texts(r#"{"b": "y", "a": "x"}"#).as_deref(), Some("xy"));
        for wrong in [
            r#"{"a": "x"}"#,
            r#"{"a": "x", "b": 7}"#,
            r#"{"a": "x", "b": "y", "c": "z"}"#,
        ] {
            assert_eq!(texts(wrong), None, "{wrong}");
        }
    }
}
