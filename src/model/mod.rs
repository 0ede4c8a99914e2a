//! Nouns that rooms exchange, as plain data. This room names no other.

mod anchor;
mod artifact;
mod claim;
mod code;
mod content;
mod custody;
mod delta;
mod difference;
mod digest;
mod finding;
mod identity;
mod log;
mod part;
mod path;
mod printable;
mod stop;
mod timestamp;
mod upstream;

pub use anchor::{Anchor, Material, ScopePattern, SpeaksFor};
pub use artifact::{Artifact, Document, Name, Proof, ProofState, bundle_label};
pub use claim::{Algorithm, Claim, ClaimError, ClaimHasher, MultiHasher, Unsatisfied};
pub use code::{Code, Family};
pub use content::{Content, Remembering};
pub use custody::CustodyEvent;
pub use delta::{BaseSource, delta_words};
pub use difference::{Difference, How};
pub use digest::{Digest, DigestError, Hasher};
pub use finding::{
    Doubt, Fault, Finding, Level, LogEntry, LogProof, Outcome, SignedAt, Signer, TimeSource, key_id, names_key,
    plain_fingerprint,
};
pub use identity::{Differs, IDENTITY_FIELDS, Identity, IdentityPattern, PatternError, segment_glob};
pub use log::LogState;
pub use part::Part;
pub use path::{RelativePath, UnsafeName};
pub use printable::{escaped, escaped_json, is_printable};
pub use stop::{Refusal, Stop, Unable};
pub use timestamp::{Timestamp, TimestampError};
pub use upstream::{Order, SeenState, UpstreamState};
