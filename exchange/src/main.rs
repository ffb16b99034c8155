//! The `exchange` program: serves the partner sandboxes and writes member sets.

use std::process::ExitCode;

fn main() -> ExitCode {
    exchange::cli::main()
}
