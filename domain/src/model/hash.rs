//! A hash that is the same on every machine and in every version, to spread first starts.

/// FNV-1a, 64 bit, with a final mix so that neighbouring names land far apart.
pub fn stable_hash(text: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::stable_hash;

    #[test]
    fn it_never_changes_and_spreads_evenly() {
        // A change of this value would move every tick of every installation.
        // Computed apart from this code, by a few lines of Python.
        assert_eq!(stable_hash("keystone/liveness"), 1400541530280399154);
        assert_eq!(stable_hash(""), 17058014651485797458);
        let mut tenths = [0u32; 10];
        for n in 0..10_000 {
            let slot = stable_hash(&format!("partner-{n}/journey")) % 10;
            tenths[usize::try_from(slot).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|count| (850..1150).contains(count)),
            "{tenths:?}"
        );
    }
}
