//! Tests: exchanges that live at random, counted, removed, and verified.

use std::collections::{BTreeMap, BTreeSet};

use exchange_kit::clock::Clock;
use exchange_kit::random::Stream;
use rusqlite::Connection;
use serde_json::json;

use super::{
    Change, Closing, NewReview, Opened, Opening, Payload, Queue, ReviewFilter, ReviewState, Role,
    Store, StoreOptions, fresh, named,
};
use crate::clocks::Pace;
use crate::event_file::Follower;
use crate::exchange::{
    Cohort, Criticality, Event, Exchange, LegalBasis, LegalKind, Metadata, Purpose, Reason, State,
    Step, TRANSITIONS, Traffic, Trigger,
};
use crate::retention::Retention;
use crate::verify::verify_store;

const HOUR: i64 = 3_600_000;

fn metadata(dice: &mut Stream) -> Metadata {
    Metadata {
        trigger: *dice.pick(&Trigger::ALL),
        source_payer: "1999999984".to_owned(),
        target_payer: (*dice.pick(&["keystone", "lakeside"])).to_owned(),
        purpose: Purpose::PayerToPayer,
        legal_basis: LegalBasis {
            kind: LegalKind::MemberOptIn,
            reference: "r".to_owned(),
        },
        correlation_id: "c".to_owned(),
        requested_at: "noon".to_owned(),
        criticality: *dice.pick(&Criticality::ALL),
        cohort: *dice.pick(&Cohort::ALL),
        traffic: *dice.pick(&Traffic::ALL),
        types: Vec::new(),
    }
}

fn opening(store: &Store, dice: &mut Stream, key: &str) -> Opening {
    let clock = Clock::System;
    let exchange = fresh(("c", "t"), key, metadata(dice), &clock, store.pace);
    let ids = (0..=dice.below(3)).map(|n| format!("member-{n}"));
    Opening {
        members: named(ids.collect(), "t", store.keys()),
        body_hash: key.to_owned(),
        body: b"[]".to_vec(),
        notes: Vec::new(),
        actor: "client:c".to_owned(),
        exchange,
    }
}

/// One random move of an exchange; none when none is left.
fn step(store: &Store, dice: &mut Stream, id: &str) -> Option<()> {
    let mut exchange = store.exchange(id).unwrap()?;
    let events: Vec<Event> = TRANSITIONS
        .iter()
        .filter(|row| row.from == Some(exchange.state))
        .map(|row| row.event)
        .filter(|event| !(exchange.state.is_terminal() && *event == Event::Failed))
        .collect();
    if events.is_empty() || (exchange.state.is_terminal() && dice.below(3) == 0) {
        end(store, exchange);
        return None;
    }
    let event = *dice.pick(&events);
    exchange.retries += u32::try_from(dice.below(2)).unwrap();
    exchange.unreadable_files += dice.below(2);
    exchange.drifts += dice.below(2);
    let now = exchange.created_ms + i64::try_from(dice.below(48)).unwrap() * HOUR;
    exchange.submitted_ms = exchange.submitted_ms.or(Some(now));
    if event == Event::Accepted {
        exchange.accepted_ms = exchange.accepted_ms.or(Some(now));
    }
    exchange.has_follow_up = false;
    let to = crate::exchange::next(Some(exchange.state), event)?;
    if to.is_terminal() {
        exchange.outcome_ms = exchange.outcome_ms.or(Some(now));
        exchange.reason = Some(Reason::Ok);
        exchange.step = Step::Release;
        exchange.has_follow_up = to == State::PartiallyCompleted && dice.below(2) == 0;
    }
    let mut change = Change::of(exchange, event);
    let mut members = store.members(id).unwrap();
    for member in &mut members {
        member.state = to;
        member.reason = to.is_terminal().then(|| *dice.pick(&Reason::ALL));
    }
    change.members = members;
    if dice.below(3) == 0 {
        change.payloads = vec![payload(store, dice, id)];
    }
    if dice.below(4) == 0 {
        change.reviews = vec![NewReview {
            queue: *dice.pick(&Queue::ALL),
            member: None,
            reason: Reason::NoMatch,
            opened_ms: now,
        }];
    }
    store.apply(change).unwrap();
    Some(())
}

fn payload(store: &Store, dice: &mut Stream, id: &str) -> Payload {
    // Few contents, so that several exchanges have the same file.
    let body = format!("content {}", dice.below(6));
    let sha256 = exchange_kit::digest::hex_of_sha256(body.as_bytes());
    let mut received = store.receiving().unwrap();
    received.write(body.as_bytes()).unwrap();
    store.keep_blob(received, &sha256).unwrap();
    let last = store
        .payloads(id)
        .unwrap()
        .last()
        .map_or(0, |one| one.n + 1);
    Payload {
        n: last,
        role: Role::Data,
        at: String::new(),
        kind: "Patient".to_owned(),
        counted: None,
        sha256: Some(sha256),
        bytes: Some(body.len() as u64),
        is_lost: false,
        purged_ms: None,
    }
}

fn end(store: &Store, mut exchange: Exchange) {
    exchange.step = Step::Done;
    exchange.due_ms = None;
    exchange.has_follow_up = false;
    exchange.checked_files = 100;
    store.apply(Change::record_only(exchange)).unwrap();
}

/// Lets exchanges live, some to their end; their ids.
fn live(store: &Store, dice: &mut Stream, count: u64) -> Vec<String> {
    let mut under_way = Vec::new();
    for n in 0..count {
        let opened = store.open_exchange(opening(store, dice, &format!("k-{n}")));
        let Opened::New(exchange) = opened.unwrap() else {
            panic!("a new key is a new exchange");
        };
        under_way.push(exchange.id);
    }
    let ids = under_way.clone();
    for _ in 0..count * 12 {
        let id = dice.pick(&under_way).clone();
        if step(store, dice, &id).is_none() {
            under_way.retain(|one| *one != id);
        }
        if dice.below(5) == 0 {
            let key = format!("k-{}", dice.below(count));
            let mut again = opening(store, dice, &key);
            again.body_hash = key;
            store.open_exchange(again).unwrap();
        }
        if under_way.is_empty() {
            break;
        }
    }
    let open = ReviewFilter {
        state: Some(ReviewState::Open),
        ..ReviewFilter::default()
    };
    for review in store.reviews(&open, 1_000).unwrap() {
        if dice.below(2) == 0 {
            let closing = Closing {
                state: ReviewState::Resolved,
                by: "operator:o".to_owned(),
                note: "n".to_owned(),
                at_ms: 0,
                led_to: None,
            };
            assert!(store.close_review(&review.id, &closing).unwrap());
        }
    }
    ids
}

const BY: &str = "json_array(source,target,trigger_word,cohort,traffic)";
const TERMINAL: &str = "('completed','partially_completed','failed','expired')";

/// What is to be counted, by questions of their own.
fn questions(is_final: &str) -> Vec<(&'static str, String)> {
    let set = |field: &str| {
        format!(
            "SELECT {BY}, sum(json_extract(data,'$.{field}') IS NOT NULL) FROM exchange e GROUP BY 1"
        )
    };
    let sum = |field: &str| {
        format!("SELECT {BY}, sum(json_extract(data,'$.{field}')) FROM exchange e GROUP BY 1")
    };
    let with = |word: &str, from: &str| {
        format!("SELECT json_insert({BY},'$[#]',{word}), count(*) FROM {from} GROUP BY 1")
    };
    vec![
        ("exchange_submitted_total", set("submitted_ms")),
        ("exchange_accepted_total", set("accepted_ms")),
        ("exchange_redriven_total", set("redrive_of")),
        ("exchange_follow_ups_total", sum("follow_ups")),
        ("exchange_retries_total", sum("retries")),
        ("exchange_retried_well_total", sum("retried_well")),
        ("exchange_drifts_total", sum("drifts")),
        (
            "exchange_duplicates_total",
            format!(
                "SELECT {BY}, sum(r.count) FROM exchange e JOIN repeated r ON r.exchange=e.id GROUP BY 1"
            ),
        ),
        (
            "exchange_settled_total",
            with("e.state", &format!("exchange e WHERE {is_final}")),
        ),
        (
            "exchange_members_total",
            with(
                "m.reason",
                &format!("member m JOIN exchange e ON e.id=m.exchange WHERE {is_final}"),
            ),
        ),
        (
            "exchange_reviews_total",
            with("r.queue", "review r JOIN exchange e ON e.id=r.exchange"),
        ),
        (
            "exchange_payload_failures_total",
            format!(
                "SELECT json_insert({BY},'$[#]','unreadable'), sum(json_extract(data,'$.unreadable_files')) FROM exchange e GROUP BY 1"
            ),
        ),
        (
            "exchange_completion_seconds_sum_ms",
            format!(
                "SELECT {BY}, sum(settled_ms-created_ms) FROM exchange e WHERE {is_final} GROUP BY 1"
            ),
        ),
    ]
}

/// The counters, counted from all that is kept.
fn recount(folder: &std::path::Path, pace: Pace) -> BTreeMap<String, u64> {
    let db = Connection::open(folder.join("core.sqlite")).unwrap();
    let is_final = format!("e.state IN {TERMINAL} AND NOT json_extract(e.data,'$.has_follow_up')");
    let mut all = BTreeMap::new();
    for (name, sql) in questions(&is_final) {
        let mut query = db.prepare(&sql).unwrap();
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        for (labels, count) in rows.unwrap().map(Result::unwrap) {
            all.insert(format!("{name} {labels}"), count);
        }
    }
    let mut query = db
        .prepare(&format!(
            "SELECT {BY}, data FROM exchange e WHERE {is_final}"
        ))
        .unwrap();
    let rows = query.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    for (labels, data) in rows.unwrap().map(Result::unwrap) {
        let exchange: Exchange = serde_json::from_str(&data).unwrap();
        let labels: Vec<String> = serde_json::from_str(&labels).unwrap();
        for clock in pace.breaches(&exchange) {
            let own = json!([&labels[..], &[clock.name().to_owned()]].concat());
            *all.entry(format!("exchange_sla_breaches_total {own}"))
                .or_default() += 1;
        }
    }
    all.retain(|_, count| *count > 0);
    all
}

fn counted(store: &Store) -> BTreeMap<String, u64> {
    let mut all = store.counters();
    all.retain(|name, _| !name.starts_with("exchange_completion_seconds_bucket"));
    all
}

fn count(folder: &std::path::Path, sql: &str) -> u64 {
    let db = Connection::open(folder.join("core.sqlite")).unwrap();
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_what_a_recount_of_random_lives_gives() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let ids = live(&store, &mut Stream::new(seed, &[]), 12);
        assert_eq!(ids.len(), 12);
        let due = recount(folder.path(), store.pace);
        assert!(due.len() > 30, "seed {seed}: {due:#?}");
        assert_eq!(counted(&store), due, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_counter_goes_back_when_a_follow_up_betters_a_verdict_or_records_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let dice = &mut Stream::new(3, &[]);
    let mut before = counted(&store);
    let ids = live(&store, dice, 10);
    let now = Clock::System.now_millis() + 11 * 366 * 24 * HOUR;
    for id in ids {
        for _ in 0..3 {
            let Some(mut exchange) = store.exchange(&id).unwrap() else {
                break;
            };
            exchange.is_follow_up = exchange.state.is_terminal();
            exchange.step = *dice.pick(&[Step::Export, Step::Release]);
            store.apply(Change::record_only(exchange)).unwrap();
            let after = counted(&store);
            assert!(
                before
                    .iter()
                    .all(|(name, value)| after.get(name) >= Some(value))
            );
            before = after;
        }
        let exchange = store.exchange(&id).unwrap().unwrap();
        end(&store, exchange);
        store.purge_records(&id, Retention::default(), now).unwrap();
        let after = counted(&store);
        assert!(
            before
                .iter()
                .all(|(name, value)| after.get(name) >= Some(value))
        );
        before = after;
    }
}

/// Everything about an exchange but the trail's gaps.
const TABLES: [(&str, &str); 9] = [
    ("exchange", "id"),
    ("request", "exchange"),
    ("member", "exchange"),
    ("payload", "exchange"),
    ("review", "exchange"),
    ("repeated", "exchange"),
    ("known_group", "exchange"),
    ("audit", "exchange"),
    ("event", "exchange"),
];

fn rows_of(folder: &std::path::Path, id: &str) -> Vec<(&'static str, u64)> {
    let rows = TABLES.iter().map(|(table, column)| {
        let sql = format!("SELECT count(*) FROM {table} WHERE {column}='{id}'");
        (*table, count(folder, &sql))
    });
    rows.collect()
}

fn blobs(folder: &std::path::Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder.join("payloads")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            names.insert(file.unwrap().file_name().to_string_lossy().into_owned());
        }
    }
    names
}

fn named_blobs(folder: &std::path::Path) -> BTreeSet<String> {
    let db = Connection::open(folder.join("core.sqlite")).unwrap();
    let mut query = db
        .prepare(
            "SELECT DISTINCT sha256 FROM payload WHERE sha256 IS NOT NULL AND purged_ms IS NULL",
        )
        .unwrap();
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_after_their_time_and_never_while_something_is_open() {
    for seed in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let follower = Follower::open(&store).unwrap();
        let ids = live(&store, &mut Stream::new(seed, &[]), 14);
        follower.follow(&store).unwrap();
        let kept = Retention::default();
        let year = 366 * 24 * HOUR;
        let mut gone = BTreeSet::new();
        for (years, day) in [(0, 3), (6, 3), (10, 3)] {
            let now = Clock::System.now_millis() + years * year + day * 24 * HOUR;
            for id in &ids {
                let exchange = store.exchange(id).unwrap();
                let rows = rows_of(folder.path(), id);
                let done = store.purge_records(id, kept, now).unwrap();
                let Some(exchange) = exchange else {
                    continue;
                };
                let reviews =
                    format!("SELECT count(*) FROM review WHERE exchange='{id}' AND state='open'");
                let is_real = exchange.metadata.traffic == Traffic::Real;
                let is_long = matches!(
                    exchange.metadata.cohort,
                    Cohort::Medicaid | Cohort::MedicareAdvantage | Cohort::Mixed
                );
                let is_due = !is_real || years >= if is_long { 10 } else { 6 };
                let is_open = exchange.step != Step::Done
                    || (is_real && done.is_none() && count(folder.path(), &reviews) > 0);
                assert_eq!(
                    done.is_some(),
                    is_due && !is_open,
                    "{exchange:?} after {years}"
                );
                if done.is_some() {
                    assert!(
                        rows_of(folder.path(), id)
                            .iter()
                            .all(|(_, count)| *count == 0)
                    );
                    gone.insert(id.clone());
                } else {
                    assert_eq!(rows_of(folder.path(), id), rows);
                }
                assert_eq!(blobs(folder.path()), named_blobs(folder.path()));
            }
            store.purge_own_entries(kept, now).unwrap();
            follower.follow(&store).unwrap();
            let verified = verify_store(&store, None).unwrap();
            assert!(verified.is_ok(), "{verified:?}");
            let audit = count(folder.path(), "SELECT count(*) FROM audit");
            let gaps = count(
                folder.path(),
                "SELECT count(*) FROM gap WHERE strand='audit'",
            );
            assert!(gaps <= audit + 1);
        }
        assert!(!gone.is_empty(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_retention_did_not_make_breaks_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let ids = live(&store, &mut Stream::new(1, &[]), 8);
    let now = Clock::System.now_millis() + 11 * 366 * 24 * HOUR;
    for id in ids {
        store.purge_records(&id, Retention::default(), now).unwrap();
    }
    let db = Connection::open(folder.path().join("core.sqlite")).unwrap();
    let what = |sql: &str| {
        db.execute_batch(&format!("SAVEPOINT s; {sql}; RELEASE s"))
            .unwrap();
        verify_store(&store, None)
            .unwrap()
            .map_err(|link| link.what)
    };
    assert!(what("SELECT 1").is_ok());
    let whole = "DELETE FROM audit WHERE seq=(SELECT min(seq) FROM audit)";
    db.execute_batch(
        "CREATE TEMP TABLE a AS SELECT * FROM audit; CREATE TEMP TABLE g AS SELECT * FROM gap",
    )
    .unwrap();
    let restore = "DELETE FROM audit; INSERT INTO audit SELECT * FROM a; DELETE FROM gap; INSERT INTO gap SELECT * FROM g";
    for (damage, expected) in [
        (whole, "number"),
        ("DELETE FROM gap WHERE strand='audit'", "number"),
        (
            "UPDATE gap SET signature=replace(signature, 'a', 'b') WHERE strand='audit'",
            "signature of the gap",
        ),
        (
            "UPDATE gap SET hash=prev WHERE strand='audit'",
            "signature of the gap",
        ),
        (
            "UPDATE gap SET signature=replace(signature, 'a', 'b') WHERE strand='event'",
            "events up to the seal",
        ),
    ] {
        assert_eq!(what(damage).unwrap_err(), expected, "{damage}");
        assert!(what(restore).is_ok(), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_go_after_the_receipt_and_their_hashes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let ids = live(&store, &mut Stream::new(2, &[]), 14);
    let now = Clock::System.now_millis();
    let later = now + 31 * 24 * HOUR;
    let kept = Retention::default();
    let mut purged = 0;
    let db = Connection::open(folder.path().join("core.sqlite")).unwrap();
    db.execute_batch("UPDATE payload SET purged_ms=1").unwrap();
    let verified = verify_store(&store, None).unwrap();
    assert_eq!(verified.unwrap_err().what, "removed payload");
    db.execute_batch("UPDATE payload SET purged_ms=NULL")
        .unwrap();
    for id in &ids {
        let exchange = store.exchange(id).unwrap().unwrap();
        if exchange.step != Step::Done {
            continue;
        }
        let files: Vec<String> = store
            .payloads(id)
            .unwrap()
            .into_iter()
            .filter_map(|one| one.sha256)
            .collect();
        for sha256 in &files {
            let due = store.payloads_to_purge(kept.payloads_before(later), None, 100);
            assert!(
                due.unwrap().iter().all(|one| one.id != *id),
                "before the receipt"
            );
            store
                .note_receipt(&exchange, Some(sha256), ("client:c", now))
                .unwrap();
        }
        store
            .note_receipt(&exchange, None, ("client:c", now))
            .unwrap();
        let due = store.payloads_to_purge(kept.payloads_before(later), None, 100);
        assert!(due.unwrap().iter().any(|one| one.id == *id));
        let before = store.payloads_to_purge(kept.payloads_before(now), None, 100);
        assert_eq!(before.unwrap(), []);
        if store.purge_payloads(id, later).unwrap() {
            purged += 1;
            assert!(store.request(id).unwrap().is_null());
            let all = store.payloads(id).unwrap();
            assert!(all.iter().all(|one| one.purged_ms == Some(later)));
            assert_eq!(all.len(), files.len());
        }
        assert_eq!(blobs(folder.path()), named_blobs(folder.path()));
    }
    assert!(purged > 1);
    let verified = verify_store(&store, None).unwrap();
    assert!(verified.is_ok(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_file_forgets_what_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let follower = Follower::open(&store).unwrap();
    let mut count = 0;
    for seed in 0.. {
        let ids: Vec<String> = (0..6)
            .map(|n| {
                let opening = opening(&store, &mut Stream::new(seed, &[]), &format!("{seed}-{n}"));
                match store.open_exchange(opening).unwrap() {
                    Opened::New(exchange) => exchange.id,
                    Opened::Same(_) | Opened::Other => panic!("a new key"),
                }
            })
            .collect();
        follower.follow(&store).unwrap();
        for id in ids {
            let mut exchange = store.exchange(&id).unwrap().unwrap();
            exchange.state = State::Failed;
            exchange.outcome_ms = Some(0);
            end(&store, exchange);
            let now = Clock::System.now_millis() + 11 * 366 * 24 * HOUR;
            let gone = store.purge_records(&id, Retention::default(), now);
            let gone = gone.unwrap().unwrap();
            count += gone;
            follower.forget(&store, gone).unwrap();
        }
        let lines = std::fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
        if count > 1_000 {
            assert!(lines.lines().count() < 1_000, "{count}");
            break;
        }
    }
    assert!(verify_store(&store, None).unwrap().is_ok());
}
