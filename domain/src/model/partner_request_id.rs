//! The id that a partner gave to one of our requests, as it may be kept.

use std::fmt;

use crate::secret::{HashKey, ValueHash};

/// The header fields in which partners send it, the first one that is there.
pub const REQUEST_ID_FIELDS: [&str; 2] = ["x-request-id", "x-correlation-id"];
/// Ids that machines make are at least so long; shorter texts may be dates, names or numbers of people.
const LENGTH_MIN: usize = 16;
/// The longest one that is kept as it came.
const LENGTH_MAX: usize = 128;

/// A partner's own id of one of our requests: what its operators find the request by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerRequestId {
    /// As the partner sent it.
    Sent(String),
    /// It has not the form of an id, or holds what may not be kept.
    Hidden(ValueHash),
}

impl PartnerRequestId {
    /// What is kept of a field with this value. `is_secret` knows what may be shown nowhere. None for an empty one and
    /// for `ours`, which the partner merely repeats.
    pub fn of(
        value: &str,
        ours: &str,
        key: &HashKey,
        is_secret: impl FnOnce(&str) -> bool,
    ) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() || value.eq_ignore_ascii_case(ours) {
            return None;
        }
        Some(if is_id(value) && !is_secret(value) {
            Self::Sent(value.to_owned())
        } else {
            Self::Hidden(key.hash(value))
        })
    }

    /// Reads what it is shown as.
    pub fn named(text: &str) -> Option<Self> {
        let hash = text
            .strip_prefix("hash(")
            .and_then(|rest| rest.strip_suffix(')'));
        match hash {
            Some(hash) => ValueHash::named(hash).map(Self::Hidden),
            None => is_id(text).then(|| Self::Sent(text.to_owned())),
        }
    }
}

impl fmt::Display for PartnerRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(id) => f.write_str(id),
            Self::Hidden(hash) => write!(f, "hash({hash})"),
        }
    }
}

/// Whether a text has the form of an id that a machine made. A JSON Web Token has not.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/".contains(&byte);
    (LENGTH_MIN..=LENGTH_MAX).contains(&text.len())
        && text.bytes().all(is_plain)
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.contains("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_machines_stay_and_all_else_is_a_hash() {
        let key = HashKey::of(b"k");
        let of = |value: &str| {
            PartnerRequestId::of(value, "our-run", &key, |text| text.contains("s3cret"))
        };
        for id in [
            "f058ebd6-02f7-4d3f-942e-904344e8cde5",
            "01HV6Z2JX9Q3T5W7Y9A1C3E5G7",
            "Root=1-67891233-abcdef012345678912345678",
            "Zq81kdm2LwPx0aBc",
        ] {
            assert_eq!(
                of(&format!(" {id} ")),
                Some(PartnerRequestId::Sent(id.to_owned()))
            );
        }
        for text in [
            "Quillfeather",
            "Quillfeather-Marguerite",
            "1984-03-02",
            "123-45-6789",
            "an id with spaces 12345678",
            "0123456789abcdef\u{202e}",
            "0123456789abcdef-s3cret",
            "eyJhbGciOiJub25lIn0.e30.x",
            &"7".repeat(LENGTH_MAX + 1),
        ] {
            let kept = of(text).unwrap();
            assert_eq!(kept, PartnerRequestId::Hidden(key.hash(text)), "{text}");
            assert_eq!(PartnerRequestId::named(&kept.to_string()), Some(kept));
        }
        assert_eq!((of("OUR-RUN"), of(" ")), (None, None));
    }
}
