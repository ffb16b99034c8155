//! What the rules cost: CPU of Prometheus that evaluates ours, next to ratio rules as sloth makes them, on the same
//! series and interval; with a hundred partners, quiet and in a storm; and how long `generate` takes.

mod exported;
mod history;
mod prometheus;
mod ratio;

use std::time::Duration;

use self::exported::{Exported, Page};
use self::prometheus::{Prometheus, RuleFile, SCRAPE_S, cores};
use super::site::Site;
use super::table::{Bar, Row, Table};

const PARTNERS: u32 = 20;
const MANY: u32 = 100;
/// Until Prometheus has read its blocks, and each group was evaluated.
const WARM_UP: Duration = Duration::from_secs(40);
const WINDOW: Duration = Duration::from_secs(60);

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let few = Exported::of(site, PARTNERS);
    let many = Exported::of(site, MANY);
    let ratio = vec![("ratio.yml".to_owned(), ratio::rules(&few.lines()))];
    // Ratio rules read three days of every sample. Of a hundred partners only what is rarely looked back over goes
    // further back than a day.
    let measured = [
        (Page::serve(&few.text), vec![few.rules(), ratio], 3),
        (Page::serve(&many.text), vec![many.rules()], 1),
        (Page::serve(&many.in_storm()), vec![many.rules()], 1),
    ];
    let started = start_all(&measured);
    let flat: Vec<&Prometheus> = started.iter().flatten().collect();
    let spent = cores(&flat, WARM_UP, WINDOW);
    let &[few_idle, ours, theirs, quiet_idle, quiet, storm_idle, storm] = spent.as_slice() else {
        panic!("seven were started, and {} measured", spent.len());
    };
    table.row(Row {
        what: format!("CPU of our rules ÷ that of ratio rules, {PARTNERS} partners"),
        key: "rules_cpu_ratio_vs_ratio_rules".to_owned(),
        bar: Some(Bar::AtMost(1.0)),
        value: (ours - few_idle) / (theirs - few_idle),
        unit: "",
        more: format!(
            "cores: ours {ours:.4}, ratio rules {theirs:.4}, without rules {few_idle:.4}; {} series",
            few.lines().len()
        ),
    });
    for (what, key, bar, (cores, idle), prometheus) in [
        (
            "quiet",
            "rules_cores_100_partners_quiet",
            0.06,
            (quiet, quiet_idle),
            flat[4],
        ),
        (
            "all tiers firing",
            "rules_cores_100_partners_storm",
            0.3,
            (storm, storm_idle),
            flat[6],
        ),
    ] {
        table.row(Row {
            what: format!("rules of {MANY} partners, {what}"),
            key: key.to_owned(),
            bar: Some(Bar::AtMost(bar)),
            value: cores - idle,
            unit: "cores",
            more: format!(
                "without rules {idle:.4}; {} series, {} alerts fire",
                many.lines().len(),
                prometheus.firing()
            ),
        });
    }
    table.row(Row {
        what: format!("generate for {MANY} partners"),
        key: "generate_s_100_partners".to_owned(),
        bar: Some(Bar::AtMost(1.0)),
        value: many.generate_s,
        unit: "s",
        more: "rules, alertmanager.yml, prometheus.yml, dashboards".to_owned(),
    });
}

/// The pages that are scraped, the rules over each, and the most days of history.
type Measured = (Page, Vec<Vec<RuleFile>>, i64);

fn start_all(measured: &[Measured]) -> Vec<Vec<Prometheus>> {
    std::thread::scope(|scope| {
        let making = measured
            .iter()
            .map(|(page, rules, days_max)| scope.spawn(|| start(page, rules, *days_max)));
        let making: Vec<_> = making.collect();
        let started = making.into_iter().map(|one| one.join().expect("started"));
        started.collect()
    })
}

/// One Prometheus without rules and one with each of these, all on the same history of at most so many days.
fn start(page: &Page, rules: &[Vec<RuleFile>], days_max: i64) -> Vec<Prometheus> {
    let folder = super::folders::workshop();
    let all: Vec<RuleFile> = rules.iter().flatten().cloned().collect();
    let blocks = history::blocks(folder.path(), &page.address, &all, days_max);
    let none = Vec::new();
    let each = std::iter::once(&none).chain(rules);
    each.map(|rules| Prometheus::start(&page.address, rules, Some(&blocks), SCRAPE_S))
        .collect()
}
