//! DSSE envelopes (`secure-systems-lab/dsse`, protocol 1.0.2): document and signature in one JSON file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::{ProofKey, PublicProofKey};

/// The payload type of a report.
pub const REPORT_TYPE: &str = "application/vnd.outrider.report+json";

#[derive(Serialize, Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why an envelope proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// It is no envelope.
    #[error("it is no DSSE envelope")]
    Form,
    /// It holds something else.
    #[error("the envelope holds another type of document")]
    Type,
    /// No signature of it is of the key.
    #[error("no signature of the envelope is of this key")]
    Signature,
}

/// What is signed: the type and the document, each with its length before it.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// A signed envelope around a document, as JSON with a line feed at its end.
///
/// # Errors
/// It cannot be written as JSON.
pub fn envelope(
    key: &ProofKey,
    payload_type: &str,
    payload: &[u8],
) -> Result<String, serde_json::Error> {
    let signature = key.sign(&pre_authentication(payload_type, payload));
    let keyid = key.public().map(|public| public.fingerprint());
    let envelope = Envelope {
        payload: STANDARD.encode(payload),
        payload_type: payload_type.to_owned(),
        signatures: vec![Signature {
            keyid: keyid.unwrap_or_default(),
            sig: STANDARD.encode(signature),
        }],
    };
    let mut text = serde_json::to_string_pretty(&envelope)?;
    text.push('\n');
    Ok(text)
}

/// The document of an envelope, once a signature of it is of the key; without a key it is taken as it is.
///
/// # Errors
/// Why the envelope proves nothing.
pub fn open_envelope(
    text: &[u8],
    payload_type: &str,
    key: Option<&PublicProofKey>,
) -> Result<Vec<u8>, EnvelopeFault> {
    let envelope: Envelope = serde_json::from_slice(text).map_err(|_| EnvelopeFault::Form)?;
    let payload = STANDARD.decode(&envelope.payload);
    let payload = payload.map_err(|_| EnvelopeFault::Form)?;
    if envelope.payload_type != payload_type {
        return Err(EnvelopeFault::Type);
    }
    let signed = pre_authentication(&envelope.payload_type, &payload);
    let is_signed_by = |key: &PublicProofKey| {
        envelope.signatures.iter().any(|one| {
            let signature = STANDARD.decode(&one.sig).unwrap_or_default();
            key.verifies(&signed, &signature)
        })
    };
    match key {
        Some(key) if !is_signed_by(key) => Err(EnvelopeFault::Signature),
        Some(_) | None => Ok(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_the_published_vector() {
        // protocol.md of secure-systems-lab/dsse, "Test Vectors".
        let signed = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            signed,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
