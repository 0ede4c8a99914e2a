//! The HTTPS client: the only room that calls out.
//!
//! What answers is untrusted. Threats, and where each is met:
//!
//! - a host that nobody named is contacted: [`Access`] decides before each request and each redirect (`access.rs`)
//! - credentials leave for another host: they are bound to scheme, host and port, and never follow a redirect elsewhere
//! - a secret is printed: addresses are kept without credentials from the moment they are read (`address.rs`)
//! - endless or slow data: every body is bounded, and must keep a least pace (`pace.rs`; threats A4, A5)
//! - other bytes than stated: a file enters the cache only after its digest was compared (`download.rs`; threat A13)
//! - a damaged or exchanged cache: what is taken from it is hashed again (`cache.rs`)
#![expect(
    clippy::disallowed_methods,
    reason = "it calls out, keeps a cache on disk, and measures its own time-outs"
)]

mod access;
mod address;
mod authorities;
mod cache;
mod client;
mod download;
mod error;
mod netrc;
mod pace;
mod proxy;
mod transfer;
mod view;

pub use access::{Access, AccessError, PlainHttp};
pub use address::{Address, AddressError};
pub use authorities::{Authorities, has_certificates};
pub use cache::{Cache, CacheError, Kept, Obtained};
pub use client::{Client, Freshness, Limits, Settings};
pub use download::{FetchError, FetchedFile, FileRequest};
pub use error::ClientError;
pub use netrc::Netrc;
pub use proxy::{Proxies, ProxyError};
pub use view::View;
