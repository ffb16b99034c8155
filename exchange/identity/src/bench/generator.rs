//! Scenes of one to four records, each of a class: what goes wrong, and who must not be taken for whom.

use exchange_kit::random::Stream;

use super::people::{Hand, Invented, slip};
use super::pools;

/// What a scene is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The same record twice, in two hands.
    Plain,
    /// A slip in the given name.
    GivenTypo,
    /// A slip in the family name.
    FamilyTypo,
    /// A short form of the given name.
    Nickname,
    /// Another family name since.
    NameChange,
    /// Given and family name in each other's column.
    SwappedNames,
    /// Day and month in each other's place.
    TransposedDate,
    /// A wrong digit in the date.
    DateTypo,
    /// Another address since.
    Moved,
    /// Another address and telephone since.
    MovedAndChanged,
    /// Three of these at once.
    Dirty,
    /// No date, or nothing but name and date.
    Sparse,
    /// The other gender by mistake.
    GenderError,
    /// Twins, both in both files.
    TwinsBoth,
    /// Parent and child of one name, both in both files.
    NamesakesBoth,
    /// Two records of one person at the right: a person has to look.
    Duplicate,
    /// Not in the right file.
    Absent,
    /// Only the twin at the right.
    TwinAlone,
    /// Only the twin, who is called nearly the same.
    LikeNamedTwin,
    /// Only the parent or the child of the same name.
    NamesakeAlone,
    /// Only Sr at the right, and this is Jr.
    JuniorSenior,
    /// Only a sibling or spouse.
    HouseholdMemberAlone,
    /// Another person with the same name and day of birth.
    Stranger,
}

impl Class {
    /// All, with how many scenes in a thousand are of each.
    pub const ALL: [(Self, &'static str, u64); 23] = [
        (Self::Plain, "plain", 290),
        (Self::GivenTypo, "given_typo", 60),
        (Self::FamilyTypo, "family_typo", 60),
        (Self::Nickname, "nickname", 40),
        (Self::NameChange, "name_change", 40),
        (Self::SwappedNames, "swapped_names", 30),
        (Self::TransposedDate, "transposed_date", 30),
        (Self::DateTypo, "date_typo", 30),
        (Self::Moved, "moved", 70),
        (Self::MovedAndChanged, "moved_and_changed", 30),
        (Self::Dirty, "dirty", 50),
        (Self::Sparse, "sparse", 30),
        (Self::GenderError, "gender_error", 10),
        (Self::TwinsBoth, "twins_both", 20),
        (Self::NamesakesBoth, "namesakes_both", 20),
        (Self::Duplicate, "duplicate", 10),
        (Self::Absent, "absent", 80),
        (Self::TwinAlone, "twin_alone", 20),
        (Self::LikeNamedTwin, "like_named_twin", 10),
        (Self::NamesakeAlone, "namesake_alone", 20),
        (Self::JuniorSenior, "junior_senior", 10),
        (Self::HouseholdMemberAlone, "housemate_alone", 30),
        (Self::Stranger, "stranger", 10),
    ];

    /// Its word in reports.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(class, _, _)| *class == self);
        found.map_or("", |(_, name, _)| name)
    }

    fn draw(stream: &mut Stream) -> Self {
        let all: u64 = Self::ALL.iter().map(|(_, _, weight)| weight).sum();
        let mut left = stream.below(all);
        for (class, _, weight) in Self::ALL {
            if left < weight {
                return class;
            }
            left -= weight;
        }
        Self::Plain
    }
}

/// Which records of a pair carry a member id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Numbered {
    /// The left record, and the person's records at the right where there are any.
    Both,
    /// The left record alone: the person's records at the right lost theirs.
    LeftOnly,
    /// The left record has none.
    Neither,
}

impl Numbered {
    /// Its word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Both => "on both sides",
            Self::LeftOnly => "at the left alone",
            Self::Neither => "none",
        }
    }

    const fn of(left: &Invented, right: &Invented) -> Self {
        match (left.member_id.is_empty(), right.member_id.is_empty()) {
            (true, _) => Self::Neither,
            (false, true) => Self::LeftOnly,
            (false, false) => Self::Both,
        }
    }
}

/// One record of the left file, with who it is at the right.
pub struct Truth {
    /// Its id.
    pub left: String,
    /// The ids of the same person's records at the right, none when there is none.
    pub right: Vec<String>,
    /// What the scene is about.
    pub class: Class,
    /// Who carries a member id.
    pub numbered: Numbered,
}

/// Two files and the truth about them.
pub struct Benchmark {
    /// Rows of the left file.
    pub left: Vec<[String; 13]>,
    /// Rows of the right file, in another order.
    pub right: Vec<[String; 13]>,
    /// One for each row of the left file.
    pub truth: Vec<Truth>,
}

/// Makes files of about `size` rows each: always the same for the same seed.
pub fn generate(size: usize, seed: u64, member_ids_percent: u64) -> Benchmark {
    let mut maker = Maker {
        stream: Stream::new(seed, &["identity bench"]),
        member_ids_percent,
        right: Vec::new(),
        made: Benchmark {
            left: Vec::new(),
            right: Vec::new(),
            truth: Vec::new(),
        },
    };
    while maker.made.left.len() < size {
        let class = Class::draw(&mut maker.stream);
        maker.scene(class);
    }
    // As many other people at the right as it takes to be of the same size.
    while maker.right.len() < size {
        let person = maker.person();
        maker.right(&person);
    }
    maker.right.sort_by_key(|(order, _)| *order);
    maker.made.right = maker.right.into_iter().map(|(_, row)| row).collect();
    maker.made
}

struct Maker {
    stream: Stream,
    member_ids_percent: u64,
    right: Vec<(u64, [String; 13])>,
    made: Benchmark,
}

impl Maker {
    fn person(&mut self) -> Invented {
        Invented::draw(&mut self.stream, self.member_ids_percent)
    }

    fn right(&mut self, person: &Invented) -> String {
        let id = format!("R{:07}", self.right.len() + 1);
        let hand = Hand {
            upper: self.stream.below(2) == 0,
            short: true,
        };
        let order = self.stream.next_u64();
        self.right.push((order, person.cells(&id, hand)));
        id
    }

    /// The person at the left; `other` is the same person as the records `right` have them.
    fn left(&mut self, person: &Invented, other: &Invented, right: Vec<String>, class: Class) {
        let id = format!("L{:07}", self.made.left.len() + 1);
        let hand = Hand {
            upper: false,
            short: self.stream.below(3) == 0,
        };
        self.made.left.push(person.cells(&id, hand));
        self.made.truth.push(Truth {
            left: id,
            right,
            class,
            numbered: Numbered::of(person, other),
        });
    }

    /// The person at the left as they are, at the right as `other` has them.
    fn same(&mut self, class: Class, person: &Invented, other: &Invented) {
        let right = self.right(other);
        self.left(person, other, vec![right], class);
    }

    fn scene(&mut self, class: Class) {
        let person = self.person();
        match class {
            Class::Duplicate => {
                let mut again = person.clone();
                again.move_house(&mut self.stream);
                let right = vec![self.right(&person), self.right(&again)];
                self.left(&person, &again, right, class);
            }
            Class::TwinsBoth => {
                let twin = if self.stream.below(4) == 0 {
                    self.like_named(&person)
                } else {
                    (person.clone(), person.twin(&mut self.stream))
                };
                self.same(class, &twin.0, &twin.0);
                self.same(class, &twin.1, &twin.1);
            }
            Class::NamesakesBoth => {
                let child = person.namesake(&mut self.stream);
                self.same(class, &person, &person);
                self.same(class, &child, &child);
            }
            Class::Absent => self.left(&person, &person, Vec::new(), class),
            Class::TwinAlone
            | Class::LikeNamedTwin
            | Class::NamesakeAlone
            | Class::JuniorSenior
            | Class::HouseholdMemberAlone
            | Class::Stranger => self.somebody_else(class, person),
            Class::Plain
            | Class::GivenTypo
            | Class::FamilyTypo
            | Class::Nickname
            | Class::NameChange
            | Class::SwappedNames
            | Class::TransposedDate
            | Class::DateTypo
            | Class::Moved
            | Class::MovedAndChanged
            | Class::Dirty
            | Class::Sparse
            | Class::GenderError => {
                let (person, other) = self.spoilt(class, person);
                self.same(class, &person, &other);
            }
        }
    }

    fn like_named(&mut self, person: &Invented) -> (Invented, Invented) {
        let (one, other) = *self.stream.pick(&pools::LIKE_NAMED);
        let named = |given: &str, base: Invented| Invented {
            given: given.to_owned(),
            ..base
        };
        let mut twin = named(other, person.clone());
        twin.own_number(&mut self.stream);
        twin.new_email(&mut self.stream);
        twin.woman = other == "Danielle" || other == "Christina";
        let mut person = named(one, person.clone());
        person.woman = false;
        (person, twin)
    }

    /// A person at the left, and at the right only somebody who could be taken for them.
    fn somebody_else(&mut self, class: Class, person: Invented) {
        let mut person = person;
        let other = match class {
            Class::TwinAlone => person.twin(&mut self.stream),
            Class::LikeNamedTwin => {
                let (one, other) = self.like_named(&person);
                person = one;
                other
            }
            Class::NamesakeAlone => person.namesake(&mut self.stream),
            Class::JuniorSenior => {
                let mut child = person.namesake(&mut self.stream);
                "Jr".clone_into(&mut child.suffix);
                if self.stream.below(2) == 0 {
                    "Sr".clone_into(&mut person.suffix);
                }
                child
            }
            Class::Stranger => {
                let stranger = self.person();
                Invented {
                    given: person.given.clone(),
                    family: person.family.clone(),
                    born: person.born,
                    woman: person.woman,
                    email: String::new(),
                    ..stranger
                }
            }
            // Only the classes of somebody else come here.
            Class::HouseholdMemberAlone
            | Class::Plain
            | Class::GivenTypo
            | Class::FamilyTypo
            | Class::Nickname
            | Class::NameChange
            | Class::SwappedNames
            | Class::TransposedDate
            | Class::DateTypo
            | Class::Moved
            | Class::MovedAndChanged
            | Class::Dirty
            | Class::Sparse
            | Class::GenderError
            | Class::TwinsBoth
            | Class::NamesakesBoth
            | Class::Duplicate
            | Class::Absent => person.household_member(&mut self.stream),
        };
        self.right(&other);
        self.left(&person, &person, Vec::new(), class);
    }

    /// The person, and the same person with what the class is about gone wrong.
    fn spoilt(&mut self, class: Class, person: Invented) -> (Invented, Invented) {
        let mut person = person;
        if class == Class::Nickname {
            let (long, _) = *self.stream.pick(&pools::SHORT);
            long.clone_into(&mut person.given);
        }
        let mut other = person.clone();
        self.spoil(class, &mut other);
        // Telephone and mail are not always in both files.
        if class != Class::Plain && self.stream.below(5) == 0 {
            other.email.clear();
        }
        if class != Class::Plain && self.stream.below(6) == 0 {
            other.phone.clear();
        }
        (person, other)
    }

    fn spoil(&mut self, class: Class, other: &mut Invented) {
        let stream = &mut self.stream;
        match class {
            Class::GivenTypo => other.given = slip(stream, &other.given),
            Class::FamilyTypo => other.family = slip(stream, &other.family),
            Class::Nickname => {
                other.shorten();
            }
            Class::NameChange => other.marry(stream),
            Class::SwappedNames => std::mem::swap(&mut other.given, &mut other.family),
            Class::TransposedDate => {
                if !other.swap_date() {
                    other.slip_date(stream);
                }
            }
            Class::DateTypo => other.slip_date(stream),
            Class::Moved => other.move_house(stream),
            Class::MovedAndChanged => {
                other.move_house(stream);
                other.new_phone(stream);
            }
            Class::GenderError => other.woman = !other.woman,
            Class::Sparse => match stream.below(3) {
                0 => other.born = (0, 0, 0),
                1 => {
                    other.phone.clear();
                    other.email.clear();
                    other.house = 0;
                    other.town = Default::default();
                }
                _ => {
                    other.given = other.given.chars().take(1).collect();
                    other.email.clear();
                }
            },
            Class::Dirty => {
                let wrong = [
                    Class::GivenTypo,
                    Class::FamilyTypo,
                    Class::TransposedDate,
                    Class::DateTypo,
                    Class::Moved,
                    Class::NameChange,
                    Class::SwappedNames,
                ];
                let first = usize::try_from(stream.below(7)).unwrap_or(0);
                let step = 1 + usize::try_from(stream.below(2)).unwrap_or(0);
                for place in 0..3 {
                    self.spoil(wrong[(first + place * step) % wrong.len()], other);
                }
                other.member_id.clear();
            }
            // Nothing goes wrong in the records of the others.
            Class::Plain
            | Class::TwinsBoth
            | Class::NamesakesBoth
            | Class::Duplicate
            | Class::Absent
            | Class::TwinAlone
            | Class::LikeNamedTwin
            | Class::NamesakeAlone
            | Class::JuniorSenior
            | Class::HouseholdMemberAlone
            | Class::Stranger => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_of_the_size_and_the_same_for_a_seed() {
        let made = generate(500, 7, 40);
        assert!((500..=503).contains(&made.left.len()));
        assert_eq!(made.left.len(), made.truth.len());
        assert!(made.right.len() >= 500);
        let again = generate(500, 7, 40);
        assert!(made.left == again.left && made.right == again.right);
        assert!(made.left != generate(500, 8, 40).left);
    }

    #[test]
    fn every_class_comes_up_and_the_truth_names_rows_that_exist() {
        let made = generate(5_000, 7, 40);
        for (class, name, _) in Class::ALL {
            assert!(
                made.truth.iter().any(|truth| truth.class == class),
                "{name}"
            );
        }
        let ids: std::collections::BTreeSet<&str> =
            made.right.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(ids.len(), made.right.len());
        for truth in &made.truth {
            assert!(truth.right.iter().all(|id| ids.contains(id.as_str())));
        }
    }
}
