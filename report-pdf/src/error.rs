//! Why there is no PDF.

use std::fmt;

/// Why there is no PDF of a document.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// A text cannot be set.
    #[error(transparent)]
    Text(#[from] Unprintable),
    /// The fonts in the program cannot be read.
    #[error("the fonts of the PDF cannot be read")]
    Font,
    /// `krilla` refuses the document: what breaks PDF/A or PDF/UA.
    #[error("the PDF would break PDF/A-3a or PDF/UA-1: {0}")]
    Standard(String),
}

/// A text with a character that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" has {character} (U+{:04X}), {why}", u32::from(*.character))]
pub struct Unprintable {
    /// The text.
    pub text: String,
    /// The character.
    pub character: char,
    /// What is in its way.
    pub why: Why,
}

/// Why a character cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The font has no such glyph.
    NotInFont,
    /// It is written from right to left.
    RightToLeft,
    /// It has no place of its own: it combines with its neighbours, or it is a control character.
    NoPlace,
}

impl fmt::Display for Why {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::NotInFont => {
                "which the font of the PDF does not have: it has Latin, Greek and Cyrillic letters"
            }
            Self::RightToLeft => "which is written from right to left: the PDF cannot set it",
            Self::NoPlace => {
                "which combines with other characters or is none: the PDF cannot set it"
            }
        })
    }
}
