//! Nouns that rooms exchange, as plain data. This room names no other.

mod artifact;
mod claim;
mod code;
mod digest;
mod path;
mod stop;
mod timestamp;

pub use artifact::{Artifact, Document, Name, Proof, ProofState, bundle_label};
pub use claim::{Algorithm, Claim, ClaimError, MultiHasher, Unsatisfied};
pub use code::Code;
pub use digest::{Digest, DigestError, Hasher};
pub use path::{RelativePath, UnsafeName};
pub use stop::{Refusal, Stop, Unable};
pub use timestamp::{Timestamp, TimestampError};
