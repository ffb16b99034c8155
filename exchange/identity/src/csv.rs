//! Reads a file of people and names every mistake at once, with its row; writes people and pairs.
//!
//! Row 1 is the header, as a spreadsheet counts. What stands in a cell is never part of a message.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use chrono::NaiveDate;
use exchange_kit::mistakes::{Complaints, nearest};

use super::date::BadDate;
use super::names;
use super::normalise;
use super::person::Person;
use super::record::as_index;
use super::record::{CELL_BYTES_MAX, COHORT, COLUMNS, Written};

/// Largest file, in bytes; a larger one is refused before it is read.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most people in a file; more are refused.
pub const ROWS_MAX: usize = 1_000_000;
/// Longest row, in bytes: a quote that is never closed swallows the rest of a file.
pub const ROW_BYTES_MAX: u64 = 64 * 1024;
/// A first row with fewer known columns is no header.
const HEADER_COLUMNS_MIN: usize = 4;
/// Most different cohorts in a file; more are counted as `other`.
pub const COHORTS_MAX: usize = 50;
/// A first word of a given name that stands in so many rows of both files is a name in use.
const IN_USE_ROWS_MIN: usize = 4;
/// And in one of so many rows, for large files, where the same slip happens more than once.
const IN_USE_ROWS_SHARE: usize = 10_000;

/// One record of a file.
pub struct Record {
    /// How the file calls it.
    pub id: Box<str>,
    /// Place in [`Table::cohorts`].
    pub cohort: u8,
    /// Who it is.
    pub person: Person,
}

/// A file of people.
pub struct Table {
    /// In the order of the file.
    pub records: Vec<Record>,
    /// What records are counted under.
    pub cohorts: Vec<String>,
    /// Days of birth that were left out because they do not exist.
    pub dates_left_out: usize,
}

/// What to do with a day of birth that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDates {
    /// The file is refused.
    Refuse,
    /// The cell counts as empty, and is counted.
    Empty,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It cannot be opened or read.
    #[error("could not read {path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that cannot be.
    #[error(transparent)]
    Wrong(#[from] Complaints),
}

/// Reads the file at `path`, as of `today` in UTC: it decides who is an infant.
///
/// # Errors
/// When the file cannot be read, or with every mistake in it.
pub fn read(path: &Path, bad_dates: BadDates, today: NaiveDate) -> Result<Table, Unreadable> {
    let shown = path.display().to_string();
    let unreadable = |source| Unreadable::File {
        path: shown.clone(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.is_dir() {
        let source = std::io::Error::other("it is a folder");
        return Err(unreadable(source));
    }
    if about.len() > FILE_BYTES_MAX {
        let mut complaints = Complaints::default();
        let what = format!("the file has more than {FILE_BYTES_MAX} bytes");
        complaints.add(&shown, what, "match it in parts");
        return Err(complaints.into());
    }
    from_reader(&shown, file, bad_dates, today)
}

/// Reads people from `input`, which messages call `path`.
///
/// # Errors
/// When `input` cannot be read, or with every mistake in it.
pub fn from_reader(
    path: &str,
    input: impl std::io::Read,
    bad_dates: BadDates,
    today: NaiveDate,
) -> Result<Table, Unreadable> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(input);
    let mut loading = Loading {
        path,
        bad_dates,
        today,
        complaints: Complaints::default(),
        places: Vec::new(),
        cohort_place: None,
        width: 0,
        rows: Vec::new(),
        table: Table {
            records: Vec::new(),
            cohorts: vec!["all".to_owned()],
            dates_left_out: 0,
        },
    };
    let mut cells = ::csv::ByteRecord::new();
    let mut row = 0;
    let mut before = 0;
    loop {
        match reader.read_byte_record(&mut cells) {
            Ok(true) => row += 1,
            Ok(false) => break,
            Err(error) => {
                let source = std::io::Error::other(error.to_string());
                return Err(Unreadable::File {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let after = reader.position().byte();
        let length = after.saturating_sub(before);
        before = after;
        if length > ROW_BYTES_MAX {
            let what = format!("the row has more than {ROW_BYTES_MAX} bytes");
            loading.complain(row, what, "close the quote that was opened in it");
            break;
        }
        let goes_on = if row == 1 {
            loading.header(&cells)
        } else {
            loading.row(row, &cells)
        };
        if !goes_on {
            break;
        }
    }
    if row == 0 {
        let header = COLUMNS.join(",");
        loading.complain(1, "the file is empty", &format!("begin it with: {header}"));
    }
    loading.finish()
}

struct Loading<'a> {
    path: &'a str,
    bad_dates: BadDates,
    today: NaiveDate,
    complaints: Complaints,
    /// Place in a row of each of [`COLUMNS`].
    places: Vec<usize>,
    cohort_place: Option<usize>,
    width: usize,
    /// Row of each record: rows can be skipped.
    rows: Vec<u32>,
    table: Table,
}

impl Loading<'_> {
    fn complain(&mut self, row: usize, what: impl Into<String>, help: &str) {
        let place = format!("{}: row {row}", self.path);
        self.complaints.add(place, what, help);
    }

    /// Where each column stands; false when the rest cannot be read.
    fn header(&mut self, cells: &::csv::ByteRecord) -> bool {
        let names: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(place, cell)| {
                let cell = if place == 0 {
                    cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell)
                } else {
                    cell
                };
                String::from_utf8_lossy(cell).trim().to_ascii_lowercase()
            })
            .collect();
        self.width = names.len();
        let known = names.iter().filter(|name| COLUMNS.contains(&name.as_str()));
        if known.count() < HEADER_COLUMNS_MIN {
            // Perhaps it is a person: nothing of it is repeated.
            let help = format!(
                "begin the file with: {} (with commas between)",
                COLUMNS.join(",")
            );
            self.complain(1, "row 1 is not the header", &help);
            return false;
        }
        for column in COLUMNS {
            let mut at = names.iter().enumerate().filter(|(_, name)| *name == column);
            match (at.next(), at.next()) {
                (Some((place, _)), None) => self.places.push(place),
                (Some(_), Some(_)) => {
                    let what = format!("the column `{column}` stands twice");
                    self.complain(1, what, "leave one of them out");
                }
                (None, _) => {
                    let unknown: Vec<&str> = names
                        .iter()
                        .map(String::as_str)
                        .filter(|name| !COLUMNS.contains(name) && !name.is_empty())
                        .collect();
                    let near = nearest(column, unknown);
                    let help = match near {
                        Some(near) => format!("call the column {near:?} `{column}`"),
                        None => format!("add `{column}` to the header; its cells may be empty"),
                    };
                    self.complain(1, format!("the column `{column}` is missing"), &help);
                }
            }
        }
        self.cohort_place = names.iter().position(|name| name == COHORT);
        self.complaints.is_empty()
    }

    fn row(&mut self, row: usize, cells: &::csv::ByteRecord) -> bool {
        if cells.len() != self.width {
            let (found, wanted) = (cells.len(), self.width);
            let what = format!("the row has {found} cells, the header {wanted}");
            self.complain(row, what, "put cells with a comma in them into quotes");
            return true;
        }
        if self.table.records.len() == ROWS_MAX {
            let what = format!("the file has more than {ROWS_MAX} people");
            self.complain(row, what, "match it in parts");
            return false;
        }
        let Some((written, cohort)) = self.written(row, cells) else {
            return true;
        };
        if written.id.is_empty() {
            self.complain(
                row,
                "the cell of `id` is empty",
                "give every row an id of its own",
            );
            return true;
        }
        let Some(person) = self.person(row, written.clone()) else {
            return true;
        };
        let cohort = self.cohort(&cohort);
        self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        self.table.records.push(Record {
            id: written.id.into(),
            cohort,
            person,
        });
        true
    }

    fn written(&mut self, row: usize, cells: &::csv::ByteRecord) -> Option<(Written, String)> {
        let mut written = Written::default();
        let mut whole = true;
        for (column, name) in COLUMNS.iter().enumerate() {
            let cell = cells.get(self.places[column]).unwrap_or_default();
            match text(cell) {
                Ok(text) => {
                    if let Some(place) = written.cell_mut(column) {
                        text.clone_into(place);
                    }
                }
                Err((what, help)) => {
                    self.complain(row, format!("the cell of `{name}` {what}"), help);
                    whole = false;
                }
            }
        }
        let cohort = self.cohort_place.and_then(|place| cells.get(place));
        let cohort = String::from_utf8_lossy(cohort.unwrap_or_default());
        whole.then(|| (written, cohort.trim().to_owned()))
    }

    fn person(&mut self, row: usize, mut written: Written) -> Option<Person> {
        match normalise::person(&written, self.today) {
            Ok(person) => Some(person),
            Err(_) if self.bad_dates == BadDates::Empty => {
                self.table.dates_left_out += 1;
                written.birth_date.clear();
                normalise::person(&written, self.today).ok()
            }
            Err(error) => {
                let help = match error {
                    BadDate::Notation => "write it as 1980-12-31, or leave the cell empty",
                    BadDate::NoSuchDay | BadDate::Year => {
                        "correct the cell or leave it empty; --bad-dates empty does so for all rows"
                    }
                };
                self.complain(row, format!("the cell of `birth_date` {error}"), help);
                None
            }
        }
    }

    fn cohort(&mut self, cohort: &str) -> u8 {
        if cohort.is_empty() {
            return 0;
        }
        let cohorts = &mut self.table.cohorts;
        let known = cohorts.iter().position(|one| one == cohort);
        let place = known.unwrap_or_else(|| {
            let name = if cohorts.len() < COHORTS_MAX {
                cohort
            } else {
                "other"
            };
            if cohorts.last().is_none_or(|last| last != name) {
                cohorts.push(name.to_owned());
            }
            cohorts.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }

    fn finish(mut self) -> Result<Table, Unreadable> {
        let records = &self.table.records;
        let mut order: Vec<u32> = (0..).take(records.len()).collect();
        let id = |place: u32| &records[as_index(place)].id;
        order.sort_unstable_by(|a, b| id(*a).cmp(id(*b)).then(a.cmp(b)));
        let mut twice: Vec<(u32, u32)> = order
            .windows(2)
            .filter(|pair| id(pair[0]) == id(pair[1]))
            .map(|pair| (self.rows[as_index(pair[1])], self.rows[as_index(pair[0])]))
            .collect();
        twice.sort_unstable();
        for (row, first) in twice {
            let what = format!("the id stands in row {first} already");
            self.complain(as_index(row), what, "give every row an id of its own");
        }
        if self.complaints.is_empty() {
            Ok(self.table)
        } else {
            Err(self.complaints.into())
        }
    }
}

fn text(cell: &[u8]) -> Result<&str, (&'static str, &'static str)> {
    if cell.len() > CELL_BYTES_MAX {
        return Err((
            "is longer than 1024 bytes",
            "shorten it, or close a quote before it",
        ));
    }
    match std::str::from_utf8(cell) {
        Ok(text) => Ok(text.trim()),
        Err(_) => Err(("is not UTF-8", "save the file as UTF-8")),
    }
}

/// Marks given names that stand in many rows of both files as names in use.
pub fn mark_names_in_use(left: &mut Table, right: &mut Table) {
    let rows = left.records.len() + right.records.len();
    let least = IN_USE_ROWS_MIN.max(rows / IN_USE_ROWS_SHARE);
    let mut firsts: Vec<Box<str>> = [&*left, &*right]
        .iter()
        .flat_map(|table| table.records.iter())
        .map(|record| record.person.given.first())
        .filter(|first| first.len() > 1 && !names::is_in_use(first))
        .map(Into::into)
        .collect();
    firsts.sort_unstable();
    let common: Vec<&str> = firsts
        .chunk_by(|a, b| a == b)
        .filter(|rows| rows.len() >= least)
        .map(|rows| &*rows[0])
        .collect();
    for record in left.records.iter_mut().chain(&mut right.records) {
        let given = &mut record.person.given;
        let is_common = common.binary_search(&given.first()).is_ok();
        given.in_use |= is_common;
        if let Some(marked) = &mut record.person.marked {
            marked.given.in_use |= is_common;
        }
    }
}

/// Writes a row of cells, quoted where needed.
pub fn write_row<'a>(
    out: &mut ::csv::Writer<impl Write>,
    cells: impl IntoIterator<Item = &'a str>,
) -> std::io::Result<()> {
    out.write_record(cells).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "id,member_id,given,family,suffix,birth_date,gender,line,city,state,postal_code,phone,email";

    fn load(text: &[u8]) -> Result<Table, String> {
        from_reader("a.csv", text, BadDates::Refuse, NaiveDate::MAX)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_file_in_any_order_of_columns() {
        let text = "\u{feff}Family,ID,member_id,given,suffix,birth_date,gender,line,city,state,postal_code,phone,email,extra,cohort\r\n\
                    Underhay,7,,\"Mary, Ann\",,1980-01-02,f,,,,,,,x,dual\r\n";
        let table = load(text.as_bytes()).unwrap();
        assert_eq!(&*table.records[0].id, "7");
        assert_eq!(&*table.records[0].person.given.whole, "mary ann");
        assert_eq!(table.cohorts[usize::from(table.records[0].cohort)], "dual");
    }

    #[test]
    fn every_mistake_has_its_row_and_cure_and_no_cell() {
        let row = |id: &str, birth: &str| format!("{id},,Zebedee,Quux,,{birth},,,,,,,\n");
        let text = format!(
            "{HEADER}\n{}{}{}{}1,2\n{}",
            row("1", "1980-02-30"),
            row("2", "1980-01-01"),
            row("2", "1980-01-01"),
            row("", "1980-01-01"),
            row("5", "someday"),
        );
        let complaint = load(text.as_bytes()).err().unwrap();
        for wanted in [
            "a.csv: row 2: the cell of `birth_date` is a day that does not exist\n  fix: correct",
            "a.csv: row 4: the id stands in row 3 already\n  fix: give",
            "a.csv: row 5: the cell of `id` is empty",
            "a.csv: row 6: the row has 2 cells, the header 13",
            "a.csv: row 7: the cell of `birth_date` is not written as a date",
        ] {
            assert!(complaint.contains(wanted), "{complaint}");
        }
        assert!(
            !complaint.contains("1980-02") && !complaint.contains("someday"),
            "{complaint}"
        );
        assert!(!complaint.contains("Zebedee"), "{complaint}");
    }

    #[test]
    fn headers() {
        for (header, wanted) in [
            (
                HEADER.replace("birth_date", "birthdate"),
                "call the column \"birthdate\" `birth_date`",
            ),
            (
                HEADER.replace(",phone", ""),
                "the column `phone` is missing\n  fix: add `phone`",
            ),
            (format!("{HEADER},id"), "the column `id` stands twice"),
            (
                "1,,Emily,Quux,,1980-01-01,,,,,,,".to_owned(),
                "row 1 is not the header\n  fix: begin the file with: id,member_id",
            ),
            (
                String::new(),
                "the file is empty\n  fix: begin it with: id,member_id",
            ),
        ] {
            let complaint = load(header.as_bytes()).err().unwrap();
            assert!(complaint.contains(wanted), "{complaint}");
            assert!(complaint.contains("a.csv: row 1"), "{complaint}");
        }
    }

    #[test]
    fn hostile_files() {
        let open_quote = format!("{HEADER}\n1,\"{}", "x,\n".repeat(40_000));
        assert!(
            load(open_quote.as_bytes())
                .err()
                .unwrap()
                .contains("row 2: the row has more than 65536 bytes")
        );
        let long = format!("{HEADER}\n1,,{},,,,,,,,,,\n", "x".repeat(2_000));
        assert!(
            load(long.as_bytes())
                .err()
                .unwrap()
                .contains("`given` is longer than")
        );
        let latin = [HEADER.as_bytes(), b"\n1,,Ren\xe9e,,,,,,,,,,\n"].concat();
        assert!(
            load(&latin)
                .err()
                .unwrap()
                .contains("row 2: the cell of `given` is not UTF-8")
        );
    }

    #[test]
    fn days_that_do_not_exist_can_be_left_out() {
        let text = format!("{HEADER}\n1,,A,B,,1980-02-30,,,,,,,\n");
        let table = from_reader("a.csv", text.as_bytes(), BadDates::Empty, NaiveDate::MAX)
            .unwrap_or_else(|_| panic!("refused"));
        assert_eq!(table.dates_left_out, 1);
        assert!(table.records[0].person.birth.is_none());
    }

    #[test]
    fn names_of_many_rows_are_in_use() {
        let rows = |first: &str, count: usize| -> String {
            (0..count)
                .map(|n| format!("{first}{n},,{first},B,,,,,,,,,\n"))
                .collect()
        };
        let text = format!("{HEADER}\n{}{}", rows("Zebedee", 4), rows("Zebdee", 1));
        let mut left = load(text.as_bytes()).unwrap();
        let mut right = load(HEADER.as_bytes()).unwrap();
        mark_names_in_use(&mut left, &mut right);
        let in_use: Vec<bool> = left.records.iter().map(|r| r.person.given.in_use).collect();
        assert_eq!(in_use, [true, true, true, true, false]);
    }
}
