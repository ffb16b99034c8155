//! Numbers that cannot meet: of cards, of persons, and National Provider Identifiers.

use exchange_kit::random::Stream;

use super::payer::Payer;

/// How many numbers one household may take.
const PER_HOUSEHOLD: u64 = 4;
/// How many numbers one payer has: more than 100,000 households need.
const PER_PAYER: u64 = 1_000_000;
/// The numbers are spread over so many by a multiplication, which is one-to-one because this is a prime.
const SPREAD: u64 = 89_999_999;
const FACTOR: u64 = 48_271_717;
const LOWEST: u64 = 10_000_000;

/// The numbers of one household, one after the other. No two households of any payer share one.
pub(crate) struct Numbers {
    next: u64,
    shift: u64,
}

impl Numbers {
    /// Those of household `index` (counted from 0).
    pub(crate) fn of(payer: &Payer, seed: u64, index: usize) -> Self {
        let place = Payer::ALL.iter().position(|one| one.id == payer.id);
        let before = |count: Option<usize>| u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        Self {
            next: before(place) * PER_PAYER + before(Some(index)) * PER_HOUSEHOLD,
            shift: Stream::new(seed, &["numbers"]).below(SPREAD),
        }
    }

    /// Eight digits.
    pub(crate) fn next(&mut self) -> u64 {
        let number = self.next * FACTOR % SPREAD;
        self.next += 1;
        LOWEST + (number + self.shift) % SPREAD
    }
}

/// A National Provider Identifier with its check digit: Luhn over the prefix 80840 and nine digits.
pub(crate) fn npi(stream: &mut Stream) -> String {
    let nine = 100_000_000 + stream.below(99_999_999);
    // 24 is what the prefix adds; the check digit fills up to the next ten.
    let sum = 24 + luhn_sum(nine, true);
    format!("{nine}{}", (10 - sum % 10) % 10)
}

/// Sum of digits as Luhn takes them, the last one doubled when `double` says so.
fn luhn_sum(number: u64, mut double: bool) -> u64 {
    let (mut rest, mut sum) = (number, 0);
    while rest > 0 {
        let digit = rest % 10;
        sum += match (double, digit * 2) {
            (false, _) => digit,
            (true, doubled) if doubled > 9 => doubled - 9,
            (true, doubled) => doubled,
        };
        double = !double;
        rest /= 10;
    }
    sum
}

/// Whether ten digits end in the right check digit.
#[cfg(test)]
pub(crate) fn is_npi(text: &str) -> bool {
    let number: u64 = text.parse().unwrap_or(0);
    text.len() == 10 && (24 + luhn_sum(number, false)).is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::member::REQUESTER_NPI;

    #[test]
    fn check_digits_are_right_and_wrong_ones_are_noticed() {
        assert!(is_npi(REQUESTER_NPI) && is_npi("1234567893"));
        assert!(!is_npi("1234567890") && !is_npi("123456789"));
        for payer in Payer::ALL {
            assert!(is_npi(payer.npi), "{}", payer.id);
        }
        let mut stream = Stream::new(7, &["npi"]);
        for _ in 0..1_000 {
            let npi = npi(&mut stream);
            assert!(is_npi(&npi), "{npi}");
        }
    }

    #[test]
    fn no_two_households_share_a_number() {
        let mut seen = BTreeSet::new();
        for payer in Payer::ALL {
            for index in (0..3_000).chain(98_000..100_000) {
                let mut numbers = Numbers::of(&payer, 7, index);
                for _ in 0..PER_HOUSEHOLD {
                    let number = numbers.next();
                    assert!((LOWEST..100_000_000).contains(&number));
                    assert!(seen.insert(number), "{number} twice");
                }
            }
        }
    }
}
