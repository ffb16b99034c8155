//! Shares as people read them, rounded so that a promise that was missed never looks met.

/// A target or a percentage as it was agreed, exactly: `97 %`, `99.95 %`.
pub fn percent(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A share rounded down to so many decimals.
pub fn percent_down(ppm: u32, decimals: u32) -> String {
    let step = 10_u32.pow(4 - decimals.min(4));
    fixed(ppm / step, decimals.min(4))
}

/// A share rounded up to so many decimals.
pub fn percent_up(ppm: u32, decimals: u32) -> String {
    let step = 10_u32.pow(4 - decimals.min(4));
    fixed(ppm.div_ceil(step), decimals.min(4))
}

/// Decimals of a share next to a target: one more than the target has.
pub fn percentage_of(target_ppm: u32) -> u32 {
    let needed = (0..=4).find(|decimals| target_ppm.is_multiple_of(10_u32.pow(4 - decimals)));
    (needed.unwrap_or(4) + 1).clamp(2, 4)
}

fn fixed(number: u32, decimals: u32) -> String {
    let unit = 10_u32.pow(decimals);
    let digits = usize::try_from(decimals).unwrap_or_default();
    match digits {
        0 => format!("{number} %"),
        _ => format!("{}.{:0digits$} %", number / unit, number % unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_missed_never_prints_as_met() {
        assert_eq!(percent(999_500), "99.95 %");
        assert_eq!(percent(970_000), "97 %");
        assert_eq!(percentage_of(970_000), 2);
        assert_eq!(percentage_of(999_500), 3);
        assert_eq!(percent_down(999_499, 3), "99.949 %");
        assert_eq!(percent_down(969_999, 2), "96.99 %");
        assert_eq!(percent_up(969_901, 2), "97.00 %");
        assert_eq!(percent_down(1_000_000, 2), "100.00 %");
        assert_eq!(percent_down(123_456, 0), "12 %");
    }
}
