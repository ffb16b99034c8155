//! Credit ladders: the rows must tile `[0, target)` without gap or overlap, and a lower share never earns less.

use crate::model::LadderRow;

/// What is wrong with a ladder. Shares are per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LadderFault {
    /// A row ends where it begins, or before.
    Empty(LadderRow),
    /// Shares from the first up to the second have no row.
    Hole(u32, u32),
    /// Shares from the first up to the second have two rows.
    Overlap(u32, u32),
    /// The last row ends above the target: what is met earns no credit.
    AboveTarget(u32),
    /// The lower row earns less than the one above it.
    LowerEarnsLess(LadderRow, LadderRow),
}

/// The first fault of a ladder whose rows are in the order of their begins; none of a sound one.
pub fn ladder_fault(rows: &[LadderRow], target_ppm: u32) -> Option<LadderFault> {
    let mut reached = 0;
    for (place, row) in rows.iter().enumerate() {
        if row.below_ppm <= row.from_ppm {
            return Some(LadderFault::Empty(*row));
        }
        if row.from_ppm > reached {
            return Some(LadderFault::Hole(reached, row.from_ppm));
        }
        if row.from_ppm < reached {
            return Some(LadderFault::Overlap(
                row.from_ppm,
                reached.min(row.below_ppm),
            ));
        }
        if row.below_ppm > target_ppm {
            return Some(LadderFault::AboveTarget(row.below_ppm));
        }
        if let Some(above) = rows.get(place + 1)
            && above.credit_ppm > row.credit_ppm
        {
            return Some(LadderFault::LowerEarnsLess(*row, *above));
        }
        reached = row.below_ppm;
    }
    (reached < target_ppm).then_some(LadderFault::Hole(reached, target_ppm))
}

/// The row that a share of good runs hits, compared without rounding; none above the ladder.
pub(super) fn row_of(rows: &[LadderRow], good: u64, of: u64) -> Option<&LadderRow> {
    let share = u128::from(good) * 1_000_000;
    let edge = |ppm: u32| u128::from(ppm) * u128::from(of);
    rows.iter()
        .find(|row| share >= edge(row.from_ppm) && share < edge(row.below_ppm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(from_ppm: u32, below_ppm: u32, credit_ppm: u32) -> LadderRow {
        LadderRow {
            from_ppm,
            below_ppm,
            credit_ppm,
        }
    }

    #[test]
    fn holes_and_overlaps_are_named() {
        let sound = [row(0, 950_000, 300_000), row(950_000, 970_000, 100_000)];
        assert_eq!(ladder_fault(&sound, 970_000), None);
        assert_eq!(
            ladder_fault(&sound, 980_000),
            Some(LadderFault::Hole(970_000, 980_000))
        );
        assert_eq!(
            ladder_fault(&sound, 960_000),
            Some(LadderFault::AboveTarget(970_000))
        );
        assert_eq!(
            ladder_fault(&sound[1..], 970_000),
            Some(LadderFault::Hole(0, 950_000))
        );
        // As published: "99.0 to 99.99, then 95.0 to 98.9".
        let published = [row(0, 989_000, 300_000), row(990_000, 999_900, 100_000)];
        assert_eq!(
            ladder_fault(&published, 999_900),
            Some(LadderFault::Hole(989_000, 990_000))
        );
        let twice = [row(0, 960_000, 300_000), row(950_000, 970_000, 100_000)];
        assert_eq!(
            ladder_fault(&twice, 970_000),
            Some(LadderFault::Overlap(950_000, 960_000))
        );
        let less = [row(0, 950_000, 50_000), row(950_000, 970_000, 100_000)];
        assert_eq!(
            ladder_fault(&less, 970_000),
            Some(LadderFault::LowerEarnsLess(less[0], less[1]))
        );
        let empty = [row(0, 0, 50_000)];
        assert_eq!(
            ladder_fault(&empty, 970_000),
            Some(LadderFault::Empty(empty[0]))
        );
        assert_eq!(
            ladder_fault(&[], 970_000),
            Some(LadderFault::Hole(0, 970_000))
        );
    }

    #[test]
    fn every_edge_belongs_to_the_row_that_begins_there() {
        let rows = [
            row(0, 950_000, 300_000),
            row(950_000, 990_000, 200_000),
            row(990_000, 999_000, 100_000),
        ];
        let credit = |good, of| row_of(&rows, good, of).map(|row| row.credit_ppm);
        assert_eq!(credit(0, 1_000), Some(300_000));
        assert_eq!(credit(949, 1_000), Some(300_000));
        assert_eq!(credit(950, 1_000), Some(200_000));
        assert_eq!(credit(989, 1_000), Some(200_000));
        assert_eq!(credit(990, 1_000), Some(100_000));
        assert_eq!(credit(998, 1_000), Some(100_000));
        assert_eq!(credit(999, 1_000), None);
        // 98.99999 % is below 99 %, however it is printed.
        assert_eq!(credit(9_899_999, 10_000_000), Some(200_000));
    }
}
