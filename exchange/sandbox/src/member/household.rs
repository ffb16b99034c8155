//! One member with the people around them: derived from payer, seed and number alone, stored nowhere.

use exchange_kit::random::Stream;

use super::case::EdgeCase;
use super::holding::{Holding, Member};
use super::names;
use super::number::Numbers;
use super::payer::Payer;
use super::person::{
    Address, HeldName, OptOut, Person, Relationship, before_anchor, draw_address, own_card,
};

/// A member and the people that the responder holds because of them.
#[derive(Clone, Debug)]
pub struct Household {
    /// The member; [`Holding::Person`] counts within [`Household::people`].
    pub member: Member,
    /// The people that the responder holds; empty when it holds nobody.
    pub people: Vec<Person>,
}

/// The parts of a household while it is drawn.
struct HouseholdBuilder {
    stream: Stream,
    numbers: Numbers,
    held: Person,
    known_as: Person,
    others: Vec<Person>,
    is_held: bool,
    is_meant: bool,
}

impl Household {
    /// Household number `index` (counted from 0) of a payer and a seed. `scale` multiplies a long record.
    pub fn draw(payer: &Payer, seed: u64, index: usize, scale: u64) -> Self {
        let id = format!("or-m{:04}", index + 1);
        let case = EdgeCase::of(index);
        let mut stream = Stream::new(seed, &[payer.id, &id]);
        let cohort = *stream.pick(&names::COHORTS);
        let mut numbers = Numbers::of(payer, seed, index);
        let mut held = Person::draw(&mut stream, case, &mut numbers);
        if case == EdgeCase::Large {
            held.scale = scale;
        }
        let mut making = HouseholdBuilder {
            known_as: held.clone(),
            stream,
            numbers,
            held,
            others: Vec::new(),
            is_held: true,
            is_meant: true,
        };
        making.apply(case);
        let mut people = making.others;
        let place = people.len();
        if making.is_held {
            people.push(making.held);
        }
        let holding = if making.is_meant {
            Holding::Person(place)
        } else {
            Holding::Nobody
        };
        Self {
            member: Member {
                id,
                case,
                cohort,
                holding,
                known_as: making.known_as,
            },
            people,
        }
    }
}

impl Household {
    /// The person who is asked for, when the responder holds them.
    pub fn meant(&self) -> Option<&Person> {
        match self.member.holding {
            Holding::Person(place) => self.people.get(place),
            Holding::Nobody => None,
        }
    }

    /// The people around them, whose records must not come back.
    pub fn others(&self) -> impl Iterator<Item = &Person> {
        let meant = self.meant().map(|person| person.patient_id.as_str());
        self.people
            .iter()
            .filter(move |person| Some(person.patient_id.as_str()) != meant)
    }
}

impl HouseholdBuilder {
    /// Makes the case come true.
    fn apply(&mut self, case: EdgeCase) {
        match case {
            EdgeCase::NameChange => self.change_name(),
            EdgeCase::AddressMismatch => self.move_house(),
            EdgeCase::Dependent => self.depend(),
            EdgeCase::SameNameParent => {
                self.depend();
                self.others[0].names.clone_from(&self.held.names);
                self.others[0].gender = self.held.gender;
            }
            EdgeCase::DependentToPrimary => self.grow_up(),
            EdgeCase::Unknown => (self.is_held, self.is_meant) = (false, false),
            EdgeCase::Twin => self.ask_for_the_twin(),
            EdgeCase::JuniorSenior => self.ask_for_the_son(),
            EdgeCase::Nickname => self.shorten_name(),
            EdgeCase::Typo => {
                let name = &mut self.known_as.names[0];
                name.family = swapped(&name.family);
                self.is_meant = false;
            }
            EdgeCase::DuplicateUnlinked => {
                self.hold_twice();
                self.is_meant = false;
            }
            EdgeCase::DuplicateLinked => {
                self.hold_twice();
                self.others[0].replaced = true;
                self.held.replaces = Some(self.others[0].umb.clone());
            }
            EdgeCase::TwoCoverages => {
                let second = own_card(self.numbers.next());
                self.held.cards.push(second.clone());
                self.known_as.cards = vec![second, self.held.cards[0].clone()];
            }
            EdgeCase::Deceased => self.held.died = Some(before_anchor(400)),
            EdgeCase::RevokedBeforeMatch => self.held.opt_out = OptOut::BeforeMatch,
            EdgeCase::RevokedAfterMatch => self.held.opt_out = OptOut::AfterMatch,
            EdgeCase::Plain
            | EdgeCase::NonAsciiName
            | EdgeCase::Empty
            | EdgeCase::Large
            | EdgeCase::Sensitive
            | EdgeCase::NoMemberNumber
            | EdgeCase::ExpiredConsent
            | EdgeCase::MinorWithRepresentative
            | EdgeCase::SingleName
            | EdgeCase::FutureConsent
            | EdgeCase::WrongRecipient
            | EdgeCase::WrongSource
            | EdgeCase::InactiveConsent
            | EdgeCase::Concurrent
            | EdgeCase::OldClaims
            | EdgeCase::PriorAuthorizations => {}
        }
    }

    fn change_name(&mut self) {
        let now = &self.held.names[0].family;
        let others: Vec<&str> = names::FAMILY
            .into_iter()
            .filter(|family| family != now)
            .collect();
        let name = HeldName {
            family: (*self.stream.pick(&others)).to_owned(),
            given: self.held.names[0].given.clone(),
            current: true,
        };
        self.held.names.insert(0, name);
        self.held.names[1].current = false;
    }

    fn move_house(&mut self) {
        self.known_as.address = another_address(&mut self.stream, &self.held.address);
    }

    /// A parent on whose card the person is, held too, with records of their own that must not leak.
    fn parent(&mut self) -> Person {
        let mut parent = Person::draw(&mut self.stream, EdgeCase::Plain, &mut self.numbers);
        parent.names[0]
            .family
            .clone_from(&self.held.names[0].family);
        parent.address = self.held.address.clone();
        parent
    }

    fn depend(&mut self) {
        let parent = self.parent();
        let card = &mut self.held.cards[0];
        card.subscriber_id
            .clone_from(&parent.cards[0].subscriber_id);
        card.relationship = Relationship::Child;
        self.known_as.cards = self.held.cards.clone();
        self.others.push(parent);
    }

    fn grow_up(&mut self) {
        let mut parent = self.parent();
        parent.birth_date = years_before(self.held.birth_date, 27);
        let mut old = own_card(self.numbers.next());
        old.subscriber_id.clone_from(&parent.cards[0].subscriber_id);
        old.relationship = Relationship::Child;
        old.period = ("2021-01-01", "2024-12-31");
        self.held.cards[0].period = ("2025-01-01", "2026-12-31");
        self.held.cards.push(old.clone());
        self.known_as.cards = vec![old];
        self.others.push(parent);
    }

    /// The held person keeps surname, birth date, address and card; the member asked for is the other twin,
    /// whom this responder does not know.
    fn ask_for_the_twin(&mut self) {
        let (pool, gender) = if self.held.gender == "female" {
            (&names::GIVEN_MALE, "male")
        } else {
            (&names::GIVEN_FEMALE, "female")
        };
        self.known_as.names[0].given = (*self.stream.pick(pool)).to_owned();
        self.known_as.gender = gender;
        self.is_meant = false;
    }

    fn ask_for_the_son(&mut self) {
        self.known_as.suffix = Some("Jr");
        self.held.suffix = Some("Sr");
        self.held.birth_date = years_before(self.known_as.birth_date, 28);
        self.is_meant = false;
    }

    fn shorten_name(&mut self) {
        let given = &mut self.known_as.names[0].given;
        if let Some((_, short, _)) = names::SHORT_FORMS.iter().find(|(long, ..)| long == given) {
            *given = (*short).to_owned();
        }
    }

    /// The same person once more, under other numbers and at another address.
    fn hold_twice(&mut self) {
        let mut double = Person::draw(&mut self.stream, EdgeCase::Plain, &mut self.numbers);
        double.names.clone_from(&self.held.names);
        double.gender = self.held.gender;
        double.birth_date = self.held.birth_date;
        // The card is the same, or the two would never be taken for one.
        double.cards.clone_from(&self.held.cards);
        self.others.push(double);
    }
}

/// The same day so many years earlier; of 29 February, the day before.
fn years_before(day: chrono::NaiveDate, years: u32) -> chrono::NaiveDate {
    day.checked_sub_months(chrono::Months::new(12 * years))
        .unwrap_or(day)
}

/// Two letters in the middle exchanged, the first two that differ.
fn swapped(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let place = (1..letters.len().saturating_sub(1)).find(|at| letters[*at] != letters[at + 1]);
    if let Some(place) = place {
        letters.swap(place, place + 1);
    }
    letters.into_iter().collect()
}

fn another_address(stream: &mut Stream, held: &Address) -> Address {
    let mut address = draw_address(stream);
    if address.place == held.place {
        let at = names::LOCALITIES
            .iter()
            .position(|place| *place == held.place)
            .unwrap_or(0);
        address.place = names::LOCALITIES[(at + 1) % names::LOCALITIES.len()];
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_differs_by_two_letters() {
        assert_eq!(swapped("Fennimore"), "Fnenimore");
        for family in names::FAMILY {
            assert_ne!(swapped(family), family);
        }
    }

    #[test]
    fn who_is_asked_for_and_who_is_held_agree_with_the_case() {
        for payer in Payer::ALL {
            for index in 0..EdgeCase::ALL.len() * 3 {
                let Household { member, people } = Household::draw(&payer, 7, index, 1);
                let found =
                    matches!(member.holding, Holding::Person(place) if place < people.len());
                let is_single = member.case.single() != super::super::case::Single::NotFound
                    && member.case != EdgeCase::DuplicateUnlinked;
                assert_eq!(found, is_single, "{}", member.id);
            }
        }
    }
}
