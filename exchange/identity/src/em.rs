//! Estimates weights from two files, without knowing any true pair.
//!
//! `u` is counted on random pairs, which are hardly ever of one person. `m` comes from expectation-maximisation
//! (Dempster, Laird & Rubin 1977; Winkler 1988 for linkage) over the patterns of agreement of the pairs that
//! blocking brings together: a mixture of pairs of one person and other pairs, fields independent within each.
//! Pairs that a guard refuses are other pairs beforehand, so that households do not pass for persons. Both are
//! drawn towards the rules file, as if it were a few hundred pairs more.

use std::collections::BTreeMap;

use exchange_kit::random::Stream;

use super::block::{Index, LeftOut};
use super::compare::compare;
use super::csv::Table;
use super::field::{FIELDS, Field, MISSING, Vector};
use super::record::as_index;
use super::rules::{Effect, FieldRules, Rules};

/// Random pairs on which `u` is counted.
const RANDOM_PAIRS: u32 = 400_000;
/// Most records of the left file whose pairs enter the estimate, spread over the file.
const RECORDS_MAX: usize = 20_000;
/// Most rounds.
const ROUNDS_MAX: u32 = 200;
/// Rounds end when no share moves by more.
const SETTLED: f64 = 1e-5;
/// The rules file weighs as many pairs.
const PRIOR_PAIRS: f64 = 200.0;
/// With fewer pairs of one person the rules file's weights stay.
const PAIRS_MIN: f64 = 100.0;

/// How estimating went.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Rounds until nothing moved.
    pub rounds: u32,
    /// Pairs that entered.
    pub pairs: u64,
    /// How many of them are of one person, by the estimate.
    pub expected_matches: f64,
    /// Whether the estimate is used; too few pairs leave the rules file's weights in place.
    pub used: bool,
}

/// The rules with weights of these two files.
pub fn estimate(rules: Rules, left: &Table, right: &Table, index: &Index) -> (Rules, Estimate) {
    let patterns = patterns(&rules, left, right, index);
    let mixture = Mixture::fit(&rules, &patterns);
    let pairs = patterns.values().map(|pattern| pattern.pairs).sum();
    let used = mixture.matches >= PAIRS_MIN;
    let estimate = Estimate {
        rounds: mixture.rounds,
        pairs,
        expected_matches: mixture.matches,
        used,
    };
    if !used {
        return (rules, estimate);
    }
    let u = random_shares(&rules, left, right);
    let fields = Field::ALL
        .map(|field| FieldRules {
            bands: rules.field(field).bands.clone(),
            m: mixture.m[field.index()].clone(),
            u: u[field.index()].clone(),
        })
        .to_vec();
    (rules.with_fields(fields), estimate)
}

/// One pattern of agreement.
struct Pattern {
    pairs: u64,
    refused: bool,
}

fn patterns(
    rules: &Rules,
    left: &Table,
    right: &Table,
    index: &Index,
) -> BTreeMap<Vector, Pattern> {
    let step = left.records.len().div_ceil(RECORDS_MAX).max(1);
    let mut patterns: BTreeMap<Vector, Pattern> = BTreeMap::new();
    let mut found = Vec::new();
    for record in left.records.iter().step_by(step) {
        index.meet(&record.person, &mut found, &mut LeftOut::default());
        for other in &found {
            let other = &right.records[as_index(*other)].person;
            let vector = rules.vector(&compare(&record.person, other));
            let pattern = patterns.entry(vector).or_insert_with(|| Pattern {
                pairs: 0,
                refused: rules
                    .guards
                    .iter()
                    .any(|guard| guard.effect != Effect::Review && guard.clause.holds(&vector)),
            });
            pattern.pairs += 1;
        }
    }
    patterns
}

/// Shares of levels by field.
type Shares = Vec<Vec<f64>>;

struct Mixture {
    m: Shares,
    matches: f64,
    rounds: u32,
}

impl Mixture {
    fn fit(rules: &Rules, patterns: &BTreeMap<Vector, Pattern>) -> Self {
        let file_m: Shares = Field::ALL
            .map(|field| rules.field(field).m.clone())
            .to_vec();
        let file_u: Shares = Field::ALL
            .map(|field| rules.field(field).u.clone())
            .to_vec();
        let all: f64 = patterns.values().map(|pattern| real(pattern.pairs)).sum();
        let (mut m, mut other) = (file_m.clone(), file_u.clone());
        let mut share = 0.1;
        let mut matches = 0.0;
        let mut rounds = 0;
        while rounds < ROUNDS_MAX && all > 0.0 {
            rounds += 1;
            let (mut sums_m, mut sums_other) = (empty(&m), empty(&other));
            matches = 0.0;
            for (vector, pattern) in patterns {
                let pairs = real(pattern.pairs);
                let likely = if pattern.refused {
                    0.0
                } else {
                    let yes = share * likelihood(&m, vector);
                    let no = (1.0 - share) * likelihood(&other, vector);
                    yes / (yes + no)
                };
                matches += likely * pairs;
                add(&mut sums_m, vector, likely * pairs);
                add(&mut sums_other, vector, (1.0 - likely) * pairs);
            }
            share = (matches / all).clamp(1e-6, 0.999);
            let next_m = drawn(&sums_m, &file_m);
            let next_other = drawn(&sums_other, &file_u);
            let moved = farthest(&m, &next_m).max(farthest(&other, &next_other));
            (m, other) = (next_m, next_other);
            if moved < SETTLED {
                break;
            }
        }
        Self { m, matches, rounds }
    }
}

/// Shares of levels among pairs drawn at random, always the same ones.
fn random_shares(rules: &Rules, left: &Table, right: &Table) -> Shares {
    let file: Shares = Field::ALL
        .map(|field| rules.field(field).u.clone())
        .to_vec();
    let mut sums = empty(&file);
    let mut stream = Stream::new(1, &["random pairs"]);
    for _ in 0..RANDOM_PAIRS {
        let a = stream.pick(&left.records);
        let b = stream.pick(&right.records);
        add(
            &mut sums,
            &rules.vector(&compare(&a.person, &b.person)),
            1.0,
        );
    }
    drawn(&sums, &file)
}

fn real(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn empty(like: &Shares) -> Shares {
    like.iter().map(|levels| vec![0.0; levels.len()]).collect()
}

fn likelihood(shares: &Shares, vector: &Vector) -> f64 {
    let mut product = 1.0;
    for place in 0..FIELDS {
        let level = usize::from(vector[place]);
        product *= shares[place].get(level).copied().unwrap_or(1.0);
    }
    product
}

fn add(sums: &mut Shares, vector: &Vector, pairs: f64) {
    for place in 0..FIELDS {
        if vector[place] == MISSING {
            continue;
        }
        if let Some(sum) = sums[place].get_mut(usize::from(vector[place])) {
            *sum += pairs;
        }
    }
}

/// Sums to shares, drawn towards the file's.
fn drawn(sums: &Shares, file: &Shares) -> Shares {
    sums.iter()
        .zip(file)
        .map(|(sums, file)| {
            let all: f64 = sums.iter().sum::<f64>() + PRIOR_PAIRS;
            sums.iter()
                .zip(file)
                .map(|(sum, file)| (sum + file * PRIOR_PAIRS) / all)
                .collect()
        })
        .collect()
}

fn farthest(a: &Shares, b: &Shares) -> f64 {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}
