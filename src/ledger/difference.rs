//! What is in a ledger otherwise than it was written.

use outrider_domain::model::ProbeId;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Rows of ticks are missing, or were added.
    Rows {
        /// Of this probe.
        probe: ProbeId,
        /// As many as were written and not deleted since.
        expected: i64,
        /// As many as there are.
        found: i64,
    },
    /// Rows of ticks say something else than what was counted of them.
    RowsSay {
        /// The counter's metric.
        metric: String,
        /// Its labels, a JSON list.
        labels: String,
        /// Rows that say so.
        found: i64,
        /// What was counted over the same time.
        counted: i64,
    },
    /// A counter is not what the quarter hours prove.
    Counter {
        /// Its metric.
        metric: String,
        /// Its labels, a JSON list.
        labels: String,
        /// The value that was found.
        found: i64,
        /// The value that is proven.
        proven: i64,
    },
    /// The quarter hours are not what an unharmed counter says.
    Quarters {
        /// The counter's metric.
        metric: String,
        /// Its labels, a JSON list.
        labels: String,
        /// What the quarter hours count.
        found: i64,
        /// What the counter says.
        expected: i64,
    },
    /// The counters of a metric do not add up to what was counted, and nothing says which of them is wrong.
    Sum {
        /// The metric.
        metric: String,
        /// What was counted over all labels.
        expected: i64,
        /// What the counters add up to.
        found: i64,
    },
    /// The bad runs of an objective, one by one, are not those that its quarter hours count.
    BadRuns {
        /// The objective: partner and name.
        objective: String,
        /// Those that are listed.
        listed: i64,
        /// Those that are counted.
        counted: i64,
    },
    /// An epoch of an objective is gone, or cannot be read.
    Epoch {
        /// The objective: partner and name.
        objective: String,
        /// Its number.
        number: u32,
        /// Whether there is anything of it.
        is_there: bool,
    },
    /// Rows name something by a number that nothing has.
    Name {
        /// What it is: a probe, an objective or a word.
        of: &'static str,
        /// The number.
        id: i64,
    },
    /// The last place that was given to a tick is before that of a row.
    Place {
        /// What is written; none where it is no number.
        found: Option<i64>,
        /// The last place of a row.
        last: i64,
    },
    /// Hours do not say where their rows lie.
    Hours {
        /// As many.
        wrong: usize,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows {
                probe,
                expected,
                found,
            } => write!(
                f,
                "{probe} has {found} rows of ticks where {expected} were written: {}",
                gone_or_added(expected - found)
            ),
            Self::RowsSay {
                metric,
                labels,
                found,
                counted,
            } => write!(
                f,
                "{found} rows of ticks are {metric}{labels}, where {counted} were counted over the same time"
            ),
            Self::Counter {
                metric,
                labels,
                found,
                proven,
            } => write!(f, "{metric}{labels} is {found}, and {proven} is proven"),
            Self::Quarters {
                metric,
                labels,
                found,
                expected,
            } => write!(
                f,
                "the quarter hours count {found} of {metric}{labels}, whose counter says {expected}"
            ),
            Self::Sum {
                metric,
                expected,
                found,
            } => write!(
                f,
                "the counters {metric} add up to {found} where {expected} were counted"
            ),
            Self::BadRuns {
                objective,
                listed,
                counted,
            } => write!(
                f,
                "{listed} bad runs of {objective} are listed where its quarter hours count {counted}"
            ),
            Self::Epoch {
                objective,
                number,
                is_there,
            } => write!(
                f,
                "epoch {number} of {objective} {}",
                epoch_state(*is_there)
            ),
            Self::Name { of, id } => write!(f, "rows name {of} {id}, and there is none"),
            Self::Place { found, last } => {
                let found = found.map_or("no number".to_owned(), |found| found.to_string());
                let what = "the last place given to a tick";
                write!(f, "{what} is said to be {found}, and a row has {last}")
            }
            Self::Hours { wrong } => write!(
                f,
                "{wrong} hours do not say where their rows lie, so that queries with a time miss runs"
            ),
        }
    }
}

fn gone_or_added(missing: i64) -> String {
    match missing {
        0.. => format!("{missing} are gone"),
        _ => format!("{} were added", -missing),
    }
}

fn epoch_state(is_there: bool) -> &'static str {
    if is_there {
        "cannot be read"
    } else {
        "is gone, and quarter hours count in it"
    }
}
