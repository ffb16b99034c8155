//! Memory with 5,000 probes: 50 partners × 4 journeys × 25 cadences, after each ran three times.

use serde_json::json;

use super::scene::{ONE_STEP, Scene};
use super::site::Site;
use super::table::{Bar, Row, Table};
use super::wait;

const PARTNERS: u32 = 50;
const CADENCES: u32 = 25;
/// From 12.00 s to 13.20 s, so that the third run of the last is not much later than of the first.
const FIRST_CADENCE_MS: u32 = 12_000;
const CADENCE_STEP_MS: u32 = 50;
const RUNS_EACH: i64 = 3;

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let scene = scene(site);
    let agent = scene.agent(None);
    let (at_start, _) = agent.program.memory_mib();
    let probes = i64::from(PARTNERS * CADENCES) * 4;
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM runs GROUP BY partner, journey HAVING count(*) >= {RUNS_EACH})"
    );
    wait::until("three runs of each probe", || {
        wait::rest(std::time::Duration::from_secs(1));
        scene.ledger(&sql)[0] == probes
    });
    let (rss, highest) = agent.program.memory_mib();
    let runs = scene.ledger("SELECT count(*) FROM runs")[0];
    let page = agent.connection().get("/metrics").expect("a page");
    let lines = page.split(|byte| *byte == b'\n');
    let series = lines
        .filter(|line| line.first().is_some_and(|byte| *byte != b'#'))
        .count();
    let (scraped, scraped_highest) = agent.program.memory_mib();
    table.row(Row {
        what: format!("memory with {probes} probes, each run three times"),
        key: "rss_mib_5000_probes".to_owned(),
        bar: Some(Bar::AtMost(64.0)),
        value: rss,
        unit: "MiB",
        more: format!(
            "highest {highest:.0}, {runs} runs, {} threads",
            agent.program.threads()
        ),
    });
    table.say(format!(
        "Memory: {at_start:.0} MiB at the start; after one scrape of {series} series ({:.0} MiB) \
         {scraped:.0} MiB, highest {scraped_highest:.0} MiB",
        page.len() as f64 / f64::from(1 << 20)
    ));
    table.note(
        "memory_mib",
        json!({
            "probes": probes, "runs": runs, "at_start": at_start, "rss": rss, "highest": highest,
            "after_scrape": scraped, "highest_after_scrape": scraped_highest,
            "series": series, "page_bytes": page.len(),
        }),
    );
}

fn scene(site: &Site) -> Scene {
    let scene = Scene::new();
    let two = format!("{ONE_STEP}{}", ONE_STEP.replace("metadata", "discovery"));
    let three = format!("{two}{}", ONE_STEP.replace("metadata", "third"));
    let with_value = ONE_STEP.replace(
        "expect = { status = [200], ",
        "expect = { status = [200], json = [{ path = \"$.fhirVersion\", equals = \"4.0.1\" }], ",
    );
    let mut probes = Vec::new();
    for (name, steps) in [
        ("metadata", ONE_STEP),
        ("value", &with_value),
        ("two", &two),
        ("three", &three),
    ] {
        for place in 0..CADENCES {
            let journey = format!("{name}-{place}");
            scene.journey(&journey, steps);
            probes.push((journey, FIRST_CADENCE_MS + place * CADENCE_STEP_MS));
        }
    }
    for number in 0..PARTNERS {
        scene.partner(&format!("partner-{number}"), site, false, &probes);
    }
    scene
}
