//! What the HTTP listeners of several crates say and read in the same way.

mod answer;
mod forms;
mod problem;

pub use answer::{ControlResult, parse_body};
pub use forms::form_fields;
pub use problem::ControlProblem;
