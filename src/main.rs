//! Outrider's one binary: arguments in, an exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    outrider::cli::main().into()
}
