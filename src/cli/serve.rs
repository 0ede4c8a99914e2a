//! `sealift serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Context, Exit};
use crate::model::{Stop, Unable};
use crate::serve::{AllowedHost, Options, ServeError, Server, TlsFiles, asked_to_end};

/// Where and how to serve.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
    /// The address to listen on; port 0 chooses a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7878")]
    listen: SocketAddr,
    /// A name under which clients may ask, besides the address itself; may be repeated
    #[arg(long, value_name = "NAME[:PORT]")]
    host: Vec<AllowedHost>,
    /// The server's certificate chain, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM without a passphrase
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Serves until the process is asked to end.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: read(certificate)?,
            key: read(key)?,
        }),
        _ => None,
    };
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        context
            .output
            .warn("plain HTTP beyond this machine: who is on the network can change what clients get (see --tls-cert)");
    }
    let options = Options {
        listen: arguments.listen,
        hosts: arguments.host.clone(),
        tls,
    };
    let server = Server::bind(&arguments.enclave, options).map_err(unable)?;
    // One line in either form: whoever started this program waits for it.
    context.output.answer(&if context.output.wants_json() {
        json!({ "schema": "sealift-serve/1", "url": server.url(), "address": server.address() }).to_string()
    } else {
        format!("serving {}", server.url())
    });
    server.run(asked_to_end()).map_err(unable)?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    std::fs::read(path).map_err(|error| {
        Unable::new(format!("cannot read {}", path.display()))
            .because(error)
            .into()
    })
}

fn unable(error: ServeError) -> Stop {
    let unable = match &error {
        ServeError::NoRepository { .. } => {
            Unable::new(error.to_string()).hint("give the enclave's folder with `--enclave`")
        }
        _ => {
            let what = error.to_string();
            match std::error::Error::source(&error) {
                Some(_) => Unable::new(what).because(error),
                None => Unable::new(what),
            }
        }
    };
    unable.into()
}
