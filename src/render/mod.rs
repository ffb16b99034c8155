//! Plan and objectives → rules, Alertmanager's and Prometheus's configuration, dashboards, as text. The
//! same input gives the same bytes.

mod agenda;
mod agent_rules;
mod alertmanager;
mod alerts;
mod annotations;
mod burn_annotations;
mod checks;
mod dashboard;
mod explain;
mod files;
mod fleet_rules;
mod format;
mod generated;
mod inhibition;
mod links;
mod openslo;
mod page_annotations;
mod partner_rules;
mod prometheus;
mod promql;
mod recorded;
mod status;
mod warnings;
mod yaml;

pub use agenda::{agenda_json, agenda_text};
pub use alerts::{AlertKind, EVALUATION, LATENCY_PAGE, SCRAPE};
pub use checks::{check_names, check_text, checks_json, checks_named, checks_page, checks_text};
pub use explain::{explain_json, explain_text};
pub use files::{FOLDERS, all, digest};
pub use generated::{Generated, RenderError};
pub use openslo::openslo;
pub use status::{FlightLine, Status, status_json, status_text};
pub use yaml::HEADER;
