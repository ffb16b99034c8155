//! CPU time of one run of a journey of eight steps, with judging, evidence and the ledger.

use std::time::Duration;

use serde_json::json;

use super::check::idle;
use super::scene::{AGENT, Scene};
use super::site::Site;
use super::table::{Row, Table};
use super::wait;

const STEPS: u32 = 8;
const PARTNERS: u32 = 20;
const EVERY_MS: u32 = 1_000;
const RUNS_PER_S: u32 = PARTNERS * 1000 / EVERY_MS;
const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;

pub(crate) fn measure(site: &Site, table: &mut Table) {
    let idle = idle(site);
    let scene = Scene::new();
    let steps: Vec<String> = (1..=STEPS).map(step).collect();
    scene.journey("eight", &steps.concat());
    for number in 0..PARTNERS {
        let probes = [("eight".to_owned(), EVERY_MS)];
        scene.partner(&format!("partner-{number}"), site, false, &probes);
    }
    let agent = scene.agent(None);
    wait::rest(WARM_UP);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (cpu, served) = (agent.program.cpu(), site.served(AGENT));
        wait::rest(WINDOW);
        let runs = (site.served(AGENT) - served) as f64 / f64::from(STEPS);
        let cpu_ms = (agent.program.cpu() - cpu).as_secs_f64() * 1000.0;
        rounds.push(cpu_ms / runs - idle * 1000.0 / f64::from(RUNS_PER_S));
    }
    rounds.sort_by(f64::total_cmp);
    table.row(Row {
        what: "CPU of one run of eight plain steps".to_owned(),
        key: "journey_cpu_ms".to_owned(),
        bar: None,
        value: rounds[ROUNDS / 2],
        unit: "ms",
        more: format!(
            "{:.3} to {:.3} in {ROUNDS} rounds at {RUNS_PER_S} runs/s",
            rounds[0],
            rounds[ROUNDS - 1]
        ),
    });
    table.note(
        "journey_cpu",
        json!({"steps": STEPS, "runs_per_s": RUNS_PER_S, "rounds_ms": rounds}),
    );
}

fn step(number: u32) -> String {
    format!(
        "[[step]]\nid = \"step-{number}\"\nuse = \"request\"\nurl = \"{{{{ partner.base_url }}}}/metadata\"\n\
         expect = {{ status = [200], media = [\"application/fhir+json\"], json = [{{ path = \"$.fhirVersion\", equals = \"4.0.1\" }}] }}\n"
    )
}
