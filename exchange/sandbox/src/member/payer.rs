//! The responding payers that can be served, one for each persona.

use crate::persona::Persona;

/// A responding payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payer {
    /// Short id, also the first segment of its URLs.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// National Provider Identifier.
    pub npi: &'static str,
    /// Where it runs.
    pub region: &'static str,
    /// How it behaves.
    pub persona: Persona,
}

impl Payer {
    /// The payers that can be served, in the order of their personas.
    pub const ALL: [Self; 9] = [
        Self {
            id: "keystone",
            name: "Keystone Health Plan",
            npi: "1888888884",
            region: "us-east",
            persona: Persona::Strict22,
        },
        Self {
            id: "cedarway",
            name: "Cedarway Health",
            npi: "1222222220",
            region: "us-south",
            persona: Persona::Legacy21,
        },
        Self {
            id: "lakeside",
            name: "Lakeside Mutual",
            npi: "1555555550",
            region: "us-central",
            persona: Persona::Dual,
        },
        Self {
            id: "brightwater",
            name: "Brightwater Assurance",
            npi: "1333333338",
            region: "us-west",
            persona: Persona::Direct,
        },
        Self {
            id: "northfield",
            name: "Northfield Benefit Trust",
            npi: "1444444446",
            region: "us-central",
            persona: Persona::Payerbox,
        },
        Self {
            id: "juniper",
            name: "Juniper Community Plan",
            npi: "1666666668",
            region: "us-west",
            persona: Persona::Hapi,
        },
        Self {
            id: "stonebridge",
            name: "Stonebridge Care",
            npi: "1777777776",
            region: "us-east",
            persona: Persona::Onejob,
        },
        Self {
            id: "tidewater",
            name: "Tidewater Cooperative",
            npi: "1234567893",
            region: "us-south",
            persona: Persona::Redirecting,
        },
        Self {
            id: "marigold",
            name: "Marigold Insurance",
            npi: "1357913577",
            region: "us-central",
            persona: Persona::Absurd,
        },
    ];

    /// The payer with that id.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|payer| payer.id == id)
    }

    /// An identifier system of this payer's, e.g. `https://keystone.example/umb`.
    pub fn system(&self, kind: &str) -> String {
        format!("https://{}.example/{kind}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::REQUESTER_NPI;

    /// The check digit of an NPI: Luhn over the prefix 80840 and the ten digits.
    fn luhn(npi: &str) -> bool {
        let digits: Vec<u32> = "80840"
            .chars()
            .chain(npi.chars())
            .filter_map(|c| c.to_digit(10))
            .collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| match (place % 2, digit * 2) {
                (0, _) => *digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            })
            .sum();
        digits.len() == 15 && sum.is_multiple_of(10)
    }

    #[test]
    fn npis_have_their_check_digit_and_differ() {
        assert!(luhn(REQUESTER_NPI));
        let mut npis: Vec<&str> = Payer::ALL.iter().map(|payer| payer.npi).collect();
        assert!(npis.iter().all(|npi| luhn(npi)));
        npis.sort_unstable();
        npis.dedup();
        assert_eq!(npis.len(), Payer::ALL.len());
    }

    #[test]
    fn each_persona_has_its_payer() {
        assert_eq!(Payer::ALL.map(|payer| payer.persona), Persona::ALL);
    }
}
