//! Episodes of failed runs: what the record proposes as incidents.

use std::ops::Range;

use chrono::{DateTime, Utc};

/// So many good runs one after another end an episode: with the first of them the service was there again.
const GOOD_RUNS: usize = 3;
/// Fewer failed runs are no episode.
const FAILED_RUNS: u64 = 2;

/// Failed runs of one journey with fewer than three good ones between two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// The intended start of the first failed run, and that of the first of three good ones; the end is none while they
    /// have not come.
    pub from: DateTime<Utc>,
    /// See `from`.
    pub until: Option<DateTime<Utc>>,
    /// Failed runs in it.
    pub failed: u64,
}

impl Episode {
    /// Whether a time lies in it.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        at >= self.from && self.until.is_none_or(|until| at <= until)
    }

    /// Whether it began in a stretch of time.
    pub fn begins_in(&self, between: &Range<DateTime<Utc>>) -> bool {
        between.contains(&self.from)
    }
}

/// The episodes among judged runs in the order of their intended starts, each with whether it was good.
pub fn episodes(runs: impl IntoIterator<Item = (DateTime<Utc>, bool)>) -> Vec<Episode> {
    let mut all: Vec<Episode> = Vec::new();
    let mut open: Option<Episode> = None;
    let mut good: Vec<DateTime<Utc>> = Vec::new();
    for (at, is_good) in runs {
        if !is_good {
            good.clear();
            let episode = open.get_or_insert(Episode {
                from: at,
                until: None,
                failed: 0,
            });
            episode.failed += 1;
            continue;
        }
        good.push(at);
        if good.len() == GOOD_RUNS
            && let Some(episode) = open.take()
        {
            all.push(Episode {
                until: good.first().copied(),
                ..episode
            });
        }
        if open.is_none() {
            good.clear();
        }
    }
    all.extend(open);
    all.retain(|episode| episode.failed >= FAILED_RUNS);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_begins_with_its_first_failed_run_and_ends_with_the_first_of_three_good_ones() {
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
        let found = |pattern: &str| {
            let runs = pattern.chars().zip(0..);
            episodes(runs.map(|(run, minute)| (at(minute), run == '+')))
        };
        let episode = |from, until: Option<i64>, failed| Episode {
            from: at(from),
            until: until.map(at),
            failed,
        };
        assert_eq!(found("+++++"), []);
        assert_eq!(found("+-+++"), [], "one failed run is none");
        assert_eq!(found("+--+++"), [episode(1, Some(3), 2)]);
        assert_eq!(
            found("-++-+++"),
            [episode(0, Some(4), 2)],
            "two good runs do not end it"
        );
        assert_eq!(
            found("--+++--"),
            [episode(0, Some(2), 2), episode(5, None, 2)]
        );
        assert_eq!(found("--++"), [episode(0, None, 2)]);
    }
}
