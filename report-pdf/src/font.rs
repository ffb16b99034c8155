//! The two fonts: which characters they have, and how wide each is. One glyph a character, from left to right.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _};
use unicode_normalization::UnicodeNormalization as _;

use super::error::{PdfError, Unprintable, Why};

const REGULAR: &[u8] = include_bytes!("../fonts/LiberationSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/LiberationSans-Bold.ttf");

/// Whether a text can be set.
///
/// # Errors
/// Its first character that cannot.
pub fn printable(text: &str) -> Result<(), PdfError> {
    Fonts::load()?.check(text).map_err(PdfError::from)
}

/// A font with what its characters need.
pub(crate) struct Face {
    pub(crate) font: Font,
    characters: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units: f32,
}

impl Face {
    fn load(bytes: &'static [u8]) -> Result<Self, PdfError> {
        let font = Font::new(bytes.into(), 0).ok_or(PdfError::Font)?;
        let read = FontRef::new(bytes).map_err(|_| PdfError::Font)?;
        Ok(Self {
            units: font.units_per_em(),
            characters: read.charmap(),
            metrics: read.glyph_metrics(Size::unscaled(), LocationRef::default()),
            font,
        })
    }

    /// The glyph of a character, and its advance in ems.
    fn glyph(&self, of: char) -> Option<(u32, f32)> {
        let glyph = self.characters.map(of).filter(|one| one.to_u32() != 0)?;
        let advance = self.metrics.advance_width(glyph)?;
        Some((glyph.to_u32(), advance / self.units))
    }

    /// How wide a text is at a size, in points.
    pub(crate) fn width(&self, text: &str, size: f32) -> f32 {
        let glyphs = text.chars().filter_map(|one| self.glyph(one));
        glyphs.map(|(_, advance)| advance).sum::<f32>() * size
    }

    /// The glyphs of a text.
    pub(crate) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let characters = text.char_indices();
        let glyphs = characters.filter_map(|(at, one)| {
            let (glyph, advance) = self.glyph(one)?;
            let range = at..at + one.len_utf8();
            let id = GlyphId::new(glyph);
            Some(KrillaGlyph::new(id, advance, 0.0, 0.0, 0.0, range, None))
        });
        glyphs.collect()
    }
}

/// Both fonts.
pub(crate) struct Fonts {
    pub(crate) regular: Face,
    pub(crate) bold: Face,
}

impl Fonts {
    pub(crate) fn load() -> Result<Self, PdfError> {
        Ok(Self {
            regular: Face::load(REGULAR)?,
            bold: Face::load(BOLD)?,
        })
    }

    /// Whether each character of a text has a glyph in both fonts and a place of its own.
    pub(crate) fn check(&self, text: &str) -> Result<(), Unprintable> {
        let text = composed(text);
        let fault = text.chars().find_map(|one| Some((one, self.fault(one)?)));
        match fault {
            None => Ok(()),
            Some((character, why)) => Err(Unprintable {
                text: text.chars().filter(|one| !one.is_control()).collect(),
                character,
                why,
            }),
        }
    }

    fn fault(&self, of: char) -> Option<Why> {
        if is_right_to_left(of) {
            return Some(Why::RightToLeft);
        }
        if of.is_control() {
            return Some(Why::NoPlace);
        }
        [&self.regular, &self.bold]
            .iter()
            .find_map(|face| match face.glyph(of) {
                None => Some(Why::NotInFont),
                Some((_, advance)) if advance <= 0.0 => Some(Why::NoPlace),
                Some(_) => None,
            })
    }
}

/// A text as it is set: letters with their accents as one character, and each line break or tab as a space.
pub(crate) fn composed(text: &str) -> String {
    let composed = text.nfc();
    let is_break = |one: char| one.is_control() && one.is_whitespace();
    composed
        .map(|one| if is_break(one) { ' ' } else { one })
        .collect()
}

/// Characters of scripts from right to left, and those that turn the direction (classes R, AL and the embeddings,
/// overrides and isolates of UAX #9).
fn is_right_to_left(of: char) -> bool {
    matches!(
        u32::from(of),
        0x0590..=0x08FF
            | 0x200F
            | 0x202A..=0x202E
            | 0x2066..=0x2069
            | 0xFB1D..=0xFDFF
            | 0xFE70..=0xFEFF
            | 0x10800..=0x10FFF
            | 0x1E800..=0x1EFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<(char, Why)> {
        let fonts = Fonts::load().unwrap();
        let found = fonts.check(text).err()?;
        Some((found.character, found.why))
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_its_character() {
        for fine in [
            "Łódź Gesundheit – Ωμέγα, Жизнь ÷ 97 %",
            "a\tb\nc",
            "e\u{301}",
        ] {
            assert_eq!(fault(fine), None, "{fine}");
        }
        assert_eq!(fault("Łódź 東京"), Some(('東', Why::NotInFont)));
        assert_eq!(fault("קופת חולים"), Some(('ק', Why::RightToLeft)));
        assert_eq!(fault("تأمين"), Some(('ت', Why::RightToLeft)));
        assert_eq!(fault("a\u{202e}b"), Some(('\u{202e}', Why::RightToLeft)));
        assert_eq!(fault("x\u{301}"), Some(('\u{301}', Why::NoPlace)));
        assert_eq!(fault("a\u{0}b"), Some(('\u{0}', Why::NoPlace)));
        let told = Fonts::load().unwrap().check("Łódź 東京").unwrap_err();
        assert_eq!(
            told.to_string(),
            "\"Łódź 東京\" has 東 (U+6771), which the font of the PDF does not have: it has Latin, Greek and \
             Cyrillic letters"
        );
    }

    #[test]
    fn widths_are_those_of_the_font() {
        let fonts = Fonts::load().unwrap();
        // Liberation Sans has the widths of Arial: 0 is 1139 of 2048 units wide, a space 569.
        let ems = fonts.regular.width("0 ", 2048.0);
        assert!((ems - 1708.0).abs() < 0.1, "{ems}");
        assert!(fonts.bold.width("mm", 10.0) > fonts.regular.width("mm", 10.0));
        assert_eq!(fonts.regular.glyphs("aé").len(), 2);
    }
}
