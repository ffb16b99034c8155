//! Plan and objectives → rules, Alertmanager's and Prometheus's configuration, dashboards, as text. The
//! same input gives the same bytes.

mod actions;
mod agenda;
mod alertmanager;
mod alertmanager_file;
mod alerts;
mod authorization;
mod checks;
mod dashboard;
mod directives;
mod docket_text;
mod explain;
mod files;
mod format;
mod generated;
mod inhibition;
mod latency;
mod links;
mod openslo;
mod prometheus;
#[cfg(feature = "pdf")]
mod report_blocks;
mod report_charts;
mod report_csv;
mod report_docket;
mod report_index;
mod report_overview;
mod report_page;
#[cfg_attr(not(feature = "pdf"), path = "report_without_pdf.rs")]
mod report_pdf;
#[cfg(feature = "pdf")]
mod report_pdf_charts;
mod report_text;
mod rules;
mod runs;
mod status;
mod yaml;

pub use actions::actions_text;
pub use agenda::{agenda_json, agenda_text};
pub use alerts::{AlertKind, EVALUATION, LATENCY_PAGE, SCRAPE};
pub use checks::{check_names, check_text, checks_json, checks_named, checks_page, checks_text};
pub use docket_text::{disputes_text, exclusions_text, incidents_text};
pub use explain::{explain_json, explain_text};
pub use files::{FOLDERS, all, digest};
pub use generated::{Generated, RenderError};
pub use latency::{LatencyLine, LatencyReport, latency_json, latency_text};
pub use openslo::openslo;
pub use report_csv::{days_csv, promises_csv};
pub use report_docket::docket_csv;
pub use report_index::{IndexLine, report_index};
pub use report_overview::report_overview;
pub use report_page::{Paper, ReportProof, report_html};
pub use report_pdf::report_pdf;
pub use report_text::report_text;
pub use runs::{runs_csv, runs_paging, runs_text};
pub use status::{FlightLine, Status, status_json, status_text};
pub use yaml::HEADER;
