//! Files of a manifest, and redirects.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, LOCATION};
use http::{HeaderValue, Uri};
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::manifest::{self, ManifestFile};
use outrider_domain::judge::matches::{MatchResult, MatchResultShape, SubmittedMember};
use outrider_domain::judge::records::ExportedRecords;
use outrider_domain::judge::stream::{FileFold, JsonValues, LineSink, known_type};
use outrider_domain::judge::{answer as judge_answer, catalogue, job};
use outrider_domain::model::{
    Answer, Finding, Limit, Method, Quirk, Read, RequestKind, Step, StepId,
};

use super::ask::Asked;
use super::bind::{Address, absolute, same_origin};
use super::body::{NoLines, Sink};
use super::told::Told;
use super::walk::{Halt, Notes, Walker, answer};
use super::wire::Call;

/// Redirects in a row that are followed.
const REDIRECTS_MAX: usize = 5;

impl Walker<'_> {
    pub(super) async fn download(
        &mut self,
        step: &Step,
        manifest: &StepId,
        read: Read,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let told = self.manifests.get(manifest).cloned();
        match read {
            Read::MatchResult => self.match_result(step, told, token, timeout, notes).await,
            Read::MemberData => self.member_data(step, told, token, timeout, notes).await,
        }
    }

    /// Reads a match result in any of its three shapes.
    async fn match_result(
        &mut self,
        step: &Step,
        told: Option<Told>,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Some((member, set)) = self.order.member else {
            return Ok(());
        };
        let today = self.order.clock.system().date_naive();
        let mut seen = MatchResult::new(SubmittedMember::new(member, set, today));
        let (shape, done) = match (told, self.direct.take()) {
            (Some(told), _) => {
                let reading = Reading::of(&told, token);
                let files = told.manifest.match_result();
                let read = self.files(&files, reading, timeout, notes, &mut seen);
                (MatchResultShape::of(&told.manifest), read.await)
            }
            (None, Some(answer)) => {
                seen.document(&answer);
                (MatchResultShape::Direct, Ok(()))
            }
            (None, None) => return Ok(()),
        };
        let all = [
            Quirk::ParametersResult,
            Quirk::BothResults,
            Quirk::DirectResult,
        ];
        self.note(all.map(|quirk| (quirk, shape.quirk() == Some(quirk))));
        if done.is_ok() {
            self.note(seen.quirks());
        }
        if let Some(group) = seen.matched_group.clone() {
            self.values
                .keep(&step.id, "group", CapturedValue::Text(group));
        }
        self.matches = Some(seen);
        done?;
        notes.judge([shape.finding()])
    }

    async fn member_data(
        &mut self,
        step: &Step,
        told: Option<Told>,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Some((told, (member, set))) = told.zip(self.order.member) else {
            return Ok(());
        };
        let today = self.order.clock.system().date_naive();
        // A second download adds to what the first one saw.
        let seen = self.records.take();
        let new = || ExportedRecords::new(member, set, today, self.depth());
        let mut seen = seen.unwrap_or_else(new);
        seen.set_since(told.since);
        self.exports.push(told.times);
        let reading = Reading::of(&told, token);
        let files = &told.manifest.output;
        let done = self.files(files, reading, timeout, notes, &mut seen).await;
        self.records = Some(seen);
        self.read_by = Some(step.id.clone());
        done?;
        let reading = Reading {
            are_errors: true,
            ..reading
        };
        let files = &told.manifest.errors;
        self.files(files, reading, timeout, notes, &mut NoLines)
            .await
    }

    async fn files<L: LineSink>(
        &mut self,
        files: &[ManifestFile],
        reading: Reading<'_>,
        timeout: Duration,
        notes: &mut Notes,
        lines: &mut L,
    ) -> Result<(), Halt> {
        for (place, file) in files.iter().enumerate() {
            let Some(url) = absolute(&file.url) else {
                continue;
            };
            let shown = format!("{{file {}: {}}}", place + 1, known_type(&file.kind));
            let mut call = self.call(RequestKind::File, Method::Get, Address { url, shown });
            let accept = "application/fhir+ndjson, application/ndjson";
            call.headers
                .insert(ACCEPT, HeaderValue::from_static(accept));
            if let Some(token) = reading.token {
                self.authorise(&mut call, token, timeout, notes).await?;
            }
            self.file(file, call, reading, timeout, notes, lines)
                .await?;
        }
        Ok(())
    }

    async fn file<L: LineSink>(
        &mut self,
        file: &ManifestFile,
        mut call: Call,
        reading: Reading<'_>,
        timeout: Duration,
        notes: &mut Notes,
        lines: &mut L,
    ) -> Result<(), Halt> {
        let home = call.to.url.clone();
        let (mut redirects, mut attempt) = (0, 1);
        while redirects <= REDIRECTS_MAX {
            let mut fold = FileFold::new(file.kind.as_str());
            let mut sink = Sink::File {
                fold: &mut fold,
                lines: &mut *lines,
                other: Vec::new(),
                values: JsonValues::default(),
                is_file: false,
            };
            let asked = Asked {
                attempt,
                expected: &[],
            };
            let sent = self
                .send(notes, timeout, attempt, call.clone(), &mut sink)
                .await;
            let document = sink.document();
            // Lines that were read already must not be read twice.
            let is_untouched = match &sent {
                Ok(head) => head.status != 200,
                Err(broken) => broken.bytes == 0,
            };
            let again = if is_untouched {
                self.again(notes, asked, &sent).await
            } else {
                None
            };
            if again.is_some() {
                attempt += 1;
                continue;
            }
            let head = match sent {
                Ok(head) => head,
                Err(broken) => {
                    fold.break_off(lines);
                    return Err(broken.end(notes));
                }
            };
            let answer = answer(head, &document);
            if self
                .sign_in_again(&mut call, answer.status, timeout, notes)
                .await?
            {
                continue;
            }
            if is_redirect(answer.status) {
                redirect(&mut call, &answer, notes)?;
                redirects += 1;
                continue;
            }
            let found = judge_answer::expected(
                &outrider_domain::model::Expect {
                    status: vec![200],
                    ..Default::default()
                },
                &answer,
            );
            let now = self.order.clock.system();
            let early = job::gone_early(answer.status, reading.until, now);
            notes.judge(early.into_iter().chain(self.excused(found, &answer)))?;
            self.note([(Quirk::FilesRedirected, !same_origin(&home, &call.to.url))]);
            notes.judge([manifest::media(file, &answer)])?;
            return notes.judge(reading.findings(fold.finish(file.count, lines)));
        }
        notes.judge([too_many_redirects()])
    }

    /// Sends a call and follows redirects of a GET, leaving the token behind at another origin.
    pub(super) async fn ask_following(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        mut call: Call,
        expected: &[u16],
    ) -> Result<Answer, Halt> {
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.ask_for(notes, timeout, call.clone(), expected).await?;
            let is_wanted = expected.contains(&answer.status);
            if is_wanted || !is_redirect(answer.status) || call.method != Method::Get {
                return Ok(answer);
            }
            redirect(&mut call, &answer, notes)?;
        }
        notes.judge([too_many_redirects()])?;
        Err(Halt::Broken)
    }
}

/// How the files of one manifest are read.
#[derive(Clone, Copy, Debug)]
struct Reading<'a> {
    /// The step whose token goes along.
    token: Option<&'a StepId>,
    /// Until when they can be fetched.
    until: Option<DateTime<Utc>>,
    /// Whether they tell what went wrong: then they are shown, and decide nothing.
    are_errors: bool,
}

impl<'a> Reading<'a> {
    /// What is said of a file's lines.
    fn findings(self, findings: Vec<Finding>) -> Vec<Finding> {
        if self.are_errors {
            vec![manifest::error_outcomes(&findings)]
        } else {
            findings
        }
    }

    fn of(told: &Told, token: &'a StepId) -> Self {
        Self {
            token: told.manifest.requires_access_token.then_some(token),
            until: told.until,
            are_errors: false,
        }
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn too_many_redirects() -> outrider_domain::model::Finding {
    let expected = format!("at most {REDIRECTS_MAX} {}", Limit::Redirects);
    catalogue::REDIRECT.finding(false, expected, "one more")
}

fn redirect(call: &mut Call, answer: &Answer, notes: &mut Notes) -> Result<(), Halt> {
    let next = answer
        .header(LOCATION.as_str())
        .and_then(|location| resolve(&call.to.url, location));
    let downgrade = |next: &Uri| {
        call.to.url.scheme_str() == Some("https") && next.scheme_str() != Some("https")
    };
    let Some(next) = next.filter(|next| !downgrade(next)) else {
        let seen = "one without a location, or away from TLS";
        return notes.judge([catalogue::REDIRECT.finding(
            false,
            "a redirect that may be followed",
            seen,
        )]);
    };
    if !same_origin(&call.to.url, &next) {
        call.headers.remove(AUTHORIZATION);
        call.token = None;
    }
    call.to = Address {
        url: next,
        shown: "{redirect}".to_owned(),
    };
    Ok(())
}

fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
        return absolute(&format!("{origin}{location}"));
    }
    absolute(location)
}
