//! Pages for people. Templates are next to them.

use askama::Template;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use outrider_domain::model::{
    Count, FollowUpRun, Layer, LayerVerdict, Outcome, RunFilter, RunRecord, Source,
};
use outrider_domain::view::{self, LayerLine, Overview, Paint, milliseconds};

use super::handle::{Handle, RunDetails};

/// Runs listed on the overview.
const LAST_RUNS: u32 = 25;
/// Failed runs looked at for evidence.
const EVIDENCE_RUNS: u32 = 200;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    overview: Overview,
    runs: Vec<(u64, RunRecord)>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    run: RunRecord,
    follow_up_runs: Vec<FollowUpRun>,
    svg: String,
    text: String,
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    partner: String,
    layer: Layer,
    runs: Vec<(u64, RunRecord)>,
    svg: String,
}

#[derive(Template)]
#[template(path = "runbook.html")]
struct RunbookPage {
    name: String,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    problem: &'static str,
    help: &'static str,
}

pub(super) async fn overview(handle: Handle) -> Response {
    let filter = RunFilter {
        limit: LAST_RUNS,
        ..RunFilter::default()
    };
    match handle.overview().await.zip(runs(&handle, filter).await) {
        Some((overview, mut runs)) => {
            runs.reverse();
            page(StatusCode::OK, &OverviewPage { overview, runs })
        }
        None => away(),
    }
}

/// Runs oldest first; none of a partner that nobody knows.
async fn runs(handle: &Handle, filter: RunFilter) -> Option<Vec<(u64, RunRecord)>> {
    let page = handle.runs(filter).await?;
    Some(page.map(|page| page.runs).unwrap_or_default())
}

pub(super) async fn run(handle: Handle, Path(run): Path<String>) -> Response {
    match handle.run(run).await {
        Some(Some(RunDetails {
            run,
            follow_up_runs,
            ..
        })) => {
            let (svg, text) = (
                view::waterfall_svg(&run),
                view::waterfall(&run, Paint::Plain),
            );
            page(
                StatusCode::OK,
                &RunPage {
                    run,
                    follow_up_runs,
                    svg,
                    text,
                },
            )
        }
        Some(None) => {
            let problem = ProblemPage {
                problem: "no such run",
                help: "the overview lists the last ones",
            };
            page(StatusCode::NOT_FOUND, &problem)
        }
        None => away(),
    }
}

/// The last runs that were bad in a layer, newest first, with the waterfall of the newest: where the
/// link of an alert leads.
pub(super) async fn evidence(
    handle: Handle,
    Path((partner, layer)): Path<(String, String)>,
) -> Response {
    let Some(layer) = Layer::named(&layer) else {
        let problem = ProblemPage {
            problem: "no such layer",
            help: "there are transport, application and business",
        };
        return page(StatusCode::NOT_FOUND, &problem);
    };
    let filter = RunFilter {
        partner: Some(partner.clone()),
        outcome: Some(Outcome::Failed),
        limit: EVIDENCE_RUNS,
        ..RunFilter::default()
    };
    let mut runs = match handle.runs(filter).await {
        Some(Ok(found)) => found.runs,
        Some(Err(_)) => {
            let problem = ProblemPage {
                problem: "no such partner",
                help: "the overview lists all",
            };
            return page(StatusCode::NOT_FOUND, &problem);
        }
        None => return away(),
    };
    runs.retain(|(_, run)| run.verdict.count(layer) == Count::Bad);
    runs.reverse();
    let svg = runs.first().map(|(_, run)| view::waterfall_svg(run));
    let evidence = EvidencePage {
        partner,
        layer,
        runs,
        svg: svg.unwrap_or_default(),
    };
    page(StatusCode::OK, &evidence)
}

/// The one style sheet: pages hold no styles of their own, so that nothing written into them has an effect.
pub(super) async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("templates/style.css"))
}

pub(super) async fn runbook(Path(name): Path<String>) -> Response {
    match super::runbooks::text(&name) {
        Some(text) => page(StatusCode::OK, &RunbookPage { name, text }),
        None => {
            let problem = ProblemPage {
                problem: "no such runbook",
                help: "/runbooks/README.md lists all",
            };
            page(StatusCode::NOT_FOUND, &problem)
        }
    }
}

fn away() -> Response {
    let problem = ProblemPage {
        problem: "the agent does not answer",
        help: "look at /readyz and its log",
    };
    page(StatusCode::SERVICE_UNAVAILABLE, &problem)
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The class of a layer's last verdict.
fn layer_class(line: &LayerLine) -> &'static str {
    line.last.map_or("none", |(verdict, _)| verdict.name())
}

/// A layer's last verdict in words.
fn layer_words(line: &LayerLine) -> String {
    match line.last {
        None => "no run yet".to_owned(),
        Some((LayerVerdict::Bad, Some((cause, owner)))) => format!("bad: {cause} ({owner})"),
        Some((LayerVerdict::Good, _)) => "good".to_owned(),
        Some((LayerVerdict::Bad, None)) => "bad".to_owned(),
        Some((LayerVerdict::NotReached, _)) => "not reached".to_owned(),
    }
}

/// The regulation and the guides, each with its verdict and what it rests on.
fn conformance_words(run: &RunRecord) -> String {
    let words = [Source::Regulation, Source::Guide].map(|source| {
        let checks = run.told_by(source).into_iter();
        let checks: Vec<_> = checks
            .map(|one| format!("{} {}", one.id, one.check))
            .collect();
        let verdict = run.conformance(source).name().replace('_', " ");
        match checks.as_slice() {
            [] => format!("{source}: {verdict}"),
            some => format!("{source}: {verdict} ({})", some.join(", ")),
        }
    });
    words.join(" · ")
}

/// A run's blame in words.
fn blame_words(run: &RunRecord) -> String {
    match &run.verdict.blame {
        None => String::new(),
        Some(blame) => {
            let place = blame.cause.layer().map_or("agent", Layer::name);
            format!("{place} {} ({})", blame.cause.name(), blame.owner)
        }
    }
}

fn optional_ms(time: Option<std::time::Duration>) -> String {
    time.map_or("–".to_owned(), |time| {
        let ms = milliseconds(time);
        let digits = usize::from(ms < 10.0);
        format!("{ms:.digits$} ms")
    })
}

/// A name of a closed list as people write it.
fn word(name: &str) -> String {
    name.replace('_', " ")
}
