//! A small seeded generator (SplitMix64, public domain algorithm by Sebastiano Vigna), so that the sets do
//! not move when a random-number library does.

/// A stream of numbers that depends on a seed and on labels only.
#[derive(Clone, Debug)]
pub struct Stream(u64);

impl Stream {
    /// A stream of its own for each seed and list of labels; neighbours do not disturb each other.
    pub fn new(seed: u64, labels: &[&str]) -> Self {
        // FNV-1a over the labels, with a separator so that ("ab","c") and ("a","bc") differ.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for byte in labels.iter().flat_map(|label| label.bytes().chain([0xff])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut stream = Self(hash);
        stream.next_u64();
        stream
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is irrelevant for invented people.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.next_u64() % bound
        }
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let bound = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.below(bound)).unwrap_or(0);
        &items[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_agree_with_the_published_algorithm() {
        // SplitMix64 from state 1234567, as listed by the algorithm's test vectors.
        let mut stream = Stream(1_234_567);
        assert_eq!(stream.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(stream.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn labels_are_kept_apart() {
        assert_ne!(
            Stream::new(7, &["ab", "c"]).next_u64(),
            Stream::new(7, &["a", "bc"]).next_u64()
        );
    }
}
