//! Which member a start carries: every member once before any comes again. The order is drawn from
//! the probe's seed; members of one cohort are spread over it evenly, so that a part of a turn is
//! already a fair sample of cohorts.

use std::collections::BTreeMap;

use crate::model::{Member, MemberSet, Probe, stable_hash};

/// The member of a probe's start with this number; none when the set is empty.
pub fn member_of<'a>(probe: &Probe, set: &'a MemberSet, number: u64) -> Option<&'a Member> {
    let order = order(probe.seed, set);
    let length = u64::try_from(order.len())
        .ok()
        .filter(|length| *length > 0)?;
    order.get(usize::try_from(number % length).ok()?).copied()
}

/// All members of a set, in the order of their turn.
fn order(seed: u64, set: &MemberSet) -> Vec<&Member> {
    let draw = |text: &str| stable_hash(&format!("{seed}:{text}"));
    let mut cohorts: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in &set.members {
        cohorts.entry(&member.cohort).or_default().push(member);
    }
    let mut placed = Vec::with_capacity(set.members.len());
    for (cohort, mut members) in cohorts {
        members.sort_by_cached_key(|member| draw(member.id.as_str()));
        let size = members.len();
        for (place, member) in members.into_iter().enumerate() {
            // The middle of its share of the turn: (place + ½) ÷ size.
            placed.push(((2 * place + 1, size), draw(cohort), member));
        }
    }
    placed.sort_by(|((a, of_a), draw_a, _), ((b, of_b), draw_b, _)| {
        (a * of_b).cmp(&(b * of_a)).then(draw_a.cmp(draw_b))
    });
    placed.into_iter().map(|(_, _, member)| member).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::model::{Bucket, Expected, MemberId, PartnerId};

    fn member(id: usize, cohort: usize) -> Member {
        Member {
            id: MemberId::new(format!("m{id}")),
            cohort: format!("c{cohort}"),
            region: String::new(),
            edge_case: String::new(),
            patient: Value::Null,
            coverage: Value::Null,
            more_coverages: Vec::new(),
            consent: Value::Null,
            expected: Expected {
                bucket: Bucket::NoMatch,
                identity: None,
                resources: BTreeMap::new(),
                canaries: Vec::new(),
                others: Vec::new(),
            },
        }
    }

    fn set(sizes: &[usize]) -> MemberSet {
        let cohorts = sizes.iter().enumerate();
        let cohorts = cohorts.flat_map(|(cohort, size)| std::iter::repeat_n(cohort, *size));
        MemberSet {
            set: "s".to_owned(),
            partner: PartnerId::new("p"),
            requester_npi: String::new(),
            responder_npi: String::new(),
            members: cohorts
                .enumerate()
                .map(|(id, cohort)| member(id, cohort))
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn every_member_comes_once_before_any_comes_again_and_cohorts_are_mixed(
            sizes in proptest::collection::vec(1usize..20, 1..6), seed in any::<u64>(),
        ) {
            let set = set(&sizes);
            let order = order(seed, &set);
            let all: BTreeSet<_> = order.iter().map(|member| member.id.as_str()).collect();
            prop_assert_eq!(all.len(), set.members.len());
            prop_assert_eq!(order.len(), set.members.len());
            // Any first part of a turn holds each cohort's share of it, to less than one member.
            for first in 1..=order.len() {
                for (cohort, size) in sizes.iter().enumerate() {
                    let name = format!("c{cohort}");
                    let seen = order[..first].iter().filter(|member| member.cohort == name).count();
                    let share = size * first;
                    let off = (seen * order.len()).abs_diff(share);
                    prop_assert!(off <= 2 * order.len(), "{name}: {seen} of {size} in the first {first}");
                }
            }
        }

        #[test]
        fn another_seed_is_another_order(seed in 0u64..1_000_000) {
            let set = set(&[10, 10]);
            let ids = |seed| order(seed, &set).iter().map(|member| member.id.clone()).collect::<Vec<_>>();
            prop_assert_eq!(ids(seed), ids(seed));
            prop_assert_ne!(ids(seed), ids(seed + 1));
        }
    }
}
