//! What came of an exchange is a fold over what came of its members.

use super::{Event, Member, Reason, State};

/// What came of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The event that says so.
    pub event: Event,
    /// Why.
    pub reason: Reason,
}

/// The verdict of an exchange whose members have theirs.
pub fn fold(members: &[Member]) -> Standing {
    let all = |state: State| members.iter().all(|member| member.state == state);
    let verdict = |event, reason| Standing { event, reason };
    if all(State::Completed) {
        return verdict(Event::Completed, Reason::Ok);
    }
    if all(State::Failed) {
        let first = members.first().and_then(|member| member.reason);
        let first = first.unwrap_or(Reason::NobodyMatched);
        let alike = members.iter().all(|member| member.reason == Some(first));
        let reason = if alike { first } else { Reason::NobodyMatched };
        return verdict(Event::Failed, reason);
    }
    if all(State::Expired) {
        return verdict(Event::Expired, Reason::Expired);
    }
    let worst = members
        .iter()
        .filter(|member| member.state != State::Completed)
        .filter_map(|member| member.reason)
        .max();
    verdict(
        Event::PartlyCompleted,
        worst.unwrap_or(Reason::MissingRecords),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(state: State, reason: Reason) -> Member {
        Member {
            n: 0,
            id: "or-m0001".to_owned(),
            key: "m-1".to_owned(),
            state,
            reason: Some(reason),
            bucket: None,
            patient: None,
            tied_by: None,
            records: BTreeMap::new(),
        }
    }

    #[test]
    fn partial_is_never_complete() {
        let good = || member(State::Completed, Reason::Ok);
        let none = || member(State::Failed, Reason::NoMatch);
        let held = || member(State::Failed, Reason::ConsentConstrained);
        let some = || member(State::PartiallyCompleted, Reason::MissingRecords);
        let table = [
            (vec![good(), good()], Event::Completed, Reason::Ok),
            (
                vec![good(), none()],
                Event::PartlyCompleted,
                Reason::NoMatch,
            ),
            (
                vec![good(), some()],
                Event::PartlyCompleted,
                Reason::MissingRecords,
            ),
            (vec![none(), none()], Event::Failed, Reason::NoMatch),
            (vec![none(), held()], Event::Failed, Reason::NobodyMatched),
        ];
        for (members, event, reason) in table {
            assert_eq!(fold(&members), Standing { event, reason });
        }
    }
}
