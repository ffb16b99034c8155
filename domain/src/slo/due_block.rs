//! Up to 64 due runs in order, in little memory: a step or offsets for their starts, one bit each for what
//! became of them.

use std::ops::AddAssign;

/// What a committed run is for an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// A good event.
    Good,
    /// A bad event.
    Bad,
    /// In no count of the partner: inconclusive, or failed by the agent's fault.
    Unjudged,
}

/// What a window of due runs holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// Runs that came due: those of the window, and newer ones of which nothing is known yet.
    pub due: u64,
    /// Judged ones.
    pub judged: u64,
    /// Bad ones.
    pub bad: u64,
    /// Inconclusive ones, and those that failed by the agent's fault.
    pub unseen: u64,
}

/// Up to 64 runs in order of their intended starts.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The first start, in milliseconds since 1970.
    pub(super) first_ms: i64,
    starts: Starts,
    len: usize,
    planes: Planes,
}

/// Where the starts of a block are, in milliseconds after its first.
#[derive(Clone, Debug)]
enum Starts {
    /// So many apart.
    Even(i64),
    /// Within 49 days.
    Near(Vec<u32>),
    /// Anywhere.
    Far(Vec<i64>),
}

/// One bit a run, the oldest lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Planes {
    good: u64,
    bad: u64,
    unjudged: u64,
    /// Known to be due; where it is missing, the verdict came first.
    due: u64,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueRun {
    pub(super) at_ms: i64,
    pub(super) verdict: Option<RunVerdict>,
    pub(super) is_due: bool,
}

impl AddAssign for WindowCounts {
    fn add_assign(&mut self, other: Self) {
        self.due += other.due;
        self.judged += other.judged;
        self.bad += other.bad;
        self.unseen += other.unseen;
    }
}

impl Block {
    /// One bit of each plane.
    pub(super) const RUNS_MAX: usize = 64;

    /// At least one and at most [`Self::RUNS_MAX`] runs in order.
    pub(super) fn of(runs: &[DueRun]) -> Self {
        let first_ms = runs.first().map_or(0, |run| run.at_ms);
        let offsets: Vec<i64> = runs.iter().map(|run| run.at_ms - first_ms).collect();
        let mut block = Self {
            first_ms,
            starts: Starts::of(&offsets),
            len: runs.len(),
            planes: Planes::default(),
        };
        for (place, run) in runs.iter().enumerate() {
            block.planes.set(place, run);
        }
        block
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn last_ms(&self) -> i64 {
        self.at_ms(self.len.saturating_sub(1))
    }

    pub(super) fn runs(&self) -> Vec<DueRun> {
        (0..self.len).map(|place| self.run(place)).collect()
    }

    /// Puts a run behind all others; false when it does not belong there or does not fit.
    pub(super) fn push(&mut self, run: DueRun) -> bool {
        if self.len == Self::RUNS_MAX || run.at_ms < self.last_ms() {
            return false;
        }
        let offset = run.at_ms - self.first_ms;
        if !self.starts.push(self.len, offset) {
            let mut offsets: Vec<i64> = (0..self.len).map(|place| self.starts.at(place)).collect();
            offsets.push(offset);
            self.starts = Starts::of(&offsets);
        }
        self.planes.set(self.len, &run);
        self.len += 1;
        true
    }

    /// Changes the first run of a start that fits; false when there is none.
    pub(super) fn change(
        &mut self,
        at_ms: i64,
        fits: impl Fn(&DueRun) -> bool,
        change: impl Fn(&mut DueRun),
    ) -> bool {
        let first = self.first_at(at_ms);
        let same = (first..self.len).take_while(|place| self.at_ms(*place) == at_ms);
        let found = same.map(|place| (place, self.run(place)));
        let Some((place, mut run)) = found.into_iter().find(|(_, run)| fits(run)) else {
            return false;
        };
        change(&mut run);
        self.planes.set(place, &run);
        true
    }

    /// What the runs from one place to before another hold.
    pub(super) fn counts(&self, begin: usize, end: usize) -> WindowCounts {
        let mask = below(end) & !below(begin);
        let count = |plane: u64| u64::from((plane & mask).count_ones());
        WindowCounts {
            due: count(u64::MAX),
            judged: count(self.planes.good | self.planes.bad),
            bad: count(self.planes.bad),
            unseen: count(self.planes.unjudged),
        }
    }

    /// Runs behind the last that is committed.
    pub(super) fn open_at_end(&self) -> usize {
        self.len - self.committed_before(self.len)
    }

    /// The place behind the last committed run among those before a place; 0 where none is.
    pub(super) fn committed_before(&self, end: usize) -> usize {
        let committed = (self.planes.good | self.planes.bad | self.planes.unjudged) & below(end);
        let behind = u64::BITS - committed.leading_zeros();
        usize::try_from(behind).unwrap_or(0)
    }

    fn at_ms(&self, place: usize) -> i64 {
        self.first_ms + self.starts.at(place)
    }

    fn run(&self, place: usize) -> DueRun {
        DueRun {
            at_ms: self.at_ms(place),
            verdict: self.planes.verdict(place),
            is_due: self.planes.due >> place & 1 == 1,
        }
    }

    /// The first place whose start is not before a time.
    pub(super) fn first_at(&self, at_ms: i64) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if self.at_ms(middle) < at_ms {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    #[cfg(test)]
    pub(super) fn listed_bytes(&self) -> usize {
        match &self.starts {
            Starts::Even(_) => 0,
            Starts::Near(offsets) => 4 * offsets.capacity(),
            Starts::Far(offsets) => 8 * offsets.capacity(),
        }
    }
}

impl Starts {
    fn of(offsets: &[i64]) -> Self {
        let step = offsets.get(1).copied().unwrap_or(0);
        if (0..)
            .zip(offsets)
            .all(|(place, offset)| *offset == place * step)
        {
            return Self::Even(step);
        }
        let near: Result<Vec<u32>, _> = offsets.iter().map(|one| u32::try_from(*one)).collect();
        near.map_or_else(|_| Self::Far(offsets.to_vec()), Self::Near)
    }

    /// The start at a place among those that are there.
    fn at(&self, place: usize) -> i64 {
        match self {
            Self::Even(step) => i64::try_from(place).unwrap_or(i64::MAX) * step,
            Self::Near(offsets) => offsets.get(place).copied().map_or(0, i64::from),
            Self::Far(offsets) => offsets.get(place).copied().unwrap_or(0),
        }
    }

    /// Adds one behind `len` others; false when it cannot be told in the same way.
    fn push(&mut self, len: usize, offset: i64) -> bool {
        match self {
            Self::Even(_) => len > 1 && self.at(len) == offset,
            Self::Near(offsets) => u32::try_from(offset).is_ok_and(|offset| {
                offsets.push(offset);
                true
            }),
            Self::Far(offsets) => {
                offsets.push(offset);
                true
            }
        }
    }
}

impl Planes {
    fn verdict(&self, place: usize) -> Option<RunVerdict> {
        let has = |plane: u64| plane >> place & 1 == 1;
        match () {
            () if has(self.good) => Some(RunVerdict::Good),
            () if has(self.bad) => Some(RunVerdict::Bad),
            () if has(self.unjudged) => Some(RunVerdict::Unjudged),
            () => None,
        }
    }

    fn set(&mut self, place: usize, run: &DueRun) {
        let bit = 1_u64 << place;
        let put = |plane: &mut u64, is_set: bool| {
            *plane = if is_set { *plane | bit } else { *plane & !bit };
        };
        put(&mut self.good, run.verdict == Some(RunVerdict::Good));
        put(&mut self.bad, run.verdict == Some(RunVerdict::Bad));
        put(
            &mut self.unjudged,
            run.verdict == Some(RunVerdict::Unjudged),
        );
        put(&mut self.due, run.is_due);
    }
}

/// The bits below a place, which may be behind the last.
fn below(place: usize) -> u64 {
    match place {
        0..Block::RUNS_MAX => (1 << place) - 1,
        _ => u64::MAX,
    }
}
