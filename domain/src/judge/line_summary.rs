//! The summary of one line of NDJSON: what its top-level fields say, read in one pass without making a tree of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// References and contained resources of one list that are kept.
const REFERENCES_MAX: usize = 32;

/// The facts that streams are judged by. The whole line is checked to be JSON; the rest of it is skipped.
#[derive(Debug, Default)]
pub struct LineSummary<'t> {
    /// `resourceType`.
    pub kind: Text<'t>,
    /// `id`.
    pub id: Text<'t>,
    /// `use`.
    pub purpose: Text<'t>,
    /// What `patient`, `subject` and `beneficiary` refer to.
    pub persons: Vec<PersonReference<'t>>,
    /// The first resources in `contained`; one past them is not there.
    pub inside: Vec<Inside<'t>>,
    /// The value of the first identifier whose type is `uc`: a claim's own number.
    pub claim: Text<'t>,
}

/// A contained resource.
#[derive(Debug, Default)]
pub struct Inside<'t> {
    /// `resourceType`.
    pub kind: Text<'t>,
    /// `id`.
    pub id: Text<'t>,
}

/// A string, borrowed where it has no escapes; none for anything else.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text<'t>(pub Option<Cow<'t, str>>);

impl Text<'_> {
    /// The string, if it is one.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'t> LineSummary<'t> {
    /// Reads one line; none when it is not one JSON document.
    pub fn read(line: &'t str) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(line);
        let summary = LineSummary::deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(summary)
    }
}

/// Takes a value of any kind: what is no map, list or text is nothing.
macro_rules! anything_else {
    ($nothing:expr; $($kind:ident)+) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok($nothing) }
        $(anything_else!(@ $nothing, $kind);)+
    };
    (@ $nothing:expr, text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok($nothing) }
    };
    (@ $nothing:expr, list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
    (@ $nothing:expr, map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;
            anything_else!(Text(None); list map);
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for LineSummary<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = LineSummary<'de>;
            anything_else!(LineSummary::default(); text list);
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut fields: A,
            ) -> Result<LineSummary<'de>, A::Error> {
                let mut summary = LineSummary::default();
                while let Some(name) = fields.next_key::<Text<'de>>()? {
                    match name.get().unwrap_or_default() {
                        "resourceType" => summary.kind = fields.next_value()?,
                        "id" => summary.id = fields.next_value()?,
                        "use" => summary.purpose = fields.next_value()?,
                        "patient" | "subject" | "beneficiary" => {
                            let more = fields.next_value::<PersonReferences<'de>>()?;
                            summary.persons.extend(more.0);
                        }
                        "contained" => summary.inside = fields.next_value::<Contained<'de>>()?.0,
                        "identifier" => summary.claim = fields.next_value::<Claim<'de>>()?.0,
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(summary)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A Reference that says whose a record is.
#[derive(Debug, Default)]
pub struct PersonReference<'t> {
    /// `reference`.
    pub text: Text<'t>,
    /// `type`.
    pub kind: Text<'t>,
    /// `identifier.value`.
    pub identifier: Text<'t>,
}

impl<'de> Deserialize<'de> for PersonReference<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = PersonReference<'de>;
            anything_else!(PersonReference::default(); text list);
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut found = PersonReference::default();
                while let Some(name) = fields.next_key::<Text<'de>>()? {
                    match name.get().unwrap_or_default() {
                        "reference" => found.text = fields.next_value()?,
                        "type" => found.kind = fields.next_value()?,
                        "identifier" => {
                            found.identifier = fields.next_value::<Identifier<'de>>()?.value;
                        }
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// One Reference, or a list of them: an Account has several subjects.
struct PersonReferences<'t>(Vec<PersonReference<'t>>);

impl<'de> Deserialize<'de> for PersonReferences<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = PersonReferences<'de>;
            anything_else!(PersonReferences(vec![PersonReference::default()]); text);
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                let fields = serde::de::value::MapAccessDeserializer::new(fields);
                Ok(PersonReferences(vec![PersonReference::deserialize(
                    fields,
                )?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = items.next_element()? {
                    if all.len() < REFERENCES_MAX {
                        all.push(one);
                    }
                }
                Ok(PersonReferences(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Inside<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Inside<'de>;
            anything_else!(Inside::default(); text list);
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut found = Inside::default();
                while let Some(name) = fields.next_key::<Text<'de>>()? {
                    match name.get().unwrap_or_default() {
                        "resourceType" => found.kind = fields.next_value()?,
                        "id" => found.id = fields.next_value()?,
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The resources that a record contains.
#[derive(Default)]
struct Contained<'t>(Vec<Inside<'t>>);

impl<'de> Deserialize<'de> for Contained<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Contained<'de>;
            anything_else!(Contained::default(); text map);
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = items.next_element()? {
                    if all.len() < REFERENCES_MAX {
                        all.push(one);
                    }
                }
                Ok(Contained(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A type whose one interesting member is read by a function over its fields.
macro_rules! fields_of {
    ($(#[$doc:meta])* $name:ident, $fold:expr, $($else:ident)+) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<'t>(Text<'t>);

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Any;
                impl<'de> Visitor<'de> for Any {
                    type Value = $name<'de>;
                    anything_else!($name::default(); text $($else)+);
                    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                        let mut found = $name::default();
                        while let Some(key) = fields.next_key::<Text<'de>>()? {
                            if !$fold(&mut found, key.get().unwrap_or_default(), &mut fields)? {
                                fields.next_value::<IgnoredAny>()?;
                            }
                        }
                        Ok(found)
                    }
                }
                deserializer.deserialize_any(Any)
            }
        }
    };
}

/// A list of identifiers: the value of the first one that is a claim's own number.
#[derive(Default)]
struct Claim<'t>(Text<'t>);

impl<'de> Deserialize<'de> for Claim<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Claim<'de>;
            anything_else!(Claim::default(); text map);
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut claim = Claim::default();
                while let Some(one) = items.next_element::<Identifier<'de>>()? {
                    if one.is_claim && claim.0.0.is_none() {
                        claim.0 = one.value;
                    }
                }
                Ok(claim)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[derive(Default)]
struct Identifier<'t> {
    is_claim: bool,
    value: Text<'t>,
}

impl<'de> Deserialize<'de> for Identifier<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Identifier<'de>;
            anything_else!(Identifier::default(); text list);
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut found = Identifier::default();
                while let Some(key) = fields.next_key::<Text<'de>>()? {
                    match key.get().unwrap_or_default() {
                        "value" => found.value = fields.next_value()?,
                        "type" => {
                            let code = fields.next_value::<Concept<'de>>()?;
                            found.is_claim |= code.0.get() == Some("uc");
                        }
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fields_of!(
    /// A CodeableConcept: `uc` when one of its codings says so, else the code of the last one.
    Concept, concept_field, list
);

fn concept_field<'de, A: MapAccess<'de>>(
    found: &mut Concept<'de>,
    key: &str,
    fields: &mut A,
) -> Result<bool, A::Error> {
    if key == "coding" {
        found.0 = fields.next_value::<Codings<'de>>()?.0;
    }
    Ok(key == "coding")
}

#[derive(Default)]
struct Codings<'t>(Text<'t>);

impl<'de> Deserialize<'de> for Codings<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Codings<'de>;
            anything_else!(Codings::default(); text map);
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut found = Codings::default();
                while let Some(one) = items.next_element::<Coding<'de>>()? {
                    if found.0.get() != Some("uc") {
                        found.0 = one.0;
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fields_of!(
    /// A Coding: its `code`.
    Coding, coding_field, list
);

fn coding_field<'de, A: MapAccess<'de>>(
    found: &mut Coding<'de>,
    key: &str,
    fields: &mut A,
) -> Result<bool, A::Error> {
    if key == "code" {
        found.0 = fields.next_value()?;
    }
    Ok(key == "code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_whatever_stands_around_them() {
        let line = r#"{"use":"claim","id":"a\u00e4","x":[1,{"id":"no"},null,1e3],"patient":{"display":"d","reference":"Patient/1"},
            "identifier":[{"value":"n"},{"type":{"coding":[{"code":"x"},{"code":"uc"}]},"value":"c-1"}],"resourceType":"ExplanationOfBenefit"}"#;
        let summary = LineSummary::read(line).unwrap();
        assert_eq!(summary.kind.get(), Some("ExplanationOfBenefit"));
        assert_eq!(summary.id.get(), Some("aä"));
        assert_eq!(summary.purpose.get(), Some("claim"));
        assert_eq!(summary.persons.len(), 1);
        assert_eq!(summary.persons[0].text.get(), Some("Patient/1"));
        assert_eq!(summary.claim.get(), Some("c-1"));
    }

    #[test]
    fn other_shapes_are_nothing_and_what_is_no_json_is_none() {
        for line in [
            "[]",
            "7",
            "\"x\"",
            "null",
            "true",
            "-1.5",
            r#"{"id":7,"patient":"x","subject":[{"reference":1}],"identifier":{"value":1},"use":{}}"#,
            r#"{"identifier":[1,"x",{"type":"uc","value":{}},{"type":{"coding":{"code":"uc"}},"value":"v"}]}"#,
        ] {
            let summary = LineSummary::read(line).expect(line);
            assert_eq!(
                (summary.id.get(), summary.claim.get()),
                (None, None),
                "{line}"
            );
        }
        for line in [
            "",
            "{",
            "{} {}",
            "{\"a\":01}",
            "{\"a\":\"\u{1}\"}",
            "{'a':1}",
            "{\"id\":\"\\x\"}",
            "nul",
        ] {
            assert!(LineSummary::read(line).is_none(), "{line}");
        }
    }
}
