//! Signatures, DSSE and strict JSON: thin layers over libraries.

pub mod yaml;
