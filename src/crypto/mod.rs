//! Signatures, DSSE, signed notes, Merkle trees, strict JSON and safe YAML: thin layers over libraries (`bundle-spec/seal.md`).

pub mod agent_key;
pub mod dsse;
pub mod file_key;
pub mod foreign;
pub mod key;
pub mod merkle;
pub(crate) mod note;
pub mod strict_json;
pub mod yaml;
