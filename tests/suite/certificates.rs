//! When certificates end, by host and role: as shown last, also once they have run out, and over a restart.

use std::collections::BTreeMap;

use crate::support::{Agent, Config, Pace, Sandbox, eventually};

const SERIES: &str = "outrider_certificate_expiry_timestamp_seconds{";

/// The end of each chain, by role and which of its certificates ends first.
fn ends(agent: &Agent) -> BTreeMap<(String, String), f64> {
    let metrics = agent.metrics();
    let samples = metrics.0.lines().filter(|line| line.starts_with(SERIES));
    let of_one = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let label = |name: &str| {
            let (_, rest) = series.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let host = label("host");
        assert!(host.starts_with("127.0.0.1:"), "{line}");
        (
            (label("role"), label("subject_kind")),
            value.parse().unwrap(),
        )
    };
    samples.map(of_one).collect()
}

#[test]
fn the_end_of_each_hosts_chain_outlives_its_end_a_restart_and_the_partner() {
    let sandbox = Sandbox::start();
    let config = Config::at(
        &sandbox,
        &Pace {
            every: "300ms",
            concurrency: 25,
            ..Pace::default()
        },
    );
    let agent = config.agent();
    let good = eventually("the chains of all roles", || {
        let ends = ends(&agent);
        let roles: Vec<&str> = ends.keys().map(|(role, _)| role.as_str()).collect();
        (roles == ["api", "discovery", "files", "token"]).then_some(ends)
    });
    let began = agent
        .metrics()
        .sum("outrider_agent_start_timestamp_seconds", &[]);
    assert!(good.values().all(|end| *end > began), "{good:?}");
    // A host whose certificate ran out ends every handshake, and what it showed is seen nevertheless.
    sandbox.inject("keystone", "certificate-expired");
    let expired = eventually("a chain that has run out", || {
        let ends = ends(&agent);
        let is_over = |(of, end): (&(String, String), &f64)| of.1 == "leaf" && *end < began;
        ends.iter().any(is_over).then_some(ends)
    });
    assert_eq!(expired.len(), good.len(), "{expired:?}");
    agent.kill();
    // Of a partner that is gone nothing is shown any more; the ledger has what was.
    drop(sandbox);
    let agent = config.agent();
    assert_eq!(ends(&agent), expired);
}
