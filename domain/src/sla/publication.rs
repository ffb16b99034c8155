//! Which reports of a partner are to be published, and which were.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::docket::Docket;
use super::period::ReportPeriod;
use super::report::publish_day;
use crate::model::{ReportingWindow, Sla};

/// Windows back to which a report is looked for that was not published in its time.
const BACK_MAX: usize = 13;

/// What stands about the reports of one kind of window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publications {
    /// Of which windows.
    pub window: ReportingWindow,
    /// The end of the last period whose report was published; none where none was.
    pub published_until: Option<DateTime<Utc>>,
    /// The periods whose agreed day has come and whose report was not published, oldest first.
    pub due: Vec<ReportPeriod>,
    /// Whether the agreed day of one of them is over.
    pub is_late: bool,
}

/// What stands about each kind of window that a partner's agreements name. `began` is when the record of its runs
/// begins: of a period before that there is nothing to report. Until a first report was published only the last window
/// is due, and from then on each.
pub fn publications(
    slas: &[Sla],
    docket: &Docket,
    began: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<Publications> {
    let mut by_window: BTreeMap<&str, Vec<&Sla>> = BTreeMap::new();
    for sla in slas {
        by_window.entry(sla.window.name()).or_default().push(sla);
    }
    let all = by_window
        .values()
        .filter_map(|slas| of_window(slas, docket, began, now));
    all.collect()
}

fn of_window(
    slas: &[&Sla],
    docket: &Docket,
    began: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Publications> {
    let (first, window) = (slas.first()?, slas.first()?.window);
    let today = first.zone.local(now).date();
    let present = ReportPeriod::holding(window, today)?;
    let is_published = |period: &ReportPeriod| !docket.published(&period.name).is_empty();
    let is_recorded = |period: &ReportPeriod| {
        let (_, until) = period.instants(first.zone);
        began.is_some_and(|began| began < until)
    };
    let past: Vec<ReportPeriod> = std::iter::successors(present.before(), ReportPeriod::before)
        .take_while(is_recorded)
        .take(BACK_MAX)
        .collect();
    let published = past.iter().position(is_published);
    let open = &past[..published.unwrap_or(past.len().min(1))];
    let mut due = Vec::new();
    let mut is_late = false;
    for period in open.iter().rev() {
        let days = slas.iter().map(|sla| Agreed::of(period, sla));
        let agreed: Vec<Agreed> = days.collect();
        // One report serves both directions: it is due on the first agreed day, once the period is over for both.
        let from = agreed.iter().map(|day| day.from).min()?;
        let over = agreed.iter().map(|day| day.over).max()?;
        if from.max(over) > now {
            continue;
        }
        is_late |= agreed.iter().any(|day| day.until <= now);
        due.push(period.clone());
    }
    let last = published.and_then(|place| past.get(place));
    Some(Publications {
        window,
        published_until: last.map(|period| period.instants(first.zone).1),
        due,
        is_late,
    })
}

/// The day on which an agreement has the report of a period published.
struct Agreed {
    /// When the period is over.
    over: DateTime<Utc>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Agreed {
    fn of(period: &ReportPeriod, sla: &Sla) -> Self {
        let day = publish_day(period.end, sla).max(period.end);
        let next = day.succ_opt().unwrap_or(NaiveDate::MAX);
        let day = ReportPeriod {
            name: String::new(),
            window: None,
            first: day,
            end: next,
        };
        let (from, until) = day.instants(sla.zone);
        Self {
            over: period.instants(sla.zone).1,
            from,
            until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Basis, Debtor, DocketDeed, DocketEntry, DocketReason, DocketRequest, Unmeasured, Zone,
    };

    fn sla(owes: Debtor, window: ReportingWindow, publish_by_days: u32, zone: &str) -> Sla {
        Sla {
            owes,
            to: "A".to_owned(),
            measured_by: "B".to_owned(),
            zone: Zone::named(zone).unwrap(),
            window,
            basis: Basis::Net,
            unmeasured: Unmeasured::WorstCase,
            publish_by_days,
            dispute_within_days: 30,
            credits: None,
            promises: Vec::new(),
        }
    }

    fn monthly() -> Vec<Sla> {
        let month = ReportingWindow::Month;
        vec![sla(Debtor::Partner, month, 5, "America/New_York")]
    }

    fn published(periods: &[&str]) -> Docket {
        let entry = |period: &&str| DocketEntry {
            number: 1,
            at: at("2026-01-01T00:00:00Z"),
            author: "agent".to_owned(),
            wish: DocketRequest {
                partner: "keystone".to_owned(),
                act: DocketDeed::ReportPublish {
                    period: (*period).to_owned(),
                    revision: 1,
                    sha256: String::new(),
                    stood: Vec::new(),
                },
                reason: DocketReason::Due,
                note: "published".to_owned(),
                stated: None,
            },
        };
        Docket::new(periods.iter().map(entry).collect())
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The names of the due periods, and whether one is late.
    fn due(slas: &[Sla], docket: &Docket, began: &str, now: &str) -> (Vec<String>, bool) {
        let all = publications(slas, docket, Some(at(began)), at(now));
        let names = all.iter().flat_map(|one| &one.due);
        (
            names.map(|one| one.name.clone()).collect(),
            all.iter().any(|one| one.is_late),
        )
    }

    #[test]
    fn a_report_is_due_on_its_agreed_day_and_late_after_it() {
        let began = "2025-01-01T00:00:00Z";
        for (now, names, late) in [
            // October is over; the fifth day of New York begins at 5 o'clock UTC after the clock change of November 1.
            ("2026-11-05T04:59:59Z", vec![], false),
            ("2026-11-05T05:00:00Z", vec!["2026-10"], false),
            ("2026-11-06T04:59:59Z", vec!["2026-10"], false),
            ("2026-11-06T05:00:00Z", vec!["2026-10"], true),
        ] {
            let found = due(&monthly(), &published(&["2026-09"]), began, now);
            assert_eq!(
                found,
                (names.iter().map(ToString::to_string).collect(), late),
                "{now}"
            );
        }
    }

    #[test]
    fn what_was_missed_is_due_from_the_last_published_on_and_at_first_the_last_window_alone() {
        let (began, now) = ("2025-01-01T00:00:00Z", "2026-11-20T00:00:00Z");
        let names = |docket: &Docket| due(&monthly(), docket, began, now).0;
        assert_eq!(
            names(&published(&["2026-07"])),
            ["2026-08", "2026-09", "2026-10"]
        );
        assert_eq!(names(&Docket::default()), ["2026-10"]);
        assert!(names(&published(&["2026-10"])).is_empty());
        let all = publications(
            &monthly(),
            &published(&["2026-07"]),
            Some(at(began)),
            at(now),
        );
        assert_eq!(all[0].published_until, Some(at("2026-08-01T04:00:00Z")));
    }

    #[test]
    fn of_a_time_before_the_record_nothing_is_due() {
        let now = "2026-11-20T00:00:00Z";
        let none = Docket::default();
        assert!(
            due(&monthly(), &none, "2026-11-01T04:00:00Z", now)
                .0
                .is_empty()
        );
        assert_eq!(
            due(&monthly(), &none, "2026-11-01T03:59:59Z", now).0,
            ["2026-10"]
        );
        assert!(
            publications(&monthly(), &none, None, at(now))[0]
                .due
                .is_empty()
        );
    }

    #[test]
    fn each_kind_of_window_has_its_own_and_one_report_serves_both_directions() {
        let began = "2025-01-01T00:00:00Z";
        let slas = [
            sla(
                Debtor::Partner,
                ReportingWindow::Month,
                5,
                "America/New_York",
            ),
            sla(Debtor::Us, ReportingWindow::Quarter, 10, "America/New_York"),
        ];
        let now = "2026-10-20T00:00:00Z";
        let found = due(&slas, &Docket::default(), began, now).0;
        assert_eq!(found, ["2026-09", "2026-Q3"]);
        // Two zones: it is over in both before it is published.
        let slas = [
            sla(
                Debtor::Partner,
                ReportingWindow::Week,
                1,
                "Pacific/Auckland",
            ),
            sla(Debtor::Us, ReportingWindow::Week, 1, "Pacific/Honolulu"),
        ];
        let found = |now| due(&slas, &Docket::default(), began, now).0;
        assert!(found("2026-11-09T09:59:59Z").is_empty());
        assert_eq!(found("2026-11-09T10:00:00Z"), ["2026-W45"]);
    }
}
