//! Rules over all partners, by promtool: a path that broke, partners that nobody watches, a loop of alerts
//! that does not close.

use outrider_domain::model::Plan;
use outrider_domain::slo;

use crate::rules::{Case, Series, counter, firing, look, promtool, told};
use crate::support::{Config, Pace};

/// Four partners with a transport objective, one without.
fn plan() -> Plan {
    let config = Config::new(&Pace {
        every: "1m",
        timeout: "20s",
        deadline: "1m",
        concurrency: 1,
    });
    let keystone =
        std::fs::read_to_string(config.folder.path().join("partners/keystone.toml")).unwrap();
    let members =
        std::fs::read_to_string(config.folder.path().join("members/keystone-basic.json")).unwrap();
    let only_transport = &keystone[..keystone.find("[slo.application]").unwrap()];
    config.write("partners/keystone.toml", only_transport);
    for id in ["meadow", "harbor", "summit", "plain"] {
        let mut file = only_transport.replace("keystone", id);
        if id == "plain" {
            file.truncate(file.find("[slo.transport]").unwrap());
        }
        config.write(&format!("partners/{id}.toml"), &file);
        config.write(
            &format!("members/{id}-basic.json"),
            &members.replace("\"keystone", &format!("\"{id}")),
        );
    }
    let file = config.folder.path().join("outrider.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    config.write(
        "outrider.toml",
        &format!("{text}[alerting]\nalertmanager = \"127.0.0.1:9093\"\n"),
    );
    outrider_domain::config::load(&file, None).unwrap()
}

fn check(cases: &[Case]) {
    let plan = plan();
    let objectives = slo::objectives(&plan).unwrap();
    promtool(&plan, &objectives, cases);
}

/// Transport of one partner, one run a minute.
fn transport(
    partner: &str,
    events: &[(usize, Option<u64>)],
    bad: &[(usize, Option<u64>)],
) -> Vec<Series> {
    let own = [("partner", partner), ("slo", "transport")];
    vec![
        Series::new("outrider_slo_events_total", &own, counter(events)),
        Series::new("outrider_slo_bad_total", &own, counter(bad)),
    ]
}

#[test]
fn half_of_all_partners_at_once_is_the_path_and_fewer_are_they() {
    // Enough for the fast page and too few for the slow one.
    let healthy = &[(90, Some(0))];
    let broken = &[(30, Some(0)), (12, Some(1)), (48, Some(0))];
    let all = &[(90, Some(1))];
    let cases = [(1, false), (2, true), (3, true)].map(|(failing, fires)| {
        let series = ["keystone", "meadow", "harbor", "summit"]
            .iter()
            .enumerate()
            .map(|(place, partner)| {
                transport(partner, all, if place < failing { broken } else { healthy })
            });
        let path = |minute, fires| look(minute, firing("OutriderPathDown", &[]), fires);
        let burns = firing(
            "OutriderSloBurn",
            &[("partner", "keystone"), ("tier", "page-fast")],
        );
        let looks = vec![
            path(31, false),
            look(42, burns, true),
            path(42, fires),
            path(80, false),
        ];
        told(&format!("{failing} of four"), series.collect(), looks)
    });
    check(&cases);
}

/// Ticks of one partner by one agent, which answers as long as it has ticks.
fn watched(agent: &str, partner: &str, ticks: &[(usize, Option<u64>)]) -> Vec<Series> {
    let ticks = counter(ticks);
    let answers = ticks.iter().map(|tick| tick.map(|_| 1)).collect();
    let of = |name: &str, more: &str, values| {
        Series::whole(
            &format!("{name}{{agent=\"{agent}\",location=\"here\"{more}}}"),
            values,
        )
    };
    let own = format!(",partner=\"{partner}\",journey=\"bulk-exchange\",disposition=\"ran\"");
    vec![
        of("outrider_build_info", ",version=\"1\"", answers),
        of("outrider_ticks_total", &own, ticks),
    ]
}

#[test]
fn a_partner_is_unwatched_when_no_agent_that_answers_goes_on() {
    let unwatched = |minute, fires| {
        let of = [("partner", "keystone")];
        look(minute, firing("OutriderPartnerUnwatched", &of), fires)
    };
    let goes_on = &[(60, Some(1))][..];
    let gone = &[(20, Some(1)), (40, None)][..];
    let stands = &[(20, Some(1)), (40, Some(0))][..];
    let cases = [
        ("one agent goes on", vec![goes_on], false),
        ("the only one is gone", vec![gone], true),
        ("the only one stands still", vec![stands], true),
        ("one is gone, another goes on", vec![gone, goes_on], false),
        (
            "one is gone, another stands still",
            vec![gone, stands],
            true,
        ),
    ];
    let cases = cases.map(|(name, agents, fires)| {
        let agents = agents.iter().zip(["east", "west"]);
        let series = agents.map(|(ticks, agent)| watched(agent, "keystone", ticks));
        told(
            name,
            series.collect(),
            vec![unwatched(15, false), unwatched(50, fires)],
        )
    });
    check(&cases);
}

#[test]
fn a_loop_that_does_not_close_is_told() {
    let age = |minutes: &[(usize, u64)]| {
        let ages = minutes
            .iter()
            .flat_map(|(minutes, age)| vec![Some(*age); *minutes]);
        vec![Series::new(
            "outrider_alerting_loop_age_seconds",
            &[],
            ages.collect(),
        )]
    };
    let broken = |minute, fires| look(minute, firing("OutriderAlertingLoopBroken", &[]), fires);
    check(&[told(
        "the watchdog stays away for a while",
        vec![age(&[(10, 300), (10, 301), (20, 12)])],
        vec![broken(9, false), broken(12, true), broken(39, false)],
    )]);
}
