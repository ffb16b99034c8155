//! Why bytes are not one JSON document.

use std::fmt;

/// Why bytes are not one JSON document, and at which byte that shows; the first byte is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// There is none.
    Empty,
    /// Another encoding of Unicode.
    Utf16,
    /// Bytes that are no UTF-8.
    NotUtf8(usize),
    /// gzip within the body.
    Packed,
    /// HTML or XML.
    Markup,
    /// It ends within the document, after so many bytes.
    CutShort(usize),
    /// Another document follows.
    SecondDocument(usize),
    /// Another document follows, behind a carriage return alone.
    BareCr(usize),
    /// Bytes follow that are none.
    TrailingBytes(usize),
    /// Lists and objects within each other.
    TooDeep(usize),
    /// A number that no 64-bit float holds.
    NumberTooLarge(usize),
    /// Half of a UTF-16 pair in a text.
    LoneSurrogate(usize),
    /// Anything else.
    Syntax(usize),
}

impl fmt::Display for NotJson {
    /// What the bytes are, to follow "is".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Utf16 => f.write_str("UTF-16 or UTF-32, not UTF-8"),
            Self::NotUtf8(at) => write!(f, "not UTF-8 from byte {at} on"),
            Self::Packed => {
                f.write_str("packed with gzip, without a Content-Encoding that says so")
            }
            Self::Markup => f.write_str("markup (HTML or XML), not JSON"),
            Self::CutShort(after) => write!(f, "JSON that ends too early, after {after} bytes"),
            Self::SecondDocument(at) => {
                write!(
                    f,
                    "more than one JSON document, the second from byte {at} on"
                )
            }
            Self::BareCr(at) => write!(
                f,
                "more than one JSON document with a bare CR between them, the second from byte {at} on"
            ),
            Self::TrailingBytes(at) => {
                write!(f, "JSON with other bytes behind it, from byte {at} on")
            }
            Self::TooDeep(at) => write!(f, "JSON nested deeper than 127 levels, at byte {at}"),
            Self::NumberTooLarge(at) => {
                write!(
                    f,
                    "JSON with a number that 64 bits do not hold, at byte {at}"
                )
            }
            Self::LoneSurrogate(at) => {
                write!(f, "JSON with half of a surrogate pair, at byte {at}")
            }
            Self::Syntax(at) => write!(f, "not JSON from byte {at} on"),
        }
    }
}
