//! Who hears of alerts, and when; what the exchange core promises.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Zone;

/// Who hears of alerts (`[alerting]` of `outrider.toml`): what generated files name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// Host and port of the Alertmanager.
    pub alertmanager: Option<String>,
    /// The webhook that gets pages.
    pub page: Option<WebhookUrl>,
    /// The webhook that gets tickets.
    pub ticket: Option<WebhookUrl>,
    /// The webhook that must hear the watchdog for ever.
    pub heartbeat: Option<WebhookUrl>,
    /// Where Grafana shows the generated dashboards.
    pub grafana: Option<String>,
    /// When tickets are told; none for at any time.
    pub business_hours: Option<BusinessHours>,
    /// Which server sends e-mail; none where no receiver needs it.
    pub smtp: Option<Smtp>,
    /// Agents that are gone for good, by name and location: their absence is no alert.
    pub retired_agents: Vec<(String, String)>,
}

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookUrl {
    /// Its address, which is no secret.
    Address(String),
    /// The file with its address, as Alertmanager reaches it.
    File(String),
}

/// The mail server that Alertmanager hands e-mail to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Host and port.
    pub smarthost: String,
    /// The sender's address.
    pub from: String,
    /// The name to sign in with; none for a server that asks for none.
    pub username: Option<String>,
    /// The file with the password, as Alertmanager reaches it.
    pub password_file: Option<String>,
}

/// Hours of a week in a time zone, the end not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessHours {
    /// Whose clocks show them.
    pub timezone: Zone,
    /// The days.
    pub days: Vec<Weekday>,
    /// Since midnight, in whole minutes.
    pub from: Duration,
    /// Since midnight, in whole minutes, after `from`.
    pub to: Duration,
}

super::closed::closed!(
    /// A day of the week.
    Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
);

/// A partner's escalation map (`[escalation]` of its file): who hears of its alerts besides `[alerting]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    /// Who gets its pages.
    pub page: Vec<Channel>,
    /// Who gets its tickets.
    pub ticket: Vec<Channel>,
    /// Whom to call there, for people; told in every alert.
    pub contact: Option<String>,
}

/// A way of Alertmanager's to reach people. Secrets are in files that Alertmanager reads; their paths are as it
/// reaches them, relative ones from where `alertmanager.yml` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// An HTTP endpoint.
    Webhook {
        /// Where it is.
        url: WebhookUrl,
    },
    /// A channel of Slack.
    Slack {
        /// Its name, such as `#exchange`.
        channel: String,
        /// The file with the webhook's address.
        api_url_file: String,
    },
    /// A service of PagerDuty.
    PagerDuty {
        /// The file with the integration key.
        routing_key_file: String,
    },
    /// A mailbox.
    Email {
        /// Its address.
        to: String,
    },
}

super::closed::closed!(
    /// What the exchange core is measured by, as the business counts it; a key of `[exchange]`.
    Kpi {
        /// Requests that the partner accepted.
        Acceptance = "acceptance",
        /// Members that were found.
        IdentityMatch = "identity_match",
        /// Exchanges that ended complete; a partial one did not.
        Completion = "completion",
        /// Exchanges within the agreed time, by each clock.
        OnTime = "on_time",
        /// Requests that came again under the same key.
        Duplicates = "duplicates",
        /// Members that were put before a person.
        ManualReview = "manual_review",
    }
);

impl Kpi {
    /// Whether its target is the most that may be, and not the least.
    pub fn is_ceiling(self) -> bool {
        match self {
            Self::Duplicates | Self::ManualReview => true,
            Self::Acceptance | Self::IdentityMatch | Self::Completion | Self::OnTime => false,
        }
    }

    /// The target unless the file says otherwise, per million.
    fn target_ppm(self) -> u32 {
        match self {
            Self::Acceptance => 980_000,
            Self::IdentityMatch | Self::OnTime => 950_000,
            Self::Completion => 970_000,
            Self::Duplicates => 5_000,
            Self::ManualReview => 30_000,
        }
    }
}

/// The exchange core as it is watched by its own numbers (`[exchange]` of `outrider.toml`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeCore {
    /// Where Prometheus reads them; none where it does not.
    pub metrics: Option<String>,
    /// The CA to trust there, as Prometheus reaches it, a relative path from where `prometheus.yml` is.
    pub ca: Option<String>,
    /// Targets that the file sets, per million.
    pub targets: BTreeMap<Kpi, u32>,
}

impl ExchangeCore {
    /// The target, per million.
    pub fn target_ppm(&self, kpi: Kpi) -> u32 {
        let written = self.targets.get(&kpi).copied();
        written.unwrap_or_else(|| kpi.target_ppm())
    }

    /// What share may be bad, per million.
    pub fn bad_ppm(&self, kpi: Kpi) -> u32 {
        let target = self.target_ppm(kpi);
        if kpi.is_ceiling() {
            target
        } else {
            1_000_000_u32.saturating_sub(target)
        }
    }
}
