//! Rule sets: as meant, as a file has them, and the one that is shipped.

mod read;
mod set;
mod shipped;

pub use read::{FILE_BYTES_MAX, read};
pub use set::{
    Clause, Effect, FORMAT, FieldRules, Guard, Rollout, Rules, Sensitivity, Thresholds, Weights,
};
pub use shipped::{ALL_SHIPPED, SHIPPED, SHIPPED_PATH, shipped, shipped_next};
