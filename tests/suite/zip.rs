//! The strict zip reader: every archive that two readers could read differently is refused.

use std::io::Cursor;

use sealift::archive::zip::{Zip, ZipError};

use crate::raw_zip::{RawEntry, RawZip};

pub(crate) fn open(bytes: Vec<u8>) -> Result<Zip<Cursor<Vec<u8>>>, ZipError> {
    Zip::open(Cursor::new(bytes))
}

pub(crate) fn plain() -> RawZip {
    RawZip::of([
        RawEntry::deflated("a/one.txt", b"one one one one one one"),
        RawEntry::stored("two.txt", b"two"),
    ])
}

/// What the reader says about an archive that was bent.
fn fault(bend: impl FnOnce(&mut RawZip)) -> String {
    let mut raw = plain();
    bend(&mut raw);
    match open(raw.bytes()) {
        Ok(mut zip) => zip.read("a/one.txt", 100).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn plain_archives_are_read() {
    for zip64 in [false, true] {
        let mut raw = plain();
        raw.zip64 = zip64;
        raw.entries.push(RawEntry::stored("folder/", b""));
        raw.entries
            .push(RawEntry::deflated("later.txt", b"later later later").described());
        raw.entries.push(RawEntry::stored("n\u{e4}me", b""));
        let mut zip = open(raw.bytes()).unwrap();
        assert_eq!(zip.entries().len(), 5);
        assert_eq!(zip.read("a/one.txt", 23).unwrap(), b"one one one one one one");
        assert_eq!(zip.read("two.txt", 3).unwrap(), b"two");
        assert_eq!(zip.read("later.txt", 100).unwrap(), b"later later later");
        assert_eq!(zip.read("n\u{e4}me", 0).unwrap(), b"");
        assert!(zip.entries().iter().any(sealift::archive::zip::Entry::is_folder));
    }
    assert!(open(RawZip::of([]).bytes()).unwrap().entries().is_empty());
}

#[test]
fn long_fields_are_read_where_the_short_ones_point_to_them() {
    let mut raw = plain();
    let entry = &mut raw.entries[0];
    let long = |fields: &[u64]| {
        let mut extra = vec![1, 0, (fields.len() * 8) as u8, 0];
        extra.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        extra
    };
    let (size, compressed) = (u64::from(entry.size), u64::from(entry.compressed));
    entry.extra = long(&[size, compressed, 0]);
    (entry.size, entry.compressed, entry.offset) = (u32::MAX, u32::MAX, Some(u32::MAX));
    entry.local_extra = long(&[size, compressed]);
    (entry.local_size, entry.local_compressed) = (u32::MAX, u32::MAX);
    assert_eq!(open(raw.bytes()).unwrap().read("a/one.txt", 23).unwrap().len(), 23);

    let lacking = |bend: fn(&mut RawEntry)| {
        let mut raw = plain();
        bend(&mut raw.entries[0]);
        open(raw.bytes()).err().unwrap().to_string()
    };
    assert_eq!(lacking(|entry| entry.size = u32::MAX), "the zip lacks a zip64 field");
    assert_eq!(
        lacking(|entry| entry.extra = vec![1, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0, 0]),
        "the zip's entry `a/one.txt` has zip64 fields beside plain ones"
    );
    assert_eq!(
        lacking(|entry| entry.local_size = u32::MAX),
        "the zip's entry `a/one.txt` has a local header that differs from the directory"
    );
    let broken = "the zip's entry `a/one.txt` has a broken extra field";
    assert_eq!(
        lacking(|entry| entry.local_extra = [&[1, 0, 8, 0][..], &u64::from(entry.size).to_le_bytes()].concat()),
        broken
    );
    assert_eq!(
        lacking(|entry| {
            let (size, compressed) = (u64::from(entry.size), u64::from(entry.compressed));
            entry.local_extra = [&[1, 0, 17, 0][..], &size.to_le_bytes(), &compressed.to_le_bytes(), &[0]].concat();
        }),
        broken
    );
    assert_eq!(
        lacking(|entry| entry.local_extra = [&[1, 0, 16, 0][..], &[9; 16]].concat()),
        "the zip's entry `a/one.txt` has two sizes that disagree"
    );
}

#[test]
fn local_long_fields_without_need_may_repeat_the_sizes() {
    let mut raw = plain();
    let entry = &mut raw.entries[0];
    let (size, compressed) = (u64::from(entry.size), u64::from(entry.compressed));
    entry.local_extra = [&[1, 0, 16, 0][..], &size.to_le_bytes(), &compressed.to_le_bytes()].concat();
    assert_eq!(open(raw.bytes()).unwrap().read("a/one.txt", 23).unwrap().len(), 23);
}

#[test]
fn archives_that_read_differently_from_both_ends_are_refused() {
    let differs = "the zip's entry `a/one.txt` has a local header that differs from the directory";
    let cases: Vec<(String, &str)> = vec![
        (fault(|raw| raw.entries[0].local_name = b"b/one.txt".to_vec()), differs),
        (fault(|raw| raw.entries[0].local_flags = 2), differs),
        (fault(|raw| raw.entries[0].local_method = 0), differs),
        (fault(|raw| raw.entries[0].local_crc ^= 1), differs),
        (fault(|raw| raw.entries[0].local_size += 1), differs),
        (fault(|raw| raw.entries[0].local_compressed += 1), differs),
        (
            fault(|raw| raw.entries[0].after = b"hidden".to_vec()),
            "the zip's entry `two.txt` does not follow the entry before it",
        ),
        (
            fault(|raw| raw.entries[0].offset = Some(1)),
            "the zip's entry `a/one.txt` does not follow the entry before it",
        ),
        (
            fault(|raw| raw.entries[1].offset = Some(0)),
            "the zip's entry `two.txt` does not follow the entry before it",
        ),
        (
            fault(|raw| raw.before_directory = b"hidden".to_vec()),
            "the zip has bytes between its entries and its directory",
        ),
        (
            fault(|raw| raw.after_directory = b"hidden".to_vec()),
            "the zip has a directory that does not reach its end record",
        ),
        (
            fault(|raw| raw.comment = b"comment".to_vec()),
            "the zip does not close with an end record without comment",
        ),
        (
            fault(|raw| raw.entries[1] = raw.entries[0].clone()),
            "the zip's entry `a/one.txt` stands there twice",
        ),
        (
            fault(|raw| raw.count = Some(1)),
            "the zip has more bytes in its directory than records",
        ),
        (
            fault(|raw| raw.count = Some(3)),
            "the zip has a directory that ends within a record",
        ),
        (fault(|raw| raw.disk = 1), "the zip is spread over several disks"),
        (
            fault(|raw| raw.entries[0].disk = 1),
            "the zip's entry `a/one.txt` lies on another disk",
        ),
        (
            fault(|raw| raw.entries[0].comment = b"x".to_vec()),
            "the zip's entry `a/one.txt` has a comment",
        ),
        (
            fault(|raw| raw.count = Some(u16::MAX)),
            "the zip lacks the zip64 record that its end record points to",
        ),
        (
            fault(|raw| {
                raw.zip64 = true;
                raw.directory_offset = Some(7);
            }),
            "the zip has two end records that disagree",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    for (bytes, expected) in [
        (b"PK".to_vec(), "the zip is too short to be one"),
        (
            vec![0; 100],
            "the zip does not close with an end record without comment",
        ),
        (
            [plain().bytes(), b"x".to_vec()].concat(),
            "the zip does not close with an end record without comment",
        ),
        (
            [b"x".to_vec(), plain().bytes()].concat(),
            "the zip has a directory that does not reach its end record",
        ),
    ] {
        assert_eq!(open(bytes).err().unwrap().to_string(), expected);
    }
}

#[test]
fn records_without_their_signatures_are_refused() {
    let bent = |at: usize| {
        let mut bytes = plain().bytes();
        bytes[at] ^= 1;
        open(bytes).err().unwrap().to_string()
    };
    assert_eq!(bent(0), "the zip's entry `a/one.txt` has no local header");
    let length = plain().bytes().len();
    let directory = length - 22 - 2 * 46 - "a/one.txttwo.txt".len();
    assert_eq!(bent(directory), "the zip has a directory record without its signature");
    assert_eq!(
        bent(length - 22),
        "the zip does not close with an end record without comment"
    );
}

#[test]
fn zip64_records_that_are_not_plain_are_refused() {
    let bent = |at_from_end: usize, byte: u8| {
        let mut raw = plain();
        raw.zip64 = true;
        let mut bytes = raw.bytes();
        let at = bytes.len() - at_from_end;
        bytes[at] = byte;
        open(bytes).err().unwrap().to_string()
    };
    // The locator stands 42 bytes before the end, the record 98.
    let locator = "the zip has a zip64 locator that does not point to the record before it";
    assert_eq!(bent(42 - 4, 1), locator);
    assert_eq!(bent(42 - 8, 1), locator);
    assert_eq!(bent(42 - 16, 2), locator);
    let record = "the zip has a zip64 end record that is not plain";
    assert_eq!(bent(98, 0), record);
    assert_eq!(bent(98 - 4, 45), record);
    assert_eq!(bent(98 - 16, 1), "the zip is spread over several disks");
    assert_eq!(bent(98 - 24, 9), "the zip is spread over several disks");
    // Without a locator the markers point nowhere.
    assert_eq!(
        bent(42, 0),
        "the zip lacks the zip64 record that its end record points to"
    );
    // Python's zipfile would follow a locator in the last entry's extra field.
    let mut raw = plain();
    let forged = [&[0x99, 0x99, 20, 0][..], &0x0706_4b50_u32.to_le_bytes(), &[0; 16]].concat();
    raw.entries[1].extra = forged;
    assert_eq!(open(raw.bytes()).err().unwrap().to_string(), locator);
}

#[test]
fn unusual_entries_are_refused() {
    let entry = |what: &str| format!("the zip's entry `a/one.txt` {what}");
    let both = |bend: fn(&mut RawEntry)| fault(|raw| bend(&mut raw.entries[0]));
    let feature = "is encrypted or uses a feature that is not plain zip";
    for flag in [1 << 0, 1 << 4, 1 << 5, 1 << 6, 1 << 13] {
        let found = fault(|raw| {
            raw.entries[0].flags |= flag;
            raw.entries[0].local_flags |= flag;
        });
        assert_eq!(found, entry(feature));
    }
    assert_eq!(
        both(|entry| {
            entry.method = 12;
            entry.local_method = 12;
        }),
        entry("is neither stored nor deflated")
    );
    assert_eq!(both(|entry| entry.extra = vec![0x01, 0x99, 0, 0]), entry(feature));
    assert_eq!(
        both(|entry| entry.extra = vec![0x75, 0x70, 0, 0]),
        entry("has a second name in an extra field")
    );
    assert_eq!(
        both(|entry| entry.local_extra = vec![0x75, 0x70, 0, 0]),
        entry("has a second name in an extra field")
    );
    assert_eq!(
        both(|entry| entry.extra = vec![0, 0, 9]),
        entry("has a broken extra field")
    );
    assert_eq!(
        both(|entry| entry.extra = vec![0, 0, 9, 0]),
        entry("has a broken extra field")
    );
    assert_eq!(
        both(|entry| entry.extra = vec![1, 0, 0, 0, 1, 0, 0, 0]),
        entry("has two zip64 fields")
    );
    assert_eq!(
        both(|entry| entry.compressed = 1 << 20),
        entry("runs into the directory")
    );
    assert_eq!(
        fault(|raw| raw.entries[1].size = 9),
        "the zip's entry `two.txt` is stored with another size than its own"
    );
    let described = fault(|raw| raw.entries[1] = raw.entries[1].clone().described());
    assert_eq!(
        described,
        "the zip's entry `two.txt` is stored with another size than its own"
    );
    assert_eq!(
        fault(|raw| raw.entries[1] = RawEntry::stored("x/", b"content")),
        "the zip's entry `x/` is a folder with content"
    );
    assert_eq!(both(|entry| entry.flags = 0xffff), entry(feature));
}

#[test]
fn names_that_are_not_plain_paths_are_refused() {
    let path = "has a name that is not a plain relative path";
    let controls = "has a backslash or a control character in its name";
    for (name, expected) in [
        ("../x", path),
        ("a/../b", path),
        ("./x", path),
        ("/x", path),
        ("a//b", path),
        ("", path),
        ("/", path),
        ("C:x", path),
        ("a\\b", controls),
        ("a\0b", controls),
        ("a\u{1b}[2J", controls),
    ] {
        let found = fault(|raw| raw.entries[1] = RawEntry::stored(name, b"x"));
        assert!(found.ends_with(expected), "{name:?}: {found}");
    }
    let found = fault(|raw| {
        raw.entries[1] = RawEntry::stored("n\u{e4}me", b"x");
        raw.entries[1].flags = 0;
    });
    assert!(
        found.ends_with("has a name outside ASCII that is not marked as UTF-8"),
        "{found}"
    );
    let found = fault(|raw| raw.entries[1].name = b"\xff".to_vec());
    assert!(found.ends_with("has a name that is not UTF-8"), "{found}");
}

#[test]
fn content_that_is_not_as_stated_is_refused() {
    let entry = |what: &str| format!("the zip's entry `a/one.txt` {what}");
    let set = |size: u32| {
        fault(|raw| {
            raw.entries[0].size = size;
            raw.entries[0].local_size = size;
        })
    };
    assert_eq!(set(22), entry("has another size than stated"));
    assert_eq!(set(24), entry("has another size than stated"));
    let crc = fault(|raw| {
        raw.entries[0].crc ^= 1;
        raw.entries[0].local_crc ^= 1;
    });
    assert_eq!(crc, entry("does not match its CRC"));
    let bomb = fault(|raw| {
        raw.entries[0].size = 1 << 31;
        raw.entries[0].local_size = 1 << 31;
    });
    assert_eq!(bomb, "the zip states sizes that its bytes cannot hold");
    assert_eq!(
        fault(|raw| raw.entries[0].data.fill(0xff)),
        entry("is not a deflate stream")
    );
    let trailing = fault(|raw| {
        let entry = &mut raw.entries[0];
        entry.data.extend(b"more");
        entry.compressed += 4;
        entry.local_compressed += 4;
    });
    assert_eq!(trailing, entry("has bytes after its deflate stream"));

    let mut zip = open(plain().bytes()).unwrap();
    assert_eq!(
        zip.read("a/one.txt", 22).unwrap_err().to_string(),
        "the zip's entry `a/one.txt` exceeds 22"
    );
    assert_eq!(
        zip.read("none", 22).unwrap_err().to_string(),
        "the zip has no entry `none`"
    );
    let mut raw = plain();
    raw.entries.push(RawEntry::stored("x/", b""));
    let found = open(raw.bytes()).unwrap().read("x/", 1).unwrap_err().to_string();
    assert_eq!(found, "the zip's entry `x/` is a folder");
}

#[test]
fn data_descriptors_are_compared() {
    let bend = |bend: fn(&mut RawEntry)| {
        fault(|raw| {
            raw.entries[0] = raw.entries[0].clone().described();
            bend(&mut raw.entries[0]);
        })
    };
    let entry = |what: &str| format!("the zip's entry `a/one.txt` {what}");
    let differs = entry("has a data descriptor that differs from the directory");
    for at in [0, 4, 8, 12] {
        let found = fault(|raw| {
            raw.entries[0] = raw.entries[0].clone().described();
            raw.entries[0].after[at] ^= 1;
        });
        assert_eq!(found, differs);
    }
    assert_eq!(bend(|entry| drop(entry.after.drain(..4))), differs);
    let header = entry("has a local header that differs from the directory");
    assert_eq!(bend(|entry| entry.local_size = 1), header);
    assert_eq!(bend(|entry| entry.local_compressed = 1), header);
    assert_eq!(bend(|entry| entry.local_crc = 1), header);
    // A zip64 field in the local header makes the descriptor longer (APPNOTE §4.3.9.2); one without the other does not read.
    let long = |entry: &mut RawEntry, after: bool| {
        *entry = entry.clone().described();
        entry.local_extra = [&[1, 0, 16, 0][..], &[0; 16]].concat();
        if after {
            entry.after = [
                &entry.after[..8],
                &u64::from(entry.compressed).to_le_bytes(),
                &u64::from(entry.size).to_le_bytes(),
            ]
            .concat();
        }
    };
    let mut raw = plain();
    long(&mut raw.entries[0], true);
    assert_eq!(open(raw.bytes()).unwrap().read("a/one.txt", 23).unwrap().len(), 23);
    assert_eq!(fault(|raw| long(&mut raw.entries[0], false)), differs);
    // Where a reader from the start relies on the end of the stream, it is looked for at once.
    let early_end = RawZip::of([{
        let mut entry = RawEntry::deflated("x", b"x");
        entry.data.extend(b"PK\x03\x04 a hidden entry");
        entry.compressed = entry.data.len() as u32;
        entry.described()
    }]);
    assert_eq!(
        open(early_end.bytes()).err().unwrap().to_string(),
        "the zip's entry `x` has bytes after its deflate stream"
    );
}

#[test]
fn counts_and_directories_are_bounded() {
    let mut raw = plain();
    raw.zip64 = true;
    let mut bytes = raw.bytes();
    let record = bytes.len() - 98;
    for at in [24, 32] {
        bytes[record + at..record + at + 8].copy_from_slice(&200_001_u64.to_le_bytes());
    }
    assert_eq!(
        open(bytes).err().unwrap().to_string(),
        "the zip's number of entries exceeds 200000"
    );
    // A file that is nothing but a directory, of zeros.
    let directory = |length: usize| {
        let mut bytes = vec![0; length];
        bytes.extend(0x0605_4b50_u32.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend([0; 6]);
        open(bytes).err().unwrap().to_string()
    };
    assert_eq!(
        directory(64 << 20),
        "the zip has more bytes in its directory than records"
    );
    assert_eq!(
        directory((64 << 20) + 1),
        "the zip's central directory exceeds 67108864"
    );
}

/// By the place where it stands: what is read there could look like anything.
#[test]
fn a_local_header_ends_before_the_directory() {
    let mut raw = RawZip::of([RawEntry::stored("name", b"")]);
    let good = raw.bytes();
    assert!(open(good.clone()).is_ok());
    let overrun = "the zip's entry `name` runs into the directory";
    // The header is cut, first within its fixed part and then within the name: the directory begins there.
    for length in 0..34 {
        let mut cut = [&good[..length], &good[34..]].concat();
        let offset = cut.len() - 6;
        cut[offset..offset + 4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        assert_eq!(open(cut).err().unwrap().to_string(), overrun, "{length}");
    }
    raw.entries[0].local_extra = vec![0; 4];
    let mut long = raw.bytes();
    long[28] = 255;
    assert_eq!(open(long).err().unwrap().to_string(), overrun);
}

/// Any flipped byte is refused, or changes nothing that the reader vouches for.
#[test]
fn flipped_bytes_do_not_change_content() {
    let good = plain().bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let Ok(mut zip) = open(bytes) else { continue };
            for (name, content) in [("a/one.txt", &b"one one one one one one"[..]), ("two.txt", b"two")] {
                if let Ok(found) = zip.read(name, 100) {
                    assert_eq!(found, content, "bit {bit} of byte {at}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let good = plain().bytes();
    for length in 0..good.len() {
        assert!(open(good[..length].to_vec()).is_err(), "{length}");
    }
}

/// Reads every file of an archive of `tests/fixtures/zip`.
fn read_all(name: &str) -> Result<usize, ZipError> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zip");
    let mut zip = open(std::fs::read(path.join(name)).unwrap())?;
    let files = zip.entries().iter().filter(|entry| !entry.is_folder());
    let names: Vec<String> = files.map(|entry| entry.name().to_owned()).collect();
    for name in &names {
        zip.read(name, 1 << 20)?;
    }
    Ok(names.len())
}

#[test]
fn archives_of_other_projects_are_judged() {
    assert_eq!(read_all("files_and_dirs.zip").unwrap(), 1);
    for (name, expected) in [
        (
            "archive-with-backslashes.zip",
            "has a backslash or a control character in its name",
        ),
        (
            "test_read_format_zip_malformed1.zip",
            "does not close with an end record without comment",
        ),
        (
            "test_read_format_zip_size_exceeds_declared_deflate.zip",
            "the zip's entry `first` has another size than stated",
        ),
        (
            "invalid_cde_number_of_files_allocation_greater_offset.zip",
            "is spread over several disks",
        ),
        (
            "invalid_offset.zip",
            "has a directory that does not reach its end record",
        ),
        // A plain archive, but for a locator's signature in a file name where Python's zipfile looks for one.
        (
            "zip64_magic_in_filename_1.zip",
            "has a zip64 locator that does not point to the record before it",
        ),
    ] {
        let found = read_all(name).unwrap_err().to_string();
        assert!(found.ends_with(expected), "{name}: {found}");
    }
}

proptest::proptest! {
    /// Bytes that are no archive, and archives with one stretch overwritten, are read or refused; nothing panics.
    #[test]
    fn no_bytes_make_the_reader_panic(at in 0_usize..260, stretch in proptest::collection::vec(0_u8.., 0..40)) {
        let mut raw = plain();
        raw.zip64 = at % 2 == 0;
        let mut bytes = raw.bytes();
        let start = at.min(bytes.len());
        let end = (start + stretch.len()).min(bytes.len());
        bytes.splice(start..end, stretch);
        if let Ok(mut zip) = open(bytes) {
            let _ = zip.read("two.txt", 100);
        }
    }
}
