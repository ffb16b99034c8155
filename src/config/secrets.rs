//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::sync::Arc;

use super::complaint::{Complaint, Source, Weight};
use crate::model::{Plan, SecretRef};
use crate::secret::{SigningKey, read_trust};

/// A warning for each key and trust file that cannot be read or used; never its content.
pub fn secrets(plan: &Plan) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |path: &std::path::Path, what: String, cure: String| {
        let source = Arc::new(Source {
            path: path.display().to_string(),
            text: String::new(),
        });
        complaints.push(Complaint {
            source,
            span: None,
            weight: Weight::Warning,
            what,
            cure,
        });
    };
    for partner in plan.partners.values() {
        let SecretRef::File(path) = &partner.auth.key;
        if let Err(why) = SigningKey::read(path) {
            let what = format!("the key for \"{}\" cannot be used: {why}", partner.id);
            complain(
                path,
                what,
                "put the ES384 private key (PEM, PKCS #8) there".to_owned(),
            );
        }
        if let Some(path) = &partner.trust
            && let Err(why) = read_trust(path)
        {
            let what = format!(
                "the trust file for \"{}\" cannot be used: {why}",
                partner.id
            );
            complain(
                path,
                what,
                "put the CA's certificates (PEM) there".to_owned(),
            );
        }
    }
    complaints
}
