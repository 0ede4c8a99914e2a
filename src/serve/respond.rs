//! From a request's head to an answer. Blocking, and without a socket.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::body::AnswerBody;
use super::host::{AllowedHost, is_allowed};
use super::negotiate::{Form, choose};
use super::route::{Content, Route, route};
use super::simple::RootPages;
use crate::model::{Digest, RelativePath};

/// A packument is made for the host that asks, so it is read whole. The largest public ones have some 50 MiB in their
/// full form with all versions; an enclave lists only what it carries.
const MAX_PACKUMENT_BYTES: u64 = 64 << 20;

/// Files up to this size are read at once, without going back to the disk's threads.
const AT_ONCE_BYTES: u64 = 64 << 10;

/// Where a stored packument wants the registry's URL.
const REGISTRY: &[u8] = b"{{registry}}";

/// For what changes with generations: ask each time, and mostly get "not modified".
const REVALIDATE: &str = "no-cache";

/// For artifacts: a version never changes its bytes. A day, so that a rolled-back artifact leaves caches too.
const KEEP: &str = "max-age=86400, immutable";

/// How the client asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A request without its body, which is never read.
#[derive(Debug)]
pub(super) struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    local: SocketAddr,
    scheme: Scheme,
}

impl Asked {
    pub(super) fn new<B>(request: &Request<B>, local: SocketAddr, scheme: Scheme) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
            local,
            scheme,
        }
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is served.
#[derive(Debug)]
pub(super) struct Site {
    folder: PathBuf,
    hosts: Vec<AllowedHost>,
    root_pages: RootPages,
}

impl Site {
    pub(super) fn new(folder: &Path, hosts: Vec<AllowedHost>) -> Self {
        Self {
            folder: folder.to_owned(),
            hosts,
            root_pages: RootPages::default(),
        }
    }

    /// Answers one request.
    pub(super) fn respond(&self, asked: &Asked) -> Response<AnswerBody> {
        let mut response = self.answer(asked);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'; sandbox",
            ),
            (header::REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if asked.method == Method::HEAD {
            *response.body_mut() = AnswerBody::empty();
        }
        response
    }

    fn answer(&self, asked: &Asked) -> Response<AnswerBody> {
        // HTTP/1.1 has exactly one Host (RFC 9112 §3.2); older clients that send none cannot be served.
        let mut hosts = asked.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
            return plain(StatusCode::BAD_REQUEST, "one Host header is needed");
        };
        if !is_allowed(host, asked.local, asked.scheme.port(), &self.hosts) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "this server does not answer under that host; `sealift serve --host NAME` allows a name",
            );
        }
        match asked.method {
            Method::GET | Method::HEAD => {}
            // npm posts its audit query and goes on after a 404.
            Method::POST => return plain(StatusCode::NOT_FOUND, "there is nothing to post to"),
            _ => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "this server is read-only");
                response
                    .headers_mut()
                    .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                return response;
            }
        }
        let base = format!("{}://{host}", asked.scheme.name());
        let result = match route(&asked.path) {
            Route::Bad => return plain(StatusCode::BAD_REQUEST, "the path cannot be read"),
            Route::Unknown => return not_found(),
            Route::Redirect(to) => return redirect(&to),
            Route::NpmPing => Ok(made(asked, "application/json", b"{}".to_vec())),
            Route::CargoConfig => {
                let config = serde_json::json!({ "dl": format!("{base}/cargo/crates/{{crate}}-{{version}}.crate") });
                Ok(made(asked, "application/json", config.to_string().into_bytes()))
            }
            Route::SimpleRoot => self.simple_root(asked),
            Route::SimplePage(name) => self.simple_page(asked, &name),
            Route::Packument(path) => self.packument(asked, &path, &format!("{base}/npm")),
            Route::File(path, content) => self.file(asked, &path, content),
        };
        match result {
            Ok(response) => response,
            Err(error) => match error.kind() {
                // Also a name that is longer than the file system has any.
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => not_found(),
                _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read"),
            },
        }
    }

    /// Opens a plain file of the façade.
    fn open(&self, path: &RelativePath) -> io::Result<(File, std::fs::Metadata)> {
        let file = File::open(path.under(&self.folder.join("repository")))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((file, metadata))
    }

    fn file(&self, asked: &Asked, path: &RelativePath, content: Content) -> io::Result<Response<AnswerBody>> {
        let (file, metadata) = self.open(path)?;
        let (media_type, cache) = match content {
            Content::Page(media_type) => (media_type, REVALIDATE),
            Content::Artifact(media_type) => (media_type, KEEP),
        };
        let mut response = send_file(asked, file, &metadata, media_type, cache)?;
        if path.as_str().starts_with("files/") {
            response
                .headers_mut()
                .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        }
        Ok(response)
    }

    fn simple_root(&self, asked: &Asked) -> io::Result<Response<AnswerBody>> {
        let Some(form) = choose(asked.header(header::ACCEPT)) else {
            return Ok(not_acceptable());
        };
        let page = self.root_pages.page(&self.folder, form)?;
        Ok(varying(made(asked, form.media_type(), page.to_vec())))
    }

    fn simple_page(&self, asked: &Asked, name: &str) -> io::Result<Response<AnswerBody>> {
        let Some(form) = choose(asked.header(header::ACCEPT)) else {
            return Ok(not_acceptable());
        };
        let file = match form {
            Form::JsonV1 => "index.json",
            Form::Html | Form::HtmlV1 => "index.html",
        };
        let Ok(path) = RelativePath::new(format!("pypi/simple/{name}/{file}")) else {
            return Ok(not_found());
        };
        let (file, metadata) = self.open(&path)?;
        Ok(varying(send_file(
            asked,
            file,
            &metadata,
            form.media_type(),
            REVALIDATE,
        )?))
    }

    fn packument(&self, asked: &Asked, path: &RelativePath, registry: &str) -> io::Result<Response<AnswerBody>> {
        let (file, metadata) = self.open(path)?;
        let mut stored = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_PACKUMENT_BYTES)).unwrap_or(0));
        file.take(MAX_PACKUMENT_BYTES + 1).read_to_end(&mut stored)?;
        if stored.len() as u64 > MAX_PACKUMENT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // The host has passed `is_allowed`, so nothing in it could end a JSON string.
        Ok(made(
            asked,
            "application/json",
            replace(&stored, REGISTRY, registry.as_bytes()),
        ))
    }
}

/// Replaces every occurrence of a pattern.
fn replace(bytes: &[u8], pattern: &[u8], by: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len() + 1024);
    let mut rest = bytes;
    while let Some(at) = find(rest, pattern) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(by);
        rest = &rest[at + pattern.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// An answer made for this request.
fn made(asked: &Asked, media_type: &'static str, bytes: Vec<u8>) -> Response<AnswerBody> {
    let tag = format!("\"{}\"", &Digest::of(&bytes).hex()[..32]);
    if is_known(asked, &tag) {
        return not_modified(&tag, REVALIDATE);
    }
    let length = bytes.len() as u64;
    let mut response = Response::new(AnswerBody::bytes(bytes));
    describe(response.headers_mut(), media_type, REVALIDATE, &tag, length);
    response
}

/// An answer from a file, or a part of it.
fn send_file(
    asked: &Asked,
    mut file: File,
    metadata: &std::fs::Metadata,
    media_type: &'static str,
    cache: &'static str,
) -> io::Result<Response<AnswerBody>> {
    // Objects are never written again, so inode, size and time name the content.
    let size = metadata.len();
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    let tag = format!("\"{:x}-{size:x}-{nanoseconds:x}\"", metadata.ino());
    if is_known(asked, &tag) {
        return Ok(not_modified(&tag, cache));
    }
    let (status, first, length) = match range(asked, &tag, size) {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Of(first, length) => (StatusCode::PARTIAL_CONTENT, first, length),
        Part::None => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such range");
            insert(
                response.headers_mut(),
                header::CONTENT_RANGE,
                &format!("bytes */{size}"),
            );
            return Ok(response);
        }
    };
    let body = if asked.method == Method::HEAD {
        AnswerBody::empty()
    } else {
        if first > 0 {
            file.seek(SeekFrom::Start(first))?;
        }
        if length <= AT_ONCE_BYTES {
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.read_exact(&mut bytes)?;
            AnswerBody::bytes(bytes)
        } else {
            AnswerBody::File {
                file: tokio::fs::File::from_std(file),
                left: length,
            }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    describe(headers, media_type, cache, &tag, length);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + length - 1;
        insert(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
    }
    Ok(response)
}

/// Which part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Of(u64, u64),
    None,
}

/// RFC 9110 §14.2: one range of bytes. Several ranges, other units and what cannot be read are answered with the whole.
fn range(asked: &Asked, tag: &str, size: u64) -> Part {
    if asked.method != Method::GET {
        return Part::Whole;
    }
    // If-Range (§13.1.5): the part only of the very file that the client has begun with.
    if asked.headers.contains_key(header::IF_RANGE) && asked.header(header::IF_RANGE) != Some(tag) {
        return Part::Whole;
    }
    asked
        .header(header::RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .map_or(Part::Whole, |range| part(range.trim(), size))
}

fn part(range: &str, size: u64) -> Part {
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    let Some((first, last)) = range.split_once('-') else {
        return Part::Whole;
    };
    match (number(first), number(last)) {
        (None, Some(count)) if first.is_empty() => match count.min(size) {
            0 => Part::None,
            count => Part::Of(size - count, count),
        },
        (Some(first), None) if last.is_empty() => match size.checked_sub(first) {
            None | Some(0) => Part::None,
            Some(count) => Part::Of(first, count),
        },
        (Some(first), Some(last)) if first <= last => match size.checked_sub(first) {
            None | Some(0) => Part::None,
            Some(count) => Part::Of(first, count.min((last - first).saturating_add(1))),
        },
        _ => Part::Whole,
    }
}

/// RFC 9110 §13.1.2: the client has this already.
fn is_known(asked: &Asked, tag: &str) -> bool {
    asked.headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().is_ok_and(|list| {
            list.split(',')
                .map(str::trim)
                .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
        })
    })
}

fn describe(headers: &mut HeaderMap, media_type: &'static str, cache: &'static str, tag: &str, length: u64) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    insert(headers, header::ETAG, tag);
}

/// Inserts a value that this file made of digits, hexadecimal and checked names; anything else is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn not_modified(tag: &str, cache: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    insert(response.headers_mut(), header::ETAG, tag);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn redirect(to: &str) -> Response<AnswerBody> {
    let mut response = plain(StatusCode::MOVED_PERMANENTLY, "it stands elsewhere");
    insert(response.headers_mut(), header::LOCATION, to);
    response
}

fn varying(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn not_acceptable() -> Response<AnswerBody> {
    varying(plain(
        StatusCode::NOT_ACCEPTABLE,
        "the index is to be had as text/html and application/vnd.pypi.simple.v1+json",
    ))
}

fn not_found() -> Response<AnswerBody> {
    plain(StatusCode::NOT_FOUND, "there is no such file")
}

fn plain(status: StatusCode, text: &str) -> Response<AnswerBody> {
    let text = format!("{text}\n");
    let length = text.len() as u64;
    let mut response = Response::new(AnswerBody::bytes(text.into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(REVALIDATE));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("0-4", Part::Of(0, 5)),
            ("2-", Part::Of(2, 8)),
            ("-3", Part::Of(7, 3)),
            ("-30", Part::Of(0, 10)),
            ("5-100", Part::Of(5, 5)),
            ("0-18446744073709551615", Part::Of(0, 10)),
            ("9-9", Part::Of(9, 1)),
            ("10-", Part::None),
            ("10-12", Part::None),
            ("-0", Part::None),
            ("4-2", Part::Whole),
            ("0-1,3-4", Part::Whole),
            ("a-b", Part::Whole),
            ("-", Part::Whole),
            ("+1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(text, 10), expected, "{text}");
        }
        assert_eq!(part("0-", 0), Part::None);
        assert_eq!(part("-1", 0), Part::None);
    }

    #[test]
    fn every_placeholder_is_replaced() {
        let replaced = replace(b"{{registry}}/a {{registry {{registry}}/b", REGISTRY, b"http://h/npm");
        assert_eq!(replaced, b"http://h/npm/a {{registry http://h/npm/b");
    }

    #[test]
    fn a_packument_is_made_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("repository")).unwrap();
        let site = Site::new(folder.path(), Vec::new());
        let asked = Asked::new(&Request::new(()), ([127, 0, 0, 1], 80).into(), Scheme::Http);
        let made = |length: u64| {
            let file = folder.path().join("repository/x.json");
            File::create(file).unwrap().set_len(length).unwrap();
            let made = site.packument(&asked, &RelativePath::new("x.json").unwrap(), "h");
            made.map(drop).map_err(|error| error.kind())
        };
        assert_eq!(made(100), Ok(()));
        assert_eq!(made(MAX_PACKUMENT_BYTES + 1), Err(io::ErrorKind::FileTooLarge));
    }

    #[test]
    fn a_file_that_became_shorter_is_not_filled_up() {
        let folder = tempfile::tempdir().unwrap();
        let asked = Asked::new(&Request::new(()), ([127, 0, 0, 1], 80).into(), Scheme::Http);
        let path = folder.path().join("x");
        std::fs::write(&path, "longer").unwrap();
        let before = std::fs::metadata(&path).unwrap();
        let send = || send_file(&asked, File::open(&path).unwrap(), &before, "text/plain", REVALIDATE).map(drop);
        assert!(send().is_ok());
        std::fs::write(&path, "short").unwrap();
        assert!(send().is_err());
    }
}
