//! Where a partner's API and its jobs may be: no token goes to any other origin.

use http::Uri;
use outrider_domain::model::Partner;

use super::template::{absolute, same_origin};

/// Whether a URL is at the partner's own origin.
pub(super) fn is_partner_origin(partner: &Partner, url: &Uri) -> bool {
    absolute(&partner.base_url).is_some_and(|origin| same_origin(&origin, url))
}

/// Whether a partner's jobs may be there.
pub(super) fn may_hold_jobs(partner: &Partner, url: &Uri) -> bool {
    let mut origins = std::iter::once(&partner.base_url).chain(&partner.job_origins);
    origins.any(|origin| absolute(origin).is_some_and(|origin| same_origin(&origin, url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_domain::model::{Auth, AuthKind, Escalation, Limits, PartnerId};

    #[test]
    fn jobs_are_at_home_or_where_the_partners_file_says() {
        let mut partner = Partner {
            id: PartnerId::new("p"),
            name: "P".to_owned(),
            base_url: "https://p.example/fhir".to_owned(),
            environment: "sandbox".to_owned(),
            spec: String::new(),
            region: String::new(),
            auth: Auth {
                client_id: "c".to_owned(),
                kind: AuthKind::TlsClientAuth,
                certificate: None,
            },
            trust: None,
            proxy: None,
            slos: std::collections::BTreeMap::new(),
            slas: Vec::new(),
            escalation: Escalation::default(),
            calendars: Vec::new(),
            limits: Limits::default(),
            job_origins: Vec::new(),
            quirks: std::collections::BTreeSet::new(),
            baseline: None,
        };
        let may = |partner: &Partner, url: &str| may_hold_jobs(partner, &absolute(url).unwrap());
        let elsewhere = "https://jobs.example:8443/1";
        assert!(may(&partner, "https://P.example:443/jobs/1"));
        assert!(!may(&partner, elsewhere));
        partner.job_origins = vec!["https://jobs.example:8443".to_owned()];
        assert!(may(&partner, elsewhere));
        for other in [
            "https://jobs.example/1",
            "http://jobs.example:8443/1",
            "https://more.jobs.example:8443/1",
        ] {
            assert!(!may(&partner, other), "{other}");
        }
    }
}
