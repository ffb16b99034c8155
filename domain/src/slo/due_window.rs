//! The newest due runs of one objective and what came of each: what alerts count.

use std::collections::VecDeque;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::alarm::TierWindow;
use super::due_block::{Block, DueRun, RunVerdict, WindowCounts};

/// The newest due runs of an objective in the order of their intended starts, without excused ones: never put in
/// are those that declared blackout or maintenance held back, and those with `no_alert` or `exclude`.
///
/// A window of n runs ends with the newest run that was committed: a run that is still under way pushes none out,
/// else an alert would end while its next bad run takes its time. Until it is committed it counts as due alone, so
/// that an agent which commits nothing is seen.
///
/// A declared window ends what fires, so a tier that fired when one began counts only runs due since then: what was
/// before it brings no alert back. A tier that did not fire goes on counting across it.
#[derive(Clone, Debug)]
pub struct DueWindow {
    /// Each tier, and from when on it counts runs by the declared windows that were let go of.
    tiers: Vec<(TierWindow, i64)>,
    /// The most runs of a window.
    runs_max: usize,
    blocks: VecDeque<Block>,
    /// Runs in all blocks.
    len: usize,
    /// When declared windows began, as far back as runs are kept; in order, in milliseconds since 1970.
    declared: VecDeque<i64>,
}

impl DueWindow {
    /// Nothing is due yet.
    pub fn new(tiers: impl IntoIterator<Item = TierWindow>) -> Self {
        let tiers: Vec<_> = tiers.into_iter().map(|tier| (tier, i64::MIN)).collect();
        let longest = tiers.iter().map(|(tier, _)| tier.long_runs).max();
        Self {
            runs_max: usize::try_from(longest.unwrap_or(0)).unwrap_or(usize::MAX / 4),
            tiers,
            blocks: VecDeque::new(),
            len: 0,
            declared: VecDeque::new(),
        }
    }

    /// A declared window began: none began before it that was not told.
    pub fn declare(&mut self, at: DateTime<Utc>) {
        self.declared.push_back(at.timestamp_millis());
    }

    /// An intended start came due that is not excused: once for each probe and start, whether its run was
    /// committed before or comes later.
    pub fn due(&mut self, at: DateTime<Utc>) {
        let new = DueRun {
            at_ms: at.timestamp_millis(),
            verdict: None,
            is_due: true,
        };
        self.update(new, |run| !run.is_due, |run| run.is_due = true);
    }

    /// The run of an intended start was committed. It may come in any order, and before its start was told as
    /// due; of a run older than all windows nothing is kept.
    pub fn judged(&mut self, at: DateTime<Utc>, verdict: RunVerdict) {
        let verdict = Some(verdict);
        let new = DueRun {
            at_ms: at.timestamp_millis(),
            verdict,
            is_due: false,
        };
        self.update(
            new,
            |run| run.verdict.is_none(),
            |run| run.verdict = verdict,
        );
    }

    /// What the newest window of so many runs holds.
    pub fn counts(&self, runs: u64) -> WindowCounts {
        self.counts_within(runs, i64::MIN..i64::MAX)
    }

    /// What the long and the short window of one of its tiers hold.
    pub fn counts_of(&self, tier: TierWindow) -> [WindowCounts; 2] {
        let known = self.tiers.iter().find(|(one, _)| *one == tier);
        let known = known.map_or(i64::MIN, |(_, since)| *since);
        let declared = self.declared.iter();
        let since = declared.fold(known, |since, begin| self.since(tier, since, *begin));
        self.counts_of_within(tier, since..i64::MAX)
    }

    /// From when on a tier counts runs after a declared window that began then.
    fn since(&self, tier: TierWindow, since: i64, begin: i64) -> i64 {
        if tier.fires(&self.counts_of_within(tier, since..begin)) {
            begin
        } else {
            since
        }
    }

    fn counts_of_within(&self, tier: TierWindow, due: Range<i64>) -> [WindowCounts; 2] {
        let within = |runs| self.counts_within(runs, due.clone());
        [within(tier.long_runs), within(tier.short_runs)]
    }

    /// What the newest window of so many runs holds, of those due within a time.
    fn counts_within(&self, runs: u64, due: Range<i64>) -> WindowCounts {
        let mut left = usize::try_from(runs).unwrap_or(usize::MAX);
        let mut is_under_way = true;
        let mut counts = WindowCounts::default();
        for block in self.blocks.iter().rev() {
            let (first, end) = (block.first_at(due.start), block.first_at(due.end));
            let known = if is_under_way {
                block.committed_before(end).max(first)
            } else {
                end
            };
            counts.due += u64::try_from(end.saturating_sub(known)).unwrap_or(u64::MAX);
            is_under_way &= known <= first;
            let begin = known.saturating_sub(left).max(first);
            left -= known.saturating_sub(begin);
            counts += block.counts(begin, known);
            if left == 0 || first > 0 {
                break;
            }
        }
        counts
    }

    /// The newest runs, of which none is committed.
    fn under_way(&self) -> usize {
        let mut count = 0;
        for block in self.blocks.iter().rev() {
            let open = block.open_at_end();
            count += open;
            if open < block.len() {
                break;
            }
        }
        count
    }

    /// Changes a run that began then and fits, or puts in a new one after those of the same start.
    fn update(
        &mut self,
        new: DueRun,
        fits: impl Fn(&DueRun) -> bool,
        change: impl Fn(&mut DueRun),
    ) {
        // Runs of one start may stand at the end of a block and at the begin of the next.
        let first = self
            .blocks
            .partition_point(|block| block.last_ms() < new.at_ms);
        let mut blocks = self.blocks.range_mut(first..);
        if !blocks.any(|block| block.change(new.at_ms, &fits, &change)) {
            self.insert(new);
        }
        self.forget();
    }

    fn insert(&mut self, run: DueRun) {
        self.len += 1;
        let after = self
            .blocks
            .partition_point(|block| block.first_ms <= run.at_ms);
        let index = after.saturating_sub(1);
        let is_newest = index + 1 == self.blocks.len();
        let Some(block) = self.blocks.get_mut(index) else {
            self.blocks.push_back(Block::of(&[run]));
            return;
        };
        if block.push(run) {
            return;
        }
        let mut runs = block.runs();
        let place = runs.partition_point(|one| one.at_ms <= run.at_ms);
        if place == runs.len() && is_newest {
            self.blocks.push_back(Block::of(&[run]));
            return;
        }
        runs.insert(place, run);
        let middle = if runs.len() > Block::RUNS_MAX {
            runs.len() / 2
        } else {
            runs.len()
        };
        let (head, tail) = runs.split_at(middle);
        *block = Block::of(head);
        if !tail.is_empty() {
            self.blocks.insert(index + 1, Block::of(tail));
        }
    }

    /// Lets go of runs that no window reaches, and of runs under way behind which as many are under way as the
    /// longest window has: they say nothing new.
    fn forget(&mut self) {
        let mut under_way = self.under_way();
        while let Some(oldest) = self.oldest_under_way(under_way)
            && let Some(block) = self.blocks.get(oldest)
            && under_way - block.len() > self.runs_max
        {
            under_way -= block.len();
            self.len -= block.len();
            self.blocks.remove(oldest);
        }
        let mut reached = self.runs_max.saturating_add(under_way);
        if let Some(begin) = self.oldest_declared(reached) {
            // Whether a tier fired then must stay known, too.
            reached = reached.max(self.runs_since(begin).saturating_add(self.runs_max));
        }
        while let Some(first) = self.blocks.front()
            && self.len - first.len() >= reached
        {
            self.len -= first.len();
            self.blocks.pop_front();
        }
    }

    /// The first begin of a declared window among so many of the newest runs. Of older ones it is kept what they did to
    /// each tier.
    fn oldest_declared(&mut self, reached: usize) -> Option<i64> {
        if self.declared.is_empty() {
            return None;
        }
        let mut newer = 0;
        let first = self.blocks.iter().rev().find(|block| {
            newer += block.len();
            newer >= reached
        });
        let oldest = first.map_or(i64::MIN, |block| block.first_ms);
        while let Some(begin) = self.declared.front().copied()
            && begin <= oldest
        {
            self.declared.pop_front();
            let settle =
                |(tier, since): &(TierWindow, i64)| (*tier, self.since(*tier, *since, begin));
            self.tiers = self.tiers.iter().map(settle).collect();
        }
        self.declared.front().copied()
    }

    /// Runs that are not due before a time.
    fn runs_since(&self, begin: i64) -> usize {
        let blocks = self.blocks.iter();
        blocks
            .map(|block| block.len() - block.first_at(begin))
            .sum()
    }

    /// The first block all of whose runs are under way, as are all behind it.
    fn oldest_under_way(&self, under_way: usize) -> Option<usize> {
        if under_way <= self.runs_max {
            return None;
        }
        let committed = self
            .blocks
            .iter()
            .rposition(|block| block.open_at_end() < block.len());
        Some(committed.map_or(0, |place| place + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    /// With windows of up to so many runs.
    fn of(runs: u64) -> DueWindow {
        DueWindow::new([TierWindow {
            long_runs: runs,
            short_runs: 1,
            bad_runs: runs,
        }])
    }

    /// The same in plain lists: what was told of each start, in order of starts.
    #[derive(Default)]
    struct Naive(Vec<(i64, bool, Option<RunVerdict>)>);

    impl Naive {
        fn update(&mut self, at_ms: i64, verdict: Option<RunVerdict>) {
            let same = self.0.iter_mut().filter(|run| run.0 == at_ms);
            for run in same {
                if verdict.is_none() && !run.1 {
                    run.1 = true;
                    return;
                }
                if verdict.is_some() && run.2.is_none() {
                    run.2 = verdict;
                    return;
                }
            }
            let place = self.0.partition_point(|run| run.0 <= at_ms);
            self.0.insert(place, (at_ms, verdict.is_none(), verdict));
        }

        /// Where the runs end of which the newest is committed.
        fn end(&self) -> usize {
            let newest = self.0.iter().rposition(|run| run.2.is_some());
            newest.map_or(0, |place| place + 1)
        }

        fn under_way(&self) -> u64 {
            u64::try_from(self.0.len() - self.end()).unwrap()
        }

        fn counts(&self, runs: usize) -> WindowCounts {
            let end = self.end();
            let window = &self.0[end.saturating_sub(runs)..end];
            let count = |fits: &dyn Fn(Option<RunVerdict>) -> bool| {
                u64::try_from(window.iter().filter(|run| fits(run.2)).count()).unwrap()
            };
            let (good, bad) = (Some(RunVerdict::Good), Some(RunVerdict::Bad));
            WindowCounts {
                due: u64::try_from(self.0.len() - end + window.len()).unwrap(),
                judged: count(&|verdict| verdict == good || verdict == bad),
                bad: count(&|verdict| verdict == bad),
                unseen: count(&|verdict| verdict == Some(RunVerdict::Unjudged)),
            }
        }
    }

    fn verdict() -> impl Strategy<Value = Option<RunVerdict>> {
        prop_oneof![
            3 => Just(Some(RunVerdict::Good)),
            2 => Just(Some(RunVerdict::Bad)),
            1 => Just(Some(RunVerdict::Unjudged)),
            1 => Just(None),
        ]
    }

    /// At most so many runs begin between a start and what is said of it: fewer than the longest window has, as what
    /// is said of a run that no window reaches any more is not kept.
    const LATE_MAX: u64 = 40;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn it_counts_what_a_plain_list_counts(
            runs_max in 2 * LATE_MAX + 2..200, step_ms in 1_i64..100_000, two_probes in any::<bool>(),
            runs in prop::collection::vec((verdict(), 0_i64..4, 0..LATE_MAX, 0..LATE_MAX), 1..400),
        ) {
            // Each start is told as due and is judged at some place in the order of what happens, or never; every
            // fourth start is off the grid, some fall together.
            let mut told: Vec<(u64, i64, Option<RunVerdict>)> = Vec::new();
            for (number, (verdict, off, due_late, judged_late)) in (0_u64..).zip(&runs) {
                let grid = i64::try_from(number).unwrap() / if two_probes { 2 } else { 1 };
                let at_ms = grid * step_ms + if *off == 3 { step_ms / 2 } else { 0 };
                told.push((number + due_late, at_ms, None));
                if verdict.is_some() {
                    told.push((number + judged_late, at_ms, *verdict));
                }
            }
            told.sort_by_key(|(place, ..)| *place);
            let (mut window, mut naive) = (of(runs_max), Naive::default());
            for (_, at_ms, verdict) in told {
                match verdict {
                    None => window.due(at(at_ms)),
                    Some(verdict) => window.judged(at(at_ms), verdict),
                }
                naive.update(at_ms, verdict);
                for runs in [1, runs_max / 2, runs_max] {
                    let wanted = naive.counts(usize::try_from(runs).unwrap());
                    let mut counts = window.counts(runs);
                    // Of more than a window under way no more is known than that.
                    if naive.under_way() > runs_max {
                        prop_assert!(counts.due > runs_max && counts.due > 2 * counts.judged);
                        counts.due = wanted.due;
                    }
                    prop_assert_eq!(counts, wanted, "{} of {}", runs, runs_max);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_tier_that_fired_when_a_declared_window_began_counts_runs_since_then(
            runs in prop::collection::vec((0..3_u8, 0..40_u8), 1..600), long_runs in 6_u64..120,
            short_runs in 1_u64..6, bad_runs in 1_u64..8,
        ) {
            let tier = TierWindow { long_runs, short_runs, bad_runs };
            let mut window = DueWindow::new([tier]);
            // Every window is as good as the list of all runs; the fold over it is said in words of its own.
            let mut since = Vec::new();
            for (minute, (verdict, declares)) in (0_i64..).zip(&runs) {
                if *declares == 0 {
                    window.declare(at(minute * MINUTE - 1));
                    if tier.fires(&both(&since, tier)) {
                        since.clear();
                    }
                }
                let verdict = if *verdict == 0 { RunVerdict::Bad } else { RunVerdict::Good };
                window.due(at(minute * MINUTE));
                window.judged(at(minute * MINUTE), verdict);
                since.push(verdict);
                prop_assert_eq!(window.counts_of(tier), both(&since, tier));
            }
        }
    }

    fn both(all: &[RunVerdict], tier: TierWindow) -> [WindowCounts; 2] {
        [newest(all, tier.long_runs), newest(all, tier.short_runs)]
    }

    /// What the newest of some judged runs hold.
    fn newest(all: &[RunVerdict], runs: u64) -> WindowCounts {
        let first = all.len().saturating_sub(usize::try_from(runs).unwrap());
        let count = |runs: &[RunVerdict]| u64::try_from(runs.len()).unwrap();
        let bad: Vec<_> = all[first..]
            .iter()
            .copied()
            .filter(|run| *run == RunVerdict::Bad)
            .collect();
        WindowCounts {
            due: count(&all[first..]),
            judged: count(&all[first..]),
            bad: count(&bad),
            unseen: 0,
        }
    }

    const MINUTE: i64 = 60_000;

    #[test]
    fn what_a_declared_window_ended_does_not_come_back_and_what_had_not_fired_goes_on() {
        let tier = |bad_runs| TierWindow {
            long_runs: 60,
            short_runs: 5,
            bad_runs,
        };
        let mut window = DueWindow::new([tier(13), tier(21)]);
        for minute in 0..60 {
            window.due(at(minute * MINUTE));
            let is_good = minute < 40;
            let verdict = if is_good {
                RunVerdict::Good
            } else {
                RunVerdict::Bad
            };
            window.judged(at(minute * MINUTE), verdict);
        }
        window.declare(at(60 * MINUTE));
        let bad = |window: &DueWindow, tier| window.counts_of(tier).map(|counts| counts.bad);
        assert_eq!(bad(&window, tier(13)), [0, 0], "it fired");
        assert_eq!(bad(&window, tier(21)), [20, 5], "it did not");
        window.due(at(100 * MINUTE));
        window.judged(at(100 * MINUTE), RunVerdict::Bad);
        assert_eq!(bad(&window, tier(13)), [1, 1]);
        assert!(tier(21).fires(&window.counts_of(tier(21))));
    }

    #[test]
    fn a_run_under_way_pushes_no_bad_run_out() {
        let mut window = of(3);
        for minute in 0..4 {
            window.due(at(minute * MINUTE));
        }
        for minute in 0..3 {
            window.judged(at(minute * MINUTE), RunVerdict::Bad);
        }
        let three_bad = WindowCounts {
            due: 4,
            judged: 3,
            bad: 3,
            unseen: 0,
        };
        assert_eq!(window.counts(3), three_bad);
        window.judged(at(3 * MINUTE), RunVerdict::Good);
        assert_eq!((window.counts(3).due, window.counts(3).bad), (3, 2));
    }

    #[test]
    fn an_agent_that_commits_nothing_is_seen_and_changes_no_count_of_bad_runs() {
        let mut window = of(10);
        for minute in 0..10 {
            window.due(at(minute * MINUTE));
            window.judged(at(minute * MINUTE), RunVerdict::Bad);
        }
        for minute in 10..10_000 {
            window.due(at(minute * MINUTE));
        }
        let counts = window.counts(10);
        assert_eq!((counts.judged, counts.bad), (10, 10));
        assert!(counts.judged * 2 < counts.due, "{counts:?}");
        assert!(window.len < 200, "{}", window.len);
    }

    #[test]
    fn three_days_of_a_run_a_minute_take_little_memory() {
        let mut window = of(4_320);
        for minute in 0..10_000 {
            window.due(at(minute * MINUTE));
            window.judged(at(minute * MINUTE), RunVerdict::Good);
        }
        assert_eq!(window.counts(4_320).judged, 4_320);
        let bytes = window.blocks.len() * size_of::<Block>();
        assert!(bytes < 8_000, "{bytes}");
        let listed: usize = window.blocks.iter().map(Block::listed_bytes).sum();
        assert_eq!(listed, 0);
    }
}
