//! Probes against the rest of the plan: their journey, their members and their times.

use std::time::Duration;

use super::diagnostic::near_or_all;
use super::partner::{CONCURRENCY_LIMIT, PartnerFile, ProbeEntry};
use super::reading::Reading;
use crate::model::{
    Action, AuthKind, Class, GroupOracle, Journey, JourneyId, MemberId, NamedBody, Probe, ProbeId,
};

/// A probe whose runs may take longer than this is long, unless its file says otherwise.
const SHORT_DEADLINE_MAX: Duration = Duration::from_secs(60);

impl Reading {
    /// A probe; none, and why not, when something about it is wrong.
    pub(super) fn probe(&mut self, file: &PartnerFile, entry: &ProbeEntry) -> Option<Probe> {
        let wanted = entry.journey.value.as_str();
        let Some(journey) = self.plan.journeys.get(&entry.journey.value).cloned() else {
            if !self.unread_journeys.holds(wanted) {
                let known: Vec<_> = self.plan.journeys.keys().map(JourneyId::as_str).collect();
                let help = near_or_all(wanted, &known, "journeys in probes/");
                self.report(
                    file,
                    &entry.journey.span,
                    format!("no journey \"{wanted}\""),
                    help,
                );
            }
            return None;
        };
        let deadline = entry.deadline.unwrap_or(journey.deadline);
        self.deadline_fits(file, entry, deadline);
        self.timeout_fits(file, entry, &journey, deadline);
        self.members_fit(file, entry, &journey);
        self.sign_in_fits(file, entry, &journey);
        self.group_fits(file, entry, &journey);
        Some(Probe {
            id: ProbeId {
                partner: file.partner.id.clone(),
                journey: journey.id,
            },
            cadence: entry.timing.cadence.clone(),
            jitter: entry.timing.jitter,
            class: entry.class.unwrap_or(if deadline > SHORT_DEADLINE_MAX {
                Class::Long
            } else {
                Class::Short
            }),
            confirm: entry.confirm,
            when_failing: entry.when_failing,
            concurrency: entry.concurrency?,
            members: entry.members.as_ref().map(|spanned| spanned.value.clone()),
            deadline,
            timeout: entry.timeout.unwrap_or(journey.timeout),
            seed: entry.seed,
            family: entry.family,
        })
    }

    fn deadline_fits(&mut self, file: &PartnerFile, entry: &ProbeEntry, deadline: Duration) {
        let Some(slots) = entry
            .concurrency
            .and_then(|slots| u32::try_from(slots).ok())
        else {
            return;
        };
        // Jitter may bring two starts so much nearer.
        let gap = entry.timing.gap.saturating_sub(entry.timing.jitter);
        if deadline <= gap.saturating_mul(slots) {
            return;
        }
        let needed = deadline.as_nanos().div_ceil(gap.as_nanos().max(1));
        let what = format!(
            "a run may take {deadline:?}, the next is due after {gap:?}, and {slots} may go at once"
        );
        let help = if needed < u128::from(CONCURRENCY_LIMIT) {
            format!("set concurrency = {needed}, a longer cadence or a shorter deadline")
        } else {
            "set a longer cadence or a shorter deadline".to_owned()
        };
        self.report(file, &entry.span, what, help);
    }

    /// A request that may take longer than the run could never be told apart from a late one.
    fn timeout_fits(
        &mut self,
        file: &PartnerFile,
        entry: &ProbeEntry,
        journey: &Journey,
        deadline: Duration,
    ) {
        let own = journey.steps.iter().filter_map(|step| step.timeout);
        let longest = own.chain([entry.timeout.unwrap_or(journey.timeout)]).max();
        if let Some(timeout) = longest.filter(|timeout| *timeout > deadline) {
            let what = format!("a request may take {timeout:?} and the whole run {deadline:?}");
            let help = "set a timeout below the deadline";
            self.report(file, &entry.span, what, help);
        }
    }

    /// A partner at which nobody signs in has no token to send, and any other one wants one.
    fn sign_in_fits(&mut self, file: &PartnerFile, entry: &ProbeEntry, journey: &Journey) {
        let has_sign_in = file.partner.auth.kind != AuthKind::None;
        let mut actions = journey.steps.iter().map(|step| &step.action);
        if !has_sign_in && !file.has_auth && actions.any(Action::signs_in) {
            let what = format!(
                "\"{}\" asks for a token, and there is no [auth]",
                journey.id
            );
            let help = "add [auth] with how we sign in, or with kind = \"none\"";
            self.report(file, &entry.journey.span, what, help);
        }
        let mut steps = journey.steps.iter();
        let anonymous = steps.find(|step| step.action.is_anonymous());
        if let Some(step) = anonymous.filter(|_| has_sign_in) {
            let what = format!(
                "step \"{}\" of \"{}\" needs a token and none is asked for before it",
                step.id, journey.id
            );
            let help =
                "put a step with use = \"token\" before it, or write kind = \"none\" in [auth]";
            self.report(file, &entry.journey.span, what, help);
        }
    }

    /// The members of a group are of the probe's set.
    fn group_fits(&mut self, file: &PartnerFile, entry: &ProbeEntry, journey: &Journey) {
        let set = entry.members.as_ref();
        let Some(set) = set.and_then(|set| self.plan.members.get(&set.value)) else {
            return;
        };
        let named = journey.steps.iter().flat_map(|step| match &step.action {
            Action::Download(download) => match &download.group {
                GroupOracle::Members(ids) => ids.as_slice(),
                GroupOracle::All | GroupOracle::Any => &[],
            },
            Action::Request(_)
            | Action::Token(_)
            | Action::Submit(_)
            | Action::Poll(_)
            | Action::Watch(_)
            | Action::Check(_)
            | Action::Release(_) => &[],
        });
        let is_unknown = |id: &&MemberId| !set.members.iter().any(|member| member.id == **id);
        let unknown: Vec<String> = named.filter(is_unknown).map(ToString::to_string).collect();
        let known: Vec<&str> = set
            .members
            .iter()
            .map(|member| member.id.as_str())
            .collect();
        let name = set.set.clone();
        let helps: Vec<String> = unknown
            .iter()
            .map(|id| near_or_all(id, &known, "members of the set"))
            .collect();
        for (id, help) in unknown.into_iter().zip(helps) {
            let what = format!(
                "the group of \"{}\" has \"{id}\", whom {name} does not hold",
                journey.id
            );
            self.report(file, &entry.journey.span, what, help);
        }
    }

    fn members_fit(&mut self, file: &PartnerFile, entry: &ProbeEntry, journey: &Journey) {
        let Some(members) = &entry.members else {
            if journey.needs_member() {
                let what = format!(
                    "\"{}\" carries a member and this probe names none",
                    journey.id
                );
                self.report(
                    file,
                    &entry.span,
                    what,
                    "add members = \"<a set of members/>\"",
                );
            }
            return;
        };
        match self.plan.members.get(&members.value) {
            None if self.unread_members.holds(&members.value) => {}
            None => {
                let known: Vec<_> = self.plan.members.keys().map(String::as_str).collect();
                let help = near_or_all(&members.value, &known, "sets in members/");
                let what = format!("no member set \"{}\"", members.value);
                self.report(file, &members.span, what, help);
            }
            // A core queries the partner that holds the members.
            Some(_) if journey.named_bodies().any(NamedBody::is_for_a_core) => {}
            Some(set) if set.partner != file.partner.id && !file.was_called(&set.partner) => {
                let what = format!("\"{}\" holds members of {}", members.value, set.partner);
                self.report(
                    file,
                    &members.span,
                    what,
                    "name a set that was made for this partner",
                );
            }
            Some(_) => {}
        }
    }
}
