//! Ratio rules, as sloth writes them: what ours are measured against.

use std::fmt::Write as _;

use super::prometheus::SCRAPE_S;

/// What they look back over.
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// Ratios over each window and alerts on them, of each objective in these lines of an export.
pub(super) fn rules(lines: &[String]) -> String {
    let mut text = String::from("groups:\n");
    for line in lines
        .iter()
        .filter(|line| line.starts_with("outrider_slo_events_total{"))
    {
        let label = |name: &str| {
            let (_, after) = line.split_once(&format!("{name}=\"")).expect("a label");
            after.split('"').next().expect("a value").to_owned()
        };
        let (partner, slo) = (label("partner"), label("slo"));
        let own = format!("{{partner=\"{partner}\",slo=\"{slo}\"}}");
        write!(
            text,
            "- name: {partner}-{slo}\n  interval: {SCRAPE_S}s\n  rules:\n"
        )
        .expect("memory");
        for window in WINDOWS {
            write!(
                text,
                "  - record: slo:sli_error:ratio_rate{window}\n    expr: |-\n      \
                 (sum(rate(outrider_slo_bad_total{own}[{window}])))\n      /\n      \
                 (sum(rate(outrider_slo_events_total{own}[{window}])))\n    \
                 labels: {{partner: {partner}, slo: {slo}}}\n"
            )
            .expect("memory");
        }
        for (severity, pairs) in [
            ("page", [("5m", "1h", 14.4), ("30m", "6h", 6.0)]),
            ("ticket", [("2h", "1d", 3.0), ("6h", "3d", 1.0)]),
        ] {
            let conditions = pairs.map(|(short, long, factor)| {
                let over = |window| {
                    format!("(slo:sli_error:ratio_rate{window}{own} > ({factor} * 0.005))")
                };
                format!("({} and {})", over(short), over(long))
            });
            write!(
                text,
                "  - alert: Ratio\n    expr: \"{}\"\n    labels: {{severity: {severity}}}\n",
                conditions.join(" or ").replace('"', "\\\"")
            )
            .expect("memory");
        }
    }
    text
}
