//! What is seen of one field of two records.

use super::field::Field;

/// What is seen of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A level that needs no band, [`MISSING`](super::field::MISSING) included.
    Level(u8),
    /// A similarity in ten-thousandths; the rules' bands make it a level.
    Similar(u16),
    /// The same of two given names that are both in use.
    Rival(u16),
}

impl Fact {
    /// Its text in a log: `exact`, `similar 0.9312`.
    pub fn text(self, field: Field) -> String {
        let decimal = |parts: u16| f64::from(parts) / 10_000.0;
        match self {
            Self::Level(level) => field.level_name(level).to_owned(),
            Self::Similar(parts) => format!("similar {:.4}", decimal(parts)),
            Self::Rival(parts) => format!("rival {:.4}", decimal(parts)),
        }
    }

    /// The fact of a text that [`Fact::text`] wrote.
    pub fn read(field: Field, text: &str) -> Option<Self> {
        let parts = |text: &str| {
            let digits = text.strip_prefix("0.").filter(|d| d.len() == 4);
            let whole = (text == "1.0000").then_some(10_000);
            whole.or_else(|| digits?.parse::<u16>().ok())
        };
        match text.split_once(' ') {
            Some(("similar", number)) if !field.bands().is_empty() => {
                parts(number).map(Self::Similar)
            }
            Some(("rival", number)) if field == Field::Given => parts(number).map(Self::Rival),
            Some(_) => None,
            None => field.level_named(text).map(Self::Level),
        }
    }
}
