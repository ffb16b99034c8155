//! Reads a TOML file as its spanned tree, so that every mistake is found at once with its place.
//! The tree is the file as written; what the readers make of it is the file as meant.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::{Complaints, Source, nearest};
use super::duration::parse_duration;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table being read; what nobody asked for is a mistake when it is closed.
pub(super) struct Table<'a> {
    pub(super) source: &'a Arc<Source>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    /// How the table is called in messages, such as `[auth]`.
    name: String,
    asked: RefCell<BTreeSet<&'static str>>,
    complaints: &'a RefCell<Complaints>,
}

/// Parses a file and hands its root table to `read`; syntax errors become complaints.
pub(super) fn with_root<T>(
    source: &Arc<Source>,
    complaints: &mut Complaints,
    read: impl FnOnce(&Table<'_>) -> T,
) -> T {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let what = format!("not TOML: {}", error.message());
        complaints.add(
            source,
            error.span(),
            what,
            "mend the syntax (https://toml.io)",
        );
    }
    let cell = RefCell::new(std::mem::take(complaints));
    let table = Table {
        source,
        table: root.get_ref(),
        span: 0..0,
        name: "the file".to_owned(),
        asked: RefCell::default(),
        complaints: &cell,
    };
    let value = read(&table);
    table.close();
    drop(table);
    *complaints = cell.into_inner();
    value
}

impl<'a> Table<'a> {
    /// The place of the table's head.
    pub(super) fn place(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Notes a mistake at a place.
    pub(super) fn complain(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.complaints
            .borrow_mut()
            .add(self.source, Some(span), what, cure);
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let value = self.get(key)?;
        let taken = take(value.get_ref());
        if taken.is_none() {
            let what = format!("`{key}` is a {}, not {wanted}", value.get_ref().type_str());
            self.complain(value.span(), what, format!("write {wanted}"));
        }
        Some(Placed {
            value: taken?,
            span: value.span(),
        })
    }

    /// Whether the key stands in the table.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// A string.
    pub(super) fn text(&self, key: &'static str) -> Option<Placed<&'a str>> {
        self.typed(key, "a string", DeValue::as_str)
    }

    /// A string that must be there.
    pub(super) fn need_text(&self, key: &'static str, example: &str) -> Option<Placed<&'a str>> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.text(key)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let what = format!("{} has no `{key}`", self.name);
        self.complain(self.place(), what, format!("add {key} = {example}"));
    }

    /// A truth value.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool)
            .map(|placed| placed.value)
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, key: &'static str, bounds: Range<u64>) -> Option<u64> {
        let placed = self.typed(key, "a whole number", |value| {
            value
                .as_integer()?
                .as_str()
                .replace('_', "")
                .parse::<i128>()
                .ok()
        })?;
        let number = u64::try_from(placed.value)
            .ok()
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            let what = format!("`{key}` is {}", placed.value);
            let cure = format!("write a number from {} to {}", bounds.start, bounds.end - 1);
            self.complain(placed.span, what, cure);
        }
        number
    }

    /// A duration such as `90s` or `1h30m`, above zero.
    pub(super) fn duration(&self, key: &'static str) -> Option<Placed<Duration>> {
        let text = self.typed(key, "a duration such as \"90s\"", DeValue::as_str)?;
        match parse_duration(text.value) {
            Ok(value) => Some(Placed {
                value,
                span: text.span,
            }),
            Err(why) => {
                let what = format!("`{key}` = \"{}\": {why}", text.value);
                self.complain(
                    text.span,
                    what,
                    "write such as \"500ms\", \"90s\", \"1h30m\", \"7d\"",
                );
                None
            }
        }
    }

    /// A list of strings, empty when the key is not there.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Placed<&'a str>> {
        let items = self.typed(key, "a list of strings", |value| {
            let items = value.as_array()?.iter();
            items
                .map(|one| Some((one.get_ref().as_str()?, one.span())))
                .collect::<Option<Vec<_>>>()
        });
        let items = items.map(|placed| placed.value).unwrap_or_default();
        items
            .into_iter()
            .map(|(value, span)| Placed { value, span })
            .collect()
    }

    /// A list of whole numbers, empty when the key is not there.
    pub(super) fn numbers(&self, key: &'static str) -> Vec<u16> {
        let items = self.typed(key, "a list of whole numbers", |value| {
            let items = value.as_array()?.iter();
            items
                .map(|one| one.get_ref().as_integer()?.as_str().parse().ok())
                .collect()
        });
        items
            .map(|placed: Placed<Vec<u16>>| placed.value)
            .unwrap_or_default()
    }

    /// Any scalar as JSON, for comparison.
    pub(super) fn scalar(&self, key: &'static str) -> Option<serde_json::Value> {
        let placed = self.typed(key, "a string, a whole number, true or false", |value| {
            if let Some(text) = value.as_str() {
                return Some(text.into());
            }
            if let Some(flag) = value.as_bool() {
                return Some(flag.into());
            }
            Some(value.as_integer()?.as_str().parse::<i64>().ok()?.into())
        });
        placed.map(|placed| placed.value)
    }

    fn child(&self, key: &str, table: &'a DeTable<'a>, span: Range<usize>) -> Table<'a> {
        Table {
            source: self.source,
            table,
            span,
            name: format!("[{key}]"),
            asked: RefCell::default(),
            complaints: self.complaints,
        }
    }

    /// A table; it must be closed by the caller.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let placed = self.typed(key, "a table", DeValue::as_table)?;
        Some(self.child(key, placed.value, placed.span))
    }

    /// A list of tables.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let wanted = format!("a list of tables, [[{key}]]");
        let items = self.typed(key, &wanted, |value| {
            let items = value.as_array()?.iter();
            items
                .map(|one| Some((one.get_ref().as_table()?, one.span())))
                .collect::<Option<Vec<_>>>()
        });
        let items = items.map(|placed| placed.value).unwrap_or_default();
        items
            .into_iter()
            .map(|(table, span)| self.child(key, table, span))
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
                None => self.complain(
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

    /// Names every key that nobody asked for.
    pub(super) fn close(&self) {
        let asked = self.asked.borrow();
        for key in self
            .table
            .keys()
            .filter(|key| !asked.contains(key.get_ref().as_ref()))
        {
            let name = key.get_ref().as_ref();
            let cure = match nearest(name, asked.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => {
                    let known: Vec<_> = asked.iter().copied().collect();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.complain(
                key.span(),
                format!("unknown key `{name}` in {}", self.name),
                cure,
            );
        }
    }
}
