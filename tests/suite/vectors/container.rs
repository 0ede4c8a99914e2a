//! The container: tar headers, names, sizes.

use super::*;

pub(super) fn container(v: &mut Vectors) {
    v.edited(
        "container/good",
        "accepted",
        "four plain files in one volume",
        Edits::default(),
    );
    v.edited(
        "container/truncated",
        "object-missing",
        "the volume is cut off in its last object",
        first(|bytes| bytes.truncate(bytes.len() - 2000)),
    );
    v.edited(
        "container/end_missing",
        "object-missing",
        "the two zero blocks at the end are missing",
        first(|bytes| bytes.truncate(bytes.len() - 1024)),
    );
    v.edited(
        "container/trailing_byte",
        "container-not-exact",
        "a byte follows the end",
        first(|bytes| bytes.push(0)),
    );
    v.edited(
        "container/trailing_member",
        "container-not-exact",
        "a member follows the last object",
        members(|members| {
            members.push(Member {
                name: "objects/00/00".into(),
                data: vec![1],
            })
        }),
    );
    v.edited(
        "container/end_not_zero",
        "container-not-exact",
        "the end holds a byte",
        first(|bytes| *bytes.last_mut().unwrap() = 1),
    );
    v.edited(
        "container/padding_not_zero",
        "container-not-exact",
        "the padding after an object holds a byte",
        first(|bytes| {
            let at = position(bytes, "objects/");
            let size = usize::from_str_radix(std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap(), 8).unwrap();
            bytes[at + 512 + size] = 1;
        }),
    );
    v.edited(
        "container/catalog_padding_not_zero",
        "container-not-exact",
        "the padding after the catalog holds a byte",
        first(|bytes| {
            let at = position(bytes, "volume/");
            bytes[at - 1] = 1;
        }),
    );
    for (field, at, byte) in [
        ("mode", 106, b'5'),
        ("owner", 114, b'1'),
        ("time", 146, b'1'),
        ("link_kind", 156, b'2'),
        ("pax_kind", 156, b'x'),
        ("device_kind", 156, b'3'),
        ("link_target", 157, b'/'),
        ("prefix", 345, b'x'),
    ] {
        v.edited(
            &format!("container/object_header_{field}"),
            "container-not-exact",
            "one field of an object's header is not the computed one, and its checksum fits",
            first(move |bytes| {
                let start = position(bytes, "objects/");
                bytes[start + at] = byte;
                fix_checksum(&mut bytes[start..start + 512]);
            }),
        );
    }
    v.edited(
        "container/object_header_checksum",
        "container-not-exact",
        "an object's header has another checksum",
        first(|bytes| {
            let start = position(bytes, "objects/");
            bytes[start + 150] ^= 1;
        }),
    );
    v.edited(
        "container/catalog_header_time",
        "container-not-exact",
        "the catalog's header is not the computed one",
        first(|bytes| {
            let start = position(bytes, "catalog.ndjson.zst");
            bytes[start + 146] = b'1';
            fix_checksum(&mut bytes[start..start + 512]);
        }),
    );
    v.edited(
        "container/objects_swapped",
        "container-not-exact",
        "two objects stand in each other's place",
        members(|members| {
            let count = members.len();
            members.swap(count - 1, count - 2);
        }),
    );
    v.edited(
        "container/object_twice",
        "container-not-exact",
        "an object stands there twice",
        members(|members| {
            let last = members.last().unwrap().clone();
            members.push(last);
        }),
    );
    v.edited(
        "container/object_left_out",
        "container-not-exact",
        "an object is not there",
        members(|members| {
            let count = members.len();
            members.remove(count - 2);
        }),
    );
    v.edited(
        "container/path_trick",
        "container-not-exact",
        "an object's member is named ../x",
        members(|members| members.last_mut().unwrap().name = "objects/../../x".into()),
    );
    v.edited(
        "container/manifest_renamed",
        "unknown-format",
        "the first member has another name",
        members(|members| members[0].name = "manifest.json".into()),
    );
    v.edited(
        "container/not_a_tar",
        "unknown-format",
        "the file is something else",
        first(|bytes| bytes[..512].copy_from_slice(&noise(9, 512))),
    );
    v.edited(
        "container/empty_file",
        "object-missing",
        "the file is empty",
        first(Vec::clear),
    );
    v.edited(
        "container/endless_envelope",
        "preauth-limit-exceeded",
        "the envelope claims to have 2 MiB",
        first(|bytes| {
            let header = sealift::bundle::container::header("manifest.dsse.json", 2 << 20);
            bytes[..512].copy_from_slice(&header);
        }),
    );
    v.edited(
        "container/base256_size",
        "unknown-format",
        "the first member's size is in GNU's binary form",
        first(|bytes| {
            bytes[124] = 0x80;
            fix_checksum(&mut bytes[..512]);
        }),
    );
    v.edited(
        "container/volume_mark_missing",
        "container-not-exact",
        "the member that says which volume this is is missing",
        members(|members| members.retain(|member| !member.name.starts_with("volume/"))),
    );
    v.edited(
        "container/root_not_listed",
        "container-not-exact",
        "a root travels that the manifest does not list",
        manifest(|manifest| manifest["roots"][0]["digest"] = Digest::of(b"other").to_string().into()),
    );
    v.edited(
        "container/root_size",
        "container-not-exact",
        "the manifest lists another size for the root",
        manifest(|manifest| manifest["roots"][0]["size"] = 17.into()),
    );
    // What is wrong with the first of them is not looked at before they are counted.
    let mut bundle = RawBundle::sample();
    bundle.roots = (1..=65).map(|version| (version, b"{}".to_vec())).collect();
    v.add(
        "container/too_many_roots",
        "preauth-limit-exceeded",
        "one root more travels than is read before the seal is judged",
        bundle.build(&Edits::default()),
    );
}

fn fix_checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}
