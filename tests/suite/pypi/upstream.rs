//! Finding files and attestations at an index.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sealift::ecosystem::{
    DocumentRequest, Fetched, Located, NamedBy, NewProof, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use sealift::model::{Artifact, Claim, Digest, ProofState};

use super::{artifact, fixture, pypi};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const BASE: &str = "https://index.example.com/simple/";
const PAGE: &str = "https://index.example.com/simple/foo/";

/// An upstream that answers from a table; what is not there is a 404, a number another status.
#[derive(Default)]
struct Fake {
    bases: Vec<&'static str>,
    /// Who named a base, where it is not the client's configuration.
    named_by: BTreeMap<&'static str, NamedBy>,
    answers: BTreeMap<String, (String, Vec<u8>)>,
    failures: BTreeMap<String, u16>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn with(page_type: &str, page: impl Into<Vec<u8>>) -> Self {
        let mut this = Self {
            bases: vec![BASE],
            ..Self::default()
        };
        this.answers.insert(PAGE.into(), (page_type.into(), page.into()));
        this
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Upstream for Fake {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        self.asked.lock().unwrap().push(request.url.clone());
        if let Some(status) = self.failures.get(&request.url) {
            return Err(UpstreamError::Status {
                url: request.url.clone(),
                status: *status,
            });
        }
        Ok(self.answers.get(&request.url).map(|(media_type, bytes)| Fetched {
            url: request.url.clone(),
            media_type: media_type.clone(),
            bytes: bytes.clone(),
        }))
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        assert_eq!(ecosystem, "pypi");
        self.bases
            .iter()
            .map(|url| UpstreamBase {
                named_by: self.named_by.get(url).copied().unwrap_or(NamedBy::Client),
                ecosystem: "pypi",
                scope: None,
                url: (*url).into(),
                authorization: None,
            })
            .collect()
    }
}

fn claim(content: &str) -> Claim {
    Claim::from_hex_option(&Digest::of(content.as_bytes()).to_string()).unwrap()
}

fn wanted(contents: &[&str]) -> Wanted {
    Wanted {
        ecosystem: "pypi",
        name: "foo".into(),
        version: "1.0".into(),
        file: None,
        claims: contents.iter().map(|content| claim(content)).collect(),
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    }
}

/// A page with a wheel and a source distribution of 1.0 and a wheel of 2.0, whose contents are their names.
fn page(more: &str) -> String {
    let file = |name: &str| {
        let digest = Digest::of(name.as_bytes()).hex();
        format!(r#"{{"filename":"{name}","url":"../../files/{name}","hashes":{{"sha256":"{digest}"}},"size":7{more}}}"#)
    };
    format!(
        r#"{{"meta":{{"api-version":"1.1"}},"name":"foo","files":[{},{},{}]}}"#,
        file("foo-1.0-py3-none-any.whl"),
        file("foo-1.0.tar.gz"),
        file("foo-2.0-py3-none-any.whl")
    )
}

fn files(located: &[Located]) -> Vec<&str> {
    located.iter().map(|located| located.file.as_str()).collect()
}

fn message(wanted: &Wanted, upstream: &Fake) -> String {
    pypi().locate(wanted, upstream).unwrap_err().to_string()
}

#[test]
fn a_url_of_the_lockfile_needs_no_index() {
    let upstream = Fake::default();
    let mut wanted = wanted(&["x"]);
    wanted.urls = vec!["https://files.example.com/foo-1.0%2Bl.tar.gz".into()];
    wanted.size = Some(9);
    let located = pypi().locate(&wanted, &upstream).unwrap();
    assert_eq!(files(&located), ["foo-1.0+l.tar.gz"]);
    assert_eq!((located[0].size, &located[0].claims), (Some(9), &wanted.claims));
    assert_eq!(upstream.asked(), Vec::<String>::new());
    wanted.urls = vec!["https://files.example.com/".into()];
    assert_eq!(
        message(&wanted, &upstream),
        "https://files.example.com/: the URL names no file"
    );
}

#[test]
fn exactly_the_files_whose_digest_is_named_are_found() {
    let upstream = Fake::with(JSON, page(""));
    let one = pypi()
        .locate(&wanted(&["foo-1.0.tar.gz", "unknown"]), &upstream)
        .unwrap();
    assert_eq!(files(&one), ["foo-1.0.tar.gz"]);
    assert_eq!(one[0].claims, [claim("foo-1.0.tar.gz")]);
    assert_eq!(one[0].url, "https://index.example.com/files/foo-1.0.tar.gz");
    assert_eq!(one[0].size, Some(7));
    let mut both = wanted(&["foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl", "foo-2.0-py3-none-any.whl"]);
    let located = pypi().locate(&both, &upstream).unwrap();
    assert_eq!(files(&located), ["foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"]);
    both.version = "1.0.0".into();
    assert_eq!(pypi().locate(&both, &upstream).unwrap().len(), 2);
    both.file = Some("foo-1.0.tar.gz".into());
    assert_eq!(files(&pypi().locate(&both, &upstream).unwrap()), ["foo-1.0.tar.gz"]);
}

#[test]
fn an_html_page_serves_as_well() {
    let digest = Digest::of(b"x").hex();
    let html = format!("<a href='/f/foo-1.0.tar.gz#sha256={digest}'>foo-1.0.tar.gz</a>");
    let located = pypi()
        .locate(&wanted(&["x"]), &Fake::with("text/html; charset=utf-8", html))
        .unwrap();
    assert_eq!(located[0].url, "https://index.example.com/f/foo-1.0.tar.gz");
}

#[test]
fn what_no_index_lists_is_not_found() {
    let listed = |wanted: &Wanted, page: String| message(wanted, &Fake::with(JSON, page));
    let other =
        "https://index.example.com/simple/foo/ does not list a file of foo 1.0 with a digest that the lockfile accepts";
    assert_eq!(listed(&wanted(&["unknown"]), page("")), other);
    // A name alone is no reason to take a file.
    let nameless = page("").replace("sha256", "md5");
    assert_eq!(listed(&wanted(&["foo-1.0.tar.gz"]), nameless), other);
    let mut named = wanted(&["foo-1.0-py3-none-any.whl"]);
    named.file = Some("foo-1.0.tar.gz".into());
    assert_eq!(
        listed(&named, page("")),
        "https://index.example.com/simple/foo/ does not list foo-1.0.tar.gz with a digest that the lockfile accepts"
    );
    // A digest alone is none either: the file must be of the project and version that were asked for.
    let swapped = page("").replace("\"foo-1.0.tar.gz\"", "\"bar-1.0.tar.gz\"");
    assert_eq!(listed(&wanted(&["foo-1.0.tar.gz"]), swapped), other);

    let mut gone = Fake::with(JSON, page(""));
    gone.answers.clear();
    assert_eq!(message(&wanted(&["x"]), &gone), other);
    gone.bases.clear();
    assert_eq!(message(&wanted(&["x"]), &gone), "no upstream is named for pypi");
}

#[test]
fn pages_that_cannot_be_read_are_errors() {
    let wanted = wanted(&["foo-1.0.tar.gz"]);
    assert_eq!(
        message(&wanted, &Fake::with("text/plain", page(""))),
        "https://index.example.com/simple/foo/: not an index page but `text/plain`"
    );
    assert!(message(&wanted, &Fake::with(JSON, "{")).contains("/simple/foo/: the page is not simple-index JSON: "));
    assert_eq!(
        message(&wanted, &Fake::with(JSON, page("").replace("\"foo\"", "\"bar\""))),
        "https://index.example.com/simple/foo/: the page is about `bar`"
    );
}

#[test]
fn indexes_are_asked_in_order_and_each_once() {
    let mut upstream = Fake::with(JSON, page(""));
    upstream.bases = vec![
        "https://first.example.com/simple",
        BASE,
        "https://index.example.com/simple",
    ];
    let mut wanted = wanted(&["foo-1.0.tar.gz"]);
    assert_eq!(pypi().locate(&wanted, &upstream).unwrap().len(), 1);
    assert_eq!(upstream.asked(), ["https://first.example.com/simple/foo/", PAGE]);
    // An index that fails does not hide another that has it, and is named where none has.
    let first = "https://first.example.com/simple/foo/";
    upstream.failures.insert(first.into(), 500);
    assert_eq!(pypi().locate(&wanted, &upstream).unwrap().len(), 1);
    upstream.answers.clear();
    assert_eq!(message(&wanted, &upstream), format!("{first} answered 500"));
    // The lockfile's own index is asked before one that it names for everything; the client's do not hear of the name.
    wanted.registry = Some("https://own.example.com/".into());
    upstream.asked.lock().unwrap().clear();
    upstream.named_by.insert(BASE, NamedBy::LockfileForAll);
    message(&wanted, &upstream);
    assert_eq!(upstream.asked(), ["https://own.example.com/foo/", PAGE]);
    // The operator's word comes first.
    upstream.asked.lock().unwrap().clear();
    upstream.named_by.insert(BASE, NamedBy::Operator);
    message(&wanted, &upstream);
    assert_eq!(upstream.asked(), [PAGE, "https://own.example.com/foo/"]);
}

#[test]
fn a_private_name_is_told_to_its_own_index_only() {
    let mut upstream = Fake::with(JSON, page(""));
    upstream.bases = vec!["https://own.example.com", BASE];
    upstream
        .named_by
        .insert("https://own.example.com", NamedBy::LockfileForName);
    assert_eq!(state(&upstream), (ProofState::NotServed, 0));
    assert_eq!(upstream.asked(), ["https://own.example.com/foo/"]);
}

fn source() -> Artifact {
    artifact("foo", "1.0", "foo-1.0.tar.gz", b"foo-1.0.tar.gz")
}

/// The state of the one proof of the one artifact.
fn state(upstream: &Fake) -> (ProofState, usize) {
    let companions = pypi().accompany("foo", &[source()], upstream).unwrap();
    let [proof] = companions.proofs["foo-1.0.tar.gz"].as_slice() else {
        panic!()
    };
    match proof {
        NewProof::Present(kind, bytes) => {
            assert_eq!((*kind, bytes.len()), ("pypi-attestations", 1));
            (ProofState::Present, companions.documents.len())
        }
        NewProof::InDocument(..) => panic!("an index page holds no proof"),
        NewProof::Without(proof) => {
            assert_eq!(proof.kind, pypi().proof_kinds()[0]);
            assert!(proof.objects.is_empty());
            (proof.state, companions.documents.len())
        }
    }
}

#[test]
fn attestations_are_stored_as_they_came() {
    let at = "https://index.example.com/integrity/foo/1.0/foo-1.0.tar.gz/provenance";
    let provenance = fixture("pypi_attestations-0.0.19.tar.gz.provenance");
    let mut upstream = Fake::with(JSON, page(&format!(r#","provenance":"{at}""#)));
    upstream.answers.insert(
        at.into(),
        ("application/vnd.pypi.integrity.v1+json".into(), provenance.clone()),
    );
    let companions = pypi().accompany("foo", &[source()], &upstream).unwrap();
    let NewProof::Present("pypi-attestations", objects) = &companions.proofs["foo-1.0.tar.gz"][0] else {
        panic!()
    };
    assert_eq!(objects, &[provenance]);
    let [document] = companions.documents.as_slice() else {
        panic!()
    };
    assert_eq!((document.kind, document.origin.as_str()), ("simple-json", PAGE));
    assert_eq!(document.bytes, upstream.answers[PAGE].1);
    // The page and one provenance: nothing is asked for files that nobody wants.
    assert_eq!(upstream.asked(), [PAGE, at]);
}

#[test]
fn absent_not_served_and_not_asked_are_told_apart() {
    let json = |more: &str| state(&Fake::with(JSON, page(more)));
    assert_eq!(json(r#","provenance":null"#), (ProofState::Absent, 1));
    assert_eq!(json(""), (ProofState::NotServed, 1));
    // Said of a sibling, not of this file: the index knows of attestations, and has none for it.
    let mixed = page("").replacen("\"size\":7", "\"size\":7,\"provenance\":null", 1);
    assert_eq!(state(&Fake::with(JSON, mixed)), (ProofState::Absent, 1));
    let html = format!(
        "<a href='/f/foo-1.0.tar.gz#sha256={}'>x</a>",
        Digest::of(b"foo-1.0.tar.gz").hex()
    );
    assert_eq!(state(&Fake::with("text/html", html)), (ProofState::NotServed, 1));
    // Other bytes of the same name: this index has said nothing about ours.
    let other = page(r#","provenance":null"#).replace(&source().digest.hex(), &Digest::of(b"other").hex());
    assert_eq!(state(&Fake::with(JSON, other)), (ProofState::NotServed, 0));
    // A mirror that names the origin's endpoint, on a host that nobody has named.
    let elsewhere = Fake::with(JSON, page(r#","provenance":"https://elsewhere.example.com/p""#));
    assert_eq!(state(&elsewhere), (ProofState::NotServed, 1));
    assert_eq!(elsewhere.asked(), [PAGE]);
    assert_eq!(json(r#","provenance":"/gone""#), (ProofState::NotServed, 1));
    let mut nobody = Fake::with(JSON, page(""));
    nobody.bases.clear();
    assert_eq!(state(&nobody), (ProofState::NotAsked, 0));
    nobody.bases.push("https://empty.example.com/simple");
    assert_eq!(state(&nobody), (ProofState::NotServed, 0));
}

#[test]
fn an_answer_that_is_no_provenance_is_not_taken_for_one() {
    let at = "https://index.example.com/p";
    let answer = |body: &str| {
        let mut upstream = Fake::with(JSON, page(r#","provenance":"/p""#));
        upstream.answers.insert(at.into(), ("text/html".into(), body.into()));
        upstream
    };
    for body in ["<html>", "{}", "[]", r#"{"attestation_bundles":1}"#] {
        let error = pypi()
            .accompany("foo", &[source()], &answer(body))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("https://index.example.com/p: not a provenance object: "),
            "{error}"
        );
    }
    assert_eq!(state(&answer(r#"{"attestation_bundles":[]}"#)).0, ProofState::Absent);
    let mut failing = answer("");
    failing.failures.insert(at.into(), 503);
    let error = pypi().accompany("foo", &[source()], &failing).unwrap_err().to_string();
    assert_eq!(error, "https://index.example.com/p answered 503");
}

#[test]
fn an_index_that_fails_is_not_passed_over() {
    let mut upstream = Fake::with(JSON, page(""));
    upstream.bases.insert(0, "https://broken.example.com/simple");
    upstream
        .failures
        .insert("https://broken.example.com/simple/foo/".into(), 500);
    assert_eq!(state(&upstream).0, ProofState::NotServed);
    upstream.answers.clear();
    let error = pypi().accompany("foo", &[source()], &upstream).unwrap_err().to_string();
    assert_eq!(error, "https://broken.example.com/simple/foo/ answered 500");
}

proptest::proptest! {
    /// Whatever an index answers is read or refused; nothing panics.
    #[test]
    fn no_page_makes_a_reader_panic(text in "(<a |href=|</a>|<!--|-->|<|>|&|;|#x|[-a-z0-9=\"'/#%.: \n\u{e4}]){0,60}") {
        let _ = pypi().locate(&wanted(&["x"]), &Fake::with("text/html", text));
    }
}
