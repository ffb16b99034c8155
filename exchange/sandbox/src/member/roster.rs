//! Who is known to one partner: the members of its set, and the people around them.

use std::collections::BTreeSet;

use exchange_kit::pdex::Bucket;

use super::case::EdgeCase;
use super::holding::{Holding, Member};
use super::household::Household;
use super::payer::Payer;
use super::person::Person;

/// The requesting payer's National Provider Identifier.
pub const REQUESTER_NPI: &str = "1999999984";

/// Everybody one partner knows, and every member that may be asked for.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Whose roster it is.
    pub payer: Payer,
    /// The seed it was drawn from.
    pub seed: u64,
    /// The members, in order of their ids.
    pub members: Vec<Member>,
    /// The people the responder holds.
    pub people: Vec<Person>,
}

impl Roster {
    /// The first `count` members of that payer and seed. Member number n does not depend on `count`.
    pub fn draw(payer: Payer, seed: u64, count: usize) -> Self {
        Self::draw_scaled(payer, seed, count, 1)
    }

    /// The same, where members of the case `large` hold `scale` times as much.
    pub fn draw_scaled(payer: Payer, seed: u64, count: usize, scale: u64) -> Self {
        let mut roster = Self {
            payer,
            seed,
            members: Vec::new(),
            people: Vec::new(),
        };
        for index in 0..count {
            roster.add(Household::draw(&payer, seed, index, scale));
        }
        roster
    }

    /// A member's person with a record who is not among `exported` (places in [`Roster::people`]), for the
    /// fault that discloses one. The next after the last one, so that a repeated run discloses the same.
    pub fn somebody_else(&self, exported: &BTreeSet<usize>) -> Option<&Person> {
        let last = exported.last().copied().unwrap_or(0);
        let (after, before): (Vec<usize>, Vec<usize>) = self
            .members
            .iter()
            .filter_map(|member| match member.holding {
                Holding::Person(place) => Some(place),
                Holding::Nobody => None,
            })
            .partition(|place| *place > last);
        after
            .into_iter()
            .chain(before)
            .filter(|place| !exported.contains(place))
            .map(|place| &self.people[place])
            .find(|other| other.case.bucket() == Bucket::Match && other.case != EdgeCase::Empty)
    }

    /// The requester's id of the person at that place in [`Roster::people`].
    pub fn member_of(&self, place: usize) -> Option<&str> {
        let is_meant = |holding: &Holding| matches!(holding, Holding::Person(at) if *at == place);
        let mut members = self.members.iter();
        members
            .find(|member| is_meant(&member.holding))
            .map(|member| member.id.as_str())
    }

    fn add(&mut self, household: Household) {
        let mut member = household.member;
        if let Holding::Person(place) = &mut member.holding {
            *place += self.people.len();
        }
        self.people.extend(household.people);
        self.members.push(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_do_not_depend_on_how_many_there_are() {
        for payer in Payer::ALL {
            let few = Roster::draw(payer, 7, 12);
            let many = Roster::draw(payer, 7, 40);
            for (a, b) in few.people.iter().zip(&many.people) {
                assert_eq!((&a.patient_id, &a.canary), (&b.patient_id, &b.canary));
            }
        }
    }

    #[test]
    fn people_are_told_apart() {
        let people = Payer::ALL
            .map(|payer| Roster::draw(payer, 7, 120).people)
            .concat();
        let mut canaries: Vec<_> = people.iter().map(|p| &p.canary).collect();
        let mut patients: Vec<_> = people.iter().map(|p| &p.patient_id).collect();
        canaries.sort();
        canaries.dedup();
        patients.sort();
        patients.dedup();
        assert_eq!(
            (canaries.len(), patients.len()),
            (people.len(), people.len())
        );
    }
}
