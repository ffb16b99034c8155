//! Blocking: which pairs are compared at all. Each record has a few keys; two records meet when they share one.
//!
//! The keys are chosen so that no single slip keeps two records of one person apart: a wrong digit of the birth
//! date leaves three keys of the date's other parts, a wrong name leaves the date, the telephone, the house.
//! A block that is too large is left out and counted: its records meet in their other blocks.

use super::person::Person;
use super::record::as_index;

/// Most records of the right file in one block; a larger block is left out and counted.
pub const BLOCK_RECORDS_MAX: usize = 500;
/// Most records of the right file that one record is compared with; the rest is counted.
pub const COMPARED_MAX: usize = 4_000;
/// Most keys of one record.
const KEYS_MAX: usize = 11;
/// Bits of a key that pick its bucket.
const BUCKET_BITS: u32 = 16;

/// The keys of one record.
#[derive(Default)]
pub(super) struct Keys {
    list: [u64; KEYS_MAX],
    count: usize,
}

impl Keys {
    fn add(&mut self, pass: u64, parts: &[&[u8]]) {
        // FNV-1a with a separator, then a mix so that the upper bits pick buckets evenly.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ pass;
        for part in parts {
            for byte in part.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        hash = (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(free) = self.list.get_mut(self.count) {
            *free = hash ^ (hash >> 29);
            self.count += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.list.iter().take(self.count).copied()
    }
}

/// The keys of a person, each of another kind.
pub(super) fn keys(person: &Person) -> Keys {
    let mut keys = Keys::default();
    let given = sound(person.given.first());
    let family = sound(&person.family.solid);
    let named = !person.given.is_missing();
    let housed = !person.family.is_missing();
    if let Some(birth) = person.birth {
        let (year, month, day) = (birth.year.to_le_bytes(), birth.month, birth.day);
        if month > 0 && day > 0 {
            // Day and month in order of size: 03-12 and 12-03 meet.
            keys.add(1, &[&year, &[month.min(day)], &[month.max(day)]]);
        }
        if named {
            keys.add(2, &[&year, &[month], &given]);
            keys.add(3, &[&year, &[day], &given]);
        }
        if housed {
            keys.add(4, &[&[month], &[day], &family]);
            keys.add(5, &[&year, &[month], &family]);
        }
    }
    if named && housed {
        // In order of size: swapped names meet.
        keys.add(
            6,
            &[given.min(family).as_slice(), given.max(family).as_slice()],
        );
    }
    if person.phone > 0 {
        keys.add(7, &[&(person.phone % 10_000_000).to_le_bytes()]);
    }
    if !person.email.is_empty() {
        let mailbox = person.email.split('@').next().unwrap_or_default();
        keys.add(8, &[mailbox.as_bytes()]);
    }
    if !person.member_id.is_empty() {
        keys.add(9, &[person.member_id.as_bytes()]);
    }
    if !person.line.street.is_empty() {
        let street = sound(&person.line.street);
        let area = person.place.zip.as_bytes().get(..3).unwrap_or_default();
        keys.add(10, &[person.line.house.as_bytes(), &street, area]);
    }
    if housed && !person.place.zip.is_empty() {
        let initial = person.given.solid.as_bytes().get(..1).unwrap_or_default();
        keys.add(11, &[person.place.zip.as_bytes(), &family, initial]);
    }
    keys
}

/// How a word sounds: its first letter and three classes of consonants (Soundex; Russell 1918).
/// Letters outside a-z stand for themselves.
pub(super) fn sound(word: &str) -> [u8; 4] {
    let mut code = [b'0'; 4];
    let mut filled = 0;
    let mut last = 0;
    for byte in word.bytes().filter(|byte| *byte != b' ') {
        let class = match byte {
            b'b' | b'f' | b'p' | b'v' => b'1',
            b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => b'2',
            b'd' | b't' => b'3',
            b'l' => b'4',
            b'm' | b'n' => b'5',
            b'r' => b'6',
            // h and w do not part two letters of one class.
            b'h' | b'w' => last,
            b'a'..=b'z' => 0,
            other => other,
        };
        let is_new = filled == 0 || (class != 0 && class != last);
        if is_new {
            code[filled] = if filled == 0 { byte } else { class };
            filled += 1;
        }
        last = class;
        if filled == code.len() {
            break;
        }
    }
    code
}

/// What blocking left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Blocks of the right file that are too large.
    pub blocks: u64,
    /// Records of the left file that would have met such a block.
    pub records: u64,
    /// Records of the left file that met no block at all because of that.
    pub alone: u64,
    /// Records of the left file with more than [`COMPARED_MAX`] others to compare with.
    pub crowded: u64,
}

impl LeftOut {
    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.records += other.records;
        self.alone += other.alone;
        self.crowded += other.crowded;
    }
}

/// The right file by key.
pub struct Index {
    /// Key and record, sorted.
    entries: Vec<(u64, u32)>,
    /// Where the keys of each bucket begin.
    buckets: Vec<u32>,
    /// Blocks that are too large.
    pub too_large: u64,
}

impl Index {
    /// Indexes people in order.
    pub fn of<'a>(people: impl Iterator<Item = &'a Person>) -> Self {
        let mut entries: Vec<(u64, u32)> = Vec::new();
        for (place, person) in (0_u32..).zip(people) {
            entries.extend(keys(person).iter().map(|key| (key, place)));
        }
        entries.sort_unstable();
        entries.dedup();
        let blocks = entries.chunk_by(|a, b| a.0 == b.0);
        let too_large = blocks
            .filter(|block| block.len() > BLOCK_RECORDS_MAX)
            .count();
        let mut buckets = Vec::with_capacity((1 << BUCKET_BITS) + 1);
        for bucket in 0..=(1_u64 << BUCKET_BITS) {
            let begins = entries.partition_point(|(key, _)| key >> (64 - BUCKET_BITS) < bucket);
            buckets.push(u32::try_from(begins).unwrap_or(u32::MAX));
        }
        Self {
            entries,
            buckets,
            too_large: u64::try_from(too_large).unwrap_or(u64::MAX),
        }
    }

    fn block(&self, key: u64) -> &[(u64, u32)] {
        let bucket = usize::try_from(key >> (64 - BUCKET_BITS)).unwrap_or(0);
        let (from, to) = (self.buckets[bucket], self.buckets[bucket + 1]);
        let bucket = &self.entries[as_index(from)..as_index(to)];
        let begins = bucket.partition_point(|(other, _)| *other < key);
        let length = bucket[begins..].partition_point(|(other, _)| *other == key);
        &bucket[begins..begins + length]
    }

    /// Puts into `found` everybody whom `person` is to be compared with, each once, in order.
    pub fn meet(&self, person: &Person, found: &mut Vec<u32>, left_out: &mut LeftOut) {
        found.clear();
        let mut skipped = false;
        for key in keys(person).iter() {
            let block = self.block(key);
            if block.len() > BLOCK_RECORDS_MAX {
                skipped = true;
            } else {
                found.extend(block.iter().map(|(_, place)| *place));
            }
        }
        found.sort_unstable();
        found.dedup();
        left_out.records += u64::from(skipped);
        left_out.alone += u64::from(skipped && found.is_empty());
        left_out.crowded += u64::from(found.len() > COMPARED_MAX);
        found.truncate(COMPARED_MAX);
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::normalise;
    use crate::record::Written;

    fn person(given: &str, family: &str, birth: &str, line: &str, phone: &str) -> Person {
        let written = Written {
            given: given.into(),
            family: family.into(),
            birth_date: birth.into(),
            line: line.into(),
            phone: phone.into(),
            ..Written::default()
        };
        normalise::person(&written, NaiveDate::MAX).unwrap()
    }

    #[test]
    fn sounds() {
        for (word, wanted) in [
            ("robert", "r163"),
            ("rupert", "r163"),
            ("ashcraft", "a261"),
            ("tymczak", "t522"),
            ("lee", "l000"),
        ] {
            assert_eq!(std::str::from_utf8(&sound(word)).unwrap(), wanted);
        }
    }

    #[test]
    fn one_slip_does_not_keep_two_records_apart() {
        let base = person(
            "Thomas",
            "Underhay",
            "1980-03-12",
            "12 Elm St",
            "6145550100",
        );
        let index = Index::of([&base].into_iter());
        for (other, what) in [
            (
                person("Thomas", "Underhay", "1980-12-03", "", ""),
                "swapped date",
            ),
            (
                person("Thomas", "Underhay", "1981-03-12", "", ""),
                "wrong year",
            ),
            (
                person("Xhomas", "Vnderhay", "1980-03-12", "", ""),
                "both first letters",
            ),
            (person("Underhay", "Thomas", "", "", ""), "swapped names"),
            (
                person("Thomas", "Northcutt", "1980-03-21", "", ""),
                "new name, wrong day",
            ),
            (
                person("", "Northcutt", "", "", "330-555-0100"),
                "telephone of another area",
            ),
            (
                person("", "Northcutt", "", "12 Elm Street", ""),
                "the house",
            ),
        ] {
            let mut found = Vec::new();
            index.meet(&other, &mut found, &mut LeftOut::default());
            assert!(!found.is_empty(), "{what}");
        }
        let stranger = person("Edgar", "Quux", "1955-11-27", "99 Oak Rd", "2165559999");
        let mut found = Vec::new();
        index.meet(&stranger, &mut found, &mut LeftOut::default());
        assert!(found.is_empty());
    }

    #[test]
    fn a_block_that_is_too_large_is_counted() {
        let crowd = vec![person("", "", "1970-01-01", "", ""); BLOCK_RECORDS_MAX + 1];
        let index = Index::of(crowd.iter());
        assert_eq!(index.too_large, 1);
        let (mut found, mut left_out) = (Vec::new(), LeftOut::default());
        index.meet(&crowd[0], &mut found, &mut left_out);
        assert!(found.is_empty());
        assert_eq!((left_out.records, left_out.alone), (1, 1));
    }
}
