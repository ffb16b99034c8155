//! Values that cannot be printed: tokens and keys.

mod bundle;
mod command;
mod hash_key;
mod key;
mod random;
mod source;
mod text;
mod token;
mod unusable;

pub use bundle::{
    ChainFault, chain_faults, names_host_as_authority, read_bundle, read_chain, unusable_trust,
};
pub use hash_key::{HashKey, ValueHash};
pub use key::{
    EarliestEnd, PublicKey, SigningKey, earliest_end, expires_at, read_private_key, read_text,
    read_trust, validity,
};
pub use random::warm_up;
pub use source::SecretRef;
pub use text::Secret;
pub use token::{is_same_hash, keep_token, new_token, token_hash};
pub use unusable::Unusable;
