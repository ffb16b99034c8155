//! One run as a picture.

use std::fmt::Write;
use std::time::Duration;

use super::waterfall::milliseconds;
use crate::model::{Phase, RunRecord, StepState};

const WIDTH: f64 = 960.0;
const LABEL: f64 = 190.0;
const ROW: f64 = 24.0;

/// The waterfall of one run: a bar a step, coloured by how it ended, and within it its requests
/// coloured by phase. Everything in it is ours (ids, times), so nothing needs escaping.
pub fn waterfall_svg(run: &RunRecord) -> String {
    let rows: f64 = run.steps.iter().map(|_| 1.0).sum();
    let height = (rows + 0.5) * ROW;
    let whole = run.duration.as_secs_f64().max(1e-9);
    let x = |time: Duration| LABEL + time.as_secs_f64() / whole * (WIDTH - LABEL - 90.0);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="waterfall of one run" font-family="ui-monospace, monospace" font-size="12">"#
    );
    let mut y = 4.0;
    for step in &run.steps {
        let class = step.state.name();
        let text_y = y + 14.0;
        write!(
            svg,
            r#"<text class="label" x="0" y="{text_y}">{}</text>"#,
            step.step
        )
        .unwrap_or_default();
        if step.state != StepState::Skipped {
            let (from, to) = (x(step.offset), x(step.offset + step.duration));
            let width = (to - from).max(2.0);
            write!(
                svg,
                r#"<rect class="step {class}" x="{from:.1}" y="{y}" width="{width:.1}" height="18"/>"#
            )
            .unwrap_or_default();
            for request in &step.requests {
                let mut at = request.offset;
                for phase in Phase::ALL {
                    let Some(time) = request.phases.get(*phase) else {
                        continue;
                    };
                    let (from, width) = (x(at), (x(at + time) - x(at)).max(0.3));
                    write!(
                        svg,
                        r#"<rect class="phase {phase}" x="{from:.1}" y="{}" width="{width:.1}" height="10"><title>{} {phase} {:.1} ms</title></rect>"#,
                        y + 4.0,
                        request.kind,
                        milliseconds(time)
                    )
                    .unwrap_or_default();
                    at += time;
                }
            }
            write!(
                svg,
                r#"<text class="time" x="{:.1}" y="{text_y}">{:.1} ms</text>"#,
                to.max(from + 2.0) + 6.0,
                milliseconds(step.duration)
            )
            .unwrap_or_default();
        } else {
            write!(
                svg,
                r#"<text class="time" x="{LABEL}" y="{text_y}">skipped</text>"#
            )
            .unwrap_or_default();
        }
        y += ROW;
    }
    svg.push_str("</svg>");
    svg
}
