//! The overview: partner by layer, and each probe's next and last run.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::{Effect, Layer, LayerVerdict, PartnerId, ProbeId, RunRecord, Viewer};

/// What the overview shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The agent's name and place.
    pub agent: String,
    /// Partners in order of id.
    pub partners: Vec<PartnerView>,
    /// How reading the files went last.
    pub config: ConfigView,
}

impl Overview {
    /// What a viewer may see of it. Who sees one partner sees neither the agent nor its files, which name others.
    pub fn seen_by(mut self, viewer: &Viewer) -> Self {
        self.partners.retain(|one| viewer.sees(&one.partner));
        if viewer.partner().is_some() {
            "Outrider".clone_into(&mut self.agent);
            self.config.mistakes.clear();
            self.config.needs_restart.clear();
        }
        self
    }
}

/// How reading the files went last.
#[derive(Clone, Debug)]
pub struct ConfigView {
    /// When they were last read again; none while they were read only at the start.
    pub read_at: Option<DateTime<Utc>>,
    /// Why the plan of before holds; empty when it does not.
    pub mistakes: Vec<String>,
    /// Settings that changed and wait for a restart.
    pub needs_restart: Vec<&'static str>,
}

/// One partner.
#[derive(Clone, Debug)]
pub struct PartnerView {
    /// Its id.
    pub partner: PartnerId,
    /// Its name for people.
    pub name: String,
    /// The three layers in order.
    pub layers: Vec<LayerLine>,
    /// Median of the longest journey's duration, over this hour and the one before.
    pub p50: Option<Duration>,
    /// 99th percentile of the same.
    pub p99: Option<Duration>,
    /// Its probes in order of journey.
    pub probes: Vec<ProbeView>,
    /// Declared windows that hold now.
    pub declared: Vec<DeclaredView>,
}

/// A declared window that holds now.
#[derive(Clone, Debug)]
pub struct DeclaredView {
    /// Why, in a person's words.
    pub reason: String,
    /// What it does.
    pub effects: Vec<Effect>,
    /// Its end.
    pub until: DateTime<Utc>,
}

impl DeclaredView {
    /// What it does, in words.
    pub fn words(&self) -> String {
        let words = self.effects.iter().map(|effect| match effect {
            Effect::Blackout => "nothing is run",
            Effect::NoAlert => "nobody is called",
            Effect::Exclude => "left out of the SLA",
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// One layer of one partner.
#[derive(Clone, Debug)]
pub struct LayerLine {
    /// Which.
    pub layer: Layer,
    /// The verdict of the last run that had one, and its cause and owner when bad.
    pub last: Option<(LayerVerdict, Option<(&'static str, &'static str)>)>,
    /// Judged runs that count.
    pub events: u64,
    /// Of them, bad.
    pub bad: u64,
}

impl LayerLine {
    /// Good events ÷ events in percent, with the numerator and denominator it rests on.
    pub fn share(&self) -> String {
        if self.events == 0 {
            return "no runs yet".to_owned();
        }
        let good = self.events - self.bad;
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let percent = 100.0 * good as f64 / self.events as f64;
        format!("{percent:.2} % ({good}/{})", self.events)
    }
}

/// One probe.
#[derive(Clone, Debug)]
pub struct ProbeView {
    /// Which.
    pub probe: ProbeId,
    /// The next intended start.
    pub next_due: Option<DateTime<Utc>>,
    /// Whether a disclosure holds it until a person resumes it.
    pub paused: bool,
    /// Runs going on.
    pub in_flight: usize,
    /// Its last run.
    pub last_run: Option<(u64, RunRecord)>,
}
