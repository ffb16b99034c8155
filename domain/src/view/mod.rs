//! Pages as data: what a person or a machine is shown of runs and partners. Pure.

mod json;
mod page;
mod svg;
mod waterfall;

pub use json::{
    RunsPage, actions_json, follow_up_run_json, overview_json, problem_json, run_brief, run_whole,
    runs_json,
};
pub use page::{ConfigView, DeclaredView, LayerLine, Overview, PartnerView, ProbeView};
pub use svg::waterfall_svg;
pub use waterfall::{Paint, milliseconds, waterfall};
