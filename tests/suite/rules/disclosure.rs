//! A disclosure is a level: it pages when it is there, stands while nobody says, and only 0 ends it.

use super::{Case, Series, firing, gauge, look, promtool, told};

const OWN: [(&str, &str); 2] = [("partner", "keystone"), ("journey", "bulk-exchange")];

fn level(more: &[(&str, &str)], stretches: &[(usize, Option<u64>)]) -> Series {
    let labels = [&OWN[..], more].concat();
    Series::new("outrider_disclosure_open", &labels, gauge(stretches))
}

fn case(name: &str, series: Vec<Series>, looks: &[(usize, bool)]) -> Case {
    let page = firing(
        "OutriderDisclosure",
        &[("severity", "page"), OWN[0], OWN[1]],
    );
    let looks = looks
        .iter()
        .map(|(minute, fires)| look(*minute, page.clone(), *fires));
    told(name, vec![series], looks.collect())
}

/// A pause of Prometheus's own: no sample, and no mark that there is none.
fn with_pause(first: (usize, u64), pause: usize, then: (usize, u64)) -> Series {
    let words = |(minutes, value): (usize, u64)| vec![value.to_string(); minutes];
    let unseen = vec!["_".to_owned(); pause];
    let samples = [words(first), unseen, words(then)].concat();
    Series::of_words("outrider_disclosure_open", &OWN, &samples)
}

#[test]
fn one_event_pages_until_a_person_resumes_whatever_happens_in_between() {
    promtool(&[
        case(
            "one event, resumed after two hours",
            vec![level(&[], &[(70, Some(0)), (120, Some(1)), (60, Some(0))])],
            &[
                (69, false),
                (70, true),
                (129, true),
                (189, true),
                (197, false),
            ],
        ),
        case(
            "the series is born at 1",
            vec![level(&[], &[(10, None), (30, Some(1))])],
            &[(9, false), (10, true), (39, true)],
        ),
        case(
            "Prometheus is away for 70 minutes, in which it happens",
            vec![with_pause((10, 0), 70, (20, 1))],
            &[(9, false), (80, true), (99, true)],
        ),
        case(
            "the agent returns as another instance",
            vec![
                level(&[("instance", "a:1")], &[(10, Some(0)), (90, None)]),
                level(&[("instance", "b:1")], &[(20, None), (80, Some(1))]),
            ],
            &[(9, false), (19, false), (20, true), (99, true)],
        ),
        case(
            "the agent is killed for an hour, and its ledger lost",
            vec![
                level(&[], &[(10, Some(0)), (10, Some(1)), (180, None)]),
                level(
                    &[("fleet", "f2")],
                    &[(80, None), (60, Some(1)), (60, Some(0))],
                ),
            ],
            &[
                (10, true),
                (19, true),
                (50, true),
                (79, true),
                (100, true),
                (139, true),
                (150, false),
            ],
        ),
        case(
            "the watcher that saw it is away, and another one saw nothing",
            vec![
                level(&[], &[(10, Some(0)), (10, Some(1)), (180, None)]),
                level(&[("agent", "second"), ("fleet", "f2")], &[(200, Some(0))]),
            ],
            &[(9, false), (10, true), (30, true), (199, true)],
        ),
        case(
            "nobody exports it again",
            vec![level(&[], &[(10, Some(1)), (900, None)])],
            &[(9, true), (500, true), (909, true)],
        ),
    ]);
}
