//! Connections: accepting, TLS, bounds, and the end.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::respond::{Asked, Scheme, Site};

/// Connections at one time: a process may usually open 1,024 files, and a connection holds two.
const MAX_CONNECTIONS: u32 = 400;

/// For the first byte, a TLS handshake, or a request's head: far more than a slow link takes, so that idle connections
/// do not use up [`MAX_CONNECTIONS`].
const HEAD_TIME: Duration = Duration::from_secs(30);

/// What open requests get to end when the server is asked to.
const GRACE_TIME: Duration = Duration::from_secs(10);

/// A pause when the system is out of files or memory, so that the loop does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// hyper's own limit would be 400 KiB; no client sends heads of this size.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// The first byte of a TLS hello (RFC 8446 §5.1: handshake).
const TLS_HELLO: u8 = 0x16;

/// Accepts connections until `stop` is done, then waits for those that are open.
pub(super) async fn accept(
    listener: TcpListener,
    site: Arc<Site>,
    tls: Option<TlsAcceptor>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let (ending, is_ending) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let place = tokio::select! {
            () = &mut stop => break,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => place,
                Err(_) => break,
            },
        };
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let (site, tls, is_ending) = (site.clone(), tls.clone(), is_ending.clone());
        tokio::spawn(async move {
            // What a connection fails with is the client's own affair.
            let _ = converse(stream, site, tls, is_ending).await;
            drop(place);
        });
    }
    drop(listener);
    let _ = ending.send(());
    // All places free: all connections have ended.
    let _ = timeout(GRACE_TIME, places.acquire_many(MAX_CONNECTIONS)).await;
    Ok(())
}

async fn converse(
    stream: TcpStream,
    site: Arc<Site>,
    tls: Option<TlsAcceptor>,
    is_ending: watch::Receiver<()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    match tls {
        Some(tls) => {
            let stream = timeout(HEAD_TIME, tls.accept(stream)).await??;
            exchange(stream, site, local, Scheme::Https, is_ending).await;
        }
        None => {
            // Some clients try TLS first and wait for an answer; the sooner they see the end the sooner they try again without.
            let mut first = [0];
            if timeout(HEAD_TIME, stream.peek(&mut first)).await?? == 1 && first[0] == TLS_HELLO {
                return Ok(());
            }
            exchange(stream, site, local, Scheme::Http, is_ending).await;
        }
    }
    Ok(())
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    site: Arc<Site>,
    local: std::net::SocketAddr,
    scheme: Scheme,
    mut is_ending: watch::Receiver<()>,
) {
    let service = service_fn(|request| {
        let asked = Asked::new(&request, local, scheme);
        let site = site.clone();
        async move {
            // Opening files may wait for a disk.
            tokio::task::spawn_blocking(move || site.respond(&asked))
                .await
                .map_err(io::Error::other)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = is_ending.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
