//! What went wrong: clocks that ran over, files that could not be read, partners that were away.

use prometheus::{HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts};

use super::page::{BOUNDS, BY, Page, ours, seconds};
use crate::clocks::Sla;
use crate::store::StoreError;

impl Page<'_> {
    pub(super) fn trouble(&self) -> Result<(), StoreError> {
        self.breaches()?;
        self.payloads()?;
        self.drifts()?;
        self.recoveries()?;
        self.trail()?;
        self.partners()
    }

    fn breaches(&self) -> Result<(), StoreError> {
        let breaches = self.counter(
            "exchange_sla_breaches_total",
            "Clocks of settled exchanges that ran over.",
            &[("clock", &Sla::ALL.map(Sla::name))],
        )?;
        let pace = self.core.pace;
        self.core.store.each_with_outcome(|exchange| {
            let metadata = &exchange.metadata;
            for clock in pace.breaches(exchange) {
                let values = [
                    metadata.source_payer.as_str(),
                    &metadata.target_payer,
                    metadata.trigger.name(),
                    metadata.cohort.name(),
                    metadata.traffic.name(),
                    clock.name(),
                ];
                breaches.with_label_values(&values).inc();
            }
        })
    }

    fn payloads(&self) -> Result<(), StoreError> {
        let failures = self.counter(
            "exchange_payload_failures_total",
            "Files with a line that cannot be read, or with fewer lines than were announced.",
            &[("what", &["unreadable", "short"])],
        )?;
        for what in ["unreadable", "short"] {
            // Records of an earlier edition have no such count.
            let sum = format!("coalesce(sum(json_extract(data,'$.{what}_files')), 0)");
            let sql = format!("SELECT {BY}, '{what}', {sum} FROM exchange GROUP BY {BY}");
            self.count(&failures, &sql)?;
        }
        Ok(())
    }

    fn drifts(&self) -> Result<(), StoreError> {
        let drifts = self.counter(
            "exchange_drifts_total",
            "Manifests and waits that are not what the partner's adapter knows.",
            &[],
        )?;
        // Records of an earlier edition have no such count.
        let sum = "coalesce(sum(json_extract(data,'$.drifts')), 0)";
        let sql = format!("SELECT {BY}, {sum} FROM exchange GROUP BY {BY}");
        self.count(&drifts, &sql)
    }

    fn recoveries(&self) -> Result<(), StoreError> {
        let opts = HistogramOpts::new(
            "exchange_recovery_seconds",
            "How long a partner was away: from the first call that found it so to the next good answer.",
        )
        .buckets(BOUNDS.to_vec());
        let recoveries = HistogramVec::new(opts, &["target"]).map_err(ours)?;
        for target in self.core.clients.keys() {
            recoveries.with_label_values(&[target]);
        }
        for (words, millis) in self.core.store.absences()? {
            let values: Vec<&str> = words.iter().map(String::as_str).collect();
            recoveries
                .with_label_values(&values)
                .observe(seconds(millis));
        }
        self.registry.register(Box::new(recoveries)).map_err(ours)
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
