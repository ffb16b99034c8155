//! NDJSON as a stream: lines out of chunks, within bounded memory.

use std::ops::ControlFlow;

use super::json_text;
use super::line_summary::LineSummary;
use crate::model::{Finding, Limit, NotJson, PartnerRequestId, StepId, catalogue};

/// The longest line taken in: a DocumentReference may carry a scanned document inline.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// A line beyond this is long: it is taken in and judged while no other long line of this agent is.
pub const LONG_LINE_BYTES: usize = 1 << 20;

/// Values of one document or line: each costs hundreds of bytes as a tree and two as text.
pub const JSON_VALUES_MAX: usize = 100_000;

/// Counts the values of a JSON text from above, before it is made a tree: each but the first has
/// one of these bytes before it. Those within texts count as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonValues(usize);

impl JsonValues {
    /// Takes in more of the text.
    pub fn take(&mut self, bytes: &[u8]) -> ControlFlow<Limit> {
        self.0 += bytes
            .iter()
            .filter(|byte| matches!(byte, b'[' | b'{' | b','))
            .count();
        if self.0 > JSON_VALUES_MAX {
            ControlFlow::Break(Limit::Values)
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Takes the lines of a file.
pub trait LineSink {
    /// A file begins, read by this step: the one with this number in its manifest.
    fn begin_file(&mut self, _step: &StepId, _number: u32) {}

    /// The partner gave this id to the request whose answer the file was.
    fn set_request_id(&mut self, _id: Option<PartnerRequestId>) {}

    /// One line that is JSON, and its summary. False when it cannot be taken in: nested
    /// deeper than the parser of trees goes.
    fn line(&mut self, text: &str, summary: &LineSummary<'_>) -> bool;

    /// The bytes of any line, also of one that is no document or was cut.
    fn bytes(&mut self, _bytes: &[u8]) {}
}

/// The fold over one file.
#[derive(Debug)]
pub struct FileFold {
    kind: String,
    partial: Vec<u8>,
    values: JsonValues,
    lines: u64,
    first_bad: Option<(u64, BadLine)>,
    too_long: bool,
    /// Whether the file began with a byte order mark.
    has_bom: bool,
    blank_lines: u64,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug)]
enum BadLine {
    NotJson(NotJson),
    OtherType,
}

impl FileFold {
    /// Starts a file whose lines should be of type `kind`.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            partial: Vec::new(),
            values: JsonValues::default(),
            lines: 0,
            first_bad: None,
            too_long: false,
            has_bom: false,
            blank_lines: 0,
        }
    }

    /// Takes in the next bytes. Breaks off at a line over the limit.
    pub fn feed(&mut self, mut chunk: &[u8], sink: &mut impl LineSink) -> ControlFlow<Limit> {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (head, rest) = chunk.split_at(end);
            chunk = &rest[1..];
            if self.partial.len() + head.len() > LINE_BYTES_MAX {
                return self.over_limit();
            }
            self.count(head)?;
            self.values = JsonValues::default();
            if self.partial.is_empty() {
                self.take(head, sink);
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(head);
                self.take(&line, sink);
                if line.capacity() <= LONG_LINE_BYTES {
                    line.clear();
                    self.partial = line;
                }
            }
        }
        if self.partial.len() + chunk.len() > LINE_BYTES_MAX {
            return self.over_limit();
        }
        self.count(chunk)?;
        self.partial.extend_from_slice(chunk);
        ControlFlow::Continue(())
    }

    /// Counts the values of a line that goes on. A line has fewer values than bytes, so short ones, which are
    /// nearly all, need no counting.
    fn count(&mut self, more: &[u8]) -> ControlFlow<Limit> {
        let before = self.partial.len();
        if before + more.len() <= JSON_VALUES_MAX {
            return ControlFlow::Continue(());
        }
        if before <= JSON_VALUES_MAX {
            self.values.take(&self.partial)?;
        }
        self.values.take(more)
    }

    /// Whether a long line is being taken in.
    pub fn is_in_long_line(&self) -> bool {
        self.partial.len() > LONG_LINE_BYTES
    }

    fn over_limit(&mut self) -> ControlFlow<Limit> {
        self.too_long = true;
        self.partial = Vec::new();
        ControlFlow::Break(Limit::Line)
    }

    fn take(&mut self, line: &[u8], sink: &mut impl LineSink) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if self.lines + self.blank_lines == 0 {
            let (rest, has_bom) = json_text::without_bom(line);
            self.has_bom = has_bom;
            rest
        } else {
            line
        };
        if line.trim_ascii().is_empty() {
            self.blank_lines += 1;
            return;
        }
        self.lines += 1;
        sink.bytes(line);
        let text = std::str::from_utf8(line).ok();
        let read = text.and_then(|text| Some((text, LineSummary::read(text)?)));
        let bad = match read {
            Some((text, summary)) if sink.line(text, &summary) => {
                (summary.kind.get() != Some(self.kind.as_str())).then_some(BadLine::OtherType)
            }
            Some(_) | None => {
                let why = json_text::fault(line).unwrap_or(NotJson::Syntax(1));
                Some(BadLine::NotJson(why))
            }
        };
        if let (Some(bad), None) = (bad, self.first_bad) {
            self.first_bad = Some((self.lines, bad));
        }
    }

    /// Ends a file that broke off: the sink gets the bytes of its last, incomplete line.
    pub fn break_off(self, sink: &mut impl LineSink) {
        sink.bytes(&self.partial);
    }

    /// Ends the file: a last line without a line feed counts. `count` is what the manifest says.
    pub fn finish(mut self, count: Option<u64>, sink: &mut impl LineSink) -> Vec<Finding> {
        let rest = std::mem::take(&mut self.partial);
        // Behind the last line feed there is no line.
        if !rest.is_empty() {
            self.take(&rest, sink);
        }
        let seen = match self.first_bad {
            _ if self.too_long => format!("line {} over {LINE_BYTES_MAX} bytes", self.lines + 1),
            Some((line, BadLine::OtherType)) => format!("line {line} is of another type"),
            Some((line, BadLine::NotJson(why))) => format!("line {line} is {why}"),
            None => lines(self.lines),
        };
        let passed = self.first_bad.is_none() && !self.too_long;
        let expected = format!("one {} a line", known_type(&self.kind));
        let mut findings = vec![catalogue::NDJSON_LINES.finding(passed, expected, seen)];
        if let Some(count) = count {
            findings.push(catalogue::LINE_COUNT.finding(
                count == self.lines,
                format!("{}, as the manifest says", lines(count)),
                lines(self.lines),
            ));
        }
        findings.extend(self.plain_text());
        findings
    }

    /// What is ignored, and told. None where there is nothing of it.
    fn plain_text(&self) -> Option<Finding> {
        let blank = match self.blank_lines {
            0 => None,
            1 => Some("1 blank line".to_owned()),
            some => Some(format!("{some} blank lines")),
        };
        let bom = self.has_bom.then(|| "a byte order mark".to_owned());
        let seen: Vec<String> = bom.into_iter().chain(blank).collect();
        (!seen.is_empty()).then(|| {
            let expected = "UTF-8 alone, a resource a line";
            catalogue::PLAIN_TEXT.finding(false, expected, seen.join(", "))
        })
    }
}

fn lines(count: u64) -> String {
    if count == 1 {
        "1 line".to_owned()
    } else {
        format!("{count} lines")
    }
}

/// Characters kept of a remembered text.
const SHORT_CHARS_MAX: usize = 256;

/// The start of a text, to be remembered.
pub fn short(text: &str) -> String {
    text.chars().take(SHORT_CHARS_MAX).collect()
}

/// Resource types that exchanges carry. A type name is the partner's text: another one is not
/// repeated.
const TYPES: &[&str] = &[
    "AllergyIntolerance",
    "Basic",
    "Binary",
    "Bundle",
    "CarePlan",
    "CareTeam",
    "Claim",
    "ClaimResponse",
    "Condition",
    "Consent",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Goal",
    "Group",
    "ImagingStudy",
    "Immunization",
    "Location",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "NutritionOrder",
    "Observation",
    "OperationOutcome",
    "Organization",
    "Parameters",
    "Patient",
    "Person",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
    "Task",
];

/// The type when it is a known one, else `resource`.
pub fn known_type(kind: &str) -> &'static str {
    TYPES
        .iter()
        .find(|known| **known == kind)
        .copied()
        .unwrap_or("resource")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Seen(Vec<String>);
    impl LineSink for Seen {
        fn line(&mut self, text: &str, _: &LineSummary<'_>) -> bool {
            self.0.push(text.to_owned());
            true
        }
    }

    fn judge(bytes: &[u8], count: Option<u64>) -> Vec<String> {
        let (mut fold, mut seen) = (FileFold::new("Patient"), Seen::default());
        let _flow = fold.feed(bytes, &mut seen);
        let broken = fold.finish(count, &mut seen);
        broken
            .iter()
            .filter(|f| f.breaks())
            .map(|f| format!("{}: {}", f.check, f.seen))
            .collect()
    }

    #[test]
    fn each_way_to_be_wrong_is_said() {
        let good = b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}";
        assert!(judge(good, Some(2)).is_empty());
        assert_eq!(judge(good, Some(3)), ["line-count: 2 lines"]);
        assert_eq!(
            judge(b"{\"resourceType\":\"Coverage\"}\n", None),
            ["ndjson-lines: line 1 is of another type"]
        );
        assert_eq!(
            judge(b"{\"resourceType\":\n", None),
            ["ndjson-lines: line 1 is JSON that ends too early, after 16 bytes"]
        );
        assert_eq!(
            judge(b"\xff\xfe\n", None),
            ["ndjson-lines: line 1 is UTF-16 or UTF-32, not UTF-8"]
        );
        let endless = vec![b' '; LINE_BYTES_MAX + 1];
        assert!(judge(&endless, None)[0].contains("over"));
    }

    proptest! {
        #[test]
        fn chunks_may_be_cut_anywhere(cuts in proptest::collection::vec(0usize..120, 0..6)) {
            let text = "{\"resourceType\":\"Patient\",\"id\":\"ä\"}\r\n\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (mut fold, mut seen) = (FileFold::new("Patient"), Seen::default());
            for pair in cuts.windows(2) {
                prop_assert!(fold.feed(&text[pair[0]..pair[1]], &mut seen).is_continue());
            }
            let findings = fold.finish(Some(2), &mut seen);
            prop_assert!(findings.iter().all(|finding| !finding.breaks()));
            prop_assert_eq!(seen.0.len(), 2);
        }
    }
}
