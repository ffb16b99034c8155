//! Outrider.
