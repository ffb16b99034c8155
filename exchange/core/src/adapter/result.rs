//! The three shapes of a match result, read into one model.

use exchange_kit::pdex::Bucket;
use serde_json::Value;

use super::dialect::Shape;
use super::references::{Reference, is_id};

/// An answer that is not what it should be; in our words, never the partner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDocument(pub &'static str);

/// A member of a Group in a result.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultMember {
    /// In which bucket.
    pub bucket: Bucket,
    /// The id of the submitted Patient, as the answer has it.
    pub submitted: String,
    /// The id of the submitted Coverage, where several were submitted.
    pub coverage: Option<String>,
    /// The Patient as contained in the answer, if it is.
    pub contained: Option<Value>,
    /// The partner's Patient id, of a match.
    pub patient: Option<String>,
}

/// A match result.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchResult {
    /// The shape in which it came.
    pub shape: Shape,
    /// The Group of matched members.
    pub group: Option<String>,
    /// Everybody who is in it.
    pub found: Vec<ResultMember>,
}

impl MatchResult {
    /// From the Groups of NDJSON files of a partner at `base`.
    ///
    /// # Errors
    /// When one of them is no match Group, or matched members are in more than one.
    pub fn of_groups<'a>(
        shape: Shape,
        groups: impl IntoIterator<Item = &'a Value>,
        base: &str,
    ) -> Result<Self, InvalidDocument> {
        let mut result = Self {
            shape,
            group: None,
            found: Vec::new(),
        };
        for group in groups {
            result.add(group, None, base)?;
        }
        Ok(result)
    }

    /// From a Parameters resource.
    ///
    /// # Errors
    /// The same.
    pub fn of_parameters(
        shape: Shape,
        parameters: &Value,
        base: &str,
    ) -> Result<Self, InvalidDocument> {
        let parts = parameters["parameter"].as_array();
        let mut result = Self {
            shape,
            group: None,
            found: Vec::new(),
        };
        for part in parts.ok_or(InvalidDocument("the Parameters have no parts"))? {
            let bucket = Bucket::ALL
                .into_iter()
                .find(|one| part["name"] == one.part());
            if bucket.is_some() {
                result.add(&part["resource"], bucket, base)?;
            }
        }
        Ok(result)
    }

    fn add(
        &mut self,
        group: &Value,
        named: Option<Bucket>,
        base: &str,
    ) -> Result<(), InvalidDocument> {
        let code = &group["code"]["coding"];
        let coded = Bucket::ALL.into_iter().find(|one| {
            let mut codings = code.as_array().into_iter().flatten();
            codings.any(|coding| coding["code"] == one.code())
        });
        let bucket = coded
            .or(named)
            .ok_or(InvalidDocument("a Group has no known code"))?;
        if group["resourceType"] != "Group"
            || (named.is_some() && coded != named && coded.is_some())
        {
            return Err(InvalidDocument("a Group is not what its place says"));
        }
        if bucket == Bucket::Match {
            let id = group["id"]
                .as_str()
                // It becomes a part of our next request's address.
                .filter(|id| is_id(id))
                .ok_or(InvalidDocument("the Group has no id"))?;
            if self.group.replace(id.to_owned()).is_some() {
                return Err(InvalidDocument(
                    "there is more than one Group of matched members",
                ));
            }
        }
        for member in group["member"].as_array().into_iter().flatten() {
            self.found.push(found(bucket, group, member, base)?);
        }
        Ok(())
    }
}

fn found(
    bucket: Bucket,
    group: &Value,
    member: &Value,
    base: &str,
) -> Result<ResultMember, InvalidDocument> {
    let entity = &member["entity"];
    let own = |name: &str| {
        let mut extensions = entity["extension"].as_array().into_iter().flatten();
        let one = extensions.find(|one| one["url"].as_str().is_some_and(|url| url.ends_with(name)));
        let reference = one.and_then(|one| one["valueReference"]["reference"].as_str());
        reference.map(|reference| reference.trim_start_matches('#').to_owned())
    };
    let reference = entity["reference"].as_str().unwrap_or_default();
    let submitted = own("base-ext-match-parameters")
        .or_else(|| reference.strip_prefix('#').map(str::to_owned))
        .ok_or(InvalidDocument("a member does not say whom it answers"))?;
    let mut contained = group["contained"].as_array().into_iter().flatten();
    let contained =
        contained.find(|one| one["resourceType"] == "Patient" && one["id"] == submitted.as_str());
    let patient = Reference::read(entity, base);
    let patient = patient.own_patient().map(str::to_owned);
    if bucket == Bucket::Match && patient.is_none() {
        return Err(InvalidDocument("a matched member has no Patient"));
    }
    Ok(ResultMember {
        bucket,
        coverage: own("base-ext-match-coverage"),
        contained: contained.cloned(),
        patient: patient.filter(|_| bucket == Bucket::Match),
        submitted,
    })
}
