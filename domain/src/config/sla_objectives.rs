//! Agreements against the rest of their file: each promise of the partner needs the objective that counts its runs.

use super::partner::PartnerFile;
use super::reading::Reading;
use crate::model::{Debtor, Sla};

impl Reading {
    /// The agreements of a file; each promise of the partner needs the objective that counts its runs.
    pub(super) fn slas(&mut self, file: &PartnerFile) -> Vec<Sla> {
        for entry in &file.slas {
            for (promise, place) in entry.sla.promises.iter().zip(&entry.places) {
                if entry.sla.owes == Debtor::Partner && !file.slos.contains_key(&promise.of) {
                    let what = format!("nothing counts the runs of \"{}\"", promise.of);
                    let help = format!("add [slo.{}] with its journeys", promise.of);
                    self.report(file, place, what, help);
                }
            }
        }
        file.slas.iter().map(|entry| entry.sla.clone()).collect()
    }
}
