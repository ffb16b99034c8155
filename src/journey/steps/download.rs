//! Downloads the files of a manifest and judges their lines.

use chrono::{DateTime, Utc};
use http::HeaderValue;
use http::header::ACCEPT;
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::manifest::{self, ManifestFile};
use outrider_domain::judge::matches::{MatchResult, MatchResultShape, SubmittedMember};
use outrider_domain::judge::records::{Depth, ExpectedMembers, ExportedRecords};
use outrider_domain::judge::stream::{FileFold, JsonValues, LineSink, known_type};
use outrider_domain::judge::{answer as judge_answer, catalogue, job};
use outrider_domain::model::{
    Download, Expect, Finding, GroupOracle, Member, MemberSet, Method, Quirk, Read, RequestKind,
    StepId,
};

use crate::journey::attempt::Attempt;
use crate::journey::body::{NoLines, Sink};
use crate::journey::call::Call;
use crate::journey::manifest_record::ManifestRecord;
use crate::journey::request::{REDIRECTS_MAX, is_redirect, redirect, too_many_redirects};
use crate::journey::runner::Runner;
use crate::journey::step_log::StepAbort;
use crate::journey::template::{Address, absolute, same_origin};

pub(in crate::journey) async fn download(
    runner: &mut Runner<'_>,
    step: &StepId,
    download: &Download,
) -> Result<(), StepAbort> {
    let record = runner.gathered.manifests.get(&download.manifest).cloned();
    match download.read {
        Read::MatchResult => match_result(runner, step, record, download.token.as_ref()).await,
        Read::MemberData | Read::GroupData => member_data(runner, step, record, download).await,
    }
}

/// Reads a match result in any of its three shapes.
async fn match_result(
    runner: &mut Runner<'_>,
    step: &StepId,
    record: Option<ManifestRecord>,
    token: Option<&StepId>,
) -> Result<(), StepAbort> {
    let Some((member, set)) = runner.run.member else {
        return Ok(());
    };
    let today = runner.run.clock.system().date_naive();
    let mut seen = MatchResult::new(SubmittedMember::new(member, set, today));
    let (shape, done) = match (record, runner.gathered.direct_match.take()) {
        (Some(record), _) => {
            let reading = Reading::of(&record, token);
            let result = record.manifest.match_result();
            let done = files(runner, step, &result, reading, &mut seen).await;
            (MatchResultShape::of(&record.manifest), done)
        }
        (None, Some(answer)) => {
            seen.files.begin(&answer.step, None);
            seen.files.set_request_id(answer.request_id);
            seen.document(&answer.document);
            (MatchResultShape::Direct, Ok(()))
        }
        (None, None) => return Ok(()),
    };
    let shapes = [
        Quirk::ParametersResult,
        Quirk::BothResults,
        Quirk::DirectResult,
    ];
    let gathered = &mut runner.gathered;
    let shapes = shapes.map(|quirk| (quirk, shape.quirk() == Some(quirk)));
    gathered.quirks.note(shapes);
    if done.is_ok() {
        gathered.quirks.note(seen.quirks());
    }
    if let Some(group) = seen.matched_group.clone() {
        let values = &mut runner.wire.values;
        values.keep(step, "group", CapturedValue::Text(group));
    }
    gathered.matches = Some(seen);
    done?;
    runner.log.judge([shape.finding()])
}

async fn member_data(
    runner: &mut Runner<'_>,
    step: &StepId,
    record: Option<ManifestRecord>,
    download: &Download,
) -> Result<(), StepAbort> {
    let run = runner.run;
    let Some((record, (member, set))) = record.zip(run.member) else {
        return Ok(());
    };
    let today = run.clock.system().date_naive();
    // A second download adds to the records of the first one.
    let seen = runner.gathered.records.take();
    let depth = Depth::of(run.journey.checks());
    let mut seen = seen.unwrap_or_else(|| {
        let expected = expected_members(member, set, download);
        ExportedRecords::new(&expected, set, &run.partner.base_url, today, depth)
    });
    seen.set_since(record.since);
    runner.gathered.exports.push(record.times);
    let reading = Reading::of(&record, download.token.as_ref());
    let done = files(runner, step, &record.manifest.output, reading, &mut seen).await;
    runner.gathered.records = Some(seen);
    runner.gathered.read_by = Some(step.clone());
    done?;
    let reading = Reading {
        are_errors: true,
        ..reading
    };
    files(runner, step, &record.manifest.errors, reading, &mut NoLines).await
}

/// Whose records the files should hold.
fn expected_members<'a>(
    member: &'a Member,
    set: &'a MemberSet,
    download: &Download,
) -> ExpectedMembers<'a> {
    if download.read != Read::GroupData {
        return ExpectedMembers::one(member);
    }
    let is_matched = |one: &&Member| one.expected.identity.is_some();
    let members = match &download.group {
        GroupOracle::All | GroupOracle::Any => set.members.iter().filter(is_matched).collect(),
        GroupOracle::Members(ids) => {
            let named = |one: &&Member| ids.contains(&one.id);
            set.members.iter().filter(named).collect()
        }
    };
    ExpectedMembers {
        members,
        all_due: download.group != GroupOracle::Any,
    }
}

async fn files<L: LineSink>(
    runner: &mut Runner<'_>,
    step: &StepId,
    files: &[ManifestFile],
    reading: Reading<'_>,
    lines: &mut L,
) -> Result<(), StepAbort> {
    for (index, one) in files.iter().enumerate() {
        let Some(url) = absolute(&one.url) else {
            continue;
        };
        let shown = format!("{{file {}: {}}}", index + 1, known_type(&one.kind));
        let is_tls = |url: &http::Uri| url.scheme_str() == Some("https");
        let home = absolute(&runner.run.partner.base_url);
        if home.is_some_and(|home| is_tls(&home)) && !is_tls(&url) {
            // Members' data must not travel in the clear: it is not even asked for.
            let expected = "files over TLS, as base_url is";
            let finding = catalogue::REDIRECT.finding(false, expected, "one over plain http");
            return runner.log.judge([finding]);
        }
        let mut call = Call::new(RequestKind::File, Method::Get, Address { url, shown });
        let accept = HeaderValue::from_static("application/fhir+ndjson, application/ndjson");
        call.headers.insert(ACCEPT, accept);
        let (wire, log) = (&mut runner.wire, &mut runner.log);
        wire.authorise(&mut call, reading.token, log).await?;
        lines.begin_file(step, u32::try_from(index + 1).unwrap_or(u32::MAX));
        file(runner, one, call, reading, lines).await?;
    }
    Ok(())
}

async fn file<L: LineSink>(
    runner: &mut Runner<'_>,
    file: &ManifestFile,
    mut call: Call,
    reading: Reading<'_>,
    lines: &mut L,
) -> Result<(), StepAbort> {
    let first_url = call.to.url.clone();
    let (mut redirects, mut number) = (0, 1);
    while redirects <= REDIRECTS_MAX {
        let (wire, log) = (&mut runner.wire, &mut runner.log);
        let mut fold = FileFold::new(file.kind.as_str());
        let mut sink = Sink::File {
            fold: &mut fold,
            lines: &mut *lines,
            other: Vec::new(),
            values: JsonValues::default(),
            is_file: false,
        };
        let attempt = Attempt {
            number,
            expected: &[],
        };
        let sent = wire.send(call.clone(), number, &mut sink, log).await;
        let document = sink.document();
        let last = log.last_request();
        lines.set_request_id(last.and_then(|request| request.request_id.clone()));
        // LineSink that were read already must not be read twice.
        let is_untouched = match &sent {
            Ok(head) => head.status != 200,
            Err(broken) => broken.bytes == 0,
        };
        if is_untouched && wire.wait_for_retry(attempt, &sent, log).await.is_some() {
            number += 1;
            continue;
        }
        let head = match sent {
            Ok(head) => head,
            Err(broken) => {
                fold.break_off(lines);
                return Err(broken.end(log));
            }
        };
        let answer = head.into_answer(document);
        if wire.sign_in_again(&mut call, answer.status, log).await? {
            continue;
        }
        if is_redirect(answer.status) {
            redirect(&mut call, &answer, log)?;
            redirects += 1;
            continue;
        }
        let expect = Expect {
            status: vec![200],
            ..Expect::default()
        };
        let found = judge_answer::expected(&expect, &answer);
        let found = runner.without_quirks(found, &answer);
        let now = runner.run.clock.system();
        let early = job::gone_early(answer.status, reading.until, now);
        runner.log.judge(early.into_iter().chain(found))?;
        let is_redirected = !same_origin(&first_url, &call.to.url);
        let quirk = (Quirk::FilesRedirected, is_redirected);
        runner.gathered.quirks.note([quirk]);
        runner.log.judge([manifest::media(file, &answer)])?;
        let found = fold.finish(file.count, lines);
        return runner.log.judge(reading.findings(found));
    }
    runner.log.judge([too_many_redirects()])
}

/// How the files of one manifest are read.
#[derive(Clone, Copy, Debug)]
struct Reading<'a> {
    /// The step whose token is sent with the requests.
    token: Option<&'a StepId>,
    /// Until when they can be fetched.
    until: Option<DateTime<Utc>>,
    /// Whether they are the export's error files: those are shown, and decide nothing.
    are_errors: bool,
}

impl<'a> Reading<'a> {
    fn of(record: &ManifestRecord, token: Option<&'a StepId>) -> Self {
        Self {
            token: token.filter(|_| record.manifest.requires_access_token),
            until: record.until,
            are_errors: false,
        }
    }

    /// The findings about a file's lines.
    fn findings(self, findings: Vec<Finding>) -> Vec<Finding> {
        if self.are_errors {
            vec![manifest::error_outcomes(&findings)]
        } else {
            findings
        }
    }
}
