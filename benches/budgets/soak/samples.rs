//! What the agent holds at a moment: memory, threads, handles, and the bytes and runs of its ledger.

use std::time::Duration;

use crate::process::Program;

/// One look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: Duration,
    pub(super) rss_mib: f64,
    pub(super) highest_mib: f64,
    pub(super) threads: f64,
    pub(super) sockets: f64,
    pub(super) files: f64,
    pub(super) ledger_bytes: f64,
    pub(super) runs: f64,
}

impl Sample {
    /// The heads of the table's columns.
    pub(super) const HEAD: &str = "\n| minute | RSS MiB | highest | threads | sockets | files | ledger MiB | runs | bytes a run | acts |\n\
        |---|---|---|---|---|---|---|---|---|---|";
}

/// All looks.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    /// Looks once; `numbers` is what the agent exports.
    pub(super) fn take(
        &mut self,
        at: Duration,
        agent: &Program,
        ledger_bytes: u64,
        numbers: &[u8],
    ) {
        let (rss_mib, highest_mib) = agent.memory_mib();
        let handles = agent.handles();
        let sockets = handles.iter().filter(|to| to.starts_with("socket:"));
        let files = handles.iter().filter(|to| to.starts_with('/'));
        self.0.push(Sample {
            at,
            rss_mib,
            highest_mib,
            threads: agent.threads() as f64,
            sockets: sockets.count() as f64,
            files: files.count() as f64,
            ledger_bytes: ledger_bytes as f64,
            runs: runs(numbers),
        });
    }

    /// The newest look, as the begin of a line of the table.
    pub(super) fn line(&self) -> String {
        let Some(last) = self.0.last() else {
            return String::new();
        };
        let minute = last.at.as_secs_f64() / 60.0;
        format!(
            "| {minute:.1} | {:.1} | {:.1} | {} | {} | {} | {:.1} | {} | {:.0} | ",
            last.rss_mib,
            last.highest_mib,
            last.threads,
            last.sockets,
            last.files,
            last.ledger_bytes / f64::from(1 << 20),
            last.runs,
            last.ledger_bytes / last.runs.max(1.0),
        )
    }

    /// The looks after the first quarter of the time, in which pools, caches and sketches fill.
    pub(super) fn warm(&self) -> &[Sample] {
        let end = self.0.last().map_or(Duration::ZERO, |last| last.at);
        let first = self.0.iter().position(|one| one.at >= end / 4);
        &self.0[first.unwrap_or_default()..]
    }
}

/// Runs that are durable, as the agent counts them.
fn runs(numbers: &[u8]) -> f64 {
    let numbers = String::from_utf8_lossy(numbers);
    let series = numbers
        .lines()
        .filter(|line| line.starts_with("outrider_runs_total{"));
    let values = series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum()
}
