//! Who hears of alerts, and when.

use std::time::Duration;

use super::Zone;

/// Who hears of alerts (`[alerting]` of `outrider.toml`): what generated files name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// Host and port of the Alertmanager.
    pub alertmanager: Option<String>,
    /// The webhook that gets pages.
    pub page: Option<String>,
    /// The webhook that gets tickets.
    pub ticket: Option<String>,
    /// The webhook that must hear the watchdog for ever.
    pub heartbeat: Option<String>,
    /// Where Grafana shows the generated dashboards.
    pub grafana: Option<String>,
    /// When tickets are told; none for at any time.
    pub business_hours: Option<BusinessHours>,
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
    /// Webhooks that get its pages.
    pub page: Vec<String>,
    /// Webhooks that get its tickets.
    pub ticket: Vec<String>,
    /// Whom to call there, for people; told in every alert.
    pub contact: Option<String>,
}
