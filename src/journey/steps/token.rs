//! Gets an access token.

use outrider_domain::model::{SignIn, StepId};

use crate::journey::sign_in::TokenRequest;
use crate::journey::step_log::{StepAbort, StepLog};
use crate::journey::wire::Wire;

pub(in crate::journey) async fn token(
    step: &StepId,
    sign_in: &SignIn,
    wire: &mut Wire<'_>,
    log: &mut StepLog,
) -> Result<(), StepAbort> {
    let request = TokenRequest {
        endpoint: wire.address(&sign_in.endpoint, log)?,
        scope: sign_in.scope.clone(),
        fresh: sign_in.fresh,
    };
    wire.sign_in(step, &request, log).await
}
