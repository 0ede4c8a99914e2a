//! Selection files, arguments, lockfiles and folders.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, and then the test fails")]

use std::path::{Path, PathBuf};

use sealift::export::select::{Input, Place, Request, Selected, Source, select};
use sealift::model::{Algorithm, Claim, Code, Digest, Stop};

use crate::fake_ecosystem::ALL;

const SCHEMA: &str = "schema: sealift-selection/1\n";

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn read(folder: &Path, text: &str) -> Result<Selected, Stop> {
    let request = Request::read("sealift.yaml", &format!("{SCHEMA}{text}"), folder, ALL)?;
    select(request, ALL)
}

fn names(selected: &Selected) -> Vec<String> {
    selected
        .wanted()
        .map(|chosen| {
            let wanted = &chosen.wanted;
            let file = wanted.file.clone().unwrap_or_default();
            format!("{} {} {} {file}", wanted.ecosystem, wanted.name, wanted.version)
        })
        .collect()
}

/// The codes of a refusal.
fn codes<T: std::fmt::Debug>(result: Result<T, Stop>) -> Vec<Code> {
    match result {
        Err(Stop::Refused(refusals)) => refusals.iter().map(|refusal| refusal.code).collect(),
        other => panic!("expected a refusal: {other:?}"),
    }
}

#[test]
fn lockfiles_folders_and_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "app/fake.lock",
        format!(
            "one 1.0 - - {0}\none 1.0 - - {0}\nskip git-thing\ninclude more.lock\n",
            digest(b"one")
        ),
    );
    write(
        at,
        "app/more.lock",
        format!("two 2.0 two-2.0.fake - {}\n", digest(b"two")),
    );
    write(at, "downloads/three-3.0.fake", "three");
    write(at, "downloads/deep/four-4.0.fake", "four");
    write(at, "downloads/notes.txt", "notes");
    write(at, "tools/bin/tool", "tool");
    write(at, "tools/stray", "stray");
    write(
        at,
        "tools/SHA256SUMS",
        format!("{}  bin/tool\n", Digest::of(b"tool").hex()),
    );
    write(at, "single.iso", "single");
    let selected = read(
        at,
        &format!(
            "stream: main\nrecipient: plant-7\nselect:\n\
             - lockfile: app/fake.lock\n\
             - {{folder: downloads, ecosystem: fake}}\n\
             - {{files: tools, version: '1.2', folder: tools}}\n\
             - {{files: image, version: '3', path: single.iso, digest: {}}}\n\
             - {{files: image, version: '3', url: 'https://files.example.com/a/net.iso?x', digest: {}}}\n\
             from: [mirror]\nexclude: ['fo*', nothing]\n\
             upstreams: [{{ecosystem: fake, url: 'https://index.example.com/'}}]\n\
             allow-plain-http: [old.example.com]\n",
            digest(b"single"),
            digest(b"net"),
        ),
    )
    .unwrap();
    assert_eq!(
        names(&selected),
        [
            "fake one 1.0 ",
            "fake three 3.0 three-3.0.fake",
            "fake two 2.0 two-2.0.fake",
            "files image 3 net.iso",
            "files image 3 single.iso",
            "files tools 1.2 bin/tool",
        ]
    );
    assert_eq!(
        selected.left_out(),
        [
            "app/fake.lock: git-thing",
            "downloads: notes.txt is not named as an artifact",
            "fake four 4.0: excluded by `fo*`",
            "tools: stray is not in the list of checksums",
        ]
    );
    assert_eq!(selected.warnings(), ["nothing is excluded by `nothing`"]);
    assert_eq!(
        (selected.stream(), selected.recipient()),
        (Some("main"), Some("plant-7"))
    );
    assert_eq!(selected.from(), [at.join("mirror")]);
    assert_eq!(selected.upstreams()[0].url, "https://index.example.com/");
    assert!(selected.plain_http().contains("old.example.com"));
    assert_eq!(
        selected.named_urls().collect::<Vec<_>>(),
        ["https://files.example.com/a/net.iso?x"]
    );
    let reasons: Vec<_> = selected.wanted().map(|chosen| chosen.reason).collect();
    assert_eq!(
        reasons,
        [
            "app/fake.lock",
            "downloads",
            "app/fake.lock",
            "selection",
            "selection",
            "tools"
        ]
    );
    // A folder without a list states nothing; one with a list does.
    let claims: Vec<_> = selected.wanted().map(|chosen| chosen.wanted.claims.len()).collect();
    assert_eq!((claims[1], claims[5]), (0, 1));
}

#[test]
fn the_plan_is_the_same_wherever_the_project_lies() {
    let plan_in = |folder: &Path| {
        write(folder, "fake.lock", format!("one 1.0 - - {}\n", digest(b"one")));
        let request = Request::from_arguments(&[folder.join("fake.lock")], Path::new("elsewhere"), ALL).unwrap();
        String::from_utf8(select(request, ALL).unwrap().plan()).unwrap()
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = plan_in(one.path());
    assert_eq!(plan, plan_in(two.path()));
    let lockfile = format!("one 1.0 - - {}\n", digest(b"one"));
    assert_eq!(
        plan,
        format!(
            "{{\"exclude\":[],\"inputs\":[{{\"digest\":\"{}\",\"kind\":\"lockfile\",\"source\":\"fake.lock\"}}],\
             \"left_out\":[],\"recipient\":null,\"schema\":\"sealift-plan/1\",\"stream\":null,\"wanted\":[{{\
             \"digests\":[\"{}\"],\"ecosystem\":\"fake\",\"file\":null,\"name\":\"one\",\"reason\":\"fake.lock\",\
             \"version\":\"1.0\"}}]}}",
            digest(lockfile.as_bytes()),
            digest(b"one"),
        )
    );
}

#[test]
fn one_artifact_of_two_lockfiles_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, url) in [("a", "https://one.example.com/x"), ("b", "https://two.example.com/x")] {
        write(
            at,
            &format!("{name}/fake.lock"),
            format!("one 1.0 - {url} {}\n", digest(b"one")),
        );
    }
    let selected = read(at, "select: [{lockfile: a/fake.lock}, {lockfile: b/fake.lock}]\n").unwrap();
    assert_eq!(selected.wanted().len(), 1);
    assert_eq!(selected.wanted().next().unwrap().reason, "a/fake.lock, b/fake.lock");
    assert_eq!(selected.named_urls().count(), 2);
}

#[test]
fn arguments_are_known_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "fake.lock", format!("one 1.0 - - {}\n", digest(b"one")));
    write(at, "down/two-2.0.fake", "two");
    write(
        at,
        "sub/sealift.yaml",
        format!("{SCHEMA}stream: s\nselect: [{{lockfile: fake.lock}}]\n"),
    );
    write(at, "sub/fake.lock", format!("three 3.0 - - {}\n", digest(b"three")));
    write(at, "other.txt", "x");
    let of = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(PathBuf::from).collect();
        Request::from_arguments(&paths, at, ALL)
    };
    let request = of(&["fake.lock", "down", "sub/sealift.yaml"]).unwrap();
    assert_eq!(request.stream.as_deref(), Some("s"));
    assert_eq!(
        request.inputs[0],
        Input::Lockfile(Source {
            written: "fake.lock".to_owned(),
            path: at.join("fake.lock")
        })
    );
    assert_eq!(
        names(&select(request, ALL).unwrap()),
        ["fake one 1.0 ", "fake three 3.0 ", "fake two 2.0 two-2.0.fake"]
    );
    let stop: Stop = of(&["other.txt"]).unwrap_err().into();
    assert_eq!(codes::<()>(Err(stop)), [Code::SelectionMalformed]);
    assert!(matches!(Stop::from(of(&["none.lock"]).unwrap_err()), Stop::Unable(_)));
}

#[test]
fn what_nobody_could_check_is_refused_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sha1 = "sha1:a9993e364706816aba3e25717850c26c9cd0d89d";
    write(
        folder.path(),
        "fake.lock",
        format!(
            "one 1.0 - - -\ntwo 2.0 - - {sha1}\nthree 3.0 - - {}\n",
            digest(b"three")
        ),
    );
    let result = read(folder.path(), "select: [{lockfile: fake.lock}]\n");
    assert_eq!(codes(result), [Code::SelectionUnpinned, Code::SelectionUnpinned]);
    let single = format!("select: [{{files: a, version: '1', path: x, digest: '{sha1}'}}]\n");
    assert_eq!(codes(read(folder.path(), &single)), [Code::SelectionUnpinned]);
}

#[test]
fn lists_of_checksums_must_fit() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let sum = Digest::of(b"x").hex();
    write(at, "set/a", "x");
    write(at, "set/SHA256SUMS", format!("{sum}  a\n{sum}  b\n{sum}  c\n"));
    let set = "select: [{files: a, version: '1', folder: set}]\n";
    assert_eq!(codes(read(at, set)), [Code::ArtifactNotFound, Code::ArtifactNotFound]);
    write(at, "set/SHA256SUMS", format!("{sum}  a\nrubbish\n"));
    assert_eq!(codes(read(at, set)), [Code::SelectionMalformed]);
    write(at, "set/MINE", format!("{sum}  a\n"));
    let named = "select: [{files: a, version: '1', folder: set, checksums: MINE}]\n";
    assert_eq!(names(&read(at, named).unwrap()), ["files a 1 a"]);
    let missing = "select: [{files: a, version: '1', folder: set, checksums: NONE}]\n";
    assert!(matches!(read(at, missing), Err(Stop::Unable(_))));
    // An artifact that a list does not name has not been checked by whoever wrote the list.
    write(at, "wheels/one-1.0.fake", "x");
    write(at, "wheels/two-2.0.fake", "x");
    write(at, "wheels/SHA256SUMS", format!("{sum}  one-1.0.fake\n"));
    let selected = read(at, "select: [{folder: wheels}]\n").unwrap();
    assert_eq!(names(&selected), ["fake one 1.0 one-1.0.fake"]);
    assert_eq!(selected.left_out().len(), 1);
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_in_folders_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outside = write(at, "outside", "secret");
    write(at, "set/one-1.0.fake", "x");
    std::os::unix::fs::symlink(&outside, at.join("set/two-2.0.fake")).unwrap();
    std::os::unix::fs::symlink(at, at.join("set/up")).unwrap();
    let selected = read(at, "select: [{folder: set}]\n").unwrap();
    assert_eq!(names(&selected), ["fake one 1.0 one-1.0.fake"]);
    assert_eq!(
        selected.left_out(),
        ["set: two-2.0.fake is not a plain file", "set: up is not a plain file"]
    );
    for (number, name) in ["a|b", " a", "a ", "a\u{202e}b", "nul"].into_iter().enumerate() {
        write(at, &format!("odd-{number}/{name}"), "x");
        // A good one beside it does not make up for it.
        write(at, &format!("odd-{number}/good"), "x");
        let odd = read(
            at,
            &format!("select: [{{files: a, version: '1', folder: odd-{number}}}]\n"),
        );
        assert_eq!(codes(odd), [Code::SelectionMalformed], "{name:?}");
    }
    write(at, "even/My Setup 1.0 (x64).exe", "x");
    let even = read(at, "select: [{files: a, version: '1', folder: even}]\n").unwrap();
    assert_eq!(names(&even), ["files a 1 My Setup 1.0 (x64).exe"]);
}

#[test]
fn selection_files_are_strict() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "fake.lock", format!("one 1.0 - - {}\n", digest(b"one")));
    let good = digest(b"x");
    for wrong in [
        "select: []\n".to_owned(),
        "select: [{lockfile: fake.lock}]\nunknown: 1\n".to_owned(),
        "select: [{lockfile: fake.lock, unknown: 1}]\n".to_owned(),
        "select: [{lockfile: fake.lock}]\nselect: [{lockfile: fake.lock}]\n".to_owned(),
        "select: [{lockfile: fake.lock, folder: x}]\n".to_owned(),
        "select: [{lockfile: fake.lock, ecosystem: fake}]\n".to_owned(),
        "select: [{}]\n".to_owned(),
        "select: [{folder: ., ecosystem: none}]\n".to_owned(),
        "select: [{folder: ., files: a}]\n".to_owned(),
        "select: [{files: A/b, version: '1', folder: .}]\n".to_owned(),
        "select: [{files: a, version: '../1', folder: .}]\n".to_owned(),
        format!("select: [{{files: a, version: '1', path: x, url: 'https://h/x', digest: '{good}'}}]\n"),
        format!("select: [{{files: a, version: '1', digest: '{good}'}}]\n"),
        format!("select: [{{files: a, version: '1', url: 'https://u:p@files.example.com/x', digest: '{good}'}}]\n"),
        format!("select: [{{files: a, version: '1', url: 'https://files.example.com/', digest: '{good}'}}]\n"),
        format!("select: [{{files: a, version: '1', path: x, file: ../x, digest: '{good}'}}]\n"),
        "select: [{files: a, version: '1', path: x, digest: 'md5:00'}]\n".to_owned(),
        "select: [{lockfile: fake.lock}]\nupstreams: [{ecosystem: fake, url: 'ftp://x/'}]\n".to_owned(),
        "select: [{lockfile: fake.lock}]\nupstreams: [{ecosystem: fake, url: 'https://u:p@x/'}]\n".to_owned(),
        "select: [{lockfile: other.lock}]\n".to_owned(),
        "select: [{lockfile: fake.lock}]\nexclude: ['*']\n".to_owned(),
    ] {
        let result = read(at, &wrong);
        assert_eq!(codes(result), [Code::SelectionMalformed], "{wrong}");
    }
    let other = Request::read("sealift.yaml", "schema: sealift-selection/2\nselect: []\n", at, ALL);
    assert!(other.unwrap_err().to_string().contains("schema"));
    write(at, "fake.lock", "rubbish\n");
    assert_eq!(
        codes(read(at, "select: [{lockfile: fake.lock}]\n")),
        [Code::SelectionMalformed]
    );
    write(at, "fake.lock", "include none.lock\n");
    assert!(matches!(
        read(at, "select: [{lockfile: fake.lock}]\n"),
        Err(Stop::Unable(_))
    ));
}

#[test]
fn requests_can_be_put_together_without_a_file() {
    let claim = Claim::new(Algorithm::Sha256, Digest::of(b"x").as_bytes().to_vec()).unwrap();
    let request = Request {
        inputs: vec![Input::File {
            name: "a".to_owned(),
            version: "1".to_owned(),
            file: "x.bin".to_owned(),
            place: Place::Url("https://files.example.com/x.bin".to_owned()),
            claim,
        }],
        ..Request::default()
    };
    assert_eq!(names(&select(request, ALL).unwrap()), ["files a 1 x.bin"]);
}

/// What the page and the schema say is what the program reads.
#[test]
fn page_schema_and_program_agree() {
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../bundle-spec/selection.md");
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    // The upstream's ecosystem is one that these tests do not have.
    let example = example.replace("ecosystem: npm", "ecosystem: fake");
    let request = Request::read("sealift.yaml", &example, folder.path(), ALL).unwrap();
    assert_eq!(request.inputs.len(), 5);
    assert_eq!(request.upstreams[0].scope.as_deref(), Some("@corp"));

    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../bundle-spec/schemas/selection.schema.json")).unwrap();
    let keys = |value: &serde_json::Value| -> std::collections::BTreeSet<String> {
        value["properties"].as_object().unwrap().keys().cloned().collect()
    };
    // The parser's complaint about an unknown key lists those that it knows.
    let known = |text: &str| -> std::collections::BTreeSet<String> {
        let Err(error) = Request::read("sealift.yaml", text, folder.path(), ALL) else {
            panic!("an unknown key is refused");
        };
        let Stop::Refused(refusals) = Stop::from(error) else {
            panic!("an unknown key is the file's fault");
        };
        let names = refusals[0].reason.split("expected one of").nth(1).unwrap();
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(known(&format!("{SCHEMA}xyz: 1\nselect: []\n")), keys(&schema));
    let entries: std::collections::BTreeSet<String> = ["lockfile", "folder", "coordinates", "files", "file"]
        .iter()
        .flat_map(|kind| keys(&schema["$defs"][kind]))
        .collect();
    assert_eq!(known(&format!("{SCHEMA}select: [{{xyz: 1}}]\n")), entries);
    let upstream = known(&format!("{SCHEMA}select: []\nupstreams: [{{xyz: 1}}]\n"));
    assert_eq!(upstream, keys(&schema["properties"]["upstreams"]["items"]));
}
