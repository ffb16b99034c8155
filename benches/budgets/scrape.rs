//! How long `/metrics` takes with 10,000 series.

use std::time::Duration;

use serde_json::json;

use super::scene::Scene;
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

/// So many partners with one check each make a little more than 10,000 series.
const PARTNERS: u32 = 50;
const EVERY_MS: u32 = 3_000;
const SCRAPES: usize = 200;

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let scene = Scene::of_checks(site, false, PARTNERS, EVERY_MS);
    let agent = scene.agent(None);
    let sql = "SELECT count(DISTINCT partner) FROM runs";
    wait::until("a run of each probe", || {
        scene.ledger(sql)[0] == i64::from(PARTNERS)
    });
    wait::rest(Duration::from_secs(1));
    let mut connection = agent.connection();
    let mut times = Vec::new();
    let mut page = Vec::new();
    let cpu = agent.program.cpu();
    for _ in 0..SCRAPES {
        let began = wait::now();
        page = connection.get("/metrics").expect("a page");
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        wait::rest(Duration::from_millis(10));
    }
    let cpu_ms = (agent.program.cpu() - cpu).as_secs_f64() * 1000.0 / SCRAPES as f64;
    times.sort_by(f64::total_cmp);
    let lines = page.split(|byte| *byte == b'\n');
    let series = lines
        .filter(|line| line.first().is_some_and(|byte| *byte != b'#'))
        .count();
    let (median, slow) = (times[SCRAPES / 2], times[SCRAPES * 99 / 100]);
    table.row(Row {
        what: format!("scrape of {series} series"),
        key: "scrape_ms_10000_series".to_owned(),
        bar: Some(Bar::AtMost(15.0)),
        value: median,
        unit: "ms",
        more: format!(
            "p99 {slow:.1}, CPU {cpu_ms:.1} ms, {} KiB",
            page.len() / 1024
        ),
    });
    table.note(
        "scrape",
        json!({
            "series": series, "bytes": page.len(), "median_ms": median, "p99_ms": slow,
            "cpu_ms": cpu_ms, "scrapes": SCRAPES,
        }),
    );
}
