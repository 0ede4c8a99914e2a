//! Objects and volumes.

use super::*;

pub(super) fn objects(v: &mut Vectors) {
    v.edited(
        "objects/small_flipped",
        "digest-mismatch",
        "one byte of a small object changed",
        members(|members| flip(members, 1)),
    );
    v.edited(
        "objects/large_flipped",
        "digest-mismatch",
        "one byte of a large object's second segment changed",
        members(|members| flip(members, 2)),
    );
    v.edited(
        "objects/zstd_flipped",
        "digest-mismatch",
        "one byte of a compressed object changed: it never reaches the decoder",
        members(|members| {
            let member = members
                .iter_mut()
                .find(|member| member.name.ends_with(".zst") && member.name.starts_with("objects/"))
                .unwrap();
            member.data[6] ^= 1;
        }),
    );
    v.edited(
        "objects/zstd_bomb",
        "size-exceeded",
        "a compressed object expands to more than its signed size",
        records(|records| {
            // The record says one byte less than the frame holds; digest and stored bytes are as signed.
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "zstd")
                .unwrap();
            let size = record["object"]["size"].as_u64().unwrap();
            record["object"]["size"] = (size - 1).into();
        }),
    );
    v.edited(
        "objects/content_not_as_named",
        "digest-mismatch",
        "a compressed object's content is another one than its name says",
        Edits {
            records: Some(Box::new(|records| {
                let bytes = sealift::bundle::frame::encode(&b"carried Across the gap\n".repeat(40)).unwrap();
                let record = records
                    .iter_mut()
                    .find(|record| record["object"]["encoding"] == "zstd")
                    .unwrap();
                record["object"]["segments"][0] = Digest::of(&bytes).to_string().into();
                record["object"]["stored_size"] = bytes.len().into();
            })),
            members: Some(Box::new(|volumes| {
                let member = volumes[0]
                    .iter_mut()
                    .find(|member| member.name.ends_with(".zst") && member.name.starts_with("objects/"))
                    .unwrap();
                member.data = sealift::bundle::frame::encode(&b"carried Across the gap\n".repeat(40)).unwrap();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "objects/segments_not_the_object",
        "digest-mismatch",
        "every segment is as listed, and together they are not the object that is named",
        records(|records| {
            let noise = digest_of(2);
            let record = records
                .iter_mut()
                .find(|record| record["object"]["digest"] == noise)
                .unwrap();
            let segments = record["object"]["segments"].as_array_mut().unwrap();
            // The third segment's digest is kept; the member is exchanged below.
            segments[2] = Digest::of(&vec![7; 10_000 - 8192]).to_string().into();
        })
        .and_members(|members| {
            let member = members
                .iter_mut()
                .find(|member| member.name.ends_with(".000002"))
                .unwrap();
            member.data = vec![7; 10_000 - 8192];
        }),
    );
}

trait AndMembers {
    fn and_members(self, edit: impl Fn(&mut Vec<Member>) + 'static) -> Self;
}

impl AndMembers for Edits {
    fn and_members(mut self, edit: impl Fn(&mut Vec<Member>) + 'static) -> Self {
        self.members = Some(Box::new(move |volumes| edit(&mut volumes[0])));
        self
    }
}

/// Flips a byte of one of the sample's files.
fn flip(members: &mut [Member], file: usize) {
    let hex = digest_of(file)[7..].to_owned();
    let prefix = format!("objects/{}/{}", &hex[..2], &hex[2..]);
    let member = members
        .iter_mut()
        .filter(|member| member.name.starts_with(&prefix))
        .nth(usize::from(file == 2))
        .unwrap();
    member.data[100] ^= 1;
}

pub(super) fn volume_cases(v: &mut Vectors) {
    let two = RawBundle::two_volumes();
    v.add(
        "volumes/two",
        "accepted",
        "two volumes; the large file crosses them",
        two.build(&Edits::default()),
    );
    v.add(
        "volumes/second_missing",
        "incomplete",
        "the second volume has not come yet",
        two.build(&Edits::default()),
    );
    v.files().retain(|name, _| !name.contains("vol002"));
    v.add(
        "volumes/first_missing",
        "incomplete",
        "the first volume has not come yet",
        two.build(&Edits::default()),
    );
    v.files().retain(|name, _| !name.contains("vol001"));
    v.add(
        "volumes/given_twice",
        "container-not-exact",
        "one volume is there under two names",
        two.build(&Edits::default()),
    );
    let first = v.files()["main-1.vol001of002.tar"].clone();
    v.files().insert("main-1.vol002of002.tar".into(), first);
    v.add(
        "volumes/mark_of_another",
        "container-not-exact",
        "the second volume calls itself the first",
        two.build(&Edits {
            members: Some(Box::new(|volumes| {
                for member in &mut volumes[1] {
                    if member.name.starts_with("volume/") {
                        member.name = "volume/1-of-2".into();
                    }
                }
            })),
            ..Edits::default()
        }),
    );
    v.files().retain(|name, _| !name.contains("vol001"));
    v.add(
        "volumes/of_two_bundles",
        "container-not-exact",
        "the second volume belongs to another bundle",
        two.build(&Edits::default()),
    );
    let mut other = two.clone();
    other.files[1].1 = noise(5, 300);
    let second = other.build(&Edits::default()).swap_remove(1);
    v.files().insert("main-1.vol002of002.tar".into(), second);
    v.add(
        "volumes/of_two_manifests",
        "container-not-exact",
        "the second volume has the same objects, and another manifest",
        two.build(&Edits::default()),
    );
    let second = two
        .build(&manifest(|manifest| {
            manifest["not_after"] = "2026-12-21T12:00:00Z".into()
        }))
        .swap_remove(1);
    v.files().insert("main-1.vol002of002.tar".into(), second);
    v.add(
        "volumes/second_with_another_root",
        "container-not-exact",
        "in the second volume the root travels in other bytes than the manifest lists",
        two.build(&Edits {
            members: Some(Box::new(|volumes| {
                let root = volumes[1]
                    .iter_mut()
                    .find(|member| member.name.starts_with("roots/"))
                    .unwrap();
                root.data = people::sealed_root(&people::root(), &[people::BOB, people::ANN]);
            })),
            ..Edits::default()
        }),
    );
    v.add(
        "volumes/second_flipped",
        "digest-mismatch",
        "a byte of the second volume changed",
        two.build(&Edits {
            members: Some(Box::new(|volumes| {
                let last = volumes[1]
                    .iter_mut()
                    .rev()
                    .find(|member| !member.data.is_empty())
                    .unwrap();
                last.data[0] ^= 1;
            })),
            ..Edits::default()
        }),
    );
}
