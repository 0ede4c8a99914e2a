//! The read-only HTTP server of an enclave: cargo's sparse index, Python's simple index, the npm registry and plain files,
//! from the current generation.
//!
//! Threats, and what stands against each:
//! - paths that lead out of the repository: one percent-decoding, then only [`RelativePath`](crate::model::RelativePath)s below
//!   one ecosystem's folder; folders are never listed (`route`);
//! - another web site in a browser that reads this server, or a forged `Host` that ends in a client's lock file: `Host` must
//!   be the address of the connection or a name given on the command line (`host`);
//! - a browser that runs what a package contains: `nosniff`, a closed content policy, and attachments (`respond`);
//! - clients that hold connections: bounded in number and in the time for a request's head (`connection`);
//! - writing: no method but GET and HEAD does anything, and the server opens files for reading only.
//!
//! A switch of generations needs no restart: each request reads through the current one, and a file that is being sent
//! stays what it was.
#![expect(clippy::disallowed_methods, reason = "it listens, and serves files from disk")]

mod body;
mod connection;
mod host;
mod negotiate;
mod respond;
mod route;
mod simple;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use host::{AllowedHost, HostError};
pub use tls::TlsError;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Names, besides the address itself, under which clients may ask.
    pub hosts: Vec<AllowedHost>,
    /// The certificate chain and its key; `None` serves plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// A certificate chain and its private key, as PEM.
#[derive(Clone)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: Vec<u8>,
    /// The key, unencrypted.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsFiles")
    }
}

/// The server cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error("cannot use the certificate and key")]
    Tls(#[from] TlsError),
    /// The system gave no threads.
    #[error("cannot start the server's threads")]
    Runtime(#[source] io::Error),
    /// The folder is not an enclave's.
    #[error("there is no repository in {folder}")]
    NoRepository {
        /// The enclave's folder.
        folder: PathBuf,
    },
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<respond::Site>,
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Server {
    /// Binds the address. `folder` is the enclave's.
    pub fn bind(folder: &Path, options: Options) -> Result<Self, ServeError> {
        if !folder.join("repository").is_dir() {
            return Err(ServeError::NoRepository {
                folder: folder.to_owned(),
            });
        }
        let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let failed = |source| ServeError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            site: Arc::new(respond::Site::new(folder, options.hosts)),
            tls,
        })
    }

    /// The address that clients can reach from here on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers until `stop` is done, then lets open requests end.
    pub fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let address = self.address;
        let result = runtime.block_on(connection::accept(self.listener, self.site, self.tls, stop));
        // A read of a slow disk may outlast the grace period; the process ends without it.
        runtime.shutdown_background();
        result.map_err(|source| ServeError::Listen { address, source })
    }
}

/// Is done when the process is asked to end (SIGTERM, or SIGINT from a terminal).
pub async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}
