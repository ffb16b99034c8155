//! Invented people, and what goes wrong with their records. Shares nothing with the matcher: it writes text and
//! knows no normal form.

use exchange_kit::random::Stream;

use super::pools;

/// A person's record as text.
#[derive(Clone, Default)]
pub(super) struct Invented {
    pub(super) member_id: String,
    pub(super) given: String,
    pub(super) family: String,
    pub(super) suffix: String,
    /// Year, month, day; year 0 when it was not recorded.
    pub(super) born: (u16, u8, u8),
    pub(super) woman: bool,
    pub(super) house: u64,
    pub(super) street: (String, usize),
    pub(super) unit: String,
    pub(super) town: (String, String, String),
    pub(super) phone: String,
    pub(super) email: String,
}

impl Invented {
    /// Somebody.
    pub(super) fn draw(stream: &mut Stream, member_ids_percent: u64) -> Self {
        let woman = stream.below(2) == 0;
        let given = pools::given(stream, woman);
        let family = pools::family(stream);
        let member_id = if stream.below(100) < member_ids_percent {
            format!("M{:08}", stream.below(100_000_000))
        } else {
            String::new()
        };
        let mut person = Self {
            member_id,
            given,
            family,
            woman,
            born: born(stream, 1940, 70),
            phone: phone(stream),
            ..Self::default()
        };
        person.email = email(stream, &person);
        person.move_house(stream);
        person
    }

    /// Another of the same household: address, telephone and family name stay.
    pub(super) fn household_member(&self, stream: &mut Stream) -> Self {
        let woman = stream.below(2) == 0;
        let mut other = Self {
            given: self.other_given(stream, woman),
            woman,
            born: born(stream, 1940, 70),
            ..self.clone()
        };
        other.own_number(stream);
        other.email = email(stream, &other);
        other
    }

    /// Gives another card where there is one.
    pub(super) fn own_number(&mut self, stream: &mut Stream) {
        if !self.member_id.is_empty() {
            self.member_id = format!("M{:08}", stream.below(100_000_000));
        }
    }

    fn other_given(&self, stream: &mut Stream, woman: bool) -> String {
        loop {
            let given = pools::given(stream, woman);
            let same_start = given.chars().take(3).eq(self.given.chars().take(3));
            if !same_start {
                return given;
            }
        }
    }

    /// A twin: the day of birth too.
    pub(super) fn twin(&self, stream: &mut Stream) -> Self {
        Self {
            born: self.born,
            ..self.household_member(stream)
        }
    }

    /// A child of the same name, a generation later.
    pub(super) fn namesake(&self, stream: &mut Stream) -> Self {
        let years = 18 + u16::try_from(stream.below(22)).unwrap_or(0);
        let (year, month, day) = born(stream, self.born.0 + years, 1);
        // Some are even born on the same day of the year.
        let born = if stream.below(8) == 0 {
            (year, self.born.1, self.born.2.min(28))
        } else {
            (year, month, day)
        };
        let mut child = Self {
            born,
            ..self.clone()
        };
        child.own_number(stream);
        if stream.below(2) == 0 {
            child.email = email(stream, &child);
        }
        child
    }

    pub(super) fn move_house(&mut self, stream: &mut Stream) {
        self.house = 1 + stream.below(2_900);
        self.street = pools::street(stream);
        self.town = pools::town(stream);
        self.unit = if stream.below(5) == 0 {
            (1 + stream.below(40)).to_string()
        } else {
            String::new()
        };
    }

    pub(super) fn new_phone(&mut self, stream: &mut Stream) {
        self.phone = phone(stream);
    }

    pub(super) fn new_email(&mut self, stream: &mut Stream) {
        self.email = email(stream, &self.clone());
    }

    pub(super) fn marry(&mut self, stream: &mut Stream) {
        let other = pools::family(stream);
        self.family = if stream.below(4) == 0 {
            format!("{}-{other}", self.family)
        } else {
            other
        };
    }

    /// What people call this person, if that is something else.
    pub(super) fn shorten(&mut self) -> bool {
        let found = pools::SHORT.iter().find(|(long, _)| *long == self.given);
        if let Some((_, short)) = found {
            (*short).clone_into(&mut self.given);
        }
        found.is_some()
    }

    pub(super) fn swap_date(&mut self) -> bool {
        let (year, month, day) = self.born;
        let can = day <= 12 && day != month;
        if can {
            self.born = (year, day, month);
        }
        can
    }

    /// One digit of the date is wrong, and the day exists.
    pub(super) fn slip_date(&mut self, stream: &mut Stream) {
        let (year, month, day) = self.born;
        self.born = match stream.below(3) {
            0 if year % 10 < 9 => (year + 1, month, day),
            1 if day % 10 < 8 && day < 27 => (year, month, day + 1),
            1 => (year, month, day - 1),
            _ => (year - 1, month, day),
        };
    }

    /// The row's cells, as one of the two systems writes them.
    pub(super) fn cells(&self, id: &str, hand: Hand) -> [String; 13] {
        let (long, short) = pools::KINDS[self.street.1];
        let kind = if hand.short { short } else { long };
        let mut line = format!("{} {} {kind}", self.house, self.street.0);
        if !self.unit.is_empty() {
            line.push_str(if hand.short { " #" } else { " Apt " });
            line.push_str(&self.unit);
        }
        if self.house == 0 {
            line.clear();
        }
        let born = match self.born {
            (0, _, _) => String::new(),
            (year, month, day) => format!("{year:04}-{month:02}-{day:02}"),
        };
        let phone = match (self.phone.len(), hand.short) {
            (10, true) => {
                let (area, rest) = self.phone.split_at(3);
                format!("({area}) {}-{}", &rest[..3], &rest[3..])
            }
            _ => self.phone.clone(),
        };
        let gender = match (self.woman, hand.short) {
            (true, true) => "F",
            (true, false) => "female",
            (false, true) => "M",
            (false, false) => "male",
        };
        let cased = |text: &str| {
            if hand.upper {
                text.to_uppercase()
            } else {
                text.to_owned()
            }
        };
        [
            id.to_owned(),
            self.member_id.clone(),
            cased(&self.given),
            cased(&self.family),
            self.suffix.clone(),
            born,
            gender.to_owned(),
            cased(&line),
            cased(&self.town.0),
            self.town.1.clone(),
            self.town.2.clone(),
            phone,
            self.email.clone(),
        ]
    }
}

/// How a system writes.
#[derive(Clone, Copy)]
pub(super) struct Hand {
    pub(super) upper: bool,
    pub(super) short: bool,
}

/// One slip of the pen in a word: a letter too many, too few, another one, or two in the wrong order. The first
/// letter mostly stays.
pub(super) fn slip(stream: &mut Stream, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return word.to_owned();
    }
    let first = usize::from(stream.below(12) != 0);
    let bound = u64::try_from(letters.len() - first).unwrap_or(1);
    let at = first + usize::try_from(stream.below(bound)).unwrap_or(0);
    let letter = char::from(b'a' + u8::try_from(stream.below(26)).unwrap_or(0));
    match stream.below(4) {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 => letters.insert(at, letter),
        2 => {
            letters.remove(at);
        }
        _ => letters[at] = letter,
    }
    letters.into_iter().collect()
}

fn born(stream: &mut Stream, from: u16, years: u64) -> (u16, u8, u8) {
    let year = from + u16::try_from(stream.below(years)).unwrap_or(0);
    let small = |number: u64| u8::try_from(number).unwrap_or(1);
    (
        year,
        small(1 + stream.below(12)),
        small(1 + stream.below(28)),
    )
}

fn phone(stream: &mut Stream) -> String {
    let area = 201 + stream.below(700);
    format!("{area}555{:04}", stream.below(10_000))
}

fn email(stream: &mut Stream, person: &Invented) -> String {
    if stream.below(4) == 0 {
        return String::new();
    }
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let (given, family) = (plain(&person.given), plain(&person.family));
    let host = *stream.pick(&["mail.example", "post.example", "inbox.example"]);
    match stream.below(3) {
        0 => format!("{given}.{family}@{host}"),
        1 => format!("{given}{}@{host}", stream.below(10_000)),
        _ => format!("{}{family}{}@{host}", &given[..1], stream.below(100)),
    }
}
