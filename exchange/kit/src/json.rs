//! JSON bodies, strictly: each key once, and an object where an object is due.

use std::fmt;
use std::vec;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Number, Value};

/// Reads a document. A key that stands twice in one object is a mistake: two readers would see two values.
///
/// # Errors
/// What is wrong, with line and column; never a value.
pub fn parse(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map(|UniqueKeys(value)| value)
}

/// Reads an object as `T`. A list in place of an object is a mistake, at every depth.
///
/// # Errors
/// What is wrong.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let value = parse(body)?;
    if !value.is_object() {
        return Err(Error::custom("the body is no JSON object"));
    }
    T::deserialize(Strict(value))
}

/// A document in which no object has a key twice.
struct UniqueKeys(Value);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys).map(Self)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueKeys(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let UniqueKeys(value) = fields.next_value()?;
            if object.insert(key, value).is_some() {
                // The key itself may be a member's name.
                return Err(A::Error::custom("an object has a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// A value of which structs are read from objects alone; serde takes lists for them, too.
struct Strict(Value);

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(list) => {
                let list: vec::IntoIter<Value> = list.into_iter();
                visitor.visit_seq(SeqDeserializer::new(list.map(Strict)))
            }
            Value::Object(object) => {
                let fields = object.into_iter().map(|(key, value)| (key, Strict(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                value.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_array() {
            return Err(Error::custom("a list stands where an object is due"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        note: String,
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        count: u32,
    }

    #[test]
    fn objects_are_read_and_nothing_else_passes_for_one() {
        let good = br#"{"note":"why","inner":{"count":1},"list":[{"count":2}]}"#;
        let outer = read::<Outer>(good).unwrap();
        let inner = |count| Inner { count };
        assert_eq!(outer.inner, Some(inner(1)));
        assert_eq!(outer.list, [inner(2)]);
        for wrong in [
            r#"["why",null,[]]"#,
            r#""why""#,
            "null",
            "",
            r#"{"note":"why","note":"not"}"#,
            r#"{"note":"why","inner":{"count":1,"count":1}}"#,
            r#"{"note":"why","inner":[1]}"#,
            r#"{"note":"why","list":[[2]]}"#,
            r#"{"note":["why"]}"#,
            r#"{"note":1}"#,
            r#"{"note":"why","inner":{"count":"1"}}"#,
            r#"{"note":"why"} {}"#,
            r#"{"note":"why","else":1}"#,
        ] {
            assert!(read::<Outer>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_document_stays_as_it_was_but_for_keys_that_stand_twice() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x",18446744073709551615],"b":{"c":{}}}"#;
        let plain: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), plain);
        let twice = parse(br#"[{"Jane Doe":1,"Jane Doe":2}]"#).unwrap_err();
        assert!(!twice.to_string().contains("Jane"), "{twice}");
        assert_eq!(parse(b"[]").unwrap(), json!([]));
    }
}
