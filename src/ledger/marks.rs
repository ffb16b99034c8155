//! What else is kept of a tick: which objectives counted it, and what was declared for it.

use outrider_domain::model::SloName;
use outrider_domain::sli::SloEvent;

/// What else is kept of a tick: bits, so that a row stays small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What was declared for the intended start: [`Marks::NO_ALERT`], [`Marks::EXCLUDED`].
    pub excused: u8,
    /// Objectives that counted the run, each by [`Marks::bit`].
    pub judged: u16,
    /// Objectives to which the run was bad.
    pub bad: u16,
}

impl Marks {
    /// Alerts were declared off.
    pub const NO_ALERT: u8 = 1;
    /// It was declared to be left out of the SLA.
    pub const EXCLUDED: u8 = 2;

    /// The bit of an objective: its place among [`SloName::ALL`].
    pub fn bit(slo: SloName) -> u16 {
        let place = SloName::ALL.iter().position(|one| *one == slo);
        place.map_or(0, |place| 1 << place)
    }

    /// The marks of what a run added to objectives.
    pub fn of(events: &[SloEvent], excused: u8) -> Self {
        let bits = |counts: fn(&SloEvent) -> bool| {
            let counted = events.iter().filter(|one| counts(one));
            counted.fold(0, |bits, one| bits | Self::bit(one.slo))
        };
        Self {
            excused,
            judged: bits(|one| one.events > 0),
            bad: bits(|one| one.bad > 0),
        }
    }
}
