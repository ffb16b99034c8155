//! The binomial distribution, seeded choices, and a count as a float.

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

/// P(X ≥ count) of X out of `runs` that each go wrong with probability `share`, between 0 and 1.
pub(super) fn binomial_at_least(runs: u64, share: f64, count: u64) -> f64 {
    if count > runs {
        return 0.0;
    }
    let (all, first) = (float(runs), float(count));
    let mut log = ln_gamma(all + 1.0) - ln_gamma(first + 1.0) - ln_gamma(all - first + 1.0)
        + first * share.ln()
        + (all - first) * (1.0 - share).ln();
    let odds = share / (1.0 - share);
    let mut sum = 0.0;
    for k in count..=runs {
        let term = log.exp();
        sum += term;
        // Behind the most likely count terms only fall.
        if term < sum * NOTHING && float(k) > all * share {
            break;
        }
        log += ((all - float(k)) / (float(k) + 1.0) * odds).ln();
    }
    sum.min(1.0)
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
    fn a_binomial_tail_is_the_sum_of_its_terms() {
        // Of four fair ones at least three: (4 + 1) / 16.
        assert!((binomial_at_least(4, 0.5, 3) - 5.0 / 16.0).abs() < 1e-12);
        assert!((binomial_at_least(4, 0.5, 0) - 1.0).abs() < 1e-12);
        assert!(binomial_at_least(3, 0.5, 4).abs() < 1e-12);
        assert!((binomial_at_least(3, 0.1, 3) - 0.001).abs() < 1e-12);
    }
}
