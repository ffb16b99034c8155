//! Which objectives begin an epoch: their promise or schedule is not what it was.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::model::{PartnerId, Plan, Renames, SloName};
use outrider_domain::slo::{Epoch, Promise};

use crate::ledger::{EpochBegun, Promises};

/// The last epoch of each objective.
pub(super) type LastEpochs = BTreeMap<(PartnerId, SloName), Epoch>;

/// What a plan promises.
pub(super) fn promises(plan: &Plan) -> Promises {
    let partners = plan.partners.values();
    let all = partners.flat_map(|partner| partner.slos.values().map(move |slo| (partner, slo)));
    all.map(|(partner, slo)| {
        let name = (partner.id.clone(), slo.name);
        (name, Promise::of(plan, partner, slo))
    })
    .collect()
}

/// Epochs that begin now by a plan. An epoch in which nothing could be due, since it began at the same moment, is
/// replaced.
pub(super) fn begun(plan: &Plan, last: &LastEpochs, now: DateTime<Utc>) -> Vec<EpochBegun> {
    let all = plan
        .partners
        .values()
        .flat_map(|partner| partner.slos.values().map(move |slo| (partner, slo)));
    let begun = all.filter_map(|(partner, slo)| {
        let promise = Promise::of(plan, partner, slo);
        let (number, from) = match last.get(&(partner.id.clone(), slo.name)) {
            None => (1, now),
            Some(last) if last.promise == promise => return None,
            Some(last) if last.from >= now => (last.number, last.from),
            Some(last) => (last.number + 1, now),
        };
        Some(EpochBegun {
            partner: partner.id.clone(),
            slo: slo.name,
            epoch: Epoch {
                number,
                from,
                promise,
            },
        })
    });
    begun.collect()
}

/// The last epochs once what was renamed has its present name, with the epochs of both names numbered on.
pub(super) fn rename(last: &mut LastEpochs, renames: &Renames) {
    for (old, new) in &renames.partners {
        for slo in SloName::ALL {
            let Some(was) = last.remove(&(old.clone(), *slo)) else {
                continue;
            };
            last.entry((new.clone(), *slo))
                .and_modify(|is| is.number += was.number)
                .or_insert(was);
        }
    }
}
