//! Which answers values were read from, and where in them a value stood that the oracle does not know.

use crate::model::{
    PartnerRequestId, Position, StepId, UNKNOWN_VALUES_MAX, UnknownKind, UnknownValue,
};
use crate::secret::HashKey;

/// The answers that one reader of lines has read so far, in order.
#[derive(Clone, Debug, Default)]
pub struct FilesRead {
    all: Vec<FileRead>,
    /// Lines of the current file that began.
    line: u64,
}

/// One of them.
#[derive(Clone, Debug)]
struct FileRead {
    step: StepId,
    number: Option<u32>,
    request_id: Option<PartnerRequestId>,
}

/// A file and a line of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: usize,
    line: u64,
}

/// A value that the oracle does not know, while a run goes on; never kept.
pub type Unknown<'v> = (UnknownKind, &'v str, Place);

impl FilesRead {
    /// A file begins, the one with this number in its manifest; none for the answer itself.
    pub fn begin(&mut self, step: &StepId, number: Option<u32>) {
        self.line = 0;
        self.all.push(FileRead {
            step: step.clone(),
            number,
            request_id: None,
        });
    }

    /// The partner gave this id to the request whose answer the current file was.
    pub fn set_request_id(&mut self, id: Option<PartnerRequestId>) {
        if let Some(last) = self.all.last_mut() {
            last.request_id = id;
        }
    }

    /// A line of the current file begins.
    pub fn begin_line(&mut self) {
        self.line += 1;
    }

    /// Where the reader is.
    pub fn here(&self) -> Place {
        Place {
            file: self.all.len().saturating_sub(1),
            line: self.line,
        }
    }

    /// The first of these values, as they may be kept.
    pub fn unknown_values<'v>(
        &self,
        values: impl IntoIterator<Item = Unknown<'v>>,
        key: &HashKey,
    ) -> Vec<UnknownValue> {
        let values = values.into_iter().filter_map(|(kind, value, place)| {
            let file = self.all.get(place.file)?;
            Some(UnknownValue {
                kind,
                at: Position {
                    step: file.step.clone(),
                    file: file.number,
                    line: place.line,
                },
                hash: key.hash(value),
                request_id: file.request_id.clone(),
            })
        });
        values.take(UNKNOWN_VALUES_MAX).collect()
    }
}
