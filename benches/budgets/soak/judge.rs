//! Whether anything grew.

use super::samples::{Sample, Samples};

/// What is counted of a sample.
type Count = fn(&Sample) -> f64;

/// How far the straight line through resident memory may rise over the time after the warm-up.
const MEMORY_RISE_MAX: f64 = 0.03;
/// How many more threads and handles there may be at the least moment of the last third of that time than at the
/// least of its first. The least, since a fault that goes on holds connections, and what leaks never goes back.
const COUNT_RISE_MAX: f64 = 4.0;
/// Bytes of the ledger for each run of this mixture: four in five are checks of two requests, the rest whole
/// exchanges, many of them failed ones with all their evidence.
const LEDGER_BYTES_MAX: f64 = 8192.0;
/// Errors that the acts explain: files that a reload refuses.
const EXPLAINED: [&str; 1] = ["the files cannot be used; the previous plan stays in use"];

/// One thing that is held against its bar.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) what: &'static str,
    pub(super) bar: String,
    pub(super) measured: String,
    pub(super) holds: bool,
}

/// Judges the samples, the agent's log and its exit code.
pub(super) fn judge(samples: &Samples, log: &str, exit: Option<i32>) -> Vec<Judged> {
    let warm = samples.warm();
    let (Some(first), Some(last)) = (warm.first(), warm.last()) else {
        panic!("there are no samples: soak for a minute at least");
    };
    let mut all = vec![memory(warm)];
    let counts: [(&str, Count); 3] = [
        ("threads", |one| one.threads),
        ("open sockets", |one| one.sockets),
        ("open files", |one| one.files),
    ];
    all.extend(counts.map(|(what, of)| count(what, warm, of)));
    let runs = last.runs - first.runs;
    let bytes = (last.ledger_bytes - first.ledger_bytes) / runs.max(1.0);
    all.push(Judged {
        what: "bytes of the ledger for each run",
        bar: format!("≤ {LEDGER_BYTES_MAX}"),
        measured: format!("{bytes:.0} in {runs} runs"),
        holds: runs > 0.0 && bytes <= LEDGER_BYTES_MAX,
    });
    let trouble: Vec<&str> = log.lines().filter(|line| is_trouble(line)).collect();
    all.push(Judged {
        what: "panics and errors in the log that no act explains",
        bar: "0".to_owned(),
        measured: trouble.first().map_or("0".to_owned(), |line| {
            format!("{}, the first: `{line}`", trouble.len())
        }),
        holds: trouble.is_empty(),
    });
    all.push(Judged {
        what: "exit code after SIGTERM",
        bar: "0".to_owned(),
        measured: exit.map_or("none".to_owned(), |code| code.to_string()),
        holds: exit == Some(0),
    });
    all
}

fn memory(warm: &[Sample]) -> Judged {
    let points = warm
        .iter()
        .map(|one| (one.at.as_secs_f64(), one.rss_mib))
        .collect::<Vec<_>>();
    let (mean, rise) = line(&points);
    Judged {
        what: "rise of resident memory after the warm-up, by the straight line through it",
        bar: format!("≤ {:.0} %", MEMORY_RISE_MAX * 100.0),
        measured: format!("{:.1} % of {mean:.1} MiB", rise / mean * 100.0),
        holds: rise <= mean * MEMORY_RISE_MAX,
    }
}

/// The mean of the points, and how far the line of least squares rises from the first to the last.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in points {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x).powi(2);
    }
    let span = points.last().map_or(0.0, |last| last.0 - points[0].0);
    (mean_y, if xx > 0.0 { xy / xx * span } else { 0.0 })
}

fn count(what: &'static str, warm: &[Sample], of: fn(&Sample) -> f64) -> Judged {
    let third = warm.len().div_ceil(3);
    let least = |of_third: &[Sample]| of_third.iter().map(of).fold(f64::INFINITY, f64::min);
    let before = least(&warm[..third]);
    let after = least(&warm[warm.len() - third..]);
    let most = before + COUNT_RISE_MAX;
    Judged {
        what,
        bar: format!("≤ {most:.0}"),
        measured: format!("{before} at least in the first third, {after} in the last"),
        holds: after <= most,
    }
}

fn is_trouble(line: &str) -> bool {
    let is_error = line.contains("\"level\":\"ERROR\"") || line.contains("panicked");
    is_error && !EXPLAINED.iter().any(|known| line.contains(known))
}
