//! What a catalog may list.

use super::*;

pub(super) fn catalog(v: &mut Vectors) {
    v.edited(
        "catalog/flipped",
        "digest-mismatch",
        "one byte of the stored catalog changed",
        members(|members| {
            let catalog = members
                .iter_mut()
                .find(|member| member.name == "catalog.ndjson.zst")
                .unwrap();
            let middle = catalog.data.len() / 2;
            catalog.data[middle] ^= 1;
        }),
    );
    v.edited(
        "catalog/too_long",
        "size-exceeded",
        "the frame expands to more than the signed size",
        manifest(|manifest| {
            let size = manifest["catalog"]["content_size"].as_u64().unwrap();
            manifest["catalog"]["content_size"] = (size - 1).into();
        }),
    );
    v.edited(
        "catalog/too_short",
        "container-not-exact",
        "the frame expands to less than the signed size",
        manifest(|manifest| {
            let size = manifest["catalog"]["content_size"].as_u64().unwrap();
            manifest["catalog"]["content_size"] = (size + 1).into();
        }),
    );
    v.edited(
        "catalog/second_frame",
        "container-not-exact",
        "a second frame follows",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let more = sealift::bundle::frame::encode(b"").unwrap();
                frame.extend(more);
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/skippable_frame",
        "container-not-exact",
        "a skippable frame stands in front",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, b'x'];
                frame.splice(0..0, skippable);
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/not_zstd",
        "container-not-exact",
        "it is not compressed",
        Edits {
            catalog_frame: Some(Box::new(|frame| *frame = b"{}\n".to_vec())),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/large_window",
        "size-exceeded",
        "the frame asks for a window of 16 MiB",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let text = zstd::bulk::decompress(frame, 1 << 20).unwrap();
                let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
                encoder.window_log(24).unwrap();
                encoder.include_contentsize(false).unwrap();
                std::io::Write::write_all(&mut encoder, &text).unwrap();
                *frame = encoder.finish().unwrap();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/large_window_of_little",
        "size-exceeded",
        "the frame asks for a window of 16 MiB, says its size, and its content would need none",
        Edits {
            catalog_frame: Some(Box::new(|frame| {
                let text = zstd::bulk::decompress(frame, 1 << 20).unwrap();
                let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_contentsize(true).unwrap();
                encoder.set_pledged_src_size(Some(text.len() as u64)).unwrap();
                std::io::Write::write_all(&mut encoder, &text).unwrap();
                let small = encoder.finish().unwrap();
                // The header of a single segment, rewritten with a window of its own.
                assert_eq!(small[4] & 0xe0, 0x60);
                *frame = [&small[..4], &[0x40, 14 << 3], &small[5..]].concat();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/not_canonical",
        "json-not-strict",
        "a record has a space",
        text("\"name\":\"set\"", "\"name\": \"set\""),
    );
    v.edited(
        "catalog/encoding_as_map",
        "json-not-strict",
        "an encoding is a map, as some libraries write it",
        text("\"encoding\":\"identity\"", "\"encoding\":{\"identity\":null}"),
    );
    v.edited(
        "catalog/no_last_line_feed",
        "container-not-exact",
        "the last line does not end",
        Edits {
            catalog_text: Some(Box::new(|text| {
                text.pop();
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/text_behind_the_last_line",
        "container-not-exact",
        "something that is no line follows the last one",
        Edits {
            catalog_text: Some(Box::new(|text| text.extend(b"{}"))),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/line_too_long",
        "size-exceeded",
        "a line is one byte longer than is read",
        Edits {
            catalog_text: Some(Box::new(|text| {
                text.splice(0..0, std::iter::repeat_n(b' ', (16 << 20) + 1));
            })),
            ..Edits::default()
        },
    );
    v.edited(
        "catalog/duplicate_key",
        "json-not-strict",
        "a record has a key twice",
        text("\"name\":\"set\"", "\"name\":\"set\",\"name\":\"set\""),
    );
    v.edited(
        "catalog/unknown_record",
        "json-not-strict",
        "a record is of no known kind",
        text("{\"artifact\":", "{\"artefact\":"),
    );
    v.edited(
        "catalog/empty_line",
        "json-not-strict",
        "a line is empty",
        text("\n", "\n\n"),
    );
    v.edited(
        "catalog/objects_out_of_order",
        "container-not-exact",
        "objects do not ascend",
        records(|records| records.swap(0, 1)),
    );
    v.edited(
        "catalog/object_twice",
        "container-not-exact",
        "an object is listed twice",
        records(|records| {
            let again = records[0].clone();
            records.insert(0, again);
        }),
    );
    v.edited(
        "catalog/object_after_artifact",
        "container-not-exact",
        "an object follows an artifact",
        records(|records| {
            let mut object = records[0].clone();
            object["object"]["digest"] = format!("sha256:{}", "f".repeat(64)).into();
            records.push(object);
        }),
    );
    v.edited(
        "catalog/artifact_twice",
        "container-not-exact",
        "an artifact is listed twice",
        records(|records| {
            let again = records.last().unwrap().clone();
            records.push(again);
        }),
    );
    v.edited(
        "catalog/artifact_without_object",
        "object-not-listed",
        "an artifact names an object that is not listed",
        records(|records| {
            records.last_mut().unwrap()["artifact"]["digest"] = Digest::of(b"nowhere").to_string().into();
        }),
    );
    v.edited(
        "catalog/plan_not_listed",
        "object-not-listed",
        "the plan is not listed",
        manifest(|manifest| manifest["plan"] = Digest::of(b"nowhere").to_string().into()),
    );
    v.edited(
        "catalog/unreferenced_object",
        "container-not-exact",
        "an object is listed that nothing names",
        records(|records| {
            records.pop();
        }),
    );
    v.edited(
        "catalog/count_of_objects",
        "container-not-exact",
        "the manifest counts one object more",
        manifest(|manifest| {
            let objects = manifest["catalog"]["objects"].as_u64().unwrap();
            manifest["catalog"]["objects"] = (objects + 1).into();
        }),
    );
    v.edited(
        "catalog/sum_of_bytes",
        "container-not-exact",
        "the manifest sums one byte more",
        manifest(|manifest| {
            let bytes = manifest["catalog"]["object_bytes"].as_u64().unwrap();
            manifest["catalog"]["object_bytes"] = (bytes + 1).into();
        }),
    );
    v.edited(
        "catalog/count_of_artifacts",
        "container-not-exact",
        "the manifest counts one artifact more",
        manifest(|manifest| {
            let artifacts = manifest["catalog"]["artifacts"].as_u64().unwrap();
            manifest["catalog"]["artifacts"] = (artifacts + 1).into();
        }),
    );
    v.edited(
        "catalog/stored_size_of_identity",
        "json-not-strict",
        "an object stored as it is has a `stored_size`",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "identity")
                .unwrap();
            record["object"]["stored_size"] = record["object"]["size"].clone();
        }),
    );
    v.edited(
        "catalog/zstd_not_smaller",
        "json-not-strict",
        "an object stored as zstd is not smaller for it",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| record["object"]["encoding"] == "zstd")
                .unwrap();
            record["object"]["stored_size"] = record["object"]["size"].clone();
        }),
    );
    // A compressed object as long as its content: nothing but the missing field is wrong.
    let content = (0..)
        .map(|length| [noise(5, 60), vec![b'a'; length]].concat())
        .find(|content| sealift::bundle::frame::encode(content).unwrap().len() == content.len())
        .unwrap();
    let mut bundle = RawBundle::sample();
    bundle.files.push(("even.txt".to_owned(), content.clone()));
    let volumes = bundle.build(&records(move |records| {
        let name = Digest::of(&content).to_string();
        let record = records
            .iter_mut()
            .find(|record| record["object"]["digest"] == name)
            .unwrap();
        record["object"].as_object_mut().unwrap().remove("stored_size").unwrap();
    }));
    v.add(
        "catalog/zstd_without_stored_size",
        "json-not-strict",
        "an object stored as zstd does not say how long that is, and is as long as its content",
        volumes,
    );
    v.edited(
        "catalog/segments_too_few",
        "json-not-strict",
        "an object lists one segment too few",
        records(|records| {
            let record = records
                .iter_mut()
                .find(|record| {
                    record["object"]["segments"]
                        .as_array()
                        .is_some_and(|list| list.len() > 1)
                })
                .unwrap();
            record["object"]["segments"].as_array_mut().unwrap().pop();
        }),
    );
    v.edited(
        "catalog/unknown_ecosystem",
        "unknown-format",
        "an artifact is of no known ecosystem",
        text("\"ecosystem\":\"files\"", "\"ecosystem\":\"filez\""),
    );
    v.edited(
        "catalog/proof_besides_not_asked",
        "json-not-strict",
        "a proof that the ecosystem does not have is stated as one that nobody asked for",
        text(
            "\"proofs\":[]",
            "\"proofs\":[{\"kind\":\"sigstore\",\"state\":\"not-asked\"}]",
        ),
    );
    v.edited(
        "catalog/proof_besides_not_served",
        "accepted",
        "an artifact states two proofs that its ecosystem does not have, and that were asked for in vain",
        text(
            "\"proofs\":[]",
            "\"proofs\":[{\"kind\":\"openpgp\",\"state\":\"absent\"},{\"kind\":\"sigstore\",\"state\":\"not-served\"}]",
        ),
    );
    v.edited(
        "catalog/proof_besides",
        "accepted",
        "an artifact brings two proofs that its ecosystem does not have",
        besides(&["minisign", "openpgp"], "present"),
    );
    v.edited(
        "catalog/proof_besides_descends",
        "json-not-strict",
        "the proofs besides the ecosystem's do not ascend",
        besides(&["openpgp", "minisign"], "present"),
    );
    v.edited(
        "catalog/proof_besides_twice",
        "json-not-strict",
        "a proof besides the ecosystem's is stated twice",
        besides(&["openpgp", "openpgp"], "present"),
    );
    v.edited(
        "catalog/proof_besides_no_name",
        "json-not-strict",
        "a kind of proof has a name that is none",
        besides(&["Open PGP"], "present"),
    );
    v.edited(
        "catalog/proof_besides_too_many",
        "json-not-strict",
        "an artifact brings 17 proofs besides its ecosystem's",
        besides(
            &[
                "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            ],
            "present",
        ),
    );
    v.edited(
        "catalog/empty_name",
        "unsafe-name",
        "an artifact has no name",
        text("\"name\":\"set\"", "\"name\":\"\""),
    );
    v.edited(
        "catalog/volume_bytes",
        "container-not-exact",
        "a volume's size is not the sum of its segments",
        manifest(|manifest| {
            let bytes = manifest["volumes"][0]["bytes"].as_u64().unwrap();
            manifest["volumes"][0]["bytes"] = (bytes + 512).into();
        }),
    );
    v.edited(
        "catalog/volume_segments",
        "container-not-exact",
        "a volume counts one segment more than there are",
        manifest(|manifest| {
            let segments = manifest["volumes"][0]["segments"].as_u64().unwrap();
            manifest["volumes"][0]["segments"] = (segments + 1).into();
        }),
    );
}
