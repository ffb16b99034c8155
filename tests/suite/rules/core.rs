//! Alerts of the exchange core: what is still well is silent, one more fires, and it ends.

use super::{Case, Series, constant, counter, firing, gauge, look, promtool_of, told};

/// Minutes before, of, and after what is wrong.
const CALM: usize = 10;
const WRONG: usize = 40;
const AFTER: usize = 100;

/// A series of the core, which has no labels of an agent.
fn series(name: &str, values: &[Option<u64>]) -> Series {
    Series {
        name: name.to_owned(),
        samples: super::words(values),
    }
}

/// A level that is right, wrong for a while, and right again; and others that are wrong all the time and none of its
/// business.
struct Level {
    alert: &'static str,
    severity: &'static str,
    series: &'static str,
    right: u64,
    wrong: u64,
    /// Minutes that it must last.
    lasts: usize,
    others: &'static [(&'static str, u64)],
}

const LEVELS: [Level; 7] = [
    Level {
        alert: "OutriderCoreDown",
        severity: "page",
        series: "up{job=\"exchange\",instance=\"core:1\"}",
        right: 1,
        wrong: 0,
        lasts: 2,
        others: &[("up{job=\"other\",instance=\"core:1\"}", 0)],
    },
    Level {
        alert: "OutriderCoreTrailBroken",
        severity: "page",
        series: "exchange_audit_trail_broken",
        right: 0,
        wrong: 1,
        lasts: 0,
        others: &[],
    },
    Level {
        alert: "OutriderCoreDeadLetters",
        severity: "ticket",
        series: "exchange_review_queue_depth{queue=\"dead-letter\"}",
        right: 0,
        wrong: 1,
        lasts: 15,
        others: &[("exchange_review_queue_depth{queue=\"person-decides\"}", 9)],
    },
    Level {
        alert: "OutriderCoreExceptionsAgeing",
        severity: "page",
        series: "exchange_review_oldest_age_seconds{queue=\"dead-letter\"}",
        right: 4 * 3_600,
        wrong: 4 * 3_600 + 1,
        lasts: 0,
        others: &[(
            "exchange_review_oldest_age_seconds{queue=\"person-decides\"}",
            90_000,
        )],
    },
    Level {
        alert: "OutriderCoreReviewsAgeing",
        severity: "ticket",
        series: "exchange_review_oldest_age_seconds{queue=\"person-decides\"}",
        right: 86_400,
        wrong: 86_401,
        lasts: 0,
        others: &[(
            "exchange_review_oldest_age_seconds{queue=\"dead-letter\"}",
            90_000,
        )],
    },
    Level {
        alert: "OutriderCoreStuck",
        severity: "ticket",
        series: "exchange_outbox_oldest_age_seconds{target=\"keystone\"}",
        right: 3_600,
        wrong: 3_601,
        lasts: 0,
        others: &[(
            "exchange_outbox_oldest_age_seconds{target=\"meadow\"}",
            3_600,
        )],
    },
    Level {
        alert: "OutriderCoreStoreNearlyFull",
        severity: "ticket",
        series: "exchange_store_fill_percent",
        right: 80,
        wrong: 81,
        lasts: 15,
        others: &[],
    },
];

#[test]
fn levels_of_the_core_fire_when_they_are_passed_and_end_when_they_are_not() {
    let cases = LEVELS.iter().map(|level| {
        let values = gauge(&[
            (CALM, Some(level.right)),
            (WRONG, Some(level.wrong)),
            (AFTER, Some(level.right)),
        ]);
        let others = level.others.iter();
        let others =
            others.map(|(name, value)| series(name, &constant(CALM + WRONG + AFTER, *value)));
        let fires = |minute, fires| {
            look(
                minute,
                firing(level.alert, &[("severity", level.severity)]),
                fires,
            )
        };
        let begin = CALM + level.lasts;
        let mut looks = vec![
            fires(CALM - 1, false),
            fires(begin, true),
            fires(CALM + WRONG - 1, true),
            fires(CALM + WRONG + 3, true),
            fires(CALM + WRONG + 6, false),
        ];
        looks.extend((level.lasts > 0).then(|| fires(begin - 1, false)));
        let all = others.chain([series(level.series, &values)]).collect();
        told(level.alert, vec![all], looks)
    });
    promtool_of("core.yml", &cases.collect::<Vec<_>>());
}

/// One event in an hour, at the tenth minute.
fn once(alert: &str, series: Vec<Series>, fires: bool) -> Case {
    let at = |minute, fires| look(minute, firing(alert, &[("severity", "ticket")]), fires);
    told(
        alert,
        vec![series],
        vec![
            at(9, false),
            at(11, fires),
            at(69, fires),
            at(72, fires),
            at(76, false),
        ],
    )
}

#[test]
fn one_event_of_the_core_is_a_ticket_for_an_hour() {
    let one = counter(&[(9, Some(0)), (1, Some(1)), (120, Some(0))]);
    let of =
        |name: &str, more: &str| series(&format!("{name}{{target=\"keystone\",{more}}}"), &one);
    let breaches = |traffic: &str| {
        of(
            "exchange_sla_breaches_total",
            &format!("clock=\"acceptance\",traffic=\"{traffic}\""),
        )
    };
    let two_cores = ["a:1", "b:1"].map(|instance| {
        of(
            "exchange_payload_failures_total",
            &format!("what=\"short\",traffic=\"real\",instance=\"{instance}\""),
        )
    });
    let mut cases = vec![
        once("OutriderCoreSlaBreached", vec![breaches("real")], true),
        once(
            "OutriderCoreSlaBreached",
            vec![breaches("synthetic")],
            false,
        ),
        once(
            "OutriderCoreDrift",
            vec![of("exchange_drifts_total", "traffic=\"real\"")],
            true,
        ),
        once("OutriderCorePayloadFailures", two_cores.to_vec(), true),
    ];
    let grown = "sum(target_event:exchange_total:sum{event=\"payload_failures\"})";
    cases[3].looks.push(super::value(60, grown.to_owned(), 1.0));
    // Of a core that Prometheus has known for longer than it looks back.
    let old = counter(&[(200, Some(0)), (1, Some(1)), (120, Some(0))]);
    let old = series(
        "exchange_drifts_total{target=\"keystone\",traffic=\"real\"}",
        &old,
    );
    let at = |minute, fires| look(minute, firing("OutriderCoreDrift", &[]), fires);
    cases.push(told(
        "one, after hours without",
        vec![vec![old]],
        vec![at(199, false), at(202, true), at(267, false)],
    ));
    promtool_of("core.yml", &cases);
}

/// A target: what counts as bad, of what, and how many of how many are still within it.
struct Target {
    alert: &'static str,
    bad: &'static str,
    of: &'static str,
    all: u64,
    may: u64,
    /// Whether what is bad is what is left of `of`: then `bad` counts the good ones.
    is_rest: bool,
}

const TARGETS: [Target; 6] = [
    Target {
        alert: "OutriderKpiAcceptance",
        bad: "exchange_accepted_total{",
        of: "exchange_submitted_total{",
        all: 500,
        may: 10,
        is_rest: true,
    },
    Target {
        alert: "OutriderKpiIdentityMatch",
        bad: "exchange_members_total{reason=\"no_match\",",
        of: "exchange_members_total{reason=\"delivered\",",
        all: 380,
        may: 20,
        is_rest: false,
    },
    Target {
        alert: "OutriderKpiCompletion",
        bad: "exchange_settled_total{state=\"partially_completed\",",
        of: "exchange_settled_total{state=\"completed\",",
        all: 970,
        may: 30,
        is_rest: false,
    },
    Target {
        alert: "OutriderKpiOnTime",
        bad: "exchange_sla_breaches_total{clock=\"identity\",",
        of: "exchange_settled_total{state=\"completed\",",
        all: 400,
        may: 20,
        is_rest: false,
    },
    Target {
        alert: "OutriderKpiDuplicates",
        bad: "exchange_duplicates_total{",
        of: "exchange_submitted_total{",
        all: 1_000,
        may: 5,
        is_rest: false,
    },
    Target {
        alert: "OutriderKpiManualReview",
        bad: "exchange_reviews_total{queue=\"person-decides\",",
        of: "exchange_members_total{reason=\"delivered\",",
        all: 1_000,
        may: 30,
        is_rest: false,
    },
];

impl Target {
    /// So many bad ones and others at the tenth minute.
    fn case(&self, name: &str, bad: u64, all: u64, fires: bool) -> Case {
        let labels = "target=\"keystone\",traffic=\"real\"}";
        let at_once = |by| counter(&[(9, Some(0)), (1, Some(by)), (1_450, Some(0))]);
        let bad = if self.is_rest { all - bad } else { bad };
        let series = vec![
            series(&format!("{}{labels}", self.bad), &at_once(bad)),
            series(&format!("{}{labels}", self.of), &at_once(all)),
        ];
        let own = [
            ("severity", "ticket"),
            ("target", "keystone"),
            ("traffic", "real"),
        ];
        let at = |minute, fires| look(minute, firing(self.alert, &own), fires);
        // It lasts half an hour.
        let mut looks = vec![at(39, false), at(40, fires)];
        if all == self.all && fires {
            // A day later nothing of it is left.
            let minutes = [(1_440, true), (1_452, true), (1_456, false)];
            looks.extend(minutes.map(|(minute, fires)| at(minute, fires)));
        }
        told(&format!("{}: {name}", self.alert), vec![series], looks)
    }
}

#[test]
fn a_target_that_is_kept_is_silent_and_one_more_is_a_ticket() {
    let cases = TARGETS.iter().flat_map(|target| {
        [
            target.case("as many as may be", target.may, target.all, false),
            target.case("one more", target.may + 1, target.all, true),
            // Of few any single one is more than the share.
            target.case("two of few", 2, 8, false),
            target.case("three of few", 3, 8, true),
        ]
    });
    promtool_of("core.yml", &cases.collect::<Vec<_>>());
}
