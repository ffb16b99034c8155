//! What was measured, next to its limit: on the terminal and as JSON.

use serde_json::{Map, Value, json};

use super::folders::bench_folder;

/// The limits of docs/budgets.md.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// The figure stays at or below.
    AtMost(f64),
    /// The figure stays at or above.
    AtLeast(f64),
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) key: String,
    /// None for what is only shown for comparison.
    pub(crate) bar: Option<Bar>,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) more: String,
}

/// Everything measured so far.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    lines: Vec<String>,
    details: Map<String, Value>,
}

impl Table {
    /// Adds a figure.
    pub(crate) fn row(&mut self, row: Row) {
        println!("{}: {:.3} {} ({})", row.what, row.value, row.unit, row.more);
        self.rows.push(row);
    }

    /// Adds a line under the table.
    pub(crate) fn say(&mut self, line: String) {
        println!("  {line}");
        self.lines.push(line);
    }

    /// Adds details for machines.
    pub(crate) fn note(&mut self, key: &str, value: Value) {
        self.details.insert(key.to_owned(), value);
    }

    /// Prints it as Markdown.
    pub(crate) fn show(&self) {
        println!("\n| what | bar | measured | met | spread and comparison |");
        println!("|---|---|---|---|---|");
        for row in &self.rows {
            let (bar, met) = match row.bar {
                Some(Bar::AtMost(bar)) if row.value <= bar => (format!("≤ {bar:.3}"), "yes"),
                Some(Bar::AtMost(bar)) => (format!("≤ {bar:.3}"), "**no**"),
                Some(Bar::AtLeast(bar)) if row.value >= bar => (format!("≥ {bar:.3}"), "yes"),
                Some(Bar::AtLeast(bar)) => (format!("≥ {bar:.3}"), "**no**"),
                None => ("none".to_owned(), ""),
            };
            println!(
                "| {} | {bar} {} | {:.3} {} | {met} | {} |",
                row.what, row.unit, row.value, row.unit, row.more
            );
        }
        println!();
        self.lines.iter().for_each(|line| println!("* {line}"));
    }

    /// Writes `target/bench/results.json`. A part that was not measured keeps its last figures.
    pub(crate) fn store(&self) {
        let path = bench_folder().join("results.json");
        let old = std::fs::read_to_string(&path).ok();
        let old = old.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
        let mut all = old.unwrap_or_default();
        for row in &self.rows {
            all.insert(row.key.clone(), json!(row.value));
        }
        let details = all.entry("details").or_insert_with(|| json!({}));
        for (key, value) in &self.details {
            details[key] = value.clone();
        }
        let text = serde_json::to_string_pretty(&all).expect("JSON");
        std::fs::write(&path, text + "\n").expect("a file");
        println!("\n{}", path.display());
    }
}
