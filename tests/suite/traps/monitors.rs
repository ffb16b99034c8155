//! Every monitor that is scored, and the traps' way of scoring all of them.

use std::path::{Path, PathBuf};

use super::blackbox::Blackbox;
use super::monitor::{Cannot, Monitor, Score};
use super::outrider::Outrider;
use super::truth::Truth;

/// Every monitor that is scored. Ours is the first, and the only one that must pass.
fn all() -> [Box<dyn Monitor>; 2] {
    [Box::new(Outrider), Box::new(Blackbox)]
}

/// Leads every monitor into a trap and writes the scores down for `make traps`. Ours must pass.
pub(super) fn face(
    id: &str,
    what: &str,
    truth: &Truth,
    judge: impl Fn(&dyn Monitor, &Truth) -> Result<Score, Cannot>,
) {
    let mut lines = String::new();
    let mut ours = None;
    for monitor in all() {
        let score = judge(monitor.as_ref(), truth).unwrap_or_else(Score::from);
        let (word, why) = match &score {
            Score::Passes(why) => ("passes", why),
            Score::Fails(why) => ("**fails**", why),
            Score::NotApplicable(why) => ("not applicable", why),
        };
        lines += &format!("| {id} | {what} | {} | {word} | {why} |\n", monitor.name());
        ours.get_or_insert(score);
    }
    let folder = folder();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{id}.md")), &lines).unwrap();
    assert!(matches!(ours, Some(Score::Passes(_))), "{lines}");
}

/// Where `make traps` finds the lines of its table.
fn folder() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_outrider")).parent().unwrap();
    profile.parent().unwrap().join("traps")
}
