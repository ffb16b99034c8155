//! Values that cannot be printed: tokens and keys.

mod key;
mod random;
mod text;

pub use key::{
    PublicKey, SigningKey, Unusable, expires_at, read_private_key, read_text, read_trust,
};
pub use random::warm_up;
pub use text::Secret;
