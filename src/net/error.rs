//! Why a request did not succeed.

use std::time::Duration;

use super::access::AccessError;
use super::address::{Address, AddressError};
use super::cache::CacheError;
use crate::ecosystem::UpstreamError;

/// A request did not succeed. Addresses are without credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client could not be made.
    #[error("the certificate authorities that were given cannot be read")]
    Certificates,
    /// The address cannot be asked.
    #[error("an upstream's address cannot be used")]
    Address(#[from] AddressError),
    /// The host may not be contacted, or not so.
    #[error("{url} is not contacted")]
    Access {
        /// The address.
        url: String,
        /// Why.
        source: AccessError,
    },
    /// An error status.
    #[error("{url} answered {status}")]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// No connection, or the transfer broke off.
    #[error("{url}: {reason}")]
    Transport {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The connection would not be secure: an unknown certificate authority, another host's certificate.
    #[error("{url} is not securely reached: {reason}")]
    Insecure {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// More bytes than expected.
    #[error("{url} gives more than {max_bytes} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        max_bytes: u64,
    },
    /// The answer is not one to this question.
    #[error("{url}: {reason}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The cache cannot be written.
    #[error("the cache cannot be used")]
    Cache(#[from] CacheError),
}

impl ClientError {
    /// Whether the same request may succeed a little later.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

/// The asked address is repeated only if it can be read, since only then it is known to carry no password.
pub(super) fn to_upstream_error(error: ClientError, asked: &str) -> UpstreamError {
    let asked = || Address::read(asked).map_or_else(|_| "an upstream".to_owned(), |address| address.to_string());
    match error {
        ClientError::Status { url, status, .. } => UpstreamError::Status { url, status },
        ClientError::Transport { url, reason } => UpstreamError::Transport { url, reason },
        ClientError::Insecure { url, reason } => UpstreamError::Transport {
            url,
            reason: format!("it is not securely reached: {reason}"),
        },
        ClientError::Answer { url, reason } => UpstreamError::Malformed {
            url,
            reason: reason.to_owned(),
        },
        ClientError::TooLarge { url, max_bytes } => UpstreamError::Malformed {
            url,
            reason: format!("it is larger than {max_bytes} bytes"),
        },
        ClientError::Access { url, source } => UpstreamError::NotContacted {
            url,
            reason: source.to_string(),
        },
        ClientError::Address(error) => UpstreamError::Transport {
            url: asked(),
            reason: error.to_string(),
        },
        ClientError::Cache(error) => UpstreamError::Transport {
            url: asked(),
            reason: format!("{error}: {}", error.source),
        },
        ClientError::Certificates => UpstreamError::Transport {
            url: asked(),
            reason: ClientError::Certificates.to_string(),
        },
    }
}
