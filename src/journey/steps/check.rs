//! Checks what the run has gathered against the oracle.

use outrider_domain::judge::business;
use outrider_domain::model::RecordCheck;

use crate::journey::gathered::Gathered;
use crate::journey::run_request::RunRequest;
use crate::journey::step_log::{StepAbort, StepLog};

pub(in crate::journey) fn check(
    run: &RunRequest<'_>,
    checks: &[RecordCheck],
    gathered: &Gathered,
    log: &mut StepLog,
) -> Result<(), StepAbort> {
    let Some((member, _)) = run.member else {
        return Ok(());
    };
    let same_key = gathered.same_key();
    let seen = gathered.seen(run, member, &same_key);
    // Every check is made, so that a missing record does not hide a disclosure.
    let findings = checks.iter().flat_map(|one| business::check(*one, &seen));
    log.judge(findings)
}
