//! Whether the names in a query are of anything: in the files, or in the ledger of earlier ones.

use std::collections::BTreeSet;

use outrider_domain::config::QueryMistake;
use outrider_domain::model::{PartnerId, Plan, ProbeId, RunFilter};

use crate::ledger::{Ledger, LedgerError};

/// A query with old names of partners and probes replaced by the present ones, where the ledger has nothing under the
/// old name.
///
/// # Errors
/// The ledger is unavailable.
pub fn under_present_names(
    plan: &Plan,
    ledger: &Ledger,
    mut filter: RunFilter,
) -> Result<RunFilter, LedgerError> {
    if plan.renames.is_empty() {
        return Ok(filter);
    }
    let mut kept = Vec::new();
    for probe in ledger.probes()? {
        if ledger.last_run(&probe)?.is_some() {
            kept.push(probe);
        }
    }
    if let Some(name) = &filter.partner
        && !kept.iter().any(|probe| probe.partner.as_str() == name)
        && let Some(present) = plan.renames.partners.get(&PartnerId::new(name.as_str()))
    {
        filter.partner = Some(present.to_string());
    }
    let partner = filter.partner.as_deref();
    let is_of = |probe: &ProbeId| partner.is_none_or(|name| probe.partner.as_str() == name);
    if let Some(name) = &filter.journey
        && !kept
            .iter()
            .any(|probe| is_of(probe) && probe.journey.as_str() == name)
    {
        let mut renamed = plan.renames.probes.iter();
        let present = renamed.find(|(old, _)| is_of(old) && old.journey.as_str() == name);
        if let Some((_, present)) = present {
            filter.journey = Some(present.journey.to_string());
        }
    }
    Ok(filter)
}

/// The first name of a query that neither the files nor the ledger know.
///
/// # Errors
/// The ledger is unavailable.
pub fn unknown_name(
    plan: &Plan,
    ledger: &Ledger,
    filter: &RunFilter,
) -> Result<Option<QueryMistake>, LedgerError> {
    let is_planned = |filter: &RunFilter| {
        let partner = filter.partner.as_deref();
        let journey = filter.journey.as_deref();
        partner.is_none_or(|name| plan.partners.keys().any(|one| one.as_str() == name))
            && journey.is_none_or(|name| plan.journeys.keys().any(|one| one.as_str() == name))
    };
    if !is_planned(filter) {
        let earlier = ledger.probes()?;
        let partners = plan.partners.keys().map(|id| id.as_str());
        let partners = partners.chain(earlier.iter().map(|probe| probe.partner.as_str()));
        let journeys = plan.journeys.keys().map(|id| id.as_str());
        let journeys = journeys.chain(earlier.iter().map(|probe| probe.journey.as_str()));
        let known = [
            (
                "partner",
                &filter.partner,
                partners.collect::<BTreeSet<_>>(),
            ),
            ("journey", &filter.journey, journeys.collect()),
        ];
        for (parameter, name, known) in known {
            if let Some(name) = name
                && !known.contains(name.as_str())
            {
                return Ok(Some(QueryMistake::unknown(parameter, name, known)));
            }
        }
    }
    let Some(member) = filter.member.as_deref() else {
        return Ok(None);
    };
    let planned = plan.members.values().flat_map(|set| &set.members);
    let known: BTreeSet<&str> = planned.map(|member| member.id.as_str()).collect();
    if known.contains(member) || ledger.has_member(member)? {
        return Ok(None);
    }
    Ok(Some(QueryMistake::unknown("member", member, known)))
}
