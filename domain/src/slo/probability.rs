//! The Beta-Binomial distribution, and a count as a float.

/// Terms below this share of the largest add nothing that a double can hold.
const NOTHING: f64 = 1e-18;

/// A count as a float: exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which no count here reaches"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// A count that is not negative, without what is behind the point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and a cast of what is too large gives the largest"
)]
pub(super) fn whole(count: f64) -> u64 {
    count as u64
}

/// How many of `runs` future runs go wrong, when the rate is only known as Beta(a, b).
#[derive(Clone, Copy, Debug)]
pub(super) struct BetaBinomial {
    pub(super) runs: u64,
    pub(super) a: f64,
    pub(super) b: f64,
}

impl BetaBinomial {
    /// P(X < count).
    pub(super) fn below(self, count: u64) -> f64 {
        if count > self.runs {
            return 1.0;
        }
        self.terms(count).sum::<f64>().clamp(0.0, 1.0)
    }

    /// The least count that X does not exceed with this probability.
    pub(super) fn quantile(self, share: f64) -> u64 {
        let mut sum = 0.0;
        for (count, term) in (0..).zip(self.terms(self.runs + 1)) {
            sum += term;
            if sum >= share {
                return count;
            }
        }
        self.runs
    }

    /// P(X = 0), P(X = 1), … each out of the one before; in logarithms, since the first may be too small
    /// for a double and later ones not.
    fn terms(self, count: u64) -> impl Iterator<Item = f64> {
        let runs = float(self.runs);
        let mut log = ln_beta(self.a, self.b + runs) - ln_beta(self.a, self.b);
        (0..count).map(move |k| {
            let this = log;
            let k = float(k);
            let up = (runs - k) * (self.a + k);
            let down = (k + 1.0) * (self.b + runs - k - 1.0);
            log += (up / down).ln();
            let term = this.exp();
            if term < NOTHING { 0.0 } else { term }
        })
    }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// ln Γ(x) for x > 0: Stirling's series, after moving x up to where six terms give twelve digits.
fn ln_gamma(x: f64) -> f64 {
    const FAR: f64 = 10.0;
    const SERIES: [f64; 6] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1_260.0,
        -1.0 / 1_680.0,
        1.0 / 1_188.0,
        -691.0 / 360_360.0,
    ];
    let (mut x, mut moved) = (x, 0.0);
    while x < FAR {
        moved += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let mut power = x;
    let mut tail = 0.0;
    for factor in SERIES {
        tail += factor / power;
        power *= square;
    }
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + tail - moved
}

/// Seeded choices that are the same on every machine (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    /// Uniform in (0, 1).
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // 53 bits, and never 0.
        (float(mixed >> 11) + 0.5) / float(1 << 53)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_is_that_of_factorials_and_of_a_half() {
        let mut factorial = 1.0_f64;
        for n in 1..20_u64 {
            assert!((ln_gamma(float(n)) - factorial.ln()).abs() < 1e-11, "{n}");
            factorial *= float(n);
        }
        let half = std::f64::consts::PI.sqrt().ln();
        assert!((ln_gamma(0.5) - half).abs() < 1e-12);
    }

    #[test]
    fn a_flat_prior_makes_every_count_as_likely() {
        let flat = BetaBinomial {
            runs: 9,
            a: 1.0,
            b: 1.0,
        };
        for count in 0..=10 {
            let wanted = float(count) / 10.0;
            assert!((flat.below(count) - wanted).abs() < 1e-12, "{count}");
        }
        assert_eq!(flat.quantile(0.45), 4);
        assert_eq!(flat.quantile(1.0), 9);
    }

    #[test]
    fn far_tails_of_many_runs_do_not_vanish() {
        // A rate known to be about a half: the first terms are far below what a double holds.
        let fair = BetaBinomial {
            runs: 10_000,
            a: 1e6,
            b: 1e6,
        };
        assert!((fair.below(5_001) - 0.5).abs() < 0.01);
        assert!(fair.below(4_000) < 1e-9);
    }
}
