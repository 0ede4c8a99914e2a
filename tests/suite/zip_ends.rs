//! The end records of a zip, which must say the same, and what an entry says of itself.

use crate::raw_zip::{RawEntry, RawZip};
use crate::zip::{open, plain};

/// What the reader says where a field of the end record has another value.
fn with_end(zip64: bool, field: usize, value: &[u8]) -> String {
    let mut raw = plain();
    raw.zip64 = zip64;
    let mut bytes = raw.bytes();
    let at = bytes.len() - 22 + field;
    bytes[at..at + value.len()].copy_from_slice(value);
    open(bytes).err().unwrap().to_string()
}

#[test]
fn both_end_records_say_the_same_or_one_points_to_the_other() {
    // The count stands there twice.
    let (entries, bytes, offset) = (8, 12, 16);
    for (field, value) in [(entries, [7, 0, 7, 0]), (bytes, [7; 4]), (offset, [7; 4])] {
        assert_eq!(
            with_end(true, field, &value),
            "the zip has two end records that disagree"
        );
    }
    // What stands behind the record's own length, and on which disk the directory begins.
    assert_eq!(
        with_end(false, 20, &[1, 0]),
        "the zip does not close with an end record without comment"
    );
    assert_eq!(with_end(false, 6, &[1, 0]), "the zip is spread over several disks");
    for field in [bytes, offset] {
        assert_eq!(
            with_end(false, field, &[0xff; 4]),
            "the zip lacks the zip64 record that its end record points to"
        );
    }
}

#[test]
fn an_entry_is_plainly_stored_or_it_is_not() {
    let mut zip = open(
        RawZip::of([
            RawEntry::stored("a", b"a"),
            RawEntry::deflated("b", b"b"),
            // The flag of a name that is not ASCII.
            RawEntry::stored("\u{e4}", b"c"),
        ])
        .bytes(),
    )
    .unwrap();
    assert_eq!(zip.read("\u{e4}", 1).unwrap(), b"c");
    let plainly: Vec<bool> = zip.entries().iter().map(|entry| entry.is_plainly_stored()).collect();
    assert_eq!(plainly, [true, false, false]);
}

#[test]
fn a_long_end_record_knows_of_one_disk() {
    // The record stands before its locator and the end record; its disks are named at 16 and 20.
    for field in [16, 20] {
        let mut raw = plain();
        raw.zip64 = true;
        let mut bytes = raw.bytes();
        let at = bytes.len() - 22 - 20 - 56 + field;
        bytes[at] = 1;
        assert_eq!(
            open(bytes).err().unwrap().to_string(),
            "the zip is spread over several disks"
        );
    }
}
