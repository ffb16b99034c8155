//! `--overlay FILE`: base URLs, trust and key paths and listeners, nothing else. Demo and tests
//! write it from the ready line of the exchange.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::complaint::{Complaints, Source, nearest};
use super::tree::Table;
use crate::model::{PartnerId, Plan, SecretRef};

/// What an overlay sets.
pub(super) struct Overlay {
    listen: Option<std::net::SocketAddr>,
    partners: Vec<PartnerOverlay>,
}

struct PartnerOverlay {
    id: String,
    place: Range<usize>,
    base_url: Option<String>,
    trust: Option<PathBuf>,
    key: Option<PathBuf>,
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> Overlay {
    let listen = root.has("listen").then(|| super::settings::listen(root));
    let partners = root.named_tables("partner").into_iter().map(|(id, table)| {
        let overlay = PartnerOverlay {
            id,
            place: table.place(),
            base_url: table
                .has("base_url")
                .then(|| super::partner::base_url(&table))
                .flatten(),
            trust: table.text("trust").map(|placed| folder.join(placed.value)),
            key: table.text("key").map(|placed| folder.join(placed.value)),
        };
        table.close();
        overlay
    });
    Overlay {
        listen,
        partners: partners.collect(),
    }
}

impl Overlay {
    /// Lays it over the plan.
    pub(super) fn apply(
        self,
        plan: &mut Plan,
        source: &Arc<Source>,
        unread: &super::Unread,
        complaints: &mut Complaints,
    ) {
        if let Some(listen) = self.listen {
            plan.settings.listen = listen;
        }
        for overlay in self.partners {
            let Some(partner) = plan.partners.get_mut(&PartnerId::new(overlay.id.as_str())) else {
                if unread.holds(&overlay.id) {
                    continue;
                }
                let known: Vec<_> = plan.partners.keys().map(PartnerId::as_str).collect();
                let cure = match nearest(&overlay.id, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("partners: {}", known.join(", ")),
                };
                complaints.add(
                    source,
                    Some(overlay.place),
                    format!("no partner \"{}\"", overlay.id),
                    cure,
                );
                continue;
            };
            if let Some(base_url) = overlay.base_url {
                partner.base_url = base_url;
            }
            if overlay.trust.is_some() {
                partner.trust = overlay.trust;
            }
            if let Some(key) = overlay.key {
                partner.auth.key = SecretRef::File(key);
            }
        }
    }
}
