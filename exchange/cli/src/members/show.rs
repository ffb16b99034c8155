//! `exchange members show`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use exchange_sandbox::member::{
    EdgeCase, Household, LARGE_MAX, MEMBERS_MAX, Payer, Person, SEED, SetMember, WithholdReason,
    policy, record, scale_for, set_member, withheld,
};
use serde_json::{Value, json};

use super::payer::payer;
use crate::failure::Failure;
use crate::output::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Whose members.
    #[arg(long, default_value = "keystone")]
    partner: String,
    /// One member in full, e.g. or-m0001.
    #[arg(long)]
    member: Option<String>,
    /// The members of one case, e.g. twin; in full when it is one.
    #[arg(long)]
    case: Option<String>,
    /// What the members are drawn from.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Among how many; 32 is one of each case.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=i64::from(MEMBERS_MAX)))]
    count: u32,
    /// At least so many records for each member of the case `large`.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LARGE_MAX))]
    large: u64,
    /// As JSON, one member a line.
    #[arg(long)]
    json: bool,
    /// Every resource instead, as NDJSON: what is held, and what is sent about the members.
    #[arg(long, conflicts_with = "json")]
    resources: bool,
}

/// What is held of one type, and what becomes of it.
#[derive(Default)]
struct RecordCounts {
    due: usize,
    withheld: BTreeMap<WithholdReason, usize>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let payer = payer(&arguments.partner)?;
    let case = arguments.case.as_deref().map(case).transpose()?;
    let places = places(arguments, case)?;
    let scale = scale_for(arguments.large);
    if arguments.resources {
        return resources(&payer, arguments.seed, scale, &places);
    }
    if !arguments.json && places.len() > 1 {
        say(&line([
            "MEMBER",
            "CASE",
            "BUCKET",
            "SINGLE",
            "WHAT IS UNUSUAL",
        ]))?;
    }
    for index in &places {
        let household = Household::draw(&payer, arguments.seed, *index, scale);
        let member = set_member(&payer, arguments.seed, &household);
        if arguments.json {
            say(&member_json(&payer, arguments.seed, &household, &member).to_string())?;
        } else if places.len() > 1 {
            let case = member.edge_case;
            say(&line([
                &member.id,
                case.name(),
                case.bucket().code(),
                &single(&member),
                case.unusual(),
            ]))?;
        } else {
            say(member_text(&payer, arguments.seed, &household, &member).trim_end())?;
        }
    }
    Ok(())
}

/// What the responder holds about everybody around the members, and what the requester sends.
fn resources(payer: &Payer, seed: u64, scale: u64, places: &[usize]) -> Result<(), Failure> {
    for index in places {
        let household = Household::draw(payer, seed, *index, scale);
        for person in &household.people {
            for resource in record(payer, person, seed) {
                say(&resource.to_string())?;
            }
        }
        let request = set_member(payer, seed, &household).request;
        say(&request.patient.to_string())?;
        for coverage in std::iter::once(&request.coverage_to_match).chain(&request.more_coverages) {
            say(&coverage.to_string())?;
        }
        say(&request.consent.to_string())?;
    }
    Ok(())
}

fn case(name: &str) -> Result<EdgeCase, Failure> {
    EdgeCase::named(name).ok_or_else(|| {
        let known = EdgeCase::ALL.map(EdgeCase::name).join(", ");
        Failure::usage(
            format!("there is no case {name:?}"),
            format!("one of: {known}"),
        )
    })
}

/// Which members are asked for, counted from 0.
fn places(arguments: &Arguments, case: Option<EdgeCase>) -> Result<Vec<usize>, Failure> {
    let count = usize::try_from(arguments.count).map_err(Failure::internal)?;
    let named = |index: &usize| {
        let id = format!("or-m{:04}", index + 1);
        arguments.member.as_ref().is_none_or(|wanted| *wanted == id)
    };
    let fits = |index: &usize| case.is_none_or(|case| EdgeCase::of(*index) == case);
    let places: Vec<usize> = (0..count).filter(named).filter(fits).collect();
    if places.is_empty() {
        return Err(Failure::usage(
            format!("none of the first {count} members is asked for"),
            format!("they are or-m0001 to or-m{count:04}; look among more with --count"),
        ));
    }
    Ok(places)
}

fn line(cells: [&str; 5]) -> String {
    let [id, case, bucket, single, unusual] = cells;
    format!("{id:10} {case:26} {bucket:18} {single:22} {unusual}")
}

/// `200`, or `422 not-found`.
fn single(member: &SetMember) -> String {
    let answer = &member.expect.single;
    match &answer.code {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}

fn record_counts(payer: &Payer, seed: u64, person: &Person) -> BTreeMap<String, RecordCounts> {
    let mut kinds: BTreeMap<String, RecordCounts> = BTreeMap::new();
    for resource in record(payer, person, seed) {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let held = kinds.entry(kind.to_owned()).or_default();
        match withheld(&resource, policy(person.case)) {
            None => held.due += 1,
            Some(why) => *held.withheld.entry(why).or_default() += 1,
        }
    }
    kinds
}

fn member_text(payer: &Payer, seed: u64, household: &Household, member: &SetMember) -> String {
    let case = member.edge_case;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        writeln!(text, "{name:12} {value}").unwrap_or_default();
    };
    row(
        "member",
        &format!(
            "{} of {}, {}, {}",
            member.id, payer.name, member.cohort, member.region
        ),
    );
    row("case", case.name());
    row("unusual", case.unusual());
    row(
        "sent",
        &sent(&member.request.patient, &member.request.coverage_to_match),
    );
    for card in &member.request.more_coverages {
        row(
            "",
            &format!(
                "and the card {}",
                card["subscriberId"].as_str().unwrap_or_default()
            ),
        );
    }
    for person in &household.people {
        row("held", &person_line(person));
    }
    if household.people.is_empty() {
        row("held", "nobody");
    }
    row(
        "must happen",
        &format!(
            "{} in bulk; {} to a single $member-match",
            case.bucket().code(),
            single(member)
        ),
    );
    row("because", case.why());
    let due: usize = member.expect.resources.values().map(Vec::len).sum();
    row("comes back", &format!("{due} records"));
    if let Some(person) = household.meant() {
        for (kind, held) in record_counts(payer, seed, person) {
            row("", &counts_line(&kind, &held, due > 0));
        }
    }
    for canary in &member.expect.others {
        row("never", &format!("{canary}, which is somebody else's"));
    }
    text
}

fn sent(patient: &Value, coverage: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = &patient["name"][0];
    format!(
        "{} {}, born {}, subscriber {}",
        text(&name["given"][0]),
        text(&name["family"]),
        text(&patient["birthDate"]),
        text(&coverage["subscriberId"]),
    )
}

fn person_line(person: &Person) -> String {
    let names: Vec<String> = person
        .names
        .iter()
        .map(|name| format!("{} {}", name.given, name.family))
        .collect();
    let cards: Vec<&str> = person
        .cards
        .iter()
        .map(|card| card.member_number.as_str())
        .collect();
    let replaced = if person.replaced { ", replaced" } else { "" };
    format!(
        "{} {}, born {}, UMB {}, card {}{replaced}",
        person.patient_id,
        names.join(", before "),
        person.birth_date,
        person.umb,
        cards.join(" and "),
    )
}

fn counts_line(kind: &str, held: &RecordCounts, any_due: bool) -> String {
    let due = if any_due { held.due } else { 0 };
    let kept = held.due - due;
    let mut text = format!("{due:5} {kind}");
    if kept > 0 {
        write!(text, "; {kept} stay away: nothing of this member goes out").unwrap_or_default();
    }
    for (why, count) in &held.withheld {
        write!(text, "; {count} stay away: {}", why.words()).unwrap_or_default();
    }
    text
}

fn member_json(payer: &Payer, seed: u64, household: &Household, member: &SetMember) -> Value {
    let case = member.edge_case;
    let by_kind = household
        .meant()
        .map(|person| record_counts(payer, seed, person))
        .unwrap_or_default();
    let held: BTreeMap<String, usize> = by_kind
        .into_iter()
        .map(|(kind, held)| (kind, held.due + held.withheld.values().sum::<usize>()))
        .collect();
    let due: BTreeMap<&String, usize> = member
        .expect
        .resources
        .iter()
        .map(|(kind, records)| (kind, records.len()))
        .collect();
    json!({
        "member": member.id,
        "partner": payer.id,
        "case": case.name(),
        "unusual": case.unusual(),
        "why": case.why(),
        "bucket": case.bucket().code(),
        "single": member.expect.single,
        "held": held,
        "due": due,
        "canaries": member.expect.canaries,
        "others": member.expect.others,
    })
}
