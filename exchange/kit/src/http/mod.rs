//! What the HTTP listeners of several crates say and read in the same way.

mod answer;
mod connection;
mod forms;
mod problem;

pub use answer::{ControlResult, parse_body};
pub use connection::serve_connection;
pub use forms::form_fields;
pub use problem::ControlProblem;
