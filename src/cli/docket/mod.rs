//! `outrider incident`, `exclusion`, `dispute`: what people record of a partner. A running agent adds it to its ledger;
//! where none runs, the command does.

mod desk;
mod dispute;
mod exclusion;
mod incident;

pub(super) use desk::{EntryArguments, RecordRoute};
pub(super) use dispute::DisputeCommand;
pub(super) use exclusion::ExclusionCommand;
pub(super) use incident::IncidentCommand;
