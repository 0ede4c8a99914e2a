//! sealift carries packages across an air gap: it packs artifacts with their publishers' proofs into a signed
//! bundle, and takes a bundle in where there is no network, verifying everything before anything is published.
//!
//! The rooms, in the order of the data:
//!
//! - [`export`]: the sending side, one file per step: select, collect, describe, sign, pack
//! - [`import`]: the receiving side, one file per step: open, authenticate, verify, decide, stage, commit, receipt
//! - [`bundle`]: the bytes of our own format; `bundle-spec/` is its text
//! - [`ecosystem`]: what is particular to pypi, npm, cargo, maven and plain files
//! - [`evidence`]: what outsiders signed about artifacts, judged with no network; one folder a kind
//! - [`trust`]: what a site has pinned: roots, roles, persons, keys
//! - [`policy`]: what a site admits: rules and cases in, decisions out
//! - [`scan`]: this site's malware scanners: which programs they are, and what they said
//! - [`repository`]: the local repository that clients read: tree, generations, lock
//! - [`store`]: objects on disk, named by digest
//! - [`ledger`]: what the enclave remembers: state.db, sequences
//! - [`enclave`]: the enclave's folder as a whole: ledger and repository under one lock
//! - [`log`]: the append-only log of decisions, with its signed checkpoints
//! - [`statement`]: what is signed about the enclave's own records: holds, tombstones, renewals, losses
//! - [`report`]: what an attempt to import came to, as a signed document, and what is rendered from it
//! - [`archive`]: strict, bounded readers of the artifacts' own containers
//! - [`crypto`]: signatures, DSSE, strict JSON: thin layers over libraries
//! - `net`: the HTTPS client, the only room that calls out (feature `export`)
//! - `serve`: the read-only HTTP server (feature `serve`)
//! - [`model`]: nouns that rooms exchange
//! - [`retention`]: how long records are kept, what holds them, and their removal
//! - [`audit`]: an enclave compared with its own log and reports
//! - [`capsule`]: everything that is needed to judge one attempt again, in one file
//! - [`cli`]: talks to people: arguments, output, exit codes

pub mod archive;
pub mod audit;
pub mod bundle;
pub mod capsule;
pub mod cli;
pub mod crypto;
pub mod ecosystem;
pub mod enclave;
pub mod evidence;
#[cfg(feature = "export")]
pub mod export;
pub mod import;
pub mod ledger;
pub mod log;
pub mod model;
#[cfg(feature = "export")]
pub mod net;
pub mod policy;
pub mod report;
pub mod repository;
pub mod retention;
pub mod scan;
#[cfg(feature = "serve")]
pub mod serve;
pub mod statement;
pub mod store;
pub mod trust;
