//! A ledger of a bounded size: its file and its log stay at or below the bound. What is given up for that goes in small
//! steps, evidence first and counts last ([`Fullness`]).

use rusqlite::ErrorCode;

use super::error::LedgerError;
use super::file::Ledger;
use super::fullness::Fullness;
use super::paths::with_ending;
use super::retention::Limits;

/// Pages of the log from which on it is brought into the file, as SQLite does without a bound.
const LOG_PAGES: u64 = 1_000;
/// Steps of deletion at most for a transaction that does not fit.
const STEPS_MAX: u32 = 20;

/// How large a ledger is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerSize {
    /// Of its file.
    pub file: u64,
    /// Of the pages in it that hold something.
    pub used: u64,
    /// Of its log, the file with `-wal` at its end.
    pub log: u64,
}

impl LedgerSize {
    /// Of all its files.
    pub fn bytes(&self) -> u64 {
        self.file + self.log
    }
}

/// What is given up, in this order.
#[derive(Clone, Copy, Debug)]
enum Spare {
    PassedEvidence,
    Evidence,
    FollowUpRuns,
    Runs,
    Sketches,
    Counts,
}

/// Each with the stage from which on it is given up.
const ORDER: [(Spare, Fullness); 6] = [
    (Spare::PassedEvidence, Fullness::LessEvidence),
    (Spare::Evidence, Fullness::LessEvidence),
    (Spare::FollowUpRuns, Fullness::LessEvidence),
    (Spare::Runs, Fullness::NoEvidence),
    (Spare::Sketches, Fullness::BareRuns),
    (Spare::Counts, Fullness::FewerCounts),
];

impl Ledger {
    /// How large it is.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn size(&self) -> Result<LedgerSize, LedgerError> {
        self.measure().map_err(|why| self.failed(&why))
    }

    pub(super) fn measure(&self) -> rusqlite::Result<LedgerSize> {
        let page = self.pragma("page_size")?;
        let (pages, free) = (self.pragma("page_count")?, self.pragma("freelist_count")?);
        let log = std::fs::metadata(with_ending(&self.path, "-wal"));
        Ok(LedgerSize {
            file: pages * page,
            used: pages.saturating_sub(free) * page,
            log: log.map_or(0, |log| log.len()),
        })
    }

    pub(super) fn pragma(&self, what: &str) -> rusqlite::Result<u64> {
        let mut statement = self.connection.prepare_cached(&format!("PRAGMA {what}"))?;
        statement.query_row([], |row| row.get(0))
    }

    /// Sets how many bytes its files may take; none for as many as it needs. A file that is larger becomes smaller in
    /// small steps.
    ///
    /// # Errors
    /// It is unavailable.
    pub fn set_bound(&mut self, max: Option<u64>) -> Result<(), LedgerError> {
        self.bound.max = max;
        let set = || -> rusqlite::Result<()> {
            let page = self.pragma("page_size")?.max(1);
            let log = self.bound.log();
            let pages = self
                .bound
                .file()
                .map_or(u64::from(u32::MAX) - 1, |file| file / page);
            self.pragma(&format!("max_page_count = {pages}"))?;
            self.pragma(&format!("journal_size_limit = {}", log / 2))?;
            let pages = LOG_PAGES.min(log / 4 / page);
            self.pragma(&format!("wal_autocheckpoint = {pages}"))?;
            Ok(())
        };
        set().map_err(|why| self.failed(&why))?;
        self.weigh();
        Ok(())
    }

    /// What it gives up so as to stay within its bound.
    pub fn fullness(&self) -> Fullness {
        self.bound.fullness
    }

    /// Looks how full it is, and gives up more or less. One that cannot be read stays as it is: the next transaction
    /// says why.
    pub(super) fn weigh(&mut self) {
        if let Ok(used) = self.thousandths() {
            self.bound.fullness = self.bound.fullness.with(used);
        }
    }

    /// How much of the bound of its file is used, in thousandths. A log that is larger than its share, as a reader
    /// holds it, takes from the file.
    fn thousandths(&self) -> rusqlite::Result<u64> {
        let Some(file) = self.bound.file() else {
            return Ok(0);
        };
        let size = self.measure()?;
        let used = size.used + size.log.saturating_sub(self.bound.log());
        Ok(used.saturating_mul(1_000) / file.max(1))
    }

    /// Takes one small step of deletion when it is too full. Returns whether another one is due.
    pub(super) fn relieve(&mut self) -> rusqlite::Result<bool> {
        let used = self.thousandths()?;
        for (spare, stage) in ORDER {
            if self.bound.fullness >= stage
                && used >= stage.makes_space_to()
                && self.give_up(spare)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn give_up(&mut self, spare: Spare) -> rusqlite::Result<bool> {
        let (limits, now_us) = (Limits::all_of(self.seq), self.bound.now_us);
        match spare {
            Spare::PassedEvidence => {
                self.sweep(&limits, |sweep, place| sweep.passed_evidence(place))
            }
            Spare::Evidence => self.sweep(&limits, |sweep, _| sweep.all_evidence()),
            Spare::FollowUpRuns => self.sweep(&limits, |sweep, _| sweep.follow_up_runs()),
            Spare::Runs => self.sweep(&limits, |sweep, _| sweep.runs()),
            Spare::Sketches => self.sweep(&limits, |sweep, _| sweep.sketches(now_us)),
            Spare::Counts => self.fold_counts(now_us),
        }
    }

    /// Gives up more after a transaction that the bound left no space for; false where that was not the reason, or
    /// nothing is left to give up.
    pub(super) fn makes_space(&mut self, why: &rusqlite::Error) -> bool {
        let is_full = why.sqlite_error_code() == Some(ErrorCode::DiskFull);
        if !is_full || self.bound.max.is_none() {
            return false;
        }
        let worse = self.bound.fullness.worse();
        self.bound.fullness = worse.unwrap_or(self.bound.fullness);
        let mut steps = 0;
        for (spare, _) in ORDER {
            while steps < STEPS_MAX && self.give_up(spare).unwrap_or(false) {
                steps += 1;
            }
        }
        worse.is_some() || steps > 0
    }
}
