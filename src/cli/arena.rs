//! How glibc keeps the memory of the agent (docs/decisions/0034).

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What glibc reads once, when a program starts; other C libraries have no such thing and leave it alone. One arena
/// serves all threads, and what a scrape or a large answer took goes back at once: without a fixed limit of its own a
/// first large block raises the size from which blocks are kept.
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// Starts this program again in the same process, with these settings. Does not return when that works; returns at
/// once when the environment says already how many arenas there are.
///
/// # Errors
/// The program cannot be started again. It works without: it only keeps more memory than it uses.
pub(super) fn share_one() -> std::io::Result<()> {
    if SETTINGS
        .iter()
        .any(|(name, _)| std::env::var_os(name).is_some())
    {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    Err(again.args(words).envs(SETTINGS).exec())
}
