//! Publishes the report of a period that is over on the day that the contract agrees on: writes it to the folder of
//! `[report]`, has the ledger keep its digest, and keeps the index. What is published is what the ledger says is, so a
//! process that ends half-way writes the same bytes again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{DocketRequest, Partner, Plan, ReportFolder, ReportingWindow, names};
use outrider_domain::sla::{Publications, ReportPeriod, publications};
use tokio::sync::{oneshot, watch};

use super::super::recorder_events::{RecorderEvent, RecorderSender};
use super::super::report::{NoReport, report};
use super::super::state::SharedState;
use super::files::{Unwritten, stem, write_report};
use super::index::write_index;
use super::order::{Format, ReportOptions};
use super::whole::{remove_left, whole_folder};
use crate::ledger::{Ledger, LedgerError};
use crate::proof::{ProofKey, sha256_hex};
use crate::render::Paper;

/// How often it is looked whether a report is due.
const EVERY: Duration = Duration::from_secs(60);
/// How soon one that is due and could not be published is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Both in scaled time, at the least.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// By what the ledger knows who publishes.
const AUTHOR: &str = "agent";

/// Starts to publish, with a reader of its own.
///
/// # Errors
/// The ledger is unavailable.
pub(in super::super) fn start(
    shared: &SharedState,
    recorder: &RecorderSender,
    clock: &Clock,
    stopped: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    let ledger = Ledger::reader(&shared.plan().settings.ledger)?;
    let publisher = Publisher {
        shared: shared.clone(),
        recorder: recorder.clone(),
        clock: clock.clone(),
    };
    tokio::spawn(publisher.run(ledger, stopped.clone()));
    Ok(())
}

struct Publisher {
    shared: SharedState,
    recorder: RecorderSender,
    clock: Clock,
}

/// What one look at all partners came to.
#[derive(Default)]
struct Pass {
    /// Reports that are written and are to be recorded as published.
    written: Vec<DocketRequest>,
    /// Why others are not.
    open: BTreeSet<Unpublished>,
}

/// Why a report that is due is not published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unpublished {
    /// A run or the record of its period has no end yet.
    Waits(String),
    /// It cannot be written.
    Failed(String),
}

impl Publisher {
    /// Publishes what is due now and then, until the stop signal.
    async fn run(self, ledger: Ledger, mut stopped: watch::Receiver<bool>) {
        let mut reader = Some(ledger);
        let mut known = BTreeSet::new();
        loop {
            let Some(ledger) = reader.take() else { return };
            if self.shared.plan().settings.report.is_some() {
                self.flush().await;
            }
            let (shared, now) = (self.shared.clone(), self.clock.now());
            // Files and SQLite block, so this goes to a thread that may.
            let looked = tokio::task::spawn_blocking(move || {
                let pass = pass(&shared.plan(), &shared, &ledger, now);
                (ledger, pass)
            });
            let Ok((ledger, pass)) = looked.await else {
                tracing::error!(
                    "the publisher of reports panicked; no report is published until the next start"
                );
                let plan = self.shared.plan();
                let with_terms = plan.partners.values().filter(|one| !one.slas.is_empty());
                let standing = with_terms.flat_map(|one| unread(one).map(move |of| (one, of)));
                set_numbers(&self.shared, &standing.collect::<Vec<_>>());
                return;
            };
            reader = Some(ledger);
            let pass = pass.unwrap_or_else(|why| Pass {
                open: BTreeSet::from([Unpublished::Failed(why.to_string())]),
                ..Pass::default()
            });
            let mut open = pass.open;
            let is_changed = self.record_all(pass.written, &mut open).await;
            open.difference(&known).for_each(Unpublished::log);
            let pause = match (is_changed, open.is_empty()) {
                // The numbers and the index follow what was recorded.
                (true, _) => Duration::ZERO,
                (false, true) => EVERY,
                (false, false) => RETRY,
            };
            known = open;
            let pause = self.shared.plan().scale.of(pause).max(PAUSE_MIN);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The sender lives as long as the agent; its end means the same.
                _ended = stopped.wait_for(|is_stopped| *is_stopped) => return,
            }
        }
    }

    /// Has the recorder write the latencies that it still holds, so that a report that is made later has the same.
    async fn flush(&self) {
        let (to, flushed) = oneshot::channel();
        self.recorder.send(RecorderEvent::Flush(Some(to))).await;
        if flushed.await.is_err() {
            tracing::warn!("latencies could not be written before reports were looked at");
        }
    }

    /// Has the ledger keep what was published, of each partner up to the first that it refuses: whether any was kept.
    async fn record_all(
        &self,
        written: Vec<DocketRequest>,
        open: &mut BTreeSet<Unpublished>,
    ) -> bool {
        let (mut is_changed, mut refused) = (false, BTreeSet::new());
        for wish in written {
            let partner = wish.partner.clone();
            if refused.contains(&partner) {
                continue;
            }
            match self.record(wish).await {
                Ok(()) => is_changed = true,
                Err(why) => {
                    open.insert(Unpublished::Failed(why));
                    refused.insert(partner);
                }
            }
        }
        is_changed
    }

    /// Has the ledger keep that a report was published.
    async fn record(&self, wish: DocketRequest) -> Result<(), String> {
        let partner = wish.partner.clone();
        let (to, recorded) = oneshot::channel();
        let event = RecorderEvent::Docket(Box::new(wish), AUTHOR.to_owned(), to);
        self.recorder.send(event).await;
        match recorded.await {
            Ok(Ok(number)) => {
                tracing::info!(%partner, entry = number, "a report was published");
                Ok(())
            }
            Ok(Err(refused)) => Err(refused.to_string()),
            Err(_gone) => Err("the ledger did not take that a report was published".to_owned()),
        }
    }
}

impl Unpublished {
    fn log(&self) {
        match self {
            Self::Waits(why) => tracing::info!("a report waits to be published: {why}"),
            Self::Failed(why) => tracing::error!("a report could not be published: {why}"),
        }
    }
}

/// Writes what is due, and sets the numbers and the index by what the ledger says was published.
fn pass(
    plan: &Plan,
    shared: &SharedState,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Pass, LedgerError> {
    let Some(to) = &plan.settings.report else {
        set_numbers(shared, &[]);
        return Ok(Pass::default());
    };
    // A change of the files may have renamed some.
    ledger.forget_names();
    remove_left(&to.folder);
    let mut pass = Pass::default();
    let (mut standing, mut dockets) = (Vec::new(), Vec::new());
    for partner in plan.partners.values().filter(|one| !one.slas.is_empty()) {
        let read = ledger.docket(&partner.id);
        let read = read.and_then(|docket| Ok((docket, began(plan, ledger, partner)?)));
        let (docket, began) = match read {
            Ok(read) => read,
            Err(why) => {
                // One partner's record must not hold back the others' reports, nor the alert.
                let why = format!("{}: {why}", partner.id);
                pass.open.insert(Unpublished::Failed(why));
                standing.extend(unread(partner).map(|one| (partner, one)));
                continue;
            }
        };
        for one in publications(&partner.slas, &docket, began, now) {
            for period in &one.due {
                match write(plan, ledger, (partner, period), to, now) {
                    Ok(wish) => pass.written.push(wish),
                    Err(why) => {
                        pass.open.insert(why);
                        // A later one would hide that this one was not published.
                        break;
                    }
                }
            }
            standing.push((partner, one));
        }
        dockets.push((partner, docket));
    }
    set_numbers(shared, &standing);
    if let Err(why) = write_index(&to.folder, &dockets) {
        pass.open.insert(Unpublished::Failed(why));
    }
    Ok(pass)
}

/// What stands about a partner of whom nothing could be read: its reports are late for all that is known.
fn unread(partner: &Partner) -> impl Iterator<Item = Publications> {
    let windows: BTreeMap<&str, ReportingWindow> = partner
        .slas
        .iter()
        .map(|sla| (sla.window.name(), sla.window))
        .collect();
    windows.into_values().map(|window| Publications {
        window,
        published_until: None,
        due: Vec::new(),
        is_late: true,
    })
}

/// When the record of a partner's promises begins.
fn began(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
) -> Result<Option<DateTime<Utc>>, LedgerError> {
    let mut first: Option<DateTime<Utc>> = None;
    for promise in partner.slas.iter().flat_map(|sla| &sla.promises) {
        let history = ledger.slo_history(&partner.id, promise.of, plan.scale)?;
        first = first.into_iter().chain(history.begin()).min();
    }
    Ok(first)
}

/// Writes a report into a folder of its own, which appears whole; what the ledger is to keep of it.
fn write(
    plan: &Plan,
    ledger: &Ledger,
    (partner, period): (&Partner, &ReportPeriod),
    to: &ReportFolder,
    now: DateTime<Utc>,
) -> Result<DocketRequest, Unpublished> {
    let of = |why: &dyn std::fmt::Display| format!("{} {}: {why}", partner.id, period.name);
    let failed = |why: &dyn std::fmt::Display| Unpublished::Failed(of(why));
    let found = report(plan, ledger, partner, period, now).map_err(|why| {
        if matches!(why, NoReport::RunGoesOn { .. }) {
            Unpublished::Waits(of(&why))
        } else {
            failed(&why)
        }
    })?;
    if !found.report.is_recorded_whole {
        let why = "what was due in it is not yet counted to its end";
        return Err(Unpublished::Waits(of(&why)));
    }
    let key = to.key.as_ref().map(|key| {
        let read = ProofKey::read(key);
        read.map_err(|why| failed(&format!("key of [report], {key}: {why}")))
    });
    let mut order = ReportOptions {
        formats: Format::ALL.to_vec(),
        paper: Paper::A4,
        folder: to.folder.clone(),
        key: key.transpose()?,
        evidence: true,
    };
    let place = to.folder.join(stem(
        partner.id.as_str(),
        &period.name,
        found.report.revision,
    ));
    let mut fill = |aside: &Path| {
        order.folder = aside.to_owned();
        match write_report(&found, &order) {
            Err(Unwritten::Pdf(why)) => {
                // A name that the PDF's font lacks must not hold back the report itself.
                order.formats.retain(|one| *one != Format::Pdf);
                let written = write_report(&found, &order)?;
                tracing::warn!(report = %place.display(), %why, "published without its PDF");
                Ok(written)
            }
            written => written,
        }
    };
    let written = whole_folder(&place, |aside| {
        fill(aside).map(|_| ()).map_err(|why| why.to_string())
    });
    written.map_err(|why| failed(&why))?;
    let json = found.report.json().map_err(|why| failed(&why))?;
    Ok(found.report.publication(sha256_hex(json.as_bytes())))
}

/// Sets up to when reports are published, and whether one is late.
fn set_numbers(shared: &SharedState, standing: &[(&Partner, Publications)]) {
    let mut numbers = shared.numbers();
    numbers.clear(&names::REPORT_PUBLISHED);
    numbers.clear(&names::REPORT_LATE);
    for (partner, one) in standing {
        let labels = [partner.id.as_str(), one.window.name()];
        if let Some(until) = one.published_until {
            numbers.set_time(&names::REPORT_PUBLISHED, &labels, until);
        }
        let is_late = if one.is_late { 1.0 } else { 0.0 };
        numbers.set(&names::REPORT_LATE, &labels, is_late);
    }
}
