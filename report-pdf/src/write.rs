//! Pages and the tree of their meaning as the bytes of a PDF, by `krilla`.

use std::num::NonZeroU16;

use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::error::KrillaError;
use krilla::geom::{Path, PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, SpanTag, TableHeaderScope, Tag,
    TagGroup, TagKind, TagTree,
};
use krilla::{SerializeSettings, text};

use super::block::{Attachment, Date, Document, Relation};
use super::error::PdfError;
use super::font::Fonts;
use super::layout::{Layout, layout};
use super::sheet::{Child, Chunk, Colour, Element, Mark, Meaning, Role, Shape};

impl Document {
    /// The bytes of the PDF.
    ///
    /// # Errors
    /// A character that cannot be set in the font, with the text that holds it; what breaks PDF/A or PDF/UA.
    pub fn pdf(&self) -> Result<Vec<u8>, PdfError> {
        let fonts = Fonts::load()?;
        let laid_out = layout(self, &fonts)?;
        write(self, &fonts, laid_out)
    }
}

fn write(document: &Document, fonts: &Fonts, layout: Layout) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|why| PdfError::Standard(format!("{why:?}")))?;
    let mut pdf = krilla::Document::new_with(SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    });
    check_levels(&layout.outline)?;
    let (width, height) = document.page.points();
    let mut leaves = Vec::new();
    for chunks in &layout.pages {
        let size = PageSettings::from_wh(width, height);
        let size = size.ok_or_else(|| PdfError::Standard("a page without a size".to_owned()))?;
        let mut page = pdf.start_page_with(size);
        let mut surface = page.surface();
        for chunk in chunks {
            leaves.extend(draw(&mut surface, fonts, chunk));
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(document.language.clone()));
    for child in &layout.tree {
        match child {
            Child::Element(element) => tree.push(group(element, &leaves)?),
            Child::Leaf(leaf) => tree.push(identifier(*leaf, &leaves)?),
        }
    }
    pdf.set_tag_tree(tree);
    pdf.set_outline(outline(&layout.outline));
    pdf.set_metadata(metadata(document));
    for attachment in &document.attachments {
        let file = embedded(attachment, document.date)?;
        let name = &attachment.name;
        pdf.embed_file(file)
            .ok_or_else(|| PdfError::Standard(format!("{name} is attached twice")))?;
    }
    pdf.finish().map_err(|why| refused(&why))
}

/// Headings begin with the first level and skip none (ISO 14289-1, 7.4.2), which `krilla` does not look at.
fn check_levels(headings: &[Mark]) -> Result<(), PdfError> {
    let mut before = 0;
    for heading in headings {
        if heading.level > before + 1 {
            let why = format!("the heading \"{}\" skips a level", heading.title);
            return Err(PdfError::Standard(why));
        }
        before = heading.level;
    }
    Ok(())
}

/// Draws a chunk between its marks; what a leaf of the tree is known by.
fn draw(surface: &mut Surface<'_>, fonts: &Fonts, chunk: &Chunk) -> Option<Identifier> {
    let artifact = |kind| ContentTag::Artifact(Artifact::with_kind(kind));
    let is_text = |shape: &Shape| matches!(shape, Shape::Text { .. });
    let mark = match chunk.meaning {
        Meaning::Leaf(_) if chunk.shapes.iter().all(is_text) => ContentTag::Span(SpanTag::empty()),
        Meaning::Leaf(_) => ContentTag::Other,
        Meaning::Head => artifact(ArtifactType::Header),
        Meaning::Foot => artifact(ArtifactType::Footer),
        Meaning::Repeated => artifact(ArtifactType::PaginationOther),
        Meaning::Decoration => artifact(ArtifactType::Layout),
    };
    let identifier = surface.start_tagged(mark);
    for shape in &chunk.shapes {
        draw_shape(surface, fonts, shape);
    }
    surface.end_tagged();
    matches!(chunk.meaning, Meaning::Leaf(_)).then_some(identifier)
}

fn draw_shape(surface: &mut Surface<'_>, fonts: &Fonts, shape: &Shape) {
    match shape {
        Shape::Text {
            at,
            size,
            style,
            colour,
            text,
        } => {
            let face = fonts.face(*style);
            let glyphs: Vec<text::KrillaGlyph> = face.glyphs(text);
            surface.set_stroke(None);
            surface.set_fill(Some(filled(*colour)));
            let start = Point::from_xy(at.0, at.1);
            surface.draw_glyphs(start, &glyphs, face.font.clone(), text, *size, false);
        }
        Shape::Fill { at, of, colour } => {
            let rectangle = Rect::from_xywh(at.0, at.1, of.0, of.1);
            let path = rectangle.and_then(|rectangle| {
                let mut path = PathBuilder::new();
                path.push_rect(rectangle);
                path.finish()
            });
            draw_path(surface, path, Some(filled(*colour)), None);
        }
        Shape::Stroke {
            through,
            width,
            colour,
            is_dashed,
        } => {
            let mut path = PathBuilder::new();
            for (place, (x, y)) in through.iter().enumerate() {
                match place {
                    0 => path.move_to(*x, *y),
                    _ => path.line_to(*x, *y),
                }
            }
            let stroke = Stroke {
                paint: paint(*colour).into(),
                width: *width,
                dash: is_dashed.then(|| StrokeDash {
                    array: vec![2.5, 2.0],
                    offset: 0.0,
                }),
                ..Stroke::default()
            };
            draw_path(surface, path.finish(), None, Some(stroke));
        }
        Shape::Disc { at, radius, colour } => {
            draw_path(surface, circle(*at, *radius), Some(filled(*colour)), None);
        }
    }
}

fn draw_path(
    surface: &mut Surface<'_>,
    path: Option<Path>,
    fill: Option<Fill>,
    stroke: Option<Stroke>,
) {
    if let Some(path) = path {
        surface.set_fill(fill);
        surface.set_stroke(stroke);
        surface.draw_path(&path);
    }
}

/// A circle of four curves.
fn circle((x, y): (f32, f32), radius: f32) -> Option<Path> {
    let bow = radius * 0.552_285;
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.cubic_to(x + radius, y + bow, x + bow, y + radius, x, y + radius);
    path.cubic_to(x - bow, y + radius, x - radius, y + bow, x - radius, y);
    path.cubic_to(x - radius, y - bow, x - bow, y - radius, x, y - radius);
    path.cubic_to(x + bow, y - radius, x + radius, y - bow, x + radius, y);
    path.close();
    path.finish()
}

fn paint((red, green, blue): Colour) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

fn filled(colour: Colour) -> Fill {
    Fill {
        paint: paint(colour).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

fn identifier(leaf: usize, leaves: &[Identifier]) -> Result<Identifier, PdfError> {
    let found = leaves.get(leaf).copied();
    found.ok_or_else(|| PdfError::Standard(format!("leaf {leaf} was not drawn")))
}

fn group(element: &Element, leaves: &[Identifier]) -> Result<TagGroup, PdfError> {
    let mut group = TagGroup::new(tag(&element.role));
    for child in &element.children {
        match child {
            Child::Element(element) => group.push(self::group(element, leaves)?),
            Child::Leaf(leaf) => group.push(identifier(*leaf, leaves)?),
        }
    }
    Ok(group)
}

fn tag(role: &Role) -> TagKind {
    match role {
        Role::Heading(level, title) => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            Tag::Hn(level, Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Code => Tag::Code.into(),
        Role::List => Tag::L(ListNumbering::Disc).into(),
        Role::Terms => Tag::L(ListNumbering::None).into(),
        Role::Item => Tag::LI.into(),
        Role::Label => Tag::Lbl.into(),
        Role::Body => Tag::LBody.into(),
        Role::Table => Tag::Table.into(),
        Role::Caption => Tag::Caption.into(),
        Role::TableHead => Tag::THead.into(),
        Role::TableBody => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Figure(alternative) => Tag::Figure(Some(alternative.clone())).into(),
    }
}

fn outline(marks: &[Mark]) -> Outline {
    let mut outline = Outline::new();
    let mut marks = marks;
    while let [first, later @ ..] = marks {
        let inner = later
            .iter()
            .take_while(|one| one.level > first.level.max(2));
        let (inner, rest) = later.split_at(inner.count());
        let mut node = node(first);
        for mark in inner {
            node.push_child(self::node(mark));
        }
        outline.push_child(node);
        marks = rest;
    }
    outline
}

fn node(mark: &Mark) -> OutlineNode {
    let (x, y) = mark.at;
    let place = XyzDestination::new(mark.page, Point::from_xy(x, y));
    OutlineNode::new(mark.title.clone(), place)
}

fn metadata(document: &Document) -> Metadata {
    Metadata::new()
        .title(document.title.clone())
        .language(document.language.clone())
        .authors(vec![document.author.clone()])
        .creator(document.creator.clone())
        .creation_date(date(document.date))
        .document_id(document.identity.clone())
}

fn date(of: Date) -> DateTime {
    DateTime::new(of.year).month(of.month).day(of.day)
}

fn embedded(attachment: &Attachment, day: Date) -> Result<EmbeddedFile, PdfError> {
    let media_type = MimeType::new(&attachment.media_type);
    let media_type = media_type
        .ok_or_else(|| PdfError::Standard(format!("{} is no media type", attachment.media_type)))?;
    Ok(EmbeddedFile {
        path: attachment.name.clone(),
        mime_type: Some(media_type),
        description: Some(attachment.description.clone()),
        association_kind: match attachment.relation {
            Relation::Source => AssociationKind::Source,
            Relation::Supplement => AssociationKind::Supplement,
        },
        data: attachment.bytes.clone().into(),
        modification_date: Some(date(day)),
        compress: Some(true),
        location: None,
    })
}

fn refused(why: &KrillaError) -> PdfError {
    let KrillaError::Validation(faults) = why else {
        return PdfError::Standard(why.to_string());
    };
    let faults: Vec<String> = faults
        .iter()
        .map(|(fault, _)| format!("{fault:?}"))
        .collect();
    PdfError::Standard(faults.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::block::{
        Align, Bars, Block, Cell, Column, Grid, Level, PageSize, Sign, Size, Square, Table, Text,
        Tone,
    };
    use super::*;

    fn table() -> Table {
        let column = |head: &str, align| Column {
            head: head.to_owned(),
            align,
        };
        let signs = [
            Sign::Disc,
            Sign::Cross,
            Sign::Circle,
            Sign::Hatch,
            Sign::Dash,
        ];
        let rows = signs.into_iter().map(|sign| {
            let cell = Cell {
                sign: Some(sign),
                text: "a word".into(),
                below: Some("below".to_owned()),
            };
            vec![Cell::from("a row"), cell, "1".into()]
        });
        Table {
            caption: Some("A caption".to_owned()),
            columns: vec![
                column("Name", Align::Left),
                column("Sign", Align::Left),
                column("Number", Align::Right),
            ],
            rows: rows.cycle().take(80).collect(),
        }
    }

    fn document(page: PageSize) -> Document {
        let squares = vec![
            Square::Filled,
            Square::Dotted,
            Square::Crossed,
            Square::Circled,
            Square::Dashed,
        ];
        Document {
            title: "Łódź Health, February 2024".to_owned(),
            language: "en".to_owned(),
            author: "an author".to_owned(),
            creator: "a program".to_owned(),
            date: Date {
                year: 2024,
                month: 3,
                day: 1,
            },
            identity: "one".to_owned(),
            foot: "a foot".to_owned(),
            page,
            blocks: vec![
                Block::Heading(Level::One, "Title".into()),
                Block::Note(Tone::Good, "It is fine.".into()),
                Block::Paragraph(Size::Small, Text::from("plain \u{a0}and hyphen - Ω Ω")),
                Block::Heading(Level::Two, "Chapter".into()),
                Block::List(vec!["one".into(), "two".into()]),
                Block::KeyValues(vec![("key".to_owned(), "value".into())]),
                Block::Table(table()),
                Block::Heading(Level::Three, "Charts".into()),
                Block::Bars(Bars {
                    alternative: "bars".to_owned(),
                    bars: vec![("1".to_owned(), 5), (String::new(), -3)],
                }),
                Block::Grid(Grid {
                    alternative: "squares".to_owned(),
                    heads: (1..6).map(|one| one.to_string()).collect(),
                    rows: vec![("a row".to_owned(), squares)],
                }),
                Block::PageBreak,
                Block::Commands(vec!["one --two".to_owned()]),
            ],
            attachments: vec![Attachment {
                name: "data.json".to_owned(),
                media_type: "application/json".to_owned(),
                description: "the data".to_owned(),
                relation: Relation::Source,
                bytes: b"{}\n".to_vec(),
            }],
        }
    }

    #[test]
    fn every_block_meets_both_standards_and_gives_the_same_bytes_again() {
        for page in [PageSize::A4, PageSize::Letter] {
            let first = document(page).pdf().unwrap();
            assert!(first.starts_with(b"%PDF-1.7"));
            assert!(first == document(page).pdf().unwrap(), "the bytes differ");
        }
    }

    #[test]
    fn what_breaks_the_standards_is_refused() {
        let mut without_words = document(PageSize::A4);
        without_words.blocks.push(Block::Bars(Bars {
            alternative: String::new(),
            bars: vec![(String::new(), 1)],
        }));
        let why = without_words.pdf().unwrap_err().to_string();
        assert!(why.contains("MissingAltText"), "{why}");
        let mut skipping = document(PageSize::A4);
        skipping.blocks.remove(3);
        let why = skipping.pdf().unwrap_err().to_string();
        assert!(
            why.contains("the heading \"Charts\" skips a level"),
            "{why}"
        );
        let mut twice = document(PageSize::A4);
        twice.attachments.extend(twice.attachments.clone());
        let why = twice.pdf().unwrap_err().to_string();
        assert!(why.contains("data.json is attached twice"), "{why}");
    }
}
