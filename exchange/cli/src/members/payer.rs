//! A partner by its id, as commands name it.

use exchange_sandbox::member::Payer;

use crate::failure::Failure;

/// The partner of that id.
pub(crate) fn payer(id: &str) -> Result<Payer, Failure> {
    Payer::named(id).ok_or_else(|| {
        let ids = Payer::ALL.map(|payer| payer.id).join(", ");
        Failure::usage(
            format!("there is no partner {id:?}"),
            format!("one of: {ids}"),
        )
    })
}
