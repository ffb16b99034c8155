//! Who is known to one partner: the members of its set, and the people around them.

use std::collections::BTreeSet;

use super::case::{Bucket, EdgeCase};
use super::names;
use super::payer::Payer;
use super::person::{Address, HeldName, Person, Relationship, draw_address};
use super::seed::Stream;

/// The requesting payer's National Provider Identifier.
pub const REQUESTER_NPI: &str = "1999999984";

/// What the responder holds about a member.
#[derive(Clone, Debug)]
pub enum Holding {
    /// This person, by place in [`Roster::people`].
    Person(usize),
    /// Nobody.
    Nobody,
}

/// One member: what the requester sends, and whom the responder holds.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id in the requester's system, e.g. `or-m0001`.
    pub id: String,
    /// What is unusual.
    pub case: EdgeCase,
    /// Line of business.
    pub cohort: &'static str,
    /// Whom the responder holds.
    pub holding: Holding,
    /// The person as the requester knows them.
    pub(crate) known_as: Person,
}

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
        let mut roster = Self {
            payer,
            seed,
            members: Vec::new(),
            people: Vec::new(),
        };
        for index in 0..count {
            roster.add(index);
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

    fn add(&mut self, index: usize) {
        let id = format!("or-m{:04}", index + 1);
        let case = EdgeCase::of(index);
        let mut stream = Stream::new(self.seed, &[self.payer.id, &id]);
        let cohort = *stream.pick(&names::COHORTS);
        let mut held = Person::draw(&mut stream, case);
        let mut known_as = held.clone();
        let mut holding = Holding::Person(self.people.len());
        match case {
            EdgeCase::NameChange => {
                let family = another_family(&mut stream, &held);
                let given = known_as.names[0].given.clone();
                held.names.insert(
                    0,
                    HeldName {
                        family,
                        given,
                        current: true,
                    },
                );
                held.names[1].current = false;
            }
            EdgeCase::AddressMismatch => {
                known_as.address = another_address(&mut stream, &held.address);
            }
            EdgeCase::Dependent => {
                let parent = parent_of(&mut stream, &mut held);
                known_as.subscriber_id.clone_from(&held.subscriber_id);
                known_as.relationship = held.relationship;
                self.people.push(parent);
                holding = Holding::Person(self.people.len());
            }
            EdgeCase::Twin => {
                // The held person keeps surname, birth date, address and card; the member asked for is
                // the other twin, whom this responder does not know.
                let pool = if held.gender == "female" {
                    &names::GIVEN_MALE
                } else {
                    &names::GIVEN_FEMALE
                };
                known_as.names[0].given = (*stream.pick(pool)).to_owned();
                known_as.gender = if held.gender == "female" {
                    "male"
                } else {
                    "female"
                };
                holding = Holding::Nobody;
            }
            EdgeCase::Unknown => holding = Holding::Nobody,
            EdgeCase::Plain
            | EdgeCase::NonAsciiName
            | EdgeCase::Empty
            | EdgeCase::Large
            | EdgeCase::Sensitive
            | EdgeCase::NoMemberNumber
            | EdgeCase::ExpiredConsent => {}
        }
        if case != EdgeCase::Unknown {
            self.people.push(held);
        }
        self.members.push(Member {
            id,
            case,
            cohort,
            holding,
            known_as,
        });
    }
}

fn another_family(stream: &mut Stream, held: &Person) -> String {
    let now = &held.names[0].family;
    let others: Vec<&str> = names::FAMILY
        .into_iter()
        .filter(|family| family != now)
        .collect();
    (*stream.pick(&others)).to_owned()
}

fn another_address(stream: &mut Stream, held: &Address) -> Address {
    let mut address = draw_address(stream);
    if address.place == held.place {
        let at = names::PLACES
            .iter()
            .position(|place| *place == held.place)
            .unwrap_or(0);
        address.place = names::PLACES[(at + 1) % names::PLACES.len()];
    }
    address
}

/// Makes `child` a dependent of a parent who is held too, with records of their own that must not leak.
fn parent_of(stream: &mut Stream, child: &mut Person) -> Person {
    let mut parent = Person::draw(stream, EdgeCase::Plain);
    parent.names[0].family.clone_from(&child.names[0].family);
    parent.address = child.address.clone();
    child.subscriber_id.clone_from(&parent.subscriber_id);
    child.relationship = Relationship::Child;
    parent
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
        let mut cards: Vec<_> = people.iter().map(|p| &p.member_number).collect();
        canaries.sort();
        canaries.dedup();
        cards.sort();
        cards.dedup();
        assert_eq!((canaries.len(), cards.len()), (people.len(), people.len()));
    }
}
