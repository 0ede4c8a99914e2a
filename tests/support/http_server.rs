//! A small HTTP server on loopback, which can misbehave in every way that a test asks for. It is also a proxy: after
//! `CONNECT` it answers as the host that was asked for, so tests can use any host's name and nobody is contacted.
#![expect(clippy::unwrap_used, reason = "a helper of tests may panic, and then the test fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What was named in `CONNECT`, or the `Host` header.
    pub(crate) host: String,
    pub(crate) is_proxied: bool,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection is closed after so many bytes of the body, though the header promises all.
    pub(crate) cut_after: Option<usize>,
    /// The body comes in pieces of so many bytes with a pause after each.
    pub(crate) trickle: Option<(usize, Duration)>,
}

impl Response {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            cut_after: None,
            trickle: None,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self {
            headers: vec![("location", to.into())],
            ..Self::status(302)
        }
    }

    /// Answers a request for a part of a file as RFC 9110 §14 says, with a strong entity tag.
    pub(crate) fn ranged(request: &Request, body: &[u8], tag: &str) -> Self {
        let mut response = Self::ok(body);
        response.headers.push(("etag", format!("\"{tag}\"")));
        let is_same = request
            .header("if-range")
            .is_none_or(|wanted| wanted == format!("\"{tag}\""));
        if let Some(range) = request.header("range").filter(|_| is_same) {
            let start: usize = range
                .strip_prefix("bytes=")
                .and_then(|range| range.strip_suffix('-'))
                .unwrap()
                .parse()
                .unwrap();
            let total = body.len();
            if start >= total {
                response.status = 416;
                response.body.clear();
                response.headers.push(("content-range", format!("bytes */{total}")));
            } else {
                response.status = 206;
                response.body = body[start..].to_vec();
                let range = format!("bytes {start}-{}/{total}", total - 1);
                response.headers.push(("content-range", range));
            }
        }
        response
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    body_bytes: Mutex<usize>,
}

/// A server that runs until the test's process ends.
#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            body_bytes: Mutex::default(),
        });
        let this = Self {
            shared: Arc::clone(&shared),
            address,
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A client that goes away is part of some tests.
                std::thread::spawn(move || serve(&shared, stream.ok()?));
            }
        });
        this
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }

    /// Bytes of bodies that were sent.
    pub(crate) fn body_bytes(&self) -> usize {
        *self.shared.body_bytes.lock().unwrap()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut connected = None;
    loop {
        let mut request = read_request(&mut reader)?;
        if let Some(target) = request.path.strip_prefix("CONNECT ") {
            connected = Some(target.to_owned());
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
            continue;
        }
        if let Some(target) = &connected {
            request.host.clone_from(target);
            request.is_proxied = true;
        }
        shared.requests.lock().unwrap().push(request.clone());
        let response = (shared.handler)(&request);
        let mut head = format!(
            "HTTP/1.1 {} x\r\ncontent-length: {}\r\n",
            response.status,
            response.body.len()
        );
        for (name, value) in &response.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        let end = response
            .cut_after
            .unwrap_or(response.body.len())
            .min(response.body.len());
        let (piece, pause) = response.trickle.unwrap_or((usize::MAX, Duration::ZERO));
        for part in response.body[..end].chunks(piece.min(1 << 20)) {
            *shared.body_bytes.lock().unwrap() += part.len();
            stream.write_all(part).ok()?;
            stream.flush().ok()?;
            std::thread::sleep(pause);
        }
        if response.cut_after.is_some() {
            return None;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let path = if method == "GET" {
        target.to_owned()
    } else {
        format!("{method} {target}")
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let host = headers
        .iter()
        .find(|(name, _)| name == "host")
        .map(|(_, host)| host.clone());
    Some(Request {
        host: host.unwrap_or_default(),
        is_proxied: false,
        path,
        headers,
    })
}
