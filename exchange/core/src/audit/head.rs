//! The head of a trail: its end under a number that never goes back, signed so that anybody can verify it.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::keys::{Keys, hex};

/// The end of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counts the changes of the trail; 0 for a trail of an edition without numbers.
    pub number: u64,
    /// Number of the last entry; 0 before the first.
    pub seq: u64,
    /// Hash of the last entry.
    pub hash: String,
    /// Number of the last event.
    pub events: u64,
    /// Hash over all events up to there.
    pub events_hash: String,
}

impl Head {
    /// What is sealed and signed.
    pub(super) fn text(&self) -> String {
        let Self {
            number,
            seq,
            hash,
            events,
            events_hash,
        } = self;
        format!("outrider-head-1\n{number}\n{seq}\n{hash}\n{events}\n{events_hash}")
    }
}

/// A head with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The head.
    pub head: Head,
    /// When it was signed, RFC 3339. It orders lines and is not part of the signature.
    pub at: String,
    /// The Ed25519 public key, in hex.
    pub public_key: String,
    /// The signature, in hex.
    pub signature: String,
}

impl SignedHead {
    /// Signs a head.
    pub fn new(head: Head, at: String, keys: &Keys) -> Self {
        let text = head.text();
        Self {
            head,
            at,
            public_key: keys.public_key(),
            signature: keys.sign(&text),
        }
    }

    /// As it is written into files.
    pub fn json(&self) -> Value {
        json!({
            "number": self.head.number,
            "seq": self.head.seq,
            "hash": self.head.hash,
            "events": self.head.events,
            "events_hash": self.head.events_hash,
            "at": self.at,
            "public_key": self.public_key,
            "signature": self.signature,
        })
    }

    /// From what was written; none when it is no head or its signature does not verify under its own public key.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let head = Head {
            number: value["number"].as_u64()?,
            seq: value["seq"].as_u64()?,
            hash: text("hash")?,
            events: value["events"].as_u64()?,
            events_hash: text("events_hash")?,
        };
        let signed = Self {
            head,
            at: text("at")?,
            public_key: text("public_key")?,
            signature: text("signature")?,
        };
        let key = UnparsedPublicKey::new(&ED25519, bytes(&signed.public_key)?);
        key.verify(signed.head.text().as_bytes(), &bytes(&signed.signature)?)
            .ok()?;
        Some(signed)
    }
}

/// Bytes of hex digits in lower case.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    let read: Option<Vec<u8>> = digits.map(byte).collect();
    read.filter(|bytes| hex(bytes) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_head_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path(), true).unwrap();
        let head = Head {
            number: 7,
            seq: 30,
            hash: "ab".to_owned(),
            events: 12,
            events_hash: "cd".to_owned(),
        };
        let good = SignedHead::new(head, "now".to_owned(), &keys).json();
        assert_eq!(SignedHead::read(&good).unwrap().json(), good);
        let other = tempfile::tempdir().unwrap();
        let strange = Keys::open(other.path(), true).unwrap().public_key();
        for (field, value) in [
            ("number", json!(8)),
            ("seq", json!(29)),
            ("hash", json!("ac")),
            ("events", json!(11)),
            ("events_hash", json!("ce")),
            ("public_key", json!(strange)),
            ("signature", json!("00")),
        ] {
            let mut changed = good.clone();
            changed[field] = value;
            assert_eq!(SignedHead::read(&changed), None, "{field}");
        }
    }
}
