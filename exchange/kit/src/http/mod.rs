//! What the HTTP listeners of several crates say and read in the same way.

mod answer;
mod forms;
mod problem;

pub use answer::{Answer, wish};
pub use forms::form_fields;
pub use problem::Problem;
