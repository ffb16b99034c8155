//! `[[sla]]` of a partner's file: what a contract promises in one direction, and what a missed promise costs.

use std::ops::Range;
use std::time::Duration;

use super::answer::word;
use super::currency::currency;
use super::slo::time_zone;
use super::tree::{Spanned, Table};
use crate::model::{
    Basis, Combination, CreditTerms, Currency, Debtor, LadderRow, ReportingWindow, Sla, SlaPromise,
    SloName, Unmeasured,
};
use crate::sla::{LadderFault, ladder_fault, percent};

const PPM: u32 = 1_000_000;
const DAY_S: u64 = 86_400;
/// A name in a report has room for so many characters.
const NAME_MAX: usize = 80;
/// An agreement as far as the file alone can say, with the places of its promises.
pub(super) struct SlaEntry {
    pub(super) sla: Sla,
    pub(super) places: Vec<Range<usize>>,
}

/// Every agreement of a file, one a direction.
pub(super) fn read(root: &Table<'_>) -> Vec<SlaEntry> {
    let mut entries: Vec<SlaEntry> = Vec::new();
    for table in root.tables("sla") {
        let Some(entry) = entry(&table) else { continue };
        if entries.iter().any(|one| one.sla.owes == entry.sla.owes) {
            let what = format!("two [[sla]] say what \"{}\" owes", entry.sla.owes);
            let help = "keep one [[sla]] for each direction, with all of its promises";
            table.report(table.place(), what, help);
        }
        entries.push(entry);
    }
    entries
}

fn entry(table: &Table<'_>) -> Option<SlaEntry> {
    let owes = need_word(table, "owes", Debtor::ALL, Debtor::name);
    let to = name(table, "to", "\"Bluestone Health\"");
    let measured_by = name(table, "measured_by", "\"Bluestone Health\"");
    only(table, "traffic", "synthetic");
    only(table, "unit", "runs");
    let zone = table.need_text("timezone", "\"America/New_York\"");
    let zone = zone.and_then(|zone| time_zone(table, &zone));
    let window = need_word(table, "window", ReportingWindow::ALL, ReportingWindow::name);
    let basis = need_word(table, "net_or_raw", Basis::ALL, Basis::name);
    let unmeasured = unmeasured(table);
    let publish_by_days = days(table, "publish_by", "\"5d\"");
    let dispute_within_days = days(table, "dispute_within", "\"30d\"");
    let credits = match table.table("credits") {
        Some(credits) => Some(credit_terms(&credits)),
        None if table.has("credits") => Some(None),
        None => None,
    };
    let has_credits = table.has("credits");
    let tables = table.tables("promise");
    if tables.is_empty() && !table.is_list("promise") {
        table.missing_table("[[sla.promise]]", "of and target");
    }
    let read = tables.iter().map(|one| promise(one, has_credits));
    let read: Vec<Option<SlaPromise>> = read.collect();
    let places: Vec<Range<usize>> = tables.iter().map(Table::place).collect();
    let is_whole = read.iter().all(Option::is_some) && !read.is_empty();
    let promises: Vec<SlaPromise> = read.into_iter().flatten().collect();
    named_once(table, &promises, &places);
    table.close();
    let credits = match credits {
        Some(terms) => Some(terms?),
        None => None,
    };
    let sla = Sla {
        owes: owes?,
        to: to?,
        measured_by: measured_by?,
        zone: zone?,
        window: window?,
        basis: basis?,
        unmeasured: unmeasured?,
        publish_by_days: publish_by_days?,
        dispute_within_days: dispute_within_days?,
        credits,
        promises,
    };
    is_whole.then_some(SlaEntry { sla, places })
}

fn named_once(table: &Table<'_>, promises: &[SlaPromise], places: &[Range<usize>]) {
    for (place, promise) in promises.iter().enumerate() {
        if promises[..place].iter().any(|one| one.of == promise.of) {
            let at = places.get(place).cloned().unwrap_or_else(|| table.place());
            let what = format!("\"{}\" is promised twice in one [[sla]]", promise.of);
            table.report(at, what, "keep one [[sla.promise]] for each objective");
        }
    }
}

/// A word of a list that must be there.
fn need_word<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Option<T> {
    if !table.has(key) {
        let words: Vec<String> = all
            .iter()
            .map(|one| format!("\"{}\"", name(*one)))
            .collect();
        table.missing(key, &words.join(" or "));
    }
    word(table, key, all, name)
}

/// A key that has one value yet, so that files say it and a reader of them knows.
fn only(table: &Table<'_>, key: &'static str, value: &str) {
    let written = table.need_text(key, &format!("\"{value}\""));
    if let Some(written) = written.filter(|written| written.value != value) {
        let what = format!("`{key}` is \"{}\"", written.value);
        let help = format!("write \"{value}\": nothing else is counted");
        table.report(written.span, what, help);
    }
}

/// A name that a report prints.
fn name(table: &Table<'_>, key: &'static str, example: &str) -> Option<String> {
    let written = table.need_text(key, example)?;
    let text = written.value.trim();
    if text.is_empty() || text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
        let what = format!("`{key}` cannot be printed as a name");
        let help = format!("write 1 to {NAME_MAX} characters without line breaks");
        table.report(written.span, what, help);
        return None;
    }
    Some(text.to_owned())
}

/// A number of whole civil days, up to a year.
fn days(table: &Table<'_>, key: &'static str, example: &str) -> Option<u32> {
    if !table.has(key) {
        table.missing(key, example);
    }
    let written: Spanned<Duration> = table.duration(key)?;
    let seconds = written.value.as_secs();
    let days = (written.value.subsec_nanos() == 0 && seconds.is_multiple_of(DAY_S))
        .then_some(seconds / DAY_S)
        .filter(|days| *days <= 366)
        .and_then(|days| u32::try_from(days).ok());
    if days.is_none() {
        let what = format!("`{key}` is no number of whole days up to a year");
        table.report(written.span, what, format!("write such as {example}"));
    }
    days
}

fn unmeasured(table: &Table<'_>) -> Option<Unmeasured> {
    let words = ["worst-case", "leave-out"];
    if !table.has("unmeasured") {
        table.missing("unmeasured", "\"worst-case\" or \"leave-out\"");
    }
    let written = word(table, "unmeasured", &words, |word| word);
    let place = table.text("unmeasured").map(|spanned| spanned.span);
    let has_floor = table.has("coverage_floor");
    let floor = has_floor.then(|| share(table, "coverage_floor", 1..PPM + 1));
    match (written?, floor) {
        ("worst-case", None) => Some(Unmeasured::WorstCase),
        ("worst-case", Some(_)) => {
            let what = "`coverage_floor` belongs to unmeasured = \"leave-out\"";
            let help = "leave it out: every unmeasured run counts as the worst case";
            table.report(place?, what, help);
            None
        }
        (_, Some(floor)) => {
            floor.map(|coverage_floor_ppm| Unmeasured::LeaveOut { coverage_floor_ppm })
        }
        (_, None) => {
            let what = "unmeasured = \"leave-out\" without a `coverage_floor`";
            let help = "add coverage_floor = 90, the percentage of due runs that must be measured";
            table.report(place?, what, help);
            None
        }
    }
}

/// A percentage per million within bounds, which must be there.
fn share(table: &Table<'_>, key: &'static str, bounds: Range<u32>) -> Option<u32> {
    let written = table.percent_ppm(key)?;
    let found = written.value.filter(|ppm| bounds.contains(ppm));
    if found.is_none() {
        let what = format!("`{key}` is no percentage that can be meant");
        let (low, high) = (percent(bounds.start), percent(bounds.end - 1));
        table.report(
            written.span,
            what,
            format!("write a number from {low} to {high}"),
        );
    }
    found
}

fn need_share(
    table: &Table<'_>,
    key: &'static str,
    bounds: Range<u32>,
    example: &str,
) -> Option<u32> {
    if !table.has(key) {
        table.missing(key, example);
    }
    share(table, key, bounds)
}

/// A percentage that is 100 where it is not there; none when what is written is none.
fn cap(table: &Table<'_>) -> Option<u32> {
    if table.has("cap") {
        share(table, "cap", 0..PPM + 1)
    } else {
        Some(PPM)
    }
}

fn credit_terms(table: &Table<'_>) -> Option<CreditTerms> {
    let currency = currency(table);
    let fee = amount(table, "fee", currency.as_ref());
    if !table.has("fee") {
        table.missing("fee", "\"12400.00\", what a reporting window costs");
    }
    let minimum = if table.has("minimum") {
        amount(table, "minimum", currency.as_ref())
    } else {
        Some(0)
    };
    if !table.has("cumulative") {
        let example = "true (credits are added) or false (the largest alone counts)";
        table.missing("cumulative", example);
    }
    let combination = table.flag("cumulative").map(|is_sum| {
        if is_sum {
            Combination::Sum
        } else {
            Combination::Largest
        }
    });
    let cap_ppm = cap(table);
    table.close();
    Some(CreditTerms {
        currency: currency?,
        fee: fee?,
        combination: combination?,
        cap_ppm: cap_ppm?,
        minimum: minimum?,
    })
}

/// An amount of money in minor units, written as a text with just the decimals of its currency.
fn amount(table: &Table<'_>, key: &'static str, currency: Option<&Currency>) -> Option<u64> {
    let written = table.text(key)?;
    let currency = currency?;
    let decimals = usize::try_from(currency.decimals).ok()?;
    let (whole, rest) = written.value.split_once('.').unwrap_or((written.value, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_amount =
        !whole.is_empty() && is_number(whole) && is_number(rest) && rest.len() == decimals;
    let minor = format!("{whole}{rest}").parse().ok();
    // Percentages of more would not fit into 64 bits.
    let minor = minor.filter(|minor: &u64| is_amount && *minor <= u64::from(u32::MAX) * 1_000_000);
    if minor.is_none() {
        let code = &currency.code;
        let what = format!("`{key}` = \"{}\" is no amount in {code}", written.value);
        let example = match decimals {
            0 => "12400".to_owned(),
            _ => format!("12400.{:0decimals$}", 0),
        };
        table.report(
            written.span,
            what,
            format!("write digits alone, such as \"{example}\""),
        );
    }
    minor
}

fn promise(table: &Table<'_>, has_credits: bool) -> Option<SlaPromise> {
    let of = need_word(table, "of", SloName::ALL, SloName::name);
    let target = need_share(table, "target", 1..PPM, "97");
    let minimum_runs = if table.has("minimum_runs") {
        table.number("minimum_runs", 1..1_000_000_001)
    } else {
        Some(0)
    };
    let cap_ppm = cap(table);
    let rows = table.tables("credit");
    if has_credits && !table.has("credit") {
        let example = "[{ from = 0, below = 97, percent = 10 }]; credit = [] for none";
        table.missing("credit", example);
    }
    if !has_credits && !rows.is_empty() {
        let what = "a credit ladder without `credits` of its [[sla]]";
        let help = "add credits = { currency = \"USD\", fee = \"12400.00\", cumulative = true }";
        table.report(table.place(), what, help);
    }
    let ladder = ladder_rows(&rows).and_then(|rows| ladder(table, rows, target?));
    table.close();
    Some(SlaPromise {
        of: of?,
        target_ppm: target?,
        minimum_runs: minimum_runs?,
        ladder: ladder?,
        cap_ppm: cap_ppm?,
    })
}

/// The rows of a ladder with their places; none when one of them cannot be read.
fn ladder_rows(rows: &[Table<'_>]) -> Option<Vec<(LadderRow, Range<usize>)>> {
    let read = rows.iter().map(|row| {
        let from_ppm = need_share(row, "from", 0..PPM, "95");
        let below_ppm = need_share(row, "below", 1..PPM, "97");
        let credit_ppm = need_share(row, "percent", 0..PPM + 1, "10");
        row.close();
        let row_read = LadderRow {
            from_ppm: from_ppm?,
            below_ppm: below_ppm?,
            credit_ppm: credit_ppm?,
        };
        Some((row_read, row.place()))
    });
    // Every row is read before the first mistake counts.
    let read: Vec<Option<_>> = read.collect();
    read.into_iter().collect()
}

/// The rows in order, or what is wrong with them together.
fn ladder(
    table: &Table<'_>,
    mut read: Vec<(LadderRow, Range<usize>)>,
    target_ppm: u32,
) -> Option<Vec<LadderRow>> {
    read.sort_by_key(|(row, _)| (row.from_ppm, row.below_ppm));
    let ladder: Vec<LadderRow> = read.iter().map(|(row, _)| *row).collect();
    if ladder.is_empty() {
        return Some(ladder);
    }
    let Some(fault) = ladder_fault(&ladder, target_ppm) else {
        return Some(ladder);
    };
    let place = read.first().map(|(_, place)| place.clone());
    let (what, help) = fault_words(fault, target_ppm);
    table.report(place.unwrap_or_else(|| table.place()), what, help);
    None
}

/// What is wrong with a ladder, and the fix.
fn fault_words(fault: LadderFault, target_ppm: u32) -> (String, String) {
    match fault {
        LadderFault::Empty(row) => {
            let (from, below) = (percent(row.from_ppm), percent(row.below_ppm));
            (
                format!("the credit row from {from} to below {below} holds nothing"),
                "write the lower share as `from` and the higher one as `below`".to_owned(),
            )
        }
        LadderFault::Hole(from, to) => {
            let (from_words, to_words) = (percent(from), percent(to));
            (
                format!("the credit ladder has no row for {from_words} to below {to_words}"),
                format!(
                    "let a row begin with from = {} and one end with below = {}",
                    from_words.trim_end_matches(" %"),
                    to_words.trim_end_matches(" %")
                ),
            )
        }
        LadderFault::Overlap(from, to) => (
            format!(
                "the credit ladder has two rows for {} to below {}",
                percent(from),
                percent(to)
            ),
            "let each row begin where the one below it ends".to_owned(),
        ),
        LadderFault::AboveTarget(below) => (
            format!(
                "the credit ladder ends at {}, above the target of {}",
                percent(below),
                percent(target_ppm)
            ),
            format!(
                "end it with below = {}: what is met earns no credit",
                percent(target_ppm).trim_end_matches(" %")
            ),
        ),
        LadderFault::LowerEarnsLess(lower, above) => (
            format!(
                "shares below {} earn {} and those from there on {}",
                percent(lower.below_ppm),
                percent(lower.credit_ppm),
                percent(above.credit_ppm)
            ),
            "a lower share earns no smaller credit: swap the percentages".to_owned(),
        ),
    }
}
