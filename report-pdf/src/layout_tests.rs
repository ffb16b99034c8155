//! Everything that is laid out lies on its page, and once in the tree of tags.

use proptest::prelude::*;

use super::block::{
    Align, Bars, Block, Cell, Column, Date, Document, Grid, Level, PageSize, Sign, Size, Square,
    Table, Text, Tone,
};
use super::font::Fonts;
use super::layout::{Layout, layout};
use super::sheet::{Child, Chunk, Element, Meaning, Shape};

fn document(page: PageSize, blocks: Vec<Block>) -> Document {
    Document {
        title: "A title".to_owned(),
        language: "en".to_owned(),
        author: "an author".to_owned(),
        creator: "a program".to_owned(),
        date: Date {
            year: 2024,
            month: 2,
            day: 29,
        },
        identity: "one".to_owned(),
        foot: "a foot".to_owned(),
        page,
        blocks,
        attachments: Vec::new(),
    }
}

fn table(rows: usize, words: usize) -> Table {
    let column = |head: &str, align| Column {
        head: head.to_owned(),
        align,
    };
    let row = |number: usize| {
        let cell = Cell {
            sign: Some(Sign::Cross),
            text: "word ".repeat(words).into(),
            below: Some("below".to_owned()),
        };
        vec![Cell::from(format!("row {number}")), cell, "1,234".into()]
    };
    Table {
        caption: Some("A caption".to_owned()),
        columns: vec![
            column("Name", Align::Left),
            column("Words", Align::Left),
            column("Number", Align::Right),
        ],
        rows: (0..rows).map(row).collect(),
    }
}

fn laid_out(page: PageSize, blocks: Vec<Block>) -> Layout {
    layout(&document(page, blocks), &Fonts::load().unwrap()).unwrap()
}

/// The texts of a page, in order, of one meaning or another.
fn texts(page: &[Chunk], of: impl Fn(Meaning) -> bool) -> Vec<String> {
    let chunks = page.iter().filter(|chunk| of(chunk.meaning));
    let shapes = chunks.flat_map(|chunk| &chunk.shapes);
    let texts = shapes.filter_map(|shape| match shape {
        Shape::Text { text, .. } => Some(text.trim_end().to_owned()),
        Shape::Fill { .. } | Shape::Stroke { .. } | Shape::Disc { .. } => None,
    });
    texts.collect()
}

/// How far shapes reach: left, top, right, bottom.
fn reach(fonts: &Fonts, shape: &Shape) -> [f32; 4] {
    match shape {
        Shape::Text {
            at,
            size,
            style,
            text,
            ..
        } => {
            let wide = fonts.face(*style).width(text.trim_end(), *size);
            [at.0, at.1 - size, at.0 + wide, at.1 + size * 0.3]
        }
        Shape::Fill { at, of, .. } => [at.0, at.1, at.0 + of.0, at.1 + of.1],
        Shape::Stroke { through, .. } => {
            let x = || through.iter().map(|one| one.0);
            let y = || through.iter().map(|one| one.1);
            let (least, most) = (
                f32::min as fn(f32, f32) -> f32,
                f32::max as fn(f32, f32) -> f32,
            );
            [
                x().fold(f32::MAX, least),
                y().fold(f32::MAX, least),
                x().fold(0.0, most),
                y().fold(0.0, most),
            ]
        }
        Shape::Disc { at, radius, .. } => {
            [at.0 - radius, at.1 - radius, at.0 + radius, at.1 + radius]
        }
    }
}

fn leaves(children: &[Child], found: &mut Vec<usize>) {
    for child in children {
        match child {
            Child::Leaf(leaf) => found.push(*leaf),
            Child::Element(Element { children, .. }) => leaves(children, found),
        }
    }
}

#[test]
fn a_table_over_pages_repeats_its_head_and_tears_no_row() {
    let layout = laid_out(PageSize::A4, vec![Block::Table(table(60, 1))]);
    assert_eq!(layout.pages.len(), 3);
    for (place, page) in layout.pages.iter().enumerate() {
        let again = texts(page, |one| one == Meaning::Repeated);
        let expected: &[&str] = if place == 0 {
            &[]
        } else {
            &["Name", "Words", "Number"]
        };
        assert_eq!(again, expected);
        let content = texts(page, |one| matches!(one, Meaning::Leaf(_)));
        assert_eq!(content.last().unwrap(), "1,234");
        let foot = texts(page, |one| one == Meaning::Foot);
        assert_eq!(foot, ["a foot".to_owned(), format!("{} of 3", place + 1)]);
    }
}

#[test]
fn a_heading_stands_on_the_page_of_what_follows() {
    let heading = || Block::Heading(Level::Two, "Chapter".into());
    for lines in 40..60 {
        let mut blocks = vec![Block::Paragraph(Size::Body, "one".into()); lines];
        blocks.extend([heading(), Block::Table(table(2, 1))]);
        let layout = laid_out(PageSize::Letter, blocks);
        let page = layout.outline[0].page;
        let texts = texts(&layout.pages[page], |one| matches!(one, Meaning::Leaf(_)));
        assert!(texts.contains(&"row 0".to_owned()), "{lines}: {texts:?}");
    }
}

#[test]
fn a_text_that_cannot_be_set_is_named_wherever_it_stands() {
    let bad = || "東".to_owned();
    let mut in_cell = table(1, 1);
    in_cell.rows[0][1].below = Some(bad());
    let blocks = [
        Block::Heading(Level::One, bad().into()),
        Block::Paragraph(Size::Small, bad().into()),
        Block::List(vec![bad().into()]),
        Block::KeyValues(vec![("key".to_owned(), bad().into())]),
        Block::KeyValues(vec![(bad(), "value".into())]),
        Block::Table(in_cell),
        Block::Bars(Bars {
            alternative: "any".to_owned(),
            bars: vec![(bad(), 1)],
        }),
        Block::Grid(Grid {
            alternative: "any".to_owned(),
            heads: Vec::new(),
            rows: vec![(bad(), Vec::new())],
        }),
        Block::Note(Tone::Open, bad().into()),
        Block::Commands(vec![bad()]),
    ];
    let fonts = Fonts::load().unwrap();
    for block in blocks {
        let document = document(PageSize::A4, vec![block.clone()]);
        let found = layout(&document, &fonts).map(|_| ()).unwrap_err();
        assert_eq!(found.character, '東', "{block:?}");
    }
}

fn any_block() -> impl Strategy<Value = Block> {
    let words = "[a-z]{1,12}( [a-z]{1,12}){0,60}";
    let square = prop::sample::select(vec![
        Square::Filled,
        Square::Dotted,
        Square::Crossed,
        Square::Circled,
        Square::Dashed,
    ]);
    prop_oneof![
        "[a-z ]{1,60}".prop_map(|text| Block::Heading(Level::Two, text.into())),
        words.prop_map(|text| Block::Paragraph(Size::Body, text.into())),
        words.prop_map(|text| Block::Note(Tone::Bad, text.into())),
        prop::collection::vec(words, 1..6)
            .prop_map(|items| Block::List(items.into_iter().map(Text::from).collect())),
        (1..40_usize, 1..40_usize).prop_map(|(rows, words)| Block::Table(table(rows, words))),
        (1..2_usize, 800..1_500_usize).prop_map(|(rows, words)| Block::Table(table(rows, words))),
        prop::collection::vec(-50..50_i64, 0..100).prop_map(|values| Block::Bars(Bars {
            alternative: "bars".to_owned(),
            bars: values
                .into_iter()
                .map(|one| (one.to_string(), one))
                .collect(),
        })),
        prop::collection::vec(square, 1..40).prop_map(|squares| Block::Grid(Grid {
            alternative: "squares".to_owned(),
            heads: squares.iter().map(|_| "31".to_owned()).collect(),
            rows: vec![("a name that is rather long".to_owned(), squares)],
        })),
        Just(Block::PageBreak),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn everything_stands_on_a_page_and_once_in_the_tree(
        blocks in prop::collection::vec(any_block(), 1..12),
        is_letter in any::<bool>(),
    ) {
        let page = if is_letter { PageSize::Letter } else { PageSize::A4 };
        let (width, height) = page.points();
        let fonts = Fonts::load().unwrap();
        let layout = laid_out(page, blocks);
        let mut drawn = Vec::new();
        for chunk in layout.pages.iter().flatten() {
            if let Meaning::Leaf(leaf) = chunk.meaning {
                drawn.push(leaf);
            }
            for shape in &chunk.shapes {
                let [left, top, right, bottom] = reach(&fonts, shape);
                let is_inside = left >= 50.0 && top >= 30.0 && right <= width - 50.0;
                let most = if chunk.meaning == Meaning::Foot { 30.0 } else { 58.0 };
                prop_assert!(is_inside && bottom <= height - most, "{:?} {shape:?}", chunk.meaning);
            }
        }
        let mut in_tree = Vec::new();
        leaves(&layout.tree, &mut in_tree);
        prop_assert!(drawn.is_sorted());
        in_tree.sort_unstable();
        prop_assert_eq!(in_tree, drawn);
    }
}
