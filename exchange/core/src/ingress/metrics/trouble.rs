//! What went wrong: clocks that ran over, files that could not be read, partners that were away.

use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts};

use super::page::{Page, ours};
use crate::clocks::Sla;
use crate::store::{RECOVERY, StoreError};

impl Page<'_> {
    pub(super) fn trouble(&self) -> Result<(), StoreError> {
        self.counter(
            "exchange_sla_breaches_total",
            "Clocks of settled exchanges that ran over.",
            &[("clock", &Sla::ALL.map(Sla::name))],
        )?;
        self.counter(
            "exchange_payload_failures_total",
            "Files with a line that cannot be read, or with fewer lines than were announced.",
            &[("what", &["unreadable", "short"])],
        )?;
        self.counter(
            "exchange_drifts_total",
            "Manifests and waits that are not what the partner's adapter knows.",
            &[],
        )?;
        self.trail()?;
        self.partners()
    }

    /// Requests over a limit. They are counted in memory: a write for each would be of use to a flood.
    pub(super) fn over_rate(&self, counts: [(&'static str, u64); 2]) -> Result<(), StoreError> {
        let opts = Opts::new(
            "exchange_rate_limited_total",
            "Requests that were refused because their client sent too many within a minute, since the start.",
        );
        let counter = IntCounterVec::new(opts, &["limit"]).map_err(ours)?;
        for (limit, count) in counts {
            counter.with_label_values(&[limit]).inc_by(count);
        }
        self.registry.register(Box::new(counter)).map_err(ours)
    }

    pub(super) fn recoveries(&self) -> Result<MetricFamily, StoreError> {
        let help = "How long a partner was away: from the first call that found it so to the next good answer.";
        let targets = self.core.clients.keys().map(|id| vec![id.clone()]);
        self.histogram(RECOVERY, help, &["target"], targets.collect())
    }

    /// Whether the audit trail may be continued, and how far it goes.
    fn trail(&self) -> Result<(), StoreError> {
        let is_broken = self.core.store.broken_trail()?.is_some();
        for (name, help, value) in [
            (
                "exchange_audit_trail_broken",
                "1 when the end of the audit trail is not the sealed one: nothing is written any more.",
                u64::from(is_broken),
            ),
            (
                "exchange_audit_head_number",
                "The number of the newest head of the audit trail; it never goes back.",
                self.core.store.newest_head().head.number,
            ),
        ] {
            let gauge = IntGauge::with_opts(Opts::new(name, help)).map_err(ours)?;
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            self.registry.register(Box::new(gauge)).map_err(ours)?;
        }
        Ok(())
    }

    /// Which adapter a target has, so that a query can join its version to any other number.
    fn partners(&self) -> Result<(), StoreError> {
        let opts = Opts::new(
            "exchange_partner_info",
            "The adapter of a partner, and its version.",
        );
        let info = IntGaugeVec::new(opts, &["target", "adapter", "version"]).map_err(ours)?;
        for (target, client) in &self.core.clients {
            let dialect = &client.partner.dialect;
            info.with_label_values(&[target, dialect.name, dialect.version])
                .set(1);
        }
        self.registry.register(Box::new(info)).map_err(ours)
    }
}
