//! The pages of an index: PEP 691 (JSON), PEP 503 (HTML), with PEP 592 (yanked), 700 (sizes, times), 740 (provenance).
//!
//! Pages come from outside. Sizes are bounded by the fetch; names and digests in them are used only to find what the
//! lockfile pins, and as statements of the index about it.

use serde::Deserialize;

use super::coordinate::normal_name;
use super::html::Tag;
use super::url;
use crate::model::{Algorithm, Claim};

/// The kind of a stored JSON page.
pub(crate) const KIND_JSON: &str = "simple-json";

/// The kind of a stored HTML page.
pub(crate) const KIND_HTML: &str = "simple-html";

/// The largest public projects have some 30,000 files; each costs about 500 bytes of memory.
const MAX_FILES: usize = 100_000;

/// What an index says about one project.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The files.
    pub(crate) files: Vec<PageFile>,
}

/// What an index says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageFile {
    /// The file's name.
    pub(crate) file: String,
    /// Where it is served: absolute.
    pub(crate) url: String,
    /// The digests stated, of the algorithms that sealift checks.
    pub(crate) claims: Vec<Claim>,
    /// Its size.
    pub(crate) size: Option<u64>,
    /// Why it was yanked, where it was; may be empty.
    pub(crate) yanked: Option<String>,
    /// When it was uploaded, as written.
    pub(crate) upload_time: Option<String>,
    /// Whether it has attestations.
    pub(crate) provenance: Provenance,
}

/// What an index says about a file's attestations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// It has some, here.
    At(String),
    /// It has none.
    None,
    /// Nothing: this index may not know of attestations.
    Unsaid,
}

/// A page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PageError {
    /// It is not JSON of the right shape.
    #[error("the page is not simple-index JSON: {0}")]
    Json(String),
    /// It is not UTF-8.
    #[error("the page is not UTF-8")]
    NotUtf8,
    /// A tag never ends.
    #[error("the page has a tag that does not end")]
    OpenTag,
    /// The page's format has another major version.
    #[error("the page has version `{}` of the index format, not 1", .0.escape_debug())]
    Version(String),
    /// The page is about another project.
    #[error("the page is about `{}`", .0.escape_debug())]
    OtherName(String),
    /// A field's value cannot be read.
    #[error("the page has {what} that cannot be read: `{}`", .value.escape_debug())]
    Field {
        /// Which field.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// There are too many files.
    #[error("the page lists more than {MAX_FILES} files")]
    TooMany,
}

impl Page {
    /// Reads a page of the given kind, which stands at `page_url`.
    pub(crate) fn read(kind: &str, bytes: &[u8], page_url: &str, name: &str) -> Result<Self, PageError> {
        if kind == KIND_JSON {
            read_json(bytes, page_url, name)
        } else {
            read_html(std::str::from_utf8(bytes).map_err(|_| PageError::NotUtf8)?, page_url)
        }
    }

    /// Whether the index says for any file whether it has attestations.
    pub(crate) fn knows_provenance(&self) -> bool {
        self.files.iter().any(|file| file.provenance != Provenance::Unsaid)
    }
}

#[derive(Deserialize)]
struct JsonPage {
    meta: JsonMeta,
    name: String,
    #[serde(deserialize_with = "bounded")]
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
struct JsonMeta {
    #[serde(rename = "api-version")]
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    yanked: JsonYanked,
    #[serde(default)]
    upload_time: Option<String>,
    #[serde(default, deserialize_with = "present")]
    provenance: Option<Option<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonYanked {
    State(bool),
    Reason(String),
}

impl Default for JsonYanked {
    fn default() -> Self {
        Self::State(false)
    }
}

/// Stops at [`MAX_FILES`], not behind the last.
fn bounded<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<JsonFile>, D::Error> {
    struct Files;
    impl<'de> serde::de::Visitor<'de> for Files {
        type Value = Vec<JsonFile>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of files")
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<JsonFile>, A::Error> {
            let mut files = Vec::new();
            while let Some(file) = sequence.next_element()? {
                if files.len() == MAX_FILES {
                    return Err(serde::de::Error::custom(PageError::TooMany));
                }
                files.push(file);
            }
            Ok(files)
        }
    }
    deserializer.deserialize_seq(Files)
}

/// Tells a key that is null from one that is not there.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn read_json(bytes: &[u8], page_url: &str, name: &str) -> Result<Page, PageError> {
    let page: JsonPage = serde_json::from_slice(bytes).map_err(|error| PageError::Json(error.to_string()))?;
    check_version(&page.meta.api_version)?;
    if normal_name(&page.name).as_deref() != Some(name) {
        return Err(PageError::OtherName(page.name));
    }
    let mut files = Vec::with_capacity(page.files.len());
    for file in page.files {
        let claims = file
            .hashes
            .iter()
            .filter_map(|(algorithm, digits)| Claim::from_hex_option(&format!("{algorithm}:{digits}")).ok())
            .collect();
        if let Some(time) = &file.upload_time {
            check_time(time)?;
        }
        files.push(PageFile {
            url: resolve(page_url, &file.url)?,
            file: file.filename,
            claims,
            size: file.size,
            yanked: match file.yanked {
                JsonYanked::State(false) => None,
                JsonYanked::State(true) => Some(String::new()),
                JsonYanked::Reason(reason) => Some(reason),
            },
            upload_time: file.upload_time,
            provenance: match file.provenance {
                None => Provenance::Unsaid,
                Some(None) => Provenance::None,
                Some(Some(at)) => Provenance::At(resolve(page_url, &at)?),
            },
        });
    }
    Ok(Page { files })
}

fn check_version(version: &str) -> Result<(), PageError> {
    if version.split('.').next() == Some("1") {
        Ok(())
    } else {
        Err(PageError::Version(shorten(version)))
    }
}

/// PEP 700: a time with offset or `Z`. It goes on into the enclave's pages, where clients compare it.
fn check_time(time: &str) -> Result<(), PageError> {
    time.parse::<jiff::Timestamp>().map(drop).map_err(|_| PageError::Field {
        what: "an upload time",
        value: shorten(time),
    })
}

fn resolve(page_url: &str, reference: &str) -> Result<String, PageError> {
    url::join(page_url, reference).ok_or_else(|| PageError::Field {
        what: "a URL",
        value: shorten(reference),
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Reads the anchors of an HTML page (PEP 503). The page is not rendered and nothing but anchors, the base and the
/// version is looked at; each anchor's file name is the last component of its URL, as pip reads it.
fn read_html(text: &str, page_url: &str) -> Result<Page, PageError> {
    let mut base = page_url.to_owned();
    let mut files = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            let end = comment.find("-->").ok_or(PageError::OpenTag)?;
            rest = &comment[end + 3..];
            continue;
        }
        let (tag, after) = Tag::read(rest).ok_or(PageError::OpenTag)?;
        rest = after;
        match tag.name.as_str() {
            "base" => {
                if let Some(href) = tag.attribute("href") {
                    base = resolve(page_url, href)?;
                }
            }
            "meta" if tag.attribute("name") == Some("pypi:repository-version") => {
                check_version(tag.attribute("content").unwrap_or(""))?;
            }
            "a" => {
                if let Some(file) = anchor(&tag, &base)? {
                    files.push(file);
                }
                if files.len() > MAX_FILES {
                    return Err(PageError::TooMany);
                }
            }
            _ => {}
        }
    }
    Ok(Page { files })
}

fn anchor(tag: &Tag, base: &str) -> Result<Option<PageFile>, PageError> {
    let Some(href) = tag.attribute("href") else {
        return Ok(None);
    };
    let url = resolve(base, href)?;
    let Some(file) = url::file_name(&url) else {
        return Ok(None);
    };
    let claims = href
        .split_once('#')
        .and_then(|(_, fragment)| {
            fragment.split('&').find_map(|part| {
                Claim::from_hex_option(part)
                    .ok()
                    .filter(|claim| claim.algorithm() != Algorithm::Sha1)
            })
        })
        .into_iter()
        .collect();
    // Not in PEP 700, but some indexes write it; release-age gates live by it.
    let upload_time = tag.attribute("data-upload-time").map(str::to_owned);
    if let Some(time) = &upload_time {
        check_time(time)?;
    }
    Ok(Some(PageFile {
        file,
        url,
        claims,
        size: None,
        yanked: tag.attribute("data-yanked").map(str::to_owned),
        upload_time,
        provenance: match tag.attribute("data-provenance") {
            Some(at) => Provenance::At(resolve(base, at)?),
            None => Provenance::Unsaid,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://index.example.com/simple/foo/";
    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn json(files: &str) -> Result<Page, PageError> {
        let text = format!(r#"{{"meta":{{"api-version":"1.4"}},"name":"Foo","x":[],"files":[{files}]}}"#);
        Page::read(KIND_JSON, text.as_bytes(), URL, "foo")
    }

    fn html(text: &str) -> Result<Page, PageError> {
        Page::read(KIND_HTML, text.as_bytes(), URL, "foo")
    }

    #[test]
    fn json_pages_are_read() {
        let page = json(&format!(
            r#"{{"filename":"foo-1.tar.gz","url":"../../f/foo-1.tar.gz","hashes":{{"md5":"00","sha256":"{HASH}"}},"size":3,
                "yanked":"bad <b>","upload-time":"2023-05-02T12:00:00.123456Z","provenance":"https://index.example.com/p"}},
               {{"filename":"foo-2.tar.gz","url":"/f/foo-2.tar.gz","hashes":{{}},"yanked":true,"provenance":null}},
               {{"filename":"foo-3.tar.gz","url":"/f/foo-3.tar.gz","hashes":{{}}}}"#
        ))
        .unwrap();
        let [first, second, third] = page.files.as_slice() else {
            panic!()
        };
        assert_eq!(first.url, "https://index.example.com/f/foo-1.tar.gz");
        assert_eq!(first.claims.len(), 1);
        assert_eq!(first.yanked.as_deref(), Some("bad <b>"));
        assert_eq!(first.provenance, Provenance::At("https://index.example.com/p".into()));
        assert_eq!(
            (&second.yanked, &second.provenance),
            (&Some(String::new()), &Provenance::None)
        );
        assert_eq!((&third.yanked, &third.provenance), (&None, &Provenance::Unsaid));
        assert!(page.knows_provenance());
    }

    #[test]
    fn other_json_is_refused() {
        let read = |text: &str| {
            Page::read(KIND_JSON, text.as_bytes(), URL, "foo")
                .unwrap_err()
                .to_string()
        };
        assert!(read("<html>").starts_with("the page is not simple-index JSON: "));
        assert!(read(r#"{"files":[]}"#).contains("meta"));
        assert_eq!(
            read(r#"{"meta":{"api-version":"2.0"},"name":"foo","files":[]}"#),
            "the page has version `2.0` of the index format, not 1"
        );
        assert_eq!(
            read(r#"{"meta":{"api-version":"1.0"},"name":"bar","files":[]}"#),
            "the page is about `bar`"
        );
        let file = |more: &str| json(&format!(r#"{{"filename":"f","url":"f"{more}}}"#)).unwrap_err();
        assert!(file(r#","filename":"g""#).to_string().contains("duplicate field"));
        assert!(file(r#","size":-1"#).to_string().contains("invalid value"));
        assert!(matches!(
            file(r#","upload-time":"yesterday""#),
            PageError::Field {
                what: "an upload time",
                ..
            }
        ));
        assert!(matches!(
            file(r#","provenance":"file:///x""#),
            PageError::Field { what: "a URL", .. }
        ));
        let wrong_url = json(r#"{"filename":"f","url":"ftp://x/f"}"#).unwrap_err();
        assert_eq!(
            wrong_url.to_string(),
            "the page has a URL that cannot be read: `ftp://x/f`"
        );
    }

    #[test]
    fn html_pages_are_read() {
        let page = html(&format!(
            "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content='1.0'/>\
             <meta name=\"viewport\" content=\"width=device-width\"></head><body>\n\
             <!-- <a href=\"/no\">no</a> --><h1>Links</h1>\n\
             <A class=x HREF='../../f/foo-1%2Bl.tar.gz#sha256={HASH}' data-yanked data-requires-python=\"&gt;=3\">x</a>\n\
             <a href=\"/f/foo-2.tar.gz#md5=00&amp;x\" data-yanked=\"a &amp; &#x62;\" data-provenance=/p data-upload-time=2024-07-31T22:00:31Z>y</a><a>z</a>\n\
             <a href='/f/foo-3.tar.gz#sha1={weak}&sha256={HASH}'>w</a>",
            weak = &HASH[..40],
        ))
        .unwrap();
        let [first, second, third] = page.files.as_slice() else {
            panic!()
        };
        assert_eq!(first.file, "foo-1+l.tar.gz");
        assert_eq!(first.claims[0].hex(), HASH);
        assert_eq!(first.yanked.as_deref(), Some(""));
        assert_eq!(second.yanked.as_deref(), Some("a & b"));
        assert!(second.claims.is_empty());
        assert_eq!((third.claims.len(), third.claims[0].hex().as_str()), (1, HASH));
        assert_eq!(second.upload_time.as_deref(), Some("2024-07-31T22:00:31Z"));
        assert_eq!(second.provenance, Provenance::At("https://index.example.com/p".into()));
    }

    #[test]
    fn other_html_is_refused() {
        assert_eq!(html("<a href=\"x").unwrap_err(), PageError::OpenTag);
        assert_eq!(html("<!-- <a>").unwrap_err(), PageError::OpenTag);
        assert_eq!(html("<a").unwrap_err(), PageError::OpenTag);
        assert!(matches!(
            html("<meta name=pypi:repository-version content=2.0>").unwrap_err(),
            PageError::Version(_)
        ));
        assert!(matches!(
            html("<a href='javascript:x'>").unwrap_err(),
            PageError::Field { .. }
        ));
        assert!(matches!(
            html("<a href=/f/foo-2.tar.gz data-upload-time=yesterday>").unwrap_err(),
            PageError::Field {
                what: "an upload time",
                ..
            }
        ));
        assert_eq!(
            Page::read(KIND_HTML, b"\xff", URL, "foo").unwrap_err().to_string(),
            "the page is not UTF-8"
        );
    }
    #[test]
    fn the_number_of_files_is_bounded() {
        assert_eq!(
            html(&"<a href=x>".repeat(MAX_FILES + 1)).unwrap_err(),
            PageError::TooMany
        );
        let files = vec![r#"{"filename":"f","url":"f"}"#; MAX_FILES + 1].join(",");
        let error = json(&files).unwrap_err().to_string();
        assert!(error.contains("the page lists more than 100000 files"), "{error}");
    }
}
