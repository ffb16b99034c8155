//! How long the ledger keeps what, and how much space it may take.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// How long the ledger keeps what (`[retention]`), in unscaled time. Quarter-hour counts and sketches are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Evidence of passed runs.
    pub evidence_passed: Duration,
    /// Evidence of every other run.
    pub evidence_failed: Duration,
    /// Ticks and runs in brief.
    pub runs: Duration,
    /// Bytes that the ledger may take; none for as many as it needs.
    pub ledger_max: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            evidence_passed: DAY * 30,
            evidence_failed: DAY * 400,
            runs: DAY * 400,
            ledger_max: None,
        }
    }
}

/// A number of bytes as people write it: `512MiB`, `4GiB`, `1.5GiB`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = u128::from(bytes) * 10 / u128::from(size);
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                rest => format!("{}.{rest}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_the_largest_unit_that_fits() {
        assert_eq!(format_bytes(512), "512B");
        assert_eq!(format_bytes(512 << 20), "512MiB");
        assert_eq!(format_bytes(3 << 29), "1.5GiB");
        assert_eq!(format_bytes(u64::MAX), "17179869183.9GiB");
    }
}
