//! A TOML table with spans: the reader takes every key by name, and a key that was not taken is a mistake.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::complaint::{Complaints, known_words};

/// The file being read, with what is wrong with it so far.
pub struct Source<'a> {
    /// What it is called in messages.
    pub path: &'a str,
    /// What stands in it.
    pub text: &'a str,
    /// The mistakes that were found.
    pub complaints: RefCell<Complaints>,
}

impl Source<'_> {
    /// Notes a mistake at that place.
    pub fn complain(&self, span: &Range<usize>, what: impl Into<String>, help: impl Into<String>) {
        let place = format!("{}:{}", self.path, self.line(span));
        self.complaints.borrow_mut().add(place, what, help);
    }

    /// The line on which a place begins, counted from 1.
    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// Reads the text of the file at `path`, which may have `bytes_max` bytes; `act` gets the table of the whole file.
///
/// # Errors
/// Every mistake of the file: of its size, of its syntax, or those that `act` noted.
pub fn parse<T>(
    path: &str,
    text: &str,
    bytes_max: usize,
    act: impl FnOnce(&Table<'_>) -> Option<T>,
) -> Result<T, Complaints> {
    let source = Source {
        path,
        text,
        complaints: RefCell::default(),
    };
    if text.len() > bytes_max {
        let what = format!("the file has more than {bytes_max} bytes");
        source.complain(&(0..0), what, "write less into it");
        return Err(source.complaints.into_inner());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut lines = BTreeSet::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        if lines.insert(source.line(&span)) {
            let what = format!("not TOML: {}", error.message());
            source.complain(&span, what, "mend the syntax (https://toml.io)");
        }
    }
    let read = if errors.is_empty() {
        act(&Table::new(&source, root.get_ref(), 0..0, "the file"))
    } else {
        None
    };
    let complaints = source.complaints.into_inner();
    match read {
        Some(read) if complaints.is_empty() => Ok(read),
        _ => Err(complaints),
    }
}

/// One table.
pub struct Table<'a> {
    /// The file it stands in.
    pub source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    /// Where it stands.
    pub span: Range<usize>,
    name: String,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Table<'a> {
    /// The table that stands at `span` and is called `name` in messages.
    pub fn new(
        source: &'a Source<'a>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            source,
            table,
            span,
            name: name.into(),
            asked: RefCell::default(),
        }
    }

    /// Notes a mistake at that place of the file.
    pub fn complain(&self, span: &Range<usize>, what: impl Into<String>, help: impl Into<String>) {
        self.source.complain(span, what, help);
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table.get(key)
    }

    fn missing(&self, key: &str, example: &str) {
        let what = format!("{} has no `{key}`", self.name);
        self.complain(&self.span, what, format!("add {example}"));
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let what = format!("`{key}` in {} is not {wanted}", self.name);
        self.complain(&value.span(), what, format!("write {wanted}"));
    }

    /// A string that must be there.
    pub fn text(&self, key: &str, example: &str) -> Option<(&'a str, Range<usize>)> {
        let Some(value) = self.get(key) else {
            self.missing(key, example);
            return None;
        };
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(key, value, "a string with something in it");
        }
        Some((text?, value.span()))
    }

    /// A number that must be there.
    pub fn number(&self, key: &str, example: &str) -> Option<(f64, Range<usize>)> {
        let Some(value) = self.get(key) else {
            self.missing(key, example);
            return None;
        };
        let digits = match value.get_ref() {
            DeValue::Float(float) => Some(float.as_str().replace('_', "")),
            DeValue::Integer(integer) if integer.radix() == 10 => {
                Some(integer.as_str().replace('_', ""))
            }
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let number = digits.and_then(|digits| digits.parse::<f64>().ok());
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.wrong(key, value, "a number");
        }
        Some((number?, value.span()))
    }

    /// A string that may be left out.
    pub fn optional_text(&self, key: &str) -> Option<(&'a str, Range<usize>)> {
        if self.has(key) {
            self.text(key, "")
        } else {
            None
        }
    }

    /// A whole number within `range` that may be left out.
    pub fn count(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let integer = value.get_ref().as_integer();
        let digits = integer.filter(|integer| integer.radix() == 10);
        let number = digits.and_then(|digits| digits.as_str().replace('_', "").parse().ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(key, value, &wanted);
        }
        number
    }

    /// Whether the key stands there; counts as asked for.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A table; `need` makes a mistake of its absence.
    pub fn table(&self, key: &str, name: &str, need: bool) -> Option<Table<'a>> {
        let Some(value) = self.get(key) else {
            if need {
                self.missing(key, name);
            }
            return None;
        };
        if let Some(table) = value.get_ref().as_table() {
            return Some(Table::new(self.source, table, value.span(), name));
        }
        self.wrong(key, value, "a table");
        None
    }

    /// The tables `[[key]]`, none when there are none.
    pub fn tables(&self, key: &str) -> Vec<Table<'a>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let name = format!("[[{key}]]");
        let list = self.array(key, value, &format!("a list of tables, {name}"));
        let mut tables = Vec::new();
        for item in list.into_iter().flat_map(|list| list.iter()) {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table::new(self.source, table, item.span(), &name)),
                None => self.wrong(key, item, "a table"),
            }
        }
        tables
    }

    /// A list of strings with their places.
    pub fn words(&self, key: &str) -> Vec<(&'a str, Range<usize>)> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let list = self.array(key, value, "a list of strings");
        let mut words = Vec::new();
        for item in list.into_iter().flat_map(|list| list.iter()) {
            match item.get_ref().as_str() {
                Some(word) => words.push((word, item.span())),
                None => self.wrong(key, item, "a string"),
            }
        }
        words
    }

    fn array(
        &self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        wanted: &str,
    ) -> Option<&'a DeArray<'a>> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.wrong(key, value, wanted);
        }
        list
    }

    /// The keys as written, with their places.
    pub fn keys(&self) -> Vec<(&'a str, Range<usize>)> {
        self.table
            .keys()
            .map(|key| (key.get_ref().as_ref(), key.span()))
            .collect()
    }

    /// Reports every key that was not taken.
    pub fn close(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for (key, span) in self.keys() {
            if !asked.contains(key) {
                let what = format!("{} has no key `{key}`", self.name);
                self.complain(&span, what, known_words(key, &known));
            }
        }
    }
}
