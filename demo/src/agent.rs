//! What Outrider says, over the JSON that everybody else reads too.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use crate::clock::Moment;
use crate::http::HttpClient;
use crate::words::{ByLayer, Count, Layer, Outcome, Owner, Verdict};

/// The most runs in one answer; what is beyond comes with the next question.
const RUNS_MAX: u32 = 1_000;

/// The agent's state: every partner by layer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Overview {
    /// When the agent wrote it, on its own clock.
    pub(crate) at: Moment,
    /// In order of id.
    pub(crate) partners: Vec<PartnerState>,
}

impl Overview {
    /// One probe of one partner.
    pub(crate) fn probe(&self, partner: &str, journey: &str) -> Option<&ProbeState> {
        let partner = self.partners.iter().find(|one| one.partner == partner)?;
        partner.probes.iter().find(|probe| probe.journey == journey)
    }
}

/// One partner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PartnerState {
    /// Its id.
    pub(crate) partner: String,
    /// The three layers in order, all its journeys summed.
    pub(crate) layers: Vec<LayerState>,
    /// Of its longest journey.
    pub(crate) latency: Latency,
    /// In order of journey.
    pub(crate) probes: Vec<ProbeState>,
}

impl PartnerState {
    /// Whether that journey is walked there.
    pub(crate) fn has(&self, journey: &str) -> bool {
        self.probes.iter().any(|probe| probe.journey == journey)
    }
}

/// One layer of a partner.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LayerState {
    /// Which.
    pub(crate) layer: Layer,
    /// The last verdict; none before the first run.
    pub(crate) last: Option<Verdict>,
    /// Why, when it is bad.
    pub(crate) cause: Option<String>,
    /// Whose fault, when it is bad.
    pub(crate) owner: Option<Owner>,
    /// Runs that count.
    pub(crate) events: u64,
    /// Of them, bad.
    pub(crate) bad: u64,
}

/// Milliseconds; none before the first run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50_ms: Option<f64>,
    /// The 99th percentile.
    pub(crate) p99_ms: Option<f64>,
}

/// One probe.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ProbeState {
    /// The journey it walks.
    pub(crate) journey: String,
    /// The next intended start.
    pub(crate) next_due: Option<Moment>,
    /// Whether a disclosure holds it until a person resumes it.
    pub(crate) paused: bool,
    /// Its runs that are going on.
    #[serde(default)]
    pub(crate) in_flight: u32,
}

/// One run, judged.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Run {
    /// Its place in the ledger.
    pub(crate) seq: u64,
    /// Its id.
    pub(crate) run: String,
    /// The partner.
    pub(crate) partner: String,
    /// The journey.
    pub(crate) journey: String,
    /// The member carried.
    pub(crate) member: Option<String>,
    /// When it began, on the agent's clock.
    pub(crate) started_at: Moment,
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// What is said of each layer.
    pub(crate) layers: ByLayer<Verdict>,
    /// What the SLI counts.
    pub(crate) counts: ByLayer<Count>,
    /// Who is blamed; none when it passed.
    pub(crate) blame: Option<Blame>,
}

/// Who is blamed for what.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Blame {
    /// The broken layer; none when it is Outrider's own trouble.
    pub(crate) layer: Option<Layer>,
    /// Why it broke.
    pub(crate) cause: String,
    /// Whose fault.
    pub(crate) owner: Owner,
    /// The same for people.
    pub(crate) summary: String,
    /// The page to open.
    pub(crate) runbook: String,
}

/// The agent.
#[derive(Debug)]
pub(crate) struct Agent {
    client: HttpClient,
    last_seq: u64,
}

impl Agent {
    /// The agent that listens there.
    pub(crate) fn new(client: HttpClient) -> Self {
        Self {
            client,
            last_seq: 0,
        }
    }

    /// Every partner by layer.
    ///
    /// # Errors
    /// When the agent does not answer as agreed.
    pub(crate) fn overview(&self) -> Result<Overview> {
        self.client.get("/v1/partners")
    }

    /// The runs that were recorded since the last question, oldest first.
    ///
    /// # Errors
    /// When the agent does not answer as agreed.
    pub(crate) fn new_runs(&mut self) -> Result<Vec<Run>> {
        #[derive(Deserialize)]
        struct Runs {
            runs: Vec<Run>,
        }
        let path = format!("/v1/runs?after={}&limit={RUNS_MAX}", self.last_seq);
        let runs = self.client.get::<Runs>(&path)?.runs;
        self.last_seq = runs.iter().map(|run| run.seq).fold(self.last_seq, u64::max);
        Ok(runs)
    }

    /// Does what a person does who has looked at a disclosure.
    ///
    /// # Errors
    /// When the agent does not answer, or the journey is not paused.
    pub(crate) fn resume(&self, partner: &str, journey: &str) -> Result<()> {
        let who = json!({
            "partner": partner,
            "journey": journey,
            "by": "demo",
            "note": "the demo plays the person who has looked at the disclosure",
        });
        self.client
            .send("POST", "/v1/resume", Some(&who))
            .map(drop)
            .with_context(|| format!("could not resume {journey} of {partner}"))
    }
}
