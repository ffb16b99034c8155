//! Record linkage of two files: names in use, weights, blocks, comparisons on every core, decisions.

use std::thread;

use super::assign::{Assignment, Candidate, assign};
use super::block::{Index, LeftOut};
use super::compare::compare;
use super::csv::{Table, mark_names_in_use};
use super::decide::{Reason, judge};
use super::em::{self, Estimate};
use super::guard::are_two_people;
use super::record::as_index;
use super::rules::{Rules, Sensitivity, Weights};

/// How far below the lower threshold a pair is still recorded, in bits.
pub const NEAR_BITS: f64 = 6.0;
/// Most threads that compare.
const THREADS_MAX: usize = 8;

/// What matching two files gave.
pub struct Linked {
    /// The rules as used: with estimated weights when they come from the data.
    pub rules: Rules,
    /// How estimating went, when weights come from the data.
    pub estimate: Option<Estimate>,
    /// Pairs, and candidates that yielded.
    pub assignment: Assignment,
    /// Everything that was looked at twice, when it was asked for: candidates, pairs that a guard refuses and
    /// pairs not far below the lower threshold.
    pub looked_at: Vec<Candidate>,
    /// Pairs that were compared.
    pub compared: u64,
    /// What blocking left out.
    pub left_out: LeftOut,
}

/// How two files are matched.
#[derive(Clone, Copy, Debug)]
pub struct LinkOptions {
    /// Of the payload.
    pub sensitivity: Sensitivity,
    /// Whether [`Linked::looked_at`] is filled.
    pub keep_looked_at: bool,
}

/// Matches two files; `report` is called with the name of each stage.
pub fn link(
    rules: Rules,
    options: LinkOptions,
    left: &mut Table,
    right: &mut Table,
    report: &dyn Fn(&str),
) -> Linked {
    mark_names_in_use(left, right);
    let (left, right) = (&*left, &*right);
    report("indexing");
    let index = Index::of(right.records.iter().map(|record| &record.person));
    let (rules, estimate) = match rules.weights {
        Weights::File => (rules, None),
        Weights::Data => {
            report("estimating weights");
            let (rules, estimate) = em::estimate(rules, left, right, &index);
            (rules, Some(estimate))
        }
    };
    report("comparing");
    let mut whole = compare_all(&rules, options, left, right, &index);
    whole.left_out.blocks = index.too_large;
    report("deciding");
    let looked_at = if options.keep_looked_at {
        whole.candidates.clone()
    } else {
        Vec::new()
    };
    whole.candidates.retain(|one| one.judged.is_candidate());
    let two = |table: &Table, a: u32, b: u32| {
        let person = |place: u32| &table.records[as_index(place)].person;
        are_two_people(&rules, person(a), person(b))
    };
    let assignment = assign(
        &rules,
        whole.candidates,
        |a, b| two(left, a, b),
        |a, b| two(right, a, b),
    );
    Linked {
        rules,
        estimate,
        assignment,
        looked_at,
        compared: whole.compared,
        left_out: whole.left_out,
    }
}

#[derive(Default)]
struct Part {
    candidates: Vec<Candidate>,
    compared: u64,
    left_out: LeftOut,
}

/// Compares on every core; the parts are put together in the order of the left file, so that the number of
/// cores does not show.
fn compare_all(
    rules: &Rules,
    options: LinkOptions,
    left: &Table,
    right: &Table,
    index: &Index,
) -> Part {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let size = left.records.len().div_ceil(threads.min(THREADS_MAX)).max(1);
    let places: Vec<u32> = (0..).take(left.records.len()).collect();
    let parts: Vec<Part> = thread::scope(|scope| {
        let running: Vec<_> = places
            .chunks(size)
            .map(|places| {
                scope.spawn(move || compare_part(rules, options, left, right, index, places))
            })
            .collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut whole = Part::default();
    for part in parts {
        whole.candidates.extend(part.candidates);
        whole.compared += part.compared;
        whole.left_out.add(part.left_out);
    }
    whole
}

fn compare_part(
    rules: &Rules,
    options: LinkOptions,
    left: &Table,
    right: &Table,
    index: &Index,
    places: &[u32],
) -> Part {
    let thresholds = rules.thresholds(options.sensitivity);
    let mut part = Part::default();
    let mut found = Vec::new();
    for place in places {
        let person = &left.records[as_index(*place)].person;
        index.meet(person, &mut found, &mut part.left_out);
        for other in &found {
            let evidence = compare(person, &right.records[as_index(*other)].person);
            let judged = judge(rules, thresholds, rules.vector(&evidence));
            part.compared += 1;
            let is_near = options.keep_looked_at
                && (matches!(judged.reason, Reason::Guard(_))
                    || judged.total >= thresholds.lower - NEAR_BITS);
            if judged.is_candidate() || is_near {
                part.candidates.push(Candidate {
                    left: *place,
                    right: *other,
                    judged,
                });
            }
        }
    }
    part
}
