//! Reads a TOML file as its spanned tree, so that every mistake is found at once with its place.
//! The tree is the file as written; what the readers make of it is the file as meant.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, SourceFile, nearest};
use super::duration::parse_duration;
use crate::model::{Deprecated, DeprecatedKind, RawJson};

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One value for all, or one for each name.
pub(super) enum Each<T> {
    All(Spanned<T>),
    ByName(BTreeMap<String, Spanned<T>>),
}

/// A value as JSON could hold it.
pub(super) enum Leaf<'a> {
    /// A text.
    Text(&'a str),
    /// A number or a truth value.
    Fixed(RawJson),
    /// A list.
    List(Vec<Spanned<Leaf<'a>>>),
    /// A table.
    Table(Vec<(String, Spanned<Leaf<'a>>)>),
    /// What JSON has not: its kind with its article.
    Unknown(String),
}

/// One table being read; keys that no reader asked for are mistakes when it is closed.
pub(super) struct Table<'a> {
    pub(super) source: &'a Arc<SourceFile>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    /// How the table is called in messages, such as `[auth]`.
    name: String,
    asked: RefCell<BTreeSet<&'static str>>,
    diagnostics: &'a RefCell<Diagnostics>,
}

/// Parses a file and hands its root table to `read`. A file with syntax errors is not read: what
/// its half-understood rest would seem to say is not what the person wrote. Then the errors become
/// diagnostics, one a line, and there is no value.
pub(super) fn with_root<T>(
    source: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
    read: impl FnOnce(&Table<'_>) -> T,
) -> Option<T> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        let mut lines = BTreeSet::new();
        for error in errors {
            let start = error
                .span()
                .map_or(0, |span| span.start.min(source.text.len()));
            let line = source.text.as_bytes()[..start]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            if lines.insert(line) {
                let what = format!("not TOML: {}", error.message());
                diagnostics.add(
                    source,
                    error.span(),
                    what,
                    "mend the syntax (https://toml.io)",
                );
            }
        }
        return None;
    }
    let cell = RefCell::new(std::mem::take(diagnostics));
    let table = Table {
        source,
        table: root.get_ref(),
        span: 0..0,
        name: "the file".to_owned(),
        asked: RefCell::default(),
        diagnostics: &cell,
    };
    let value = read(&table);
    table.close();
    drop(table);
    *diagnostics = cell.into_inner();
    Some(value)
}

impl<'a> Table<'a> {
    /// The place of the table's head.
    pub(super) fn place(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes a mistake at a place.
    pub(super) fn report(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.diagnostics
            .borrow_mut()
            .add(self.source, Some(span), what, help);
    }

    /// Warns of something at a place that can still be read.
    pub(super) fn warn(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.diagnostics
            .borrow_mut()
            .warn(self.source, Some(span), message, help);
    }

    /// The current form of a word: of an old form the new one, with a warning.
    pub(super) fn current(&self, kind: DeprecatedKind, word: Spanned<&'a str>) -> Spanned<&'a str> {
        let Some(form) = Deprecated::find(kind, word.value) else {
            return word;
        };
        let message = format!("the {kind} \"{}\" is deprecated", form.old);
        let help = format!(
            "write \"{}\"; version {} no longer reads the old form",
            form.new, form.removed_in
        );
        self.warn(word.span.clone(), message, help);
        Spanned {
            value: form.new,
            span: word.span,
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a toml::Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.get(key)?;
        let taken = take(value.get_ref());
        if taken.is_none() {
            let what = format!("`{key}` is {}, not {wanted}", a_kind(value.get_ref()));
            self.report(value.span(), what, format!("write {wanted}"));
        }
        Some(Spanned {
            value: taken?,
            span: value.span(),
        })
    }

    /// Whether the key stands in the table.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// A string.
    pub(super) fn text(&self, key: &'static str) -> Option<Spanned<&'a str>> {
        self.typed(key, "a string", DeValue::as_str)
    }

    /// A string that must be there.
    pub(super) fn need_text(&self, key: &'static str, example: &str) -> Option<Spanned<&'a str>> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.text(key)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let what = format!("{} has no `{key}`", self.name);
        self.report(self.place(), what, format!("add {key} = {example}"));
    }

    /// Notes that a table is missing.
    pub(super) fn missing_table(&self, head: &str, content: &str) {
        let what = format!("{} has no `{head}`", self.name);
        self.report(self.place(), what, format!("add {head} with {content}"));
    }

    /// Whether a list stands there and has nothing in it.
    pub(super) fn is_empty_list(&self, key: &'static str) -> bool {
        let list = self.get(key).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|list| list.iter().next().is_none())
    }

    /// A truth value.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool)
            .map(|spanned| spanned.value)
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, key: &'static str, bounds: Range<u64>) -> Option<u64> {
        let spanned = self.typed(key, "a whole number", integer)?;
        let number = u64::try_from(spanned.value)
            .ok()
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            let what = format!("`{key}` is {}", spanned.value);
            let help = format!("write a number from {} to {}", bounds.start, bounds.end - 1);
            self.report(spanned.span, what, help);
        }
        number
    }

    /// A decimal number, as millionths of a hundredth: 99.95 is 999,500.
    pub(super) fn percent_ppm(&self, key: &'static str) -> Option<Spanned<Option<u32>>> {
        self.typed(key, "a percentage such as 99.5", |value| {
            let text = match (value.as_float(), value.as_integer()) {
                (Some(float), _) => float.as_str(),
                (None, Some(integer)) => integer.as_str(),
                (None, None) => return None,
            };
            let number: f64 = text.replace('_', "").parse().ok()?;
            let ppm = (number * 10_000.0).round();
            // Kept as text on the way, since a cast would bend what does not fit.
            Some(format!("{ppm:.0}").parse().ok())
        })
    }

    /// A duration such as `90s` or `1h30m`, above zero.
    pub(super) fn duration(&self, key: &'static str) -> Option<Spanned<Duration>> {
        let text = self.typed(key, "a duration such as \"90s\"", DeValue::as_str)?;
        self.parsed(key, text)
    }

    /// A value, or a table with one for each name; none when one of them is wrong. `read` takes the name and
    /// the text, and reports it.
    pub(super) fn each<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl Fn(&str, Spanned<&str>) -> Option<Spanned<T>>,
    ) -> Option<Each<T>> {
        let is_table = self.get(key)?.get_ref().as_table().is_some();
        if !is_table {
            let text = self.typed(key, wanted, DeValue::as_str)?;
            return read(key, text).map(Each::All);
        }
        let table = self.table(key)?;
        let mut named = BTreeMap::new();
        for (name, value) in table.table {
            let Some(text) = value.get_ref().as_str() else {
                let what = format!("`{}` is {}", name.get_ref(), a_kind(value.get_ref()));
                self.report(value.span(), what, format!("write {wanted}"));
                return None;
            };
            let spanned = Spanned {
                value: text,
                span: value.span(),
            };
            named.insert(name.get_ref().to_string(), read(name.get_ref(), spanned)?);
        }
        Some(Each::ByName(named))
    }

    /// A text as a duration.
    pub(super) fn parsed(&self, key: &str, text: Spanned<&str>) -> Option<Spanned<Duration>> {
        match parse_duration(text.value) {
            Ok(value) => Some(Spanned {
                value,
                span: text.span,
            }),
            Err(why) => {
                let what = format!("`{key}` = \"{}\": {why}", text.value);
                self.report(
                    text.span,
                    what,
                    "write such as \"500ms\", \"90s\", \"1h30m\", \"7d\"",
                );
                None
            }
        }
    }

    /// Each item of a list that `take` takes; names the items it does not.
    fn items<T>(
        &self,
        key: &'static str,
        wanted: &str,
        item: &str,
        take: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Vec<Spanned<T>> {
        let list = self
            .typed(key, wanted, DeValue::as_array)
            .map(|spanned| spanned.value);
        let mut items = Vec::new();
        for one in list.into_iter().flatten() {
            match take(one.get_ref()) {
                Some(value) => items.push(Spanned {
                    value,
                    span: one.span(),
                }),
                None => {
                    let what = format!("`{key}` holds {}, not {item}", a_kind(one.get_ref()));
                    self.report(one.span(), what, format!("write {wanted}"));
                }
            }
        }
        items
    }

    /// A list of strings, empty when the key is not there.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Spanned<&'a str>> {
        self.items(key, "a list of strings", "a string", DeValue::as_str)
    }

    /// A list of whole numbers within bounds; none when the key is not there or one of them is wrong.
    pub(super) fn numbers(
        &self,
        key: &'static str,
        bounds: Range<u64>,
    ) -> Option<Spanned<Vec<u64>>> {
        let span = self.get(key)?.span();
        let length = self.typed(key, "a list of whole numbers", DeValue::as_array)?;
        let length = length.value.len();
        let spanned = self.items(key, "a list of whole numbers", "a whole number", integer);
        let mut numbers = Vec::new();
        for one in spanned {
            match u64::try_from(one.value)
                .ok()
                .filter(|number| bounds.contains(number))
            {
                Some(number) => numbers.push(number),
                None => {
                    let what = format!("`{key}` holds {}", one.value);
                    let help = format!("write numbers from {} to {}", bounds.start, bounds.end - 1);
                    self.report(one.span, what, help);
                }
            }
        }
        (numbers.len() == length).then_some(Spanned {
            value: numbers,
            span,
        })
    }

    /// A list of HTTP statuses, empty when the key is not there.
    pub(super) fn statuses(&self, key: &'static str) -> Vec<u16> {
        let numbers = self.items(key, "a list of whole numbers", "a whole number", integer);
        let status = |spanned: Spanned<i128>| {
            let status = u16::try_from(spanned.value)
                .ok()
                .filter(|one| (100..600).contains(one));
            if status.is_none() {
                let what = format!("`{key}` holds {}", spanned.value);
                self.report(spanned.span, what, "write numbers from 100 to 599");
            }
            status
        };
        numbers.into_iter().filter_map(status).collect()
    }

    /// Any scalar as JSON, to compare what an answer holds with.
    pub(super) fn scalar(&self, key: &'static str) -> Option<RawJson> {
        let spanned = self.typed(key, "a string, a number, true or false", as_scalar)?;
        self.comparable(key, spanned)
    }

    /// A list of scalars as JSON, to compare what an answer holds with.
    pub(super) fn scalars(&self, key: &'static str) -> Vec<RawJson> {
        let item = "a string, a number, true or false";
        let scalars = self.items(key, "a list of strings or numbers", item, as_scalar);
        let scalars = scalars.into_iter();
        scalars
            .filter_map(|one| self.comparable(key, one))
            .collect()
    }

    /// A value that an answer can hold: one with a larger number is no document to us.
    fn comparable(&self, key: &str, spanned: Spanned<RawJson>) -> Option<RawJson> {
        let is_readable = serde_json::from_str::<serde_json::Value>(spanned.value.text()).is_ok();
        if !is_readable {
            let what = format!(
                "`{key}` is {}, and no answer that is read holds it",
                spanned.value
            );
            let help = "write a number below 1.8e308: an answer with a larger one is refused";
            self.report(spanned.span, what, help);
        }
        is_readable.then_some(spanned.value)
    }

    /// Whether a table stands there.
    pub(super) fn is_table(&self, key: &'static str) -> bool {
        self.get(key)
            .is_some_and(|value| value.get_ref().as_table().is_some())
    }

    /// Whether a list stands there.
    pub(super) fn is_list(&self, key: &'static str) -> bool {
        self.get(key)
            .is_some_and(|value| value.get_ref().as_array().is_some())
    }

    /// A value with all that is in it.
    pub(super) fn leaf(&self, key: &'static str) -> Option<Spanned<Leaf<'a>>> {
        self.get(key).map(as_leaf)
    }

    /// Every key with its value; none of them is unknown then.
    pub(super) fn leaves(&self) -> Vec<(String, Spanned<Leaf<'a>>)> {
        leaves(self.table)
    }

    fn child(&self, key: &str, table: &'a DeTable<'a>, span: Range<usize>) -> Table<'a> {
        Table {
            source: self.source,
            table,
            span,
            name: format!("[{key}]"),
            asked: RefCell::default(),
            diagnostics: self.diagnostics,
        }
    }

    /// A table; it must be closed by the caller.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let spanned = self.typed(key, "a table", DeValue::as_table)?;
        Some(self.child(key, spanned.value, spanned.span))
    }

    /// A list of tables.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let wanted = format!("a list of tables, [[{key}]]");
        let tables = self.items(key, &wanted, "a table", DeValue::as_table);
        tables
            .into_iter()
            .map(|spanned| self.child(key, spanned.value, spanned.span))
            .collect()
    }

    /// Every sub-table with a name of its own, such as `[partner.keystone]`.
    pub(super) fn named_tables(&self, key: &'static str) -> BTreeMap<String, Table<'a>> {
        let Some(parent) = self.table(key) else {
            return BTreeMap::new();
        };
        let mut children = BTreeMap::new();
        for (name, value) in parent.table {
            match value.get_ref().as_table() {
                Some(table) => {
                    let label = format!("{key}.{}", name.get_ref());
                    children.insert(
                        name.get_ref().to_string(),
                        self.child(&label, table, name.span()),
                    );
                }
                None => self.report(
                    value.span(),
                    format!("`{}` is not a table", name.get_ref()),
                    "write a table",
                ),
            }
        }
        children
    }

    /// Every key with a string, such as captures by name.
    pub(super) fn entries(&self) -> Vec<(String, Range<usize>, Option<&'a DeTable<'a>>)> {
        self.table
            .iter()
            .map(|(key, value)| {
                (
                    key.get_ref().to_string(),
                    value.span(),
                    value.get_ref().as_table(),
                )
            })
            .collect()
    }

    /// A child made from an entry of [`Table::entries`].
    pub(super) fn entry(
        &self,
        name: &str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> Table<'a> {
        self.child(name, table, span)
    }

    /// Reports every key that no reader asked for; true when there is none.
    pub(super) fn close(&self) -> bool {
        let asked = self.asked.borrow();
        let mut is_known = true;
        for key in self
            .table
            .keys()
            .filter(|key| !asked.contains(key.get_ref().as_ref()))
        {
            let name = key.get_ref().as_ref();
            let help = match nearest(name, asked.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => {
                    let known: Vec<_> = asked.iter().copied().collect();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.report(
                key.span(),
                format!("unknown key `{name}` in {}", self.name),
                help,
            );
            is_known = false;
        }
        is_known
    }
}

/// A TOML value's kind with its article.
fn a_kind(value: &DeValue<'_>) -> String {
    if value.as_float().is_some() && as_scalar(value).is_none() {
        return "an infinity or no number".to_owned();
    }
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}

/// A whole number in any of TOML's notations.
fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn as_scalar(value: &DeValue<'_>) -> Option<RawJson> {
    if let Some(text) = value.as_str() {
        return Some(serde_json::Value::from(text).into());
    }
    if let Some(flag) = value.as_bool() {
        return Some(serde_json::Value::from(flag).into());
    }
    let text = match (value.as_integer(), value.as_float()) {
        (Some(whole), _) if whole.radix() == 10 => whole.as_str(),
        (Some(_), _) => return RawJson::new(&integer(value)?.to_string()),
        (None, Some(float)) => float.as_str(),
        (None, None) => return None,
    };
    let text = text.replace('_', "");
    RawJson::new(text.strip_prefix('+').unwrap_or(&text))
}

fn leaves<'a>(table: &'a DeTable<'a>) -> Vec<(String, Spanned<Leaf<'a>>)> {
    let entries = table.iter();
    entries
        .map(|(key, value)| (key.get_ref().to_string(), as_leaf(value)))
        .collect()
}

fn as_leaf<'a>(spanned: &'a toml::Spanned<DeValue<'a>>) -> Spanned<Leaf<'a>> {
    let value = spanned.get_ref();
    let leaf = if let Some(text) = value.as_str() {
        Leaf::Text(text)
    } else if let Some(table) = value.as_table() {
        Leaf::Table(leaves(table))
    } else if let Some(list) = value.as_array() {
        Leaf::List(list.iter().map(as_leaf).collect())
    } else if let Some(fixed) = as_scalar(value) {
        Leaf::Fixed(fixed)
    } else {
        Leaf::Unknown(a_kind(value))
    };
    Spanned {
        value: leaf,
        span: spanned.span(),
    }
}
