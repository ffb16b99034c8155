//! Laws of periods, verdicts and credits.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::counts::RunCounts;
use super::credit::{credit_sum, line};
use super::docketed::DocketSection;
use super::figure::Figure;
use super::ladder::ladder_fault;
use super::period::ReportPeriod;
use super::report::{AgreementFacts, Party, Report, ReportFacts, Source};
use super::row::{Day, PromiseFacts, TrendPoint};
use super::verdict::{Verdict, judge, wilson};
use crate::model::{
    Basis, Combination, CreditTerms, Currency, Debtor, LadderRow, ReportingWindow, Sla, SlaPromise,
    SloName, Unmeasured, Zone,
};

const ZONES: [&str; 24] = [
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/St_Johns",
    "America/Asuncion",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Shanghai",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
];

fn counts() -> impl Strategy<Value = RunCounts> {
    (0_u64..5_000)
        .prop_flat_map(|due| (Just(due), 0..=due))
        .prop_flat_map(|(due, judged)| (Just(due), Just(judged), 0..=judged))
        .prop_map(|(due, judged, bad)| RunCounts { due, judged, bad })
}

/// A sound ladder below a target: rows of random width, credits that never grow with the share.
fn promise() -> impl Strategy<Value = SlaPromise> {
    let row = (1_u32..300_000, 0_u32..400_000);
    let rows = prop::collection::vec(row, 1..5);
    (500_000_u32..1_000_000, rows, 0_u32..=1_000_000).prop_map(|(target_ppm, rows, cap_ppm)| {
        let mut credits: Vec<u32> = rows.iter().map(|(_, credit)| *credit).collect();
        credits.sort_unstable();
        let (mut ladder, mut below_ppm) = (Vec::new(), target_ppm);
        for (place, ((width, _), credit_ppm)) in rows.iter().zip(credits).enumerate() {
            let is_last = place + 1 == rows.len();
            let from_ppm = if is_last {
                0
            } else {
                below_ppm.saturating_sub(*width)
            };
            if from_ppm < below_ppm {
                ladder.push(LadderRow {
                    from_ppm,
                    below_ppm,
                    credit_ppm,
                });
            }
            below_ppm = from_ppm;
        }
        ladder.reverse();
        SlaPromise {
            of: SloName::Business,
            target_ppm,
            minimum_runs: 0,
            ladder,
            cap_ppm,
        }
    })
}

fn terms() -> impl Strategy<Value = CreditTerms> {
    let combination = prop_oneof![Just(Combination::Sum), Just(Combination::Largest)];
    let fee = 0_u64..1_000_000_000_000;
    (fee, 0_u32..=1_000_000, combination, 0_u32..=3).prop_map(
        |(fee, cap_ppm, combination, decimals)| CreditTerms {
            currency: Currency {
                code: "XTS".to_owned(),
                decimals,
            },
            fee,
            combination,
            cap_ppm,
            minimum: 0,
        },
    )
}

fn unmeasured() -> impl Strategy<Value = Unmeasured> {
    prop_oneof![
        Just(Unmeasured::WorstCase),
        (0_u32..=1_000_000)
            .prop_map(|coverage_floor_ppm| Unmeasured::LeaveOut { coverage_floor_ppm }),
    ]
}

proptest! {
    #[test]
    fn figures_are_in_order(counts in counts()) {
        let figure = Figure::of(counts);
        prop_assert_eq!(figure.good + figure.bad, figure.judged);
        prop_assert_eq!(figure.judged + figure.unmeasured, figure.due);
        if let Some(bounds) = figure.bounds {
            prop_assert!(bounds.low_ppm <= bounds.high_ppm && bounds.high_ppm <= 1_000_000);
        }
        if let (Some(achieved), Some(sure)) = (figure.achieved_ppm, wilson(figure.good, figure.judged)) {
            prop_assert!(sure.low_ppm <= achieved + 1 && achieved <= sure.high_ppm + 1);
        }
    }

    /// Whatever the unmeasured runs were, a verdict stands; and without one, they could have been either.
    #[test]
    fn no_unmeasured_run_changes_a_verdict(counts in counts(), target_ppm in 0_u32..=1_000_000, turn in any::<u64>()) {
        let verdict = |of: RunCounts| judge(of, of.due, target_ppm, 0, Unmeasured::WorstCase);
        let found = verdict(counts);
        let also_bad = if counts.unmeasured() == 0 { 0 } else { turn % (counts.unmeasured() + 1) };
        let measured = |bad: u64| RunCounts { due: counts.due, judged: counts.due, bad: counts.bad + bad };
        match found.verdict {
            Verdict::Met | Verdict::Missed => {
                prop_assert_eq!(verdict(measured(also_bad)).verdict, found.verdict);
                prop_assert_eq!(found.good_runs_needed, 0);
            }
            Verdict::NotDemonstrable if counts.due > 0 => {
                prop_assert_eq!(verdict(measured(0)).verdict, Verdict::Met);
                prop_assert_eq!(verdict(measured(counts.unmeasured())).verdict, Verdict::Missed);
                // So many good runs more would have shown it, and one less would not.
                let more = |good: u64| RunCounts { judged: counts.judged + good, ..counts };
                prop_assert_eq!(verdict(more(found.good_runs_needed)).verdict, Verdict::Met);
                prop_assert!(verdict(more(found.good_runs_needed - 1)).verdict != Verdict::Met);
            }
            Verdict::NotDemonstrable | Verdict::Excluded => prop_assert_eq!(counts.due, 0),
        }
    }

    /// One run that was good and is bad never earns less, and never more than the caps.
    #[test]
    fn credits_are_monotone_and_capped(
        counts in counts(), promise in promise(), terms in terms(), unmeasured in unmeasured(),
    ) {
        prop_assert_eq!(ladder_fault(&promise.ladder, promise.target_ppm), None);
        let credit = |counts: RunCounts| {
            let verdict = judge(counts, counts.due, promise.target_ppm, 0, unmeasured).verdict;
            let line = line(&promise, verdict, counts, unmeasured);
            (verdict, credit_sum(&terms, line.into_iter().collect()))
        };
        let (verdict, sum) = credit(counts);
        if verdict != Verdict::Missed {
            prop_assert_eq!(sum.amount_minor, 0);
        }
        prop_assert!(sum.capped_ppm <= terms.cap_ppm.min(promise.cap_ppm));
        prop_assert!(sum.amount_minor <= terms.fee);
        // Rounded once: at most half a minor unit from the exact amount.
        let exact = u128::from(terms.fee) * u128::from(sum.capped_ppm);
        let off = (u128::from(sum.amount_minor) * 1_000_000).abs_diff(exact);
        prop_assert!(off <= 500_000);
        if counts.good() > 0 {
            let (_, worse) = credit(RunCounts { bad: counts.bad + 1, ..counts });
            prop_assert!(worse.amount_minor >= sum.amount_minor);
        }
    }

    /// A missed promise always hits one row of a sound ladder.
    #[test]
    fn every_miss_has_its_row(counts in counts(), promise in promise(), unmeasured in unmeasured()) {
        let verdict = judge(counts, counts.due, promise.target_ppm, 0, unmeasured).verdict;
        let line = line(&promise, verdict, counts, unmeasured);
        prop_assert_eq!(line.is_some(), verdict == Verdict::Missed);
    }

    /// A report holds every number that it follows from.
    #[test]
    fn a_report_is_worked_out_again_from_itself(
        raw in counts(), promise in promise(), terms in terms(), unmeasured in unmeasured(),
        month in 1_u32..=12, zone in prop::sample::select(&ZONES[..]),
    ) {
        let report = report(raw, promise, terms, unmeasured, (&format!("2026-{month:02}"), zone));
        let text = report.json().unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.recomputed(), Some(report.clone()));
        prop_assert_eq!(read.json().unwrap(), text);
    }
}

fn report(
    raw: RunCounts,
    promise: SlaPromise,
    terms: CreditTerms,
    unmeasured: Unmeasured,
    (period, zone): (&str, &str),
) -> Report {
    let sla = Sla {
        owes: Debtor::Partner,
        to: "Bluestone Health".to_owned(),
        measured_by: "Bluestone Health".to_owned(),
        zone: Zone::named(zone).unwrap(),
        window: ReportingWindow::Month,
        basis: Basis::Net,
        unmeasured,
        publish_by_days: 5,
        dispute_within_days: 30,
        credits: Some(terms),
        promises: vec![promise],
    };
    let net = RunCounts::new(
        raw.due - raw.due / 10,
        raw.judged.min(raw.due - raw.due / 10),
        0,
    );
    let facts = PromiseFacts {
        raw,
        net,
        days: vec![Day {
            day: format!("{period}-01"),
            due: net.due,
            judged: net.judged,
            bad: net.bad,
        }],
        trend: vec![TrendPoint {
            period: period.to_owned(),
            due: net.due,
            judged: net.judged,
            bad: net.bad,
            verdict: Some(Verdict::Met),
        }],
        ..PromiseFacts::default()
    };
    let text = || "x".to_owned();
    let facts = ReportFacts {
        partner: Party {
            id: text(),
            name: text(),
            environment: text(),
        },
        period: ReportPeriod::parse(period).unwrap(),
        source: Source {
            tool: text(),
            measured_from: text(),
            counts_sha256: text(),
            terms_sha256: text(),
            definitions_sha256: text(),
        },
        agreements: vec![AgreementFacts {
            sla,
            promises: vec![facts],
        }],
        coverage: Vec::new(),
        latency: Vec::new(),
        docketed: DocketSection::default(),
    };
    Report::new(facts, true)
}

/// Every quarter hour of two years, one of them with a leap day, lies in just one month, quarter, week and day of
/// each zone, and every period begins with a whole quarter hour: history is counted by them.
#[test]
fn each_quarter_hour_lies_in_one_period_of_each_zone() {
    let quarter = TimeDelta::minutes(15);
    for name in ZONES {
        let zone = Zone::named(name).unwrap();
        for (first, count) in [("2027-12", 14), ("2027-Q4", 6), ("2027-W52", 60)] {
            let mut periods = vec![ReportPeriod::parse(first).unwrap()];
            // Forward by what begins where the last one ends.
            while periods.len() < count {
                let last = periods.last().unwrap();
                let candidates = ["%Y-%m", "%G-W%V"].map(|form| last.end.format(form).to_string());
                let quarter = format!(
                    "{}-Q{}",
                    last.end.format("%Y"),
                    chrono::Datelike::month0(&last.end) / 3 + 1
                );
                let text = match last.window.unwrap() {
                    ReportingWindow::Month => &candidates[0],
                    ReportingWindow::Week => &candidates[1],
                    ReportingWindow::Quarter => &quarter,
                };
                periods.push(ReportPeriod::parse(text).unwrap());
            }
            let instants: Vec<_> = periods.iter().map(|one| one.instants(zone)).collect();
            for pair in instants.windows(2) {
                assert_eq!(pair[0].1, pair[1].0, "{name} {first}");
            }
            let (begin, end) = (instants[0].0, instants[instants.len() - 1].1);
            let mut at: DateTime<Utc> = begin;
            let mut place = 0;
            while at < end {
                if at >= instants[place].1 {
                    assert_eq!(at, instants[place].1, "{name}: no whole quarter hour");
                    place += 1;
                }
                let local = zone.local(at).date();
                let period = &periods[place];
                assert!((period.first..period.end).contains(&local), "{name} {at}");
                at += quarter;
            }
            for (period, (from, to)) in periods.iter().zip(&instants) {
                let days: Vec<_> = period.days(zone).collect();
                assert_eq!((days[0].1, days[days.len() - 1].2), (*from, *to));
                assert!(days.windows(2).all(|pair| pair[0].2 == pair[1].1));
            }
        }
    }
}

#[test]
fn a_leap_day_belongs_to_its_month() {
    let period = ReportPeriod::parse("2028-02").unwrap();
    assert_eq!(period.days(Zone::UTC).count(), 29);
    let period = ReportPeriod::parse("2027-02").unwrap();
    assert_eq!(period.days(Zone::UTC).count(), 28);
}

#[test]
fn several_credits_are_added_or_the_largest_counts_and_money_is_rounded_once() {
    let ladder = |credit_ppm| {
        vec![LadderRow {
            from_ppm: 0,
            below_ppm: 990_000,
            credit_ppm,
        }]
    };
    let promise = |of, credit_ppm| SlaPromise {
        of,
        target_ppm: 990_000,
        minimum_runs: 0,
        ladder: ladder(credit_ppm),
        cap_ppm: 1_000_000,
    };
    let bad = RunCounts::new(100, 100, 50);
    let lines = || {
        let promises = [
            promise(SloName::Transport, 333_333),
            promise(SloName::Business, 333_334),
        ];
        let lines = promises.map(|one| line(&one, Verdict::Missed, bad, Unmeasured::WorstCase));
        lines.into_iter().flatten().collect::<Vec<_>>()
    };
    let terms = |decimals, fee, combination, cap_ppm| CreditTerms {
        currency: Currency {
            code: "XTS".to_owned(),
            decimals,
        },
        fee,
        combination,
        cap_ppm,
        minimum: 0,
    };
    // Two thirds of 1 yen: 0 if each were rounded, 1 as a sum.
    let sum = credit_sum(&terms(0, 1, Combination::Sum, 1_000_000), lines());
    assert_eq!((sum.combined_ppm, sum.amount_minor), (666_667, 1));
    let sum = credit_sum(&terms(3, 1_000, Combination::Largest, 1_000_000), lines());
    assert_eq!(sum.amount_minor, 333);
    let sum = credit_sum(&terms(3, 1_000, Combination::Sum, 500_000), lines());
    assert_eq!((sum.capped_ppm, sum.amount_minor), (500_000, 500));
    let small = CreditTerms {
        minimum: 501,
        ..terms(3, 1_000, Combination::Sum, 500_000)
    };
    assert_eq!(credit_sum(&small, lines()).amount_minor, 0);
}
