//! `archive::tar`: what it finds, and what it refuses.

use sealift::archive::ArchiveError;
use sealift::archive::tar::{Limits, find_in_tgz, find_only_in_tgz};

use crate::tgz::{Entry, gzip, tar, tgz};

const WANTED: &str = "package/package.json";

type Outcome = Result<Option<(String, Vec<u8>)>, ArchiveError>;

fn first(archive: &[u8]) -> Outcome {
    find_in_tgz(&mut &*archive, &mut |name| name == WANTED, &Limits::default())
}

fn only(archive: &[u8]) -> Outcome {
    find_only_in_tgz(&mut &*archive, &mut |name| name == WANTED, &Limits::default())
}

fn wanted(content: &str) -> Entry {
    Entry::file(WANTED, content)
}

#[track_caller]
fn refused(outcome: Outcome, text: &str) {
    match outcome {
        Err(error) => assert!(error.to_string().contains(text), "{error}"),
        Ok(found) => panic!("found {found:?}, where `{text}` was expected"),
    }
}

#[track_caller]
fn found(outcome: Outcome, content: &str) {
    let expected = Some((WANTED.to_owned(), content.as_bytes().to_vec()));
    assert_eq!(outcome.expect("a readable archive"), expected);
}

#[test]
fn a_member_is_found_in_every_dialect() {
    found(only(&tgz(&[Entry::file("package/a.js", "x"), wanted("{}")])), "{}");
    // An old header: no magic, no kind.
    found(
        only(&tgz(&[wanted("{}").patched(156, &[0]).patched(257, &[0; 8])])),
        "{}",
    );
    // A ustar prefix.
    found(
        only(&tgz(&[Entry::file("package.json", "{}").patched(345, b"package")])),
        "{}",
    );
    // GNU keeps times where ustar has the prefix.
    found(
        only(&tgz(&[wanted("{}")
            .patched(257, b"ustar  \0")
            .patched(345, b"14000000000\0")])),
        "{}",
    );
    // A pax name, with the size beside it, and a long GNU name.
    found(
        only(&tgz(&[
            Entry::pax(b'g', &[("comment", "made of a commit")]),
            Entry::pax(b'x', &[("path", WANTED), ("mtime", "1.5"), ("size", "2")]),
            Entry::file("short", "{}").sized(|_| 0),
        ])),
        "{}",
    );
    found(
        only(&tgz(&[
            Entry::of_kind(b'L', "././@LongLink", format!("{WANTED}\0")),
            Entry::file("short", "{}"),
        ])),
        "{}",
    );
    // A size in binary.
    found(
        only(&tgz(&[
            wanted("{}").patched(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])
        ])),
        "{}",
    );
    // Two gzip members, and no end mark.
    let bytes = tar(&[Entry::file("package/a.js", "x"), wanted("{}")]);
    let (left, right) = bytes.split_at(700);
    found(only(&[gzip(left), gzip(right)].concat()), "{}");
}

#[test]
fn what_is_not_there_is_not_found() {
    assert_eq!(only(&tgz(&[])).unwrap(), None);
    assert_eq!(only(&tgz(&[Entry::file("package/a.js", "x")])).unwrap(), None);
    assert_eq!(only(&gzip(&[])).unwrap(), None);
    // A name that is not UTF-8 is nobody's.
    let odd = Entry::file("package/x", "x").patched(8, &[0xff]);
    assert_eq!(
        find_in_tgz(&mut &*tgz(&[odd]), &mut |_| true, &Limits::default()).unwrap(),
        None
    );
}

#[test]
fn the_first_search_stops_early_and_the_other_reads_on() {
    let mut bytes = tar(&[wanted("{}")]);
    bytes.extend([7; 100_000]);
    let broken = gzip(&bytes);
    found(first(&broken), "{}");
    refused(only(&broken), "malformed");

    let twice = tgz(&[
        wanted("{}"),
        Entry::file("package/a.js", "x"),
        wanted("{\"scripts\":1}"),
    ]);
    found(first(&twice), "{}");
    refused(only(&twice), "the archive holds \"package/package.json\" besides");
}

#[test]
fn a_wanted_name_must_be_a_plain_file() {
    for kind in *b"123456" {
        let archive = tgz(&[Entry::of_kind(kind, WANTED, "").patched(157, b"/etc/passwd")]);
        refused(first(&archive), "is not a plain file");
        refused(
            only(&tgz(&[wanted("{}"), Entry::of_kind(kind, WANTED, "")])),
            "is not a plain file",
        );
    }
}

#[test]
fn what_readers_read_differently_is_refused() {
    let ambiguous = |entries: &[Entry], text| refused(first(&tgz(entries)), text);
    for kind in *b"123456" {
        ambiguous(&[Entry::of_kind(kind, "package/x", "content")], "has content");
    }
    ambiguous(&[Entry::file("package/", "content")], "has content");
    for kind in *b"7SVMDNXA" {
        ambiguous(&[Entry::of_kind(kind, "package/x", "")], "unusual kind");
    }
    for record in [("path", WANTED), ("linkpath", "x"), ("size", "5")] {
        ambiguous(&[Entry::pax(b'g', &[record]), wanted("{}")], "global header sets");
    }
    let pax = || Entry::pax(b'x', &[("path", WANTED)]);
    let name = || Entry::of_kind(b'L', "././@LongLink", WANTED);
    let link = || Entry::of_kind(b'K', "././@LongLink", WANTED);
    ambiguous(&[pax(), pax(), wanted("{}")], "two extended headers");
    ambiguous(&[name(), pax(), wanted("{}")], "two extended headers");
    ambiguous(&[link(), pax(), wanted("{}")], "two extended headers");
    ambiguous(&[pax(), name(), wanted("{}")], "two long names");
    ambiguous(&[name(), name(), wanted("{}")], "two long names");
    ambiguous(&[pax(), link(), wanted("{}")], "two long links");
    ambiguous(&[link(), link(), wanted("{}")], "two long links");
    ambiguous(&[Entry::pax(b'x', &[("path", "")]), wanted("{}")], "takes a name away");
    ambiguous(&[Entry::pax(b'x', &[("path", "a\0b")]), wanted("{}")], "NUL");
    ambiguous(
        &[Entry::pax(b'x', &[("GNU.sparse.major", "1")]), wanted("{}")],
        "sparse file",
    );
    ambiguous(
        &[wanted("{}").patched(263, b"99").patched(345, b"other")],
        "prefix and an unknown version",
    );
    // One zero block, and another entry behind it.
    let mut bytes = tar(&[Entry::file("package/a.js", "x")]);
    bytes.extend([0; 512]);
    bytes.extend(tar(&[wanted("{}")]));
    refused(first(&gzip(&bytes)), "follows the end mark");
    let mut bytes = tar(&[]);
    bytes.extend([0; 1024]);
    bytes.extend(tar(&[wanted("{}")]));
    refused(first(&gzip(&bytes)), "follows the end mark");
}

#[test]
fn broken_archives_are_refused() {
    let malformed = |entries: &[Entry], text| refused(first(&tgz(entries)), text);
    malformed(&[wanted("{}").broken(0, b'q')], "checksum");
    malformed(&[wanted("{}").patched(124, b"9")], "not octal");
    malformed(&[wanted("{}").patched(124, &[0xff; 12])], "negative");
    malformed(&[wanted("{}").patched(124, &[0x80, 1])], "beyond all bounds");
    malformed(&[Entry::pax(b'x', &[("size", "-1")]), wanted("{}")], "not a number");
    malformed(
        &[Entry::pax(b'x', &[("size", "99999999999999999999")]), wanted("{}")],
        "not a number",
    );
    for record in [
        "5 a=b", "99 a=b\n", "x a=b\n", "0 a=b\n", "6 a=bc\n", "5 abc\n", "1 \n", "junk",
    ] {
        malformed(&[Entry::of_kind(b'x', "x", record), wanted("{}")], "record is broken");
    }
    for kind in *b"LK" {
        malformed(&[Entry::of_kind(kind, "x", "y")], "belongs to no entry");
    }
    malformed(&[Entry::pax(b'x', &[("path", "y")])], "belongs to no entry");
    malformed(
        &[
            Entry::pax(b'x', &[("path", "y")]),
            Entry::pax(b'g', &[("a", "b")]),
            wanted("{}"),
        ],
        "belongs to no entry",
    );
    refused(
        first(&gzip(&tar(&[Entry::pax(b'x', &[("path", "y")])]))),
        "belongs to no entry",
    );

    let whole = tar(&[Entry::file("package/a.js", [1; 2000])]);
    refused(first(&gzip(&whole[..100])), "within a header");
    refused(first(&gzip(&whole[..1000])), "within a member");
    refused(first(&gzip(&tar(&[wanted("{}")])[..600])), "within a member");
    refused(
        first(&gzip(&tar(&[wanted("{}").sized(|_| 100_000)]))),
        "within a member",
    );
    refused(first(b""), "gzip stream");
    refused(first(b"PK\x03\x04 not gzip"), "gzip stream");
    let archive = tgz(&[Entry::file("package/a.js", [1; 2000])]);
    refused(first(&archive[..archive.len() / 2]), "gzip stream");
    refused(
        only(&[tgz(&[wanted("{}")]).as_slice(), b"garbage"].concat()),
        "gzip stream",
    );
}

#[test]
fn every_limit_holds() {
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let search = |archive: &[u8], limits: Limits| find_in_tgz(&mut &*archive, &mut |name| name == WANTED, &limits);

    let three = tgz(&[Entry::file("a", ""), Entry::file("b", ""), wanted("{}")]);
    assert!(search(&three, limits(|limits| limits.entries = 3)).unwrap().is_some());
    refused(
        search(&three, limits(|limits| limits.entries = 2)),
        "more than 2 entries",
    );

    let member = tgz(&[wanted("0123456789")]);
    assert!(
        search(&member, limits(|limits| limits.member_bytes = 10))
            .unwrap()
            .is_some()
    );
    refused(
        search(&member, limits(|limits| limits.member_bytes = 9)),
        "more than 9 bytes in one member",
    );

    let large = tgz(&[Entry::file("a", vec![0; 100_000]), wanted("{}")]);
    refused(
        search(&large, limits(|limits| limits.inflated_bytes = 50_000)),
        "more than 50000 inflated bytes",
    );
    // A stated size costs nothing by itself.
    refused(
        search(
            &tgz(&[Entry::file("a", "").sized(|_| 0o77_777_777_777)]),
            Limits::default(),
        ),
        "within a member",
    );
    refused(
        search(
            &tgz(&[
                Entry::pax(b'x', &[("size", "18446744073709551615")]),
                Entry::file("a", ""),
            ]),
            Limits::default(),
        ),
        "inflated bytes",
    );
    refused(
        search(
            &tgz(&[Entry::of_kind(b'L', "x", vec![b'a'; 300_000])]),
            Limits::default(),
        ),
        "bytes in an extended header",
    );

    for kind in [b'x', b'g', b'K'] {
        let long = Entry::of_kind(kind, "x", vec![b'a'; (256 << 10) + 1]);
        refused(
            search(&tgz(&[long, wanted("{}")]), Limits::default()),
            "more than 262144 bytes in an extended header",
        );
    }

    let bomb = gzip(&tar(&[Entry::file("a", vec![0; 100 << 20]), wanted("{}")]));
    refused(
        search(&bomb, limits(|limits| limits.ratio = 50)),
        "for each compressed one",
    );
    assert!(search(&bomb, limits(|limits| limits.ratio = 2000)).unwrap().is_some());
}

#[test]
fn a_failing_disk_is_not_the_archive_s_fault() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let error = find_in_tgz(&mut Failing, &mut |_| true, &Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::Unreadable { .. }), "{error}");
    assert_eq!(error.to_string(), "the archive cannot be read");
}
