//! Questions about the record of one probe.

use outrider_domain::model::ProbeId;

use super::file::{Ledger, LedgerError};

impl Ledger {
    /// How many runs of a probe are recorded.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn run_count(&self, probe: &ProbeId) -> Result<u64, LedgerError> {
        let sql = "SELECT count(*) FROM runs WHERE partner = ?1 AND journey = ?2";
        let of = [probe.partner.as_str(), probe.journey.as_str()];
        let count = self.connection.query_row(sql, of, |row| row.get(0));
        count.map_err(|why| self.failed(&why))
    }
}
