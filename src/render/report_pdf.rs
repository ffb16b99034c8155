//! A report as a PDF for archives: the same words and figures as its page, with the JSON attached.

use chrono::Datelike as _;
use outrider_domain::model::grouped;
use outrider_domain::sla::{JourneyCoverage, Report, Verdict};
use report_pdf::{
    Attachment, Block, Cell, Date, Document, Level, PageSize, Relation, Size, Style, Text, Tone,
    printable,
};

use super::report_blocks::{body, heading, kept, remark, sign, soft, table};
use super::report_docket::tables;
use super::report_page::{
    AgreementView, CreditView, Paper, ReportProof, RowView, seconds, unmeasured,
};
use super::report_pdf_charts::{burn_downs, calendar, trend};
use super::report_text::{CREDIT_RULE, LATENCY, LEFT_OUT, signature_says, standing, title};

/// The PDF of a report, with its JSON attached and the signature of that where there is one.
///
/// # Errors
/// A text that the PDF's font cannot show, with where it is written; what breaks PDF/A or PDF/UA.
pub fn report_pdf(
    report: &Report,
    proof: &ReportProof,
    paper: Paper,
    json: &[u8],
    signature: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    check_names(report)?;
    let agreements = report.agreements.iter();
    let agreements = agreements.map(|agreement| AgreementView::of(report, agreement));
    let agreements: Vec<AgreementView<'_>> = agreements.collect();
    let document = Document {
        title: title(report),
        language: "en".to_owned(),
        author: report.agreements.first().map_or_else(
            || report.source.tool.clone(),
            |agreement| agreement.measured_by.clone(),
        ),
        creator: report.source.tool.clone(),
        date: date(report),
        identity: proof.json_sha256.clone(),
        foot: format!("{} · SHA-256 {}", proof.file, proof.json_sha256),
        page: match paper {
            Paper::A4 => PageSize::A4,
            Paper::Letter => PageSize::Letter,
        },
        blocks: blocks(report, proof, &agreements),
        attachments: attachments(proof, json, signature),
    };
    let pdf = document.pdf();
    pdf.map_err(|why| format!("the PDF of {}: {why}", proof.file))
}

/// The day after the period: the one day that a report is sure of.
fn date(report: &Report) -> Date {
    let day = report.end_day;
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    Date {
        year: u16::try_from(day.year()).unwrap_or_default(),
        month: small(day.month()),
        day: small(day.day()),
    }
}

fn attachments(proof: &ReportProof, json: &[u8], signature: Option<&[u8]>) -> Vec<Attachment> {
    let source = Attachment {
        name: proof.file.clone(),
        media_type: "application/json".to_owned(),
        description: "The report: every count and term that these pages show".to_owned(),
        relation: Relation::Source,
        bytes: json.to_vec(),
    };
    let signature = signature.map(|bytes| Attachment {
        name: format!("{}.sig", proof.file),
        media_type: "application/octet-stream".to_owned(),
        description: format!("The raw Ed25519 signature of {}", proof.file),
        relation: Relation::Supplement,
        bytes: bytes.to_vec(),
    });
    [source].into_iter().chain(signature).collect()
}

/// Names that people wrote can be shown; otherwise the message says where they stand.
fn check_names(report: &Report) -> Result<(), String> {
    let partner = format!("partners/{}.toml", report.partner.id);
    let mut names = vec![
        (&report.partner.name, format!("`name` of {partner}")),
        (
            &report.source.measured_from,
            "`location` of outrider.toml".to_owned(),
        ),
    ];
    for agreement in &report.agreements {
        names.push((&agreement.to, format!("`to` of an [[sla]] of {partner}")));
        let measured_by = format!("`measured_by` of an [[sla]] of {partner}");
        names.push((&agreement.measured_by, measured_by));
    }
    let fault = names
        .into_iter()
        .find_map(|(name, place)| Some((place, printable(name).err()?)));
    match fault {
        None => Ok(()),
        Some((place, why)) => Err(format!(
            "the PDF cannot show {place}: {why}. Write the name in other letters, or leave pdf out \
             of --format"
        )),
    }
}

fn blocks(report: &Report, proof: &ReportProof, agreements: &[AgreementView<'_>]) -> Vec<Block> {
    let mut blocks = vec![
        Block::Heading(Level::One, title(report).into()),
        Block::Paragraph(Size::Small, soft(standing(report))),
    ];
    let is_one = agreements.len() == 1;
    for agreement in agreements {
        blocks.extend(answer(agreement, is_one));
    }
    if is_one {
        // The first page is the answer alone.
        blocks.push(Block::PageBreak);
    }
    for agreement in agreements {
        blocks.extend(figures(agreement, is_one));
        blocks.extend(agreement.credit.iter().flat_map(credits));
        if agreement.rows.iter().any(|row| !row.of.days.is_empty()) {
            blocks.extend(calendar(agreement));
            blocks.extend(burn_downs(agreement));
            blocks.extend(trend(agreement));
        }
        blocks.extend(left_out(agreement));
    }
    blocks.extend(docket(report));
    blocks.extend(coverage(report));
    blocks.push(heading("Definitions"));
    let definitions = report.definitions.iter();
    let definitions = definitions.map(|one| (one.term.clone(), one.means.as_str().into()));
    blocks.push(Block::KeyValues(definitions.collect()));
    blocks.extend(verifying(report, proof));
    blocks
}

/// What a reader must know of an agreement in thirty seconds.
fn answer(view: &AgreementView<'_>, is_one: bool) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !is_one {
        let text = format!("What {} owes {}", view.debtor, view.creditor);
        blocks.push(heading(text));
    }
    let tone = if view.of.count(Verdict::Missed) > 0 {
        Tone::Bad
    } else if view.of.count(Verdict::Met) == view.of.rows.len() {
        Tone::Good
    } else {
        Tone::Open
    };
    blocks.push(Block::Note(tone, view.headline.as_str().into()));
    let heads = [
        "Promise",
        "Verdict",
        "#Target",
        "#Achieved",
        "#Good of measured",
        "#Coverage",
        "#Credit",
    ];
    let mut promises = table(&heads, view.rows.iter().map(promise).collect());
    promises.caption = Some(format!(
        "What {} promised {}, in {}, {}",
        view.debtor, view.creditor, view.of.unit, view.of.net_or_raw
    ));
    blocks.push(Block::Table(promises));
    let level = if is_one { Level::Two } else { Level::Three };
    let part = |text: &str| Block::Heading(level, text.into());
    blocks.push(part("What to do, and by when"));
    let to_do = view.to_do.iter().map(|line| line.as_str().into());
    blocks.push(Block::List(to_do.collect()));
    blocks.push(part("Why"));
    let reasons = view.rows.iter().map(|row| {
        Text::new()
            .with(Style::Bold, row.of.promise.as_str())
            .with(Style::Plain, format!(": {}", row.reason))
    });
    blocks.push(Block::List(reasons.collect()));
    blocks.push(remark(view.measured.as_str()));
    blocks
}

fn promise(row: &RowView<'_>) -> Vec<Cell> {
    vec![
        Cell {
            sign: None,
            text: row.of.says.as_str().into(),
            below: Some(row.of.promise.clone()),
        },
        Cell {
            sign: Some(sign(Some(row.of.judgement.verdict))),
            text: Text::new().with(Style::Bold, kept(row.verdict)),
            below: None,
        },
        kept(&row.target).into(),
        kept(&row.achieved).into(),
        kept(&row.fraction).into(),
        kept(&row.coverage).into(),
        kept(&row.credit).into(),
    ]
}

fn figures(view: &AgreementView<'_>, is_one: bool) -> Vec<Block> {
    let mut title = "The figures".to_owned();
    if !is_one {
        title.push_str(&format!(": what {} owes", view.debtor));
    }
    let other = match view.of.net_or_raw.as_str() {
        "net" => "#Raw",
        _ => "#Net",
    };
    let heads = [
        "Promise",
        "#Due",
        "#Measured",
        "#Good",
        "#Bad",
        "#Unmeasured",
        "#Can have been",
        "#95 % interval",
        other,
    ];
    let rows = view.rows.iter().map(|row| {
        let figure = row.of.figure(view.of.basis());
        let mut cells: Vec<Cell> = vec![row.of.promise.as_str().into()];
        let counts = [
            figure.due,
            figure.judged,
            figure.good,
            figure.bad,
            figure.unmeasured,
        ];
        cells.extend(counts.map(|count| Cell::from(grouped(count))));
        let shares = [&row.bounds, &row.interval, &row.other];
        cells.extend(shares.map(|text| Cell::from(kept(text))));
        cells
    });
    vec![
        heading(title),
        body(view.how_it_counts.as_str()),
        Block::Table(table(&heads, rows.collect())),
    ]
}

fn credits(of: &CreditView) -> Vec<Block> {
    let mut blocks = vec![heading("Credits, line by line")];
    if of.lines.is_empty() {
        blocks.push(body("No promise was missed that has a credit ladder."));
    } else {
        let heads = [
            "Missed promise",
            "Row of the ladder",
            "#It says",
            "#Counts as",
        ];
        let rows = of.lines.iter().map(|line| {
            let cells = line.iter();
            cells.map(|cell| Cell::from(cell.as_str())).collect()
        });
        blocks.push(Block::Table(table(&heads, rows.collect())));
    }
    blocks.push(body(format!("{} {CREDIT_RULE}", of.sum)));
    blocks
}

fn left_out(view: &AgreementView<'_>) -> Vec<Block> {
    let heads = [
        "Promise",
        "#Held back by declared maintenance or blackout",
        "#Left out of the SLA",
        "#Open by our own delay",
        "#Planned without a record",
    ];
    let rows = view.rows.iter().map(|row| {
        let counts = [
            row.of.held_runs,
            row.of.left_out_runs,
            row.of.inconclusive_runs,
            row.of.unrecorded_runs,
        ];
        let mut cells: Vec<Cell> = vec![row.of.promise.as_str().into()];
        cells.extend(counts.map(|count| Cell::from(grouped(count))));
        cells
    });
    let mut blocks = vec![
        heading("What was left out"),
        Block::Table(table(&heads, rows.collect())),
        remark(LEFT_OUT),
    ];
    for row in view.rows.iter().filter(|row| row.of.parts.len() > 1) {
        let title = format!("{}: what changed within the period", row.of.promise);
        blocks.push(Block::Heading(Level::Three, title.into()));
        let heads = ["From", "Counted", "Change", "#Due", "#Measured", "#Bad"];
        let rows = row.of.parts.iter().map(|part| {
            let mut cells: Vec<Cell> = vec![
                part.from.as_str().into(),
                part.counted.join("; ").into(),
                part.changes.join("; ").into(),
            ];
            let counts = [part.due, part.judged, part.bad];
            cells.extend(counts.map(|count| Cell::from(grouped(count))));
            cells
        });
        blocks.push(Block::Table(table(&heads, rows.collect())));
    }
    blocks
}

/// What a revision corrects, incidents, exclusions and disputes, where there are some.
fn docket(report: &Report) -> Vec<Block> {
    let corrected = report.docketed.corrects.as_ref().map(|before| {
        body(format!(
            "Revision {} corrects revision {}, whose SHA-256 is {}.",
            report.revision, before.revision, before.sha256
        ))
    });
    let tables = tables(report).into_iter().flat_map(|one| {
        let rows = one.rows.into_iter();
        let rows = rows.map(|row| row.into_iter().map(Cell::from).collect());
        [
            heading(one.title),
            Block::Table(table(one.head, rows.collect())),
            remark(one.says),
        ]
    });
    corrected.into_iter().chain(tables).collect()
}

fn coverage(report: &Report) -> Vec<Block> {
    let heads = [
        "Journey",
        "#Planned",
        "#Passed",
        "#Passed on retry",
        "#Failed",
        "Without a verdict",
    ];
    let rows = report.coverage.iter().map(journey);
    let mut blocks = vec![
        heading("Coverage and durations"),
        Block::Table(table(&heads, rows.collect())),
    ];
    if report.latency.is_empty() {
        blocks.push(body("No durations are kept of this period."));
        return blocks;
    }
    let heads = [
        "Journey",
        "#Runs",
        "#Half within",
        "#95 % within",
        "#99 % within",
        "#Longest",
    ];
    let rows = report.latency.iter().map(|one| {
        let mut cells: Vec<Cell> = vec![one.journey.as_str().into(), grouped(one.runs).into()];
        let times = [one.p50_us, one.p95_us, one.p99_us, one.max_us];
        cells.extend(times.map(|time| Cell::from(seconds(&time))));
        cells
    });
    blocks.push(Block::Table(table(&heads, rows.collect())));
    blocks.push(remark(LATENCY));
    blocks
}

fn journey(of: &JourneyCoverage) -> Vec<Cell> {
    let reasons = unmeasured(of).into_iter();
    let reasons = reasons.map(|(reason, count)| format!("{} {reason}", grouped(count)));
    let reasons: Vec<String> = reasons.collect();
    let mut cells: Vec<Cell> = vec![of.journey.as_str().into()];
    let counts = [of.due, of.passed, of.passed_on_retry, of.failed];
    cells.extend(counts.map(|count| Cell::from(grouped(count))));
    cells.push(match reasons.is_empty() {
        true => "none".into(),
        false => reasons.join(", ").into(),
    });
    cells
}

fn verifying(report: &Report, proof: &ReportProof) -> Vec<Block> {
    let file = &proof.file;
    let mut blocks = vec![
        heading("How to verify"),
        body(format!(
            "These pages are a view of {file}, which is attached to this PDF and holds every count \
             and term that they show. Its SHA-256 is {}.",
            proof.json_sha256
        )),
    ];
    let pdf = file.strip_suffix(".json").unwrap_or(file);
    let mut commands = vec![format!("pdfdetach -saveall -o . {pdf}.pdf")];
    if let Some(key) = &proof.key {
        blocks.push(body(format!(
            "It is signed by the Ed25519 key with the fingerprint {key}; the signature is attached \
             too. Compare the fingerprint with the one in the contract."
        )));
        commands.extend([
            format!("outrider report verify {file} --key report-key.pub.pem"),
            "openssl pkeyutl -verify -pubin -inkey report-key.pub.pem -rawin \\".to_owned(),
            format!("-in {file} -sigfile {file}.sig"),
        ]);
    } else {
        blocks.push(body("It is not signed."));
        commands.extend([
            format!("sha256sum {file}"),
            format!("outrider report verify {file}"),
        ]);
    }
    blocks.push(Block::Commands(commands));
    blocks.push(remark(signature_says(report)));
    blocks
}
