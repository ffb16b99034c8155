//! The action log as text.

use std::fmt::Write as _;

use outrider_domain::model::LoggedAction;

/// One line an entry, oldest first, with a head.
pub fn actions_text(actions: &[LoggedAction]) -> String {
    let mut text = format!(
        "{:<20} {:<9} {:<32} {:<20} {:<32} note\n",
        "at (UTC)", "kind", "subject", "by", "source"
    );
    for one in actions {
        let at = one.at.format("%Y-%m-%d %H:%M:%S");
        let by = one.by.as_deref().unwrap_or("-");
        let (kind, subject, source, note) = (one.kind, &one.subject, &one.source, &one.note);
        // Writing into a string cannot fail.
        writeln!(
            text,
            "{at:<20} {kind:<9} {subject:<32} {by:<20} {source:<32} {note}"
        )
        .unwrap_or_default();
    }
    text
}
