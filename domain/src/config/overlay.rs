//! `--overlay FILE`: base URLs, trust and key paths and listeners, nothing else. Demo and tests
//! write it from the ready line of the exchange.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostics, SourceFile, nearest};
use super::sources::UnreadFiles;
use super::tree::Table;
use crate::model::{Alerting, AuthKind, ClientCertificate, PartnerId, Plan};
use crate::secret::SecretRef;

/// What an overlay sets.
pub(super) struct Overlay {
    listen: Option<(std::net::SocketAddr, Range<usize>)>,
    credentials_file: Option<String>,
    portal: Option<String>,
    alerting: Option<Alerting>,
    partners: Vec<PartnerOverlay>,
}

struct PartnerOverlay {
    id: String,
    place: Range<usize>,
    base_url: Option<String>,
    trust: Option<PathBuf>,
    key: Option<PathBuf>,
    certificate: Option<PathBuf>,
    certificate_key: Option<PathBuf>,
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> Overlay {
    let listen = root.has("listen").then(|| {
        let place = super::settings::listen_place(root);
        (super::settings::listen(root), place)
    });
    let credentials_file = root.table("access").and_then(|table| {
        let file = super::access::credentials_file(&table);
        table.close();
        file
    });
    let portal = super::settings::portal(root);
    let alerting = root
        .table("alerting")
        .map(|table| super::alerting::alerting(&table));
    let path = |table: &Table<'_>, key| table.text(key).map(|spanned| folder.join(spanned.value));
    let partners = root.named_tables("partner").into_iter().map(|(id, table)| {
        let overlay = PartnerOverlay {
            id,
            place: table.place(),
            base_url: table
                .has("base_url")
                .then(|| super::partner::base_url(&table))
                .flatten(),
            trust: path(&table, "trust"),
            key: path(&table, "key"),
            certificate: path(&table, "certificate"),
            certificate_key: path(&table, "certificate_key"),
        };
        table.close();
        overlay
    });
    Overlay {
        listen,
        credentials_file,
        portal,
        alerting,
        partners: partners.collect(),
    }
}

impl Overlay {
    /// Where it sets the listener; none where it does not.
    pub(super) fn listen_place(&self) -> Option<Range<usize>> {
        self.listen.as_ref().map(|(_, place)| place.clone())
    }

    /// Lays it over the plan.
    pub(super) fn apply(
        self,
        plan: &mut Plan,
        source: &Arc<SourceFile>,
        unread: &UnreadFiles,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some((listen, _)) = self.listen {
            plan.settings.listen = listen;
        }
        if self.credentials_file.is_some() {
            plan.settings.access.credentials_file = self.credentials_file;
        }
        if self.portal.is_some() {
            plan.settings.portal = self.portal;
        }
        if let Some(over) = self.alerting {
            let under = std::mem::take(&mut plan.settings.alerting);
            plan.settings.alerting = Alerting {
                alertmanager: over.alertmanager.or(under.alertmanager),
                page: over.page.or(under.page),
                ticket: over.ticket.or(under.ticket),
                heartbeat: over.heartbeat.or(under.heartbeat),
                grafana: over.grafana.or(under.grafana),
                business_hours: over.business_hours.or(under.business_hours),
                smtp: over.smtp.or(under.smtp),
                retired_agents: [over.retired_agents, under.retired_agents].concat(),
            };
        }
        for overlay in self.partners {
            let Some(partner) = plan.partners.get_mut(&PartnerId::new(overlay.id.as_str())) else {
                if unread.holds(&overlay.id) {
                    continue;
                }
                let known: Vec<_> = plan.partners.keys().map(PartnerId::as_str).collect();
                let help = match nearest(&overlay.id, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("partners: {}", known.join(", ")),
                };
                diagnostics.add(
                    source,
                    Some(overlay.place),
                    format!("no partner \"{}\"", overlay.id),
                    help,
                );
                continue;
            };
            if let Some(base_url) = overlay.base_url {
                partner.base_url = base_url;
            }
            if overlay.trust.is_some() {
                partner.trust = overlay.trust;
            }
            if let Some(path) = overlay.key {
                match &mut partner.auth.kind {
                    AuthKind::PrivateKeyJwt { key: own, .. } => *own = SecretRef::File(path),
                    AuthKind::ClientSecretBasic { .. }
                    | AuthKind::ClientSecretPost { .. }
                    | AuthKind::TlsClientAuth
                    | AuthKind::None
                    | AuthKind::Bearer { .. } => diagnostics.add(
                        source,
                        Some(overlay.place.clone()),
                        format!("\"{}\" signs in without a key", overlay.id),
                        "take `key` away",
                    ),
                }
            }
            let shown = overlay.certificate.zip(overlay.certificate_key);
            if let Some((chain, key)) = shown {
                let key = SecretRef::File(key);
                partner.auth.certificate = Some(ClientCertificate { chain, key });
            }
        }
    }
}
