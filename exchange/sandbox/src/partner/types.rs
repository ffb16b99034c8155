//! The resource types that an answer can hold.

/// All of them, in order.
pub(crate) const ALL: [&str; 25] = [
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Condition",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "ExplanationOfBenefit",
    "Goal",
    "Immunization",
    "Location",
    "Medication",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "RelatedPerson",
    "ServiceRequest",
];

/// The type of that name, if there is one.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    ALL.into_iter().find(|kind| *kind == name)
}
