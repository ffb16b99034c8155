//! What commands print.

use crate::failure::Failure;

/// The one place where a failed command is reported; a closed stderr is ignored.
pub(crate) fn complain(failure: &Failure) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "exchange: {}", failure.text).unwrap_or_default();
}

/// Prints `text` and a line end; a reader that has gone is a normal end.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(
            format!("could not write to stdout: {error}"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}
