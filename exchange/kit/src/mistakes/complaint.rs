//! A mistake in a file: where, what, and how to mend it. Never says what stands in a cell.

use std::fmt;

/// Most mistakes of one file that are listed; the rest are counted.
pub const COMPLAINTS_MAX: usize = 50;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// File and line or row.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  fix: {}", self.place, self.what, self.help)
    }
}

/// Every mistake of one or more files.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Complaints {
    list: Vec<Complaint>,
    more: usize,
}

impl Complaints {
    /// Notes a mistake; above [`COMPLAINTS_MAX`] it is counted only.
    pub fn add(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.list.len() == COMPLAINTS_MAX {
            self.more += 1;
            return;
        }
        self.list.push(Complaint {
            place: place.into(),
            what: what.into(),
            help: help.into(),
        });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that are listed.
    pub fn list(&self) -> &[Complaint] {
        &self.list
    }

    /// Takes in another file's.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        self.more += other.more;
    }
}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{complaint}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more of the kind", self.more)?;
        }
        Ok(())
    }
}

/// The known word that is nearest to `word`, when one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"? known are …`.
pub fn known_words(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}? known are {list}"),
        None => format!("known are {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted() {
        let mut complaints = Complaints::default();
        for row in 0..60 {
            complaints.add(format!("a.csv: row {row}"), "wrong", "right");
        }
        let text = complaints.to_string();
        assert!(text.starts_with("a.csv: row 0: wrong\n  fix: right\na.csv: row 1"));
        assert!(text.ends_with("and 10 more of the kind"), "{text}");
    }

    #[test]
    fn near_words() {
        assert_eq!(
            nearest("birthdate", ["birth_date", "phone"]),
            Some("birth_date")
        );
        assert_eq!(nearest("colour", ["birth_date", "phone"]), None);
    }
}
