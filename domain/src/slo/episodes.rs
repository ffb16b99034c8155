//! How many runs will be bad, when bad runs come in episodes: what is known of how often episodes begin and how
//! long they are, and what follows from it.
//!
//! Episodes begin at random at an unknown rate, their lengths are geometric with an unknown mean. The rate's prior
//! is a mixture of gamma distributions from a seventh of what is promised to six times that. The mean length's
//! prior says that bad runs come alone or in outages of about sixteen runs. The posterior of both is taken at a
//! few points; at each of them the number of bad runs is negative binomial episodes of geometric length, whose
//! terms follow from the two before (Panjer's recursion, which this pair makes short).

use super::probability::float;

/// Means of the prior of the rate, times what is promised; equally likely.
const RATES: [f64; 5] = [0.15, 0.4, 1.0, 2.5, 6.0];
/// Episodes that each of them is worth as evidence.
const RATE_WORTH: f64 = 2.0;
/// The prior probability that bad runs come in outages rather than alone.
const OUTAGES: f64 = 0.65;
/// Where they do, the median of the mean length, in runs, and the deviation of its logarithm.
const OUTAGE_RUNS: f64 = 16.0;
const OUTAGE_DEVIATION: f64 = 0.2;
/// Where bad runs come alone, the share of them that is followed by another is Beta(1/2, 20).
const ALONE: (f64, f64) = (0.5, 20.0);
/// Points of the posterior of the mean length, spread over ln(g / (1 − g)) from the first to the second, where g
/// is the probability that an episode goes on.
const GRID: usize = 400;
const GRID_FROM: f64 = -6.0;
const GRID_TO: f64 = 5.3;
/// Quantiles of that posterior which stand for it.
const QUANTILES: usize = 9;
/// Components of less weight are left out.
const WEIGHT_MIN: f64 = 1e-3;
/// Terms grow up to here before they are scaled down.
const LARGE: f64 = 1e200;

/// Bad runs that were seen, by episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenEpisodes {
    pub(super) episodes: u64,
    pub(super) bad: u64,
    /// Judged runs that they are out of.
    pub(super) events: u64,
}

/// The number of bad runs to come, as a mixture.
#[derive(Clone, Debug)]
pub(super) struct BadToCome {
    parts: Vec<(f64, Compound)>,
    runs: u64,
}

/// Negative binomial episodes of geometric length.
#[derive(Clone, Copy, Debug)]
struct Compound {
    /// The shape of the number of episodes.
    shape: f64,
    /// The probability that one more episode comes, of its negative binomial.
    more: f64,
    /// The probability that an episode goes on.
    goes_on: f64,
}

/// P(X = 0), P(X = 1), … of a compound.
struct Terms {
    of: Compound,
    number: f64,
    before: f64,
    this: f64,
    ln_scale: f64,
}

impl BadToCome {
    /// Of `runs` more, where this share of runs may be bad.
    pub(super) fn new(may_be_bad: f64, seen: SeenEpisodes, runs: u64) -> Self {
        let lengths = Lengths::new(seen);
        let posterior: Vec<(f64, Vec<f64>)> = RATES
            .iter()
            .map(|rate| lengths.posterior(may_be_bad * rate, seen))
            .collect();
        let best = posterior
            .iter()
            .map(|(log, _)| *log)
            .fold(f64::MIN, f64::max);
        let all: f64 = posterior.iter().map(|(log, _)| (log - best).exp()).sum();
        let mut parts = Vec::new();
        for (rate, (log, weights)) in RATES.iter().zip(&posterior) {
            let weight = (log - best).exp() / all;
            if weight < WEIGHT_MIN {
                continue;
            }
            for goes_on in lengths.quantiles(weights) {
                let worth = worth(may_be_bad * rate, goes_on);
                let (events, left) = (float(seen.events), float(runs));
                let compound = Compound {
                    shape: RATE_WORTH + float(seen.episodes),
                    more: left / (worth + events + left),
                    goes_on,
                };
                parts.push((weight, compound));
            }
        }
        Self { parts, runs }
    }

    /// P(X ≤ `allowed`), and the least counts that X does not exceed with each of two probabilities, the smaller
    /// first.
    pub(super) fn look(&self, allowed: u64, shares: [f64; 2]) -> (f64, [u64; 2]) {
        let mut terms: Vec<(f64, Terms)> = self
            .parts
            .iter()
            .map(|(weight, compound)| (*weight, compound.terms()))
            .collect();
        let whole: f64 = self.parts.iter().map(|(weight, _)| weight).sum();
        let (mut sum, mut at_most) = (0.0, None);
        let mut quantiles = [None; 2];
        for count in 0..=self.runs {
            sum += terms
                .iter_mut()
                .map(|(weight, terms)| *weight * terms.next())
                .sum::<f64>()
                / whole;
            for (quantile, share) in quantiles.iter_mut().zip(shares) {
                if quantile.is_none() && sum >= share {
                    *quantile = Some(count);
                }
            }
            if count == allowed {
                at_most = Some(sum.min(1.0));
            }
            if at_most.is_some() && quantiles.iter().all(Option::is_some) {
                break;
            }
        }
        // More than all of them cannot be bad.
        (
            at_most.unwrap_or(1.0),
            quantiles.map(|one| one.unwrap_or(self.runs)),
        )
    }
}

/// Runs that the prior of a rate is worth, where so many of them are bad and episodes go on with this probability.
fn worth(bad_share: f64, goes_on: f64) -> f64 {
    RATE_WORTH / (bad_share * (1.0 - goes_on))
}

/// The grid of the probability that an episode goes on.
struct Lengths {
    goes_on: Vec<f64>,
    /// Logarithms of the prior, and of the likelihood of the lengths seen.
    logs: Vec<f64>,
}

impl Lengths {
    fn new(seen: SeenEpisodes) -> Self {
        let step = (GRID_TO - GRID_FROM) / (float_of(GRID) - 1.0);
        let logits = (0..GRID).map(|place| GRID_FROM + step * float_of(place));
        let goes_on: Vec<f64> = logits.map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
        let (a, b) = ALONE;
        let alone = goes_on
            .iter()
            .map(|g| (a * g.ln() + b * (1.0 - g).ln()).exp());
        let outage = goes_on.iter().map(|g| {
            let off = (-(1.0 - g).ln() - OUTAGE_RUNS.ln()) / OUTAGE_DEVIATION;
            (-0.5 * off * off).exp() * g
        });
        let (alone, outage): (Vec<f64>, Vec<f64>) = alone.zip(outage).unzip();
        let (all_alone, all_outage): (f64, f64) = (alone.iter().sum(), outage.iter().sum());
        let more = float(seen.bad.saturating_sub(seen.episodes));
        let logs = goes_on
            .iter()
            .zip(alone.iter().zip(&outage))
            .map(|(g, (alone, outage))| {
                let prior = (1.0 - OUTAGES) * alone / all_alone + OUTAGES * outage / all_outage;
                prior.ln() + more * g.ln() + float(seen.episodes) * (1.0 - g).ln()
            });
        let logs = logs.collect();
        Self { goes_on, logs }
    }

    /// The logarithm of how likely what was seen is at a rate, but for what all rates share, and weights of the
    /// grid then.
    fn posterior(&self, bad_share: f64, seen: SeenEpisodes) -> (f64, Vec<f64>) {
        let (episodes, events) = (float(seen.episodes), float(seen.events));
        let logs = self.goes_on.iter().zip(&self.logs).map(|(goes_on, log)| {
            let worth = worth(bad_share, *goes_on);
            log + RATE_WORTH * (worth / (worth + events)).ln() - episodes * (worth + events).ln()
        });
        let logs: Vec<f64> = logs.collect();
        let best = logs.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - best).exp()).collect();
        let all: f64 = weights.iter().sum();
        (
            best + all.ln(),
            weights.iter().map(|weight| weight / all).collect(),
        )
    }

    /// The middles of equally likely parts.
    fn quantiles(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = 0.0;
        let mut found = Vec::with_capacity(QUANTILES);
        for (goes_on, weight) in self.goes_on.iter().zip(weights) {
            sum += weight;
            while found.len() < QUANTILES
                && sum >= (float_of(found.len()) + 0.5) / float_of(QUANTILES)
            {
                found.push(*goes_on);
            }
        }
        found
    }
}

fn float_of(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}

impl Compound {
    fn terms(self) -> Terms {
        Terms {
            of: self,
            number: 0.0,
            before: 0.0,
            this: 1.0,
            ln_scale: self.shape * (1.0 - self.more).ln(),
        }
    }
}

impl Terms {
    fn next(&mut self) -> f64 {
        let term = self.this * self.ln_scale.exp();
        let Compound {
            shape,
            more,
            goes_on,
        } = self.of;
        // The generating function is ((1 − more)(1 − g·z) / (1 − c·z))^shape; its logarithm's derivative gives
        // each term from the two before.
        let c = goes_on + more * (1.0 - goes_on);
        let n = self.number;
        let next = ((shape * (c - goes_on) + n * (c + goes_on)) * self.this
            - (n - 1.0) * c * goes_on * self.before)
            / (n + 1.0);
        (self.before, self.this) = (self.this, next.max(0.0));
        self.number += 1.0;
        if self.this > LARGE {
            self.this /= LARGE;
            self.before /= LARGE;
            self.ln_scale += LARGE.ln();
        }
        term
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terms_are_those_of_episodes_and_lengths_put_together() {
        let compound = Compound {
            shape: 2.0,
            more: 0.3,
            goes_on: 0.6,
        };
        let mut terms = compound.terms();
        // Two episodes at most make two bad runs: P(1 episode) P(length 2) + P(2) P(length 1)².
        let episodes = |n: f64| (n + 1.0) * 0.7_f64.powi(2) * 0.3_f64.powf(n);
        let wanted = [
            episodes(0.0),
            episodes(1.0) * 0.4,
            episodes(1.0) * 0.6 * 0.4 + episodes(2.0) * 0.4 * 0.4,
        ];
        for wanted in wanted {
            let term = terms.next();
            assert!((term - wanted).abs() < 1e-12, "{term} {wanted}");
        }
        let rest: f64 = (0..500).map(|_| terms.next()).sum();
        assert!((rest + wanted.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn many_episodes_do_not_vanish() {
        let compound = Compound {
            shape: 20_000.0,
            more: 0.5,
            goes_on: 0.3,
        };
        let mut terms = compound.terms();
        let all: f64 = (0..60_000).map(|_| terms.next()).sum();
        assert!((all - 1.0).abs() < 1e-6, "{all}");
    }
}
