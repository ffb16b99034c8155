//! Partners and probes of which no alert would be heard. Looked at after the plan is whole.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::model::{Partner, Plan};

/// A warning for each partner that is probed and promised nothing: no budget says how bad it may be.
pub fn without_objectives(plan: &Plan) -> Vec<Diagnostic> {
    let is_probed =
        |partner: &&Partner| plan.probes.keys().any(|probe| probe.partner == partner.id);
    let partners = plan.partners.values().filter(is_probed);
    let unwatched = partners.filter(|partner| partner.slos.is_empty());
    unwatched.map(of_partner).collect()
}

fn of_partner(partner: &Partner) -> Diagnostic {
    Diagnostic {
        source: Arc::new(SourceFile {
            path: format!("partners/{}.toml", partner.id),
            text: String::new(),
        }),
        span: None,
        severity: Severity::Warning,
        message: format!(
            "\"{}\" has no objective: its probes page only when they fail in a row",
            partner.id
        ),
        help: "add one, such as [slo.business] with `journeys = [\"…\"]` and `objective = 97`"
            .to_owned(),
    }
}
