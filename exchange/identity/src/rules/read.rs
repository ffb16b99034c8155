//! Reads a rules file and names every mistake at once, with its line and a fix.

use std::collections::BTreeSet;
use std::ops::Range;

use exchange_kit::digest::hex_of_sha256;
use exchange_kit::mistakes::{Complaints, Table, known_words, parse};

use super::set::{
    Clause, Effect, FORMAT, FieldRules, Guard, OWN_RULES, Rollout, Rules, Sensitivity, Thresholds,
    Weights, bits,
};
use crate::field::{Field, NEWER_FORMAT};

/// Largest rules file, in bytes; a larger one is refused.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Most rules, guards and verifications each; more are refused.
const CLAUSES_MAX: usize = 100;
/// By how much the shares of a field's levels may miss 1.
const SHARES_OFF_MAX: f64 = 0.011;
/// Smallest share; 0 would be infinitely sure.
const SHARE_MIN: f64 = 1e-9;

/// Reads the text of the file at `path`.
pub fn read(path: &str, text: &str) -> Result<Rules, Complaints> {
    parse(path, text, FILE_BYTES_MAX, |root| whole(root, text))
}

fn whole(root: &Table<'_>, text: &str) -> Option<Rules> {
    let format = known_format(root)?;
    let version = root.text("version", "version = \"my-rules-1\"");
    let weights = weights(root);
    let thresholds = thresholds(root);
    let fields = fields(root, format);
    let mut ids = BTreeSet::new();
    let guards: Vec<Option<Guard>> = limited(root, "guard")
        .iter()
        .map(|table| guard(table, &mut ids, format))
        .collect();
    let mut clauses = |key: &str| -> Vec<Option<Clause>> {
        limited(root, key)
            .iter()
            .map(|table| {
                let clause = clause(table, &mut ids, format);
                table.close();
                clause
            })
            .collect()
    };
    let rules = clauses("rule");
    let verify = clauses("verify");
    let rollout = rollout(root);
    root.close();
    let fields: Vec<FieldRules> = fields?;
    let mut digest = hex_of_sha256(text.as_bytes());
    digest.truncate(16);
    Some(Rules {
        format,
        version: plain_version(root, version?)?,
        digest,
        weights: weights?,
        rollout: rollout?,
        rules: rules.into_iter().collect::<Option<_>>()?,
        verify: verify.into_iter().collect::<Option<_>>()?,
        guards: guards.into_iter().collect::<Option<_>>()?,
        bits: bits(&fields),
        fields,
        thresholds: thresholds?,
    })
}

/// A newer file may mean anything: nothing else of it is read.
fn known_format(root: &Table<'_>) -> Option<u32> {
    let (format, span) = root.number("format", &format!("format = {FORMAT}"))?;
    let newest = f64::from(FORMAT);
    if format > newest {
        let what = format!("the rules are of format {format}; this program reads up to {FORMAT}");
        let help = format!("use a newer exchange, or write the rules in format {FORMAT}");
        root.complain(&span, what, help);
        return None;
    }
    let known = (1..=FORMAT).find(|known| (f64::from(*known) - format).abs() < f64::EPSILON);
    if known.is_none() {
        let what = format!("there is no format {format}");
        root.complain(&span, what, format!("write format = {FORMAT}"));
    }
    known
}

fn plain_version(root: &Table<'_>, (version, span): (&str, Range<usize>)) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if version.len() <= 64 && version.chars().all(plain) {
        return Some(version.to_owned());
    }
    let what = "`version` is not a plain name";
    let help = "use up to 64 letters, digits, - _ and .";
    root.complain(&span, what, help);
    None
}

fn weights(root: &Table<'_>) -> Option<Weights> {
    if !root.has("weights") {
        return Some(Weights::File);
    }
    let (word, span) = root.text("weights", "weights = \"file\"")?;
    match word {
        "file" => Some(Weights::File),
        "data" => Some(Weights::Data),
        _ => {
            let what = format!("there are no weights from {word:?}");
            let help = "write \"file\" (as they stand here) or \"data\" (estimated by EM)";
            root.complain(&span, what, help);
            None
        }
    }
}

fn rollout(root: &Table<'_>) -> Option<Rollout> {
    let Some(table) = root.table("rollout", "[rollout]", false) else {
        return Some(Rollout::All);
    };
    let stage = table.text("stage", "stage = \"shadow\"");
    let percent = if table.has("percent") {
        table.number("percent", "percent = 10")
    } else {
        None
    };
    table.close();
    let (stage, span) = stage?;
    match (stage, percent) {
        ("shadow", None) => Some(Rollout::Shadow),
        ("all", None) => Some(Rollout::All),
        ("share", Some((percent, span))) => {
            let share = (1..=99_u8).find(|share| (f64::from(*share) - percent).abs() < 1e-9);
            if share.is_none() {
                let what = format!("a share of {percent} percent is none");
                table.complain(&span, what, "write a whole number from 1 to 99");
            }
            share.map(Rollout::Share)
        }
        ("share", None) => {
            let what = "a share needs `percent`";
            table.complain(&span, what, "add percent = 10");
            None
        }
        ("shadow" | "all", Some((_, span))) => {
            let what = format!("`percent` does not go with stage {stage:?}");
            table.complain(&span, what, "leave it out, or write stage = \"share\"");
            None
        }
        _ => {
            let what = format!("there is no stage {stage:?}");
            table.complain(&span, what, known_words(stage, &["shadow", "share", "all"]));
            None
        }
    }
}

fn thresholds(root: &Table<'_>) -> Option<[Thresholds; 3]> {
    let table = root.table("thresholds", "[thresholds.regular]", true)?;
    let read = Sensitivity::ALL.map(|sensitivity| {
        let name = format!("[thresholds.{}]", sensitivity.name());
        let one = table.table(sensitivity.name(), &name, true)?;
        let upper = one.number("upper", "upper = 20.0");
        let lower = one.number("lower", "lower = 12.0");
        one.close();
        let ((upper, span), (lower, _)) = (upper?, lower?);
        if upper <= lower {
            let what = format!(
                "{name} has upper {upper} and lower {lower}: the thresholds are the wrong way round"
            );
            let help = "upper is the total in bits from which on a pair is a match, and must be \
                        greater than lower, below which it is none";
            one.complain(&span, what, help);
            return None;
        }
        Some((Thresholds { upper, lower }, span))
    });
    table.close();
    let [Some(regular), Some(sensitive), Some(restricted)] = read else {
        return None;
    };
    for ((looser, _), (stricter, span), name) in [
        (&regular, &sensitive, "sensitive"),
        (&sensitive, &restricted, "restricted"),
    ] {
        if stricter.upper < looser.upper {
            let what = format!("[thresholds.{name}] asks for less than a less sensitive payload");
            let help = format!("give it an upper of {} or more", looser.upper);
            table.complain(span, what, help);
        }
    }
    Some([regular.0, sensitive.0, restricted.0])
}

fn fields(root: &Table<'_>, format: u32) -> Option<Vec<FieldRules>> {
    let table = root.table("field", "[field.given] and the other fields", true)?;
    let mut all = Vec::new();
    for field in Field::ALL {
        if !field.is_weighed() {
            all.push(Some(FieldRules {
                bands: Vec::new(),
                m: Vec::new(),
                u: Vec::new(),
            }));
            continue;
        }
        let name = format!("[field.{}]", field.name());
        all.push(
            table
                .table(field.name(), &name, true)
                .and_then(|one| field_rules(&one, field, format)),
        );
    }
    table.close();
    all.into_iter().collect()
}

fn field_rules(table: &Table<'_>, field: Field, format: u32) -> Option<FieldRules> {
    let bands = bands(table, field);
    let levels = field.levels(format);
    let m = shares(table, field, "m", levels);
    let u = shares(table, field, "u", levels);
    table.close();
    Some(FieldRules {
        bands: bands?,
        m: m?,
        u: u?,
    })
}

fn bands(table: &Table<'_>, field: Field) -> Option<Vec<(u16, u8)>> {
    if field.bands().is_empty() {
        return Some(Vec::new());
    }
    let name = format!("bands in [field.{}]", field.name());
    let written = table.table("bands", &name, true)?;
    let mut bands: Vec<(u16, u8)> = Vec::new();
    let mut whole = true;
    for (band, level) in field.bands() {
        let Some((from, span)) = written.number(band, &format!("{band} = 0.9")) else {
            whole = false;
            continue;
        };
        let parts = (0..=10_000_u16).find(|p| (f64::from(*p) / 10_000.0 - from).abs() < 0.000_05);
        let Some(parts) = parts.filter(|parts| (1..=10_000).contains(parts)) else {
            let what = format!("a similarity of {from} cannot be");
            written.complain(&span, what, "write a number above 0, at most 1");
            whole = false;
            continue;
        };
        if bands.last().is_some_and(|(above, _)| *above <= parts) {
            let what = format!("`{band}` in {name} is not below the band before it");
            written.complain(&span, what, "write the bands from the closest down");
            whole = false;
        }
        bands.push((parts, *level));
    }
    written.close();
    whole.then_some(bands)
}

fn shares(table: &Table<'_>, field: Field, key: &str, levels: &[&str]) -> Option<Vec<f64>> {
    let name = format!("{key} in [field.{}]", field.name());
    let written = table.table(key, &name, true)?;
    let mut shares = Vec::new();
    for level in levels {
        let Some((share, span)) = written.number(level, &format!("{level} = 0.01")) else {
            continue;
        };
        if !(SHARE_MIN..1.0).contains(&share) {
            let what = format!("`{level}` of {name} is {share}");
            let help = "a share lies between 0 and 1, without the two: nothing is impossible";
            written.complain(&span, what, help);
        }
        shares.push(share);
    }
    written.close();
    if shares.len() != levels.len() {
        return None;
    }
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > SHARES_OFF_MAX {
        let what = format!("the shares of {name} add up to {sum:.4}");
        written.complain(&written.span, what, "make them add up to 1");
    }
    Some(shares)
}

fn limited<'a>(root: &Table<'a>, key: &str) -> Vec<Table<'a>> {
    let tables = root.tables(key);
    if let Some(first) = tables.get(CLAUSES_MAX) {
        let what = format!("there are more than {CLAUSES_MAX} [[{key}]]");
        root.complain(&first.span, what, "merge some of them");
    }
    tables
}

fn guard(table: &Table<'_>, ids: &mut BTreeSet<String>, format: u32) -> Option<Guard> {
    let clause = clause(table, ids, format);
    let effect = table.text("effect", "effect = \"review\"");
    table.close();
    let (effect, span) = effect?;
    let effect = match effect {
        "refuse" => Effect::Refuse,
        "review" => Effect::Review,
        "doubt" if format >= NEWER_FORMAT => Effect::Doubt,
        _ => {
            let what = format!("there is no effect {effect:?}");
            let mut known = vec!["refuse", "review"];
            known.extend((format >= NEWER_FORMAT).then_some("doubt"));
            table.complain(&span, what, known_words(effect, &known));
            return None;
        }
    };
    Some(Guard {
        clause: clause?,
        effect,
    })
}

fn clause(table: &Table<'_>, ids: &mut BTreeSet<String>, format: u32) -> Option<Clause> {
    let id = table.text("id", "id = \"D1\"");
    let title = table.text("title", "title = \"what it means\"");
    let when = table.table("when", "when = { birth_date = [\"exact\"] }", true);
    let when = when.and_then(|when| conditions(&when, format));
    let ((id, span), (title, _)) = (id?, title?);
    if OWN_RULES.contains(&id) {
        let what = format!("{id:?} is the id of a rule that is built in");
        table.complain(&span, what, "give it another id");
    }
    if id.len() > 16 || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let what = format!("{id:?} cannot be an id");
        table.complain(&span, what, "use up to 16 letters, digits and -");
    }
    if !ids.insert(id.to_owned()) {
        let what = format!("the id {id:?} stands twice");
        table.complain(
            &span,
            what,
            "give every rule, guard and verification its own",
        );
    }
    Some(Clause {
        id: id.to_owned(),
        title: title.to_owned(),
        when: when?,
    })
}

fn conditions(when: &Table<'_>, format: u32) -> Option<Vec<(Field, u16)>> {
    let names = Field::ALL.map(Field::name);
    let mut conditions = Vec::new();
    let mut whole = true;
    for (key, span) in when.keys() {
        let Some(field) = Field::named(key) else {
            when.complain(
                &span,
                format!("there is no field {key:?}"),
                known_words(key, &names),
            );
            whole = false;
            continue;
        };
        let mut mask = 0;
        for (word, span) in when.words(key) {
            let mut known = field.levels(format).to_vec();
            known.push("missing");
            let level = field.level_named(word).filter(|_| known.contains(&word));
            if let Some(level) = level {
                mask |= 1 << level;
            } else {
                let what = format!("{key} has no level {word:?}");
                when.complain(&span, what, known_words(word, &known));
                whole = false;
            }
        }
        if mask == 0 && whole {
            let what = format!("{key} names no level");
            when.complain(
                &span,
                what,
                "name one, such as \"exact\", or leave the field out",
            );
            whole = false;
        }
        conditions.push((field, mask));
    }
    if conditions.is_empty() && whole {
        let what = "the condition is empty and would hold for everybody";
        when.complain(
            &when.span,
            what,
            "name a field, such as birth_date = [\"exact\"]",
        );
        whole = false;
    }
    whole.then_some(conditions)
}
