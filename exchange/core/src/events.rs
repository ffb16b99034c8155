//! Events for other programs, as CloudEvents 1.0. An event is written in the transaction of the change that it
//! reports, and bound to the audit trail by its seal; [`event_file`](crate::event_file) copies it to `events.ndjson`.

use exchange_kit::pdex::Bucket;
use serde_json::{Value, json};

use super::exchange::{Event, Exchange, Member, Reason, State};

/// The beginning of every type.
const TYPE: &str = "org.outrider.exchange";

fn envelope(exchange: &Exchange, what: &str, subject: String, data: Value) -> Value {
    json!({
        "specversion": "1.0",
        "type": format!("{TYPE}.{what}"),
        "source": "/exchange/core",
        "subject": subject,
        "datacontenttype": "application/json",
        "correlationid": exchange.metadata.correlation_id,
        "traffic": exchange.metadata.traffic.name(),
        "sourcepayer": exchange.metadata.source_payer,
        "targetpayer": exchange.metadata.target_payer,
        "requesttype": exchange.metadata.trigger.name(),
        "cohort": exchange.metadata.cohort.name(),
        "data": data,
    })
}

/// A transition of an exchange.
pub fn transition(exchange: &Exchange, event: Event, from: Option<State>) -> Value {
    let data = json!({
        "exchange": exchange.id,
        "event": event.name(),
        "from": from.map(State::name),
        "to": exchange.state.name(),
        "reason": exchange.reason.map(Reason::name),
        "retries": exchange.retries,
        "score_milli": exchange.score_milli,
    });
    envelope(exchange, "transition", exchange.id.clone(), data)
}

/// A transition of a member.
pub fn member(exchange: &Exchange, member: &Member, from: Option<State>) -> Value {
    let data = json!({
        "exchange": exchange.id,
        "member": member.n,
        "member_key": member.key,
        "from": from.map(State::name),
        "to": member.state.name(),
        "reason": member.reason.map(Reason::name),
        "bucket": member.bucket.map(Bucket::code),
    });
    let subject = format!("{}/{}", exchange.id, member.n);
    envelope(exchange, "member.transition", subject, data)
}

/// A partner that is not what its adapter knows it to be.
pub fn drift(exchange: &Exchange, what: &Value) -> Value {
    envelope(exchange, "drift", exchange.id.clone(), what.clone())
}
