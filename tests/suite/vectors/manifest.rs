//! What a manifest may say.

use super::*;

pub(super) fn manifest_cases(v: &mut Vectors) {
    v.edited(
        "manifest/as_list",
        "json-not-strict",
        "the catalog's summary is a list of its values",
        manifest(|manifest| {
            let values: Vec<_> = manifest["catalog"].as_object().unwrap().values().cloned().collect();
            manifest["catalog"] = values.into();
        }),
    );
    v.edited(
        "manifest/duplicate_key",
        "json-not-strict",
        "`sequence` stands there twice",
        payload("\"sequence\":1", "\"sequence\":1,\"sequence\":1"),
    );
    v.edited(
        "manifest/side_data",
        "accepted",
        "a listed object travels as advisories",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({ "advisories": manifest["plan"] })),
    );
    v.edited(
        "manifest/side_data_unknown",
        "json-not-strict",
        "side data of no known kind",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({ "weather": manifest["plan"] })),
    );
    v.edited(
        "manifest/side_data_empty",
        "json-not-strict",
        "side data that could be left out",
        manifest(|manifest| manifest["side_data"] = serde_json::json!({})),
    );
    v.edited(
        "catalog/side_data_not_listed",
        "object-not-listed",
        "side data that the catalog does not list",
        manifest(|manifest| {
            let digest = sealift::model::Digest::of(b"not listed").to_string();
            manifest["side_data"] = serde_json::json!({ "revocations": digest });
        }),
    );
    v.edited(
        "manifest/unknown_field",
        "json-not-strict",
        "a field is not in the schema",
        payload("\"format\":1", "\"format\":1,\"formatted\":1"),
    );
    v.edited(
        "manifest/float",
        "json-not-strict",
        "a number has a fraction",
        payload("\"sequence\":1", "\"sequence\":1.0"),
    );
    v.edited(
        "manifest/negative",
        "json-not-strict",
        "a number is negative",
        payload("\"sequence\":1", "\"sequence\":-1"),
    );
    v.edited(
        "manifest/large_integer",
        "json-not-strict",
        "a number is over 2^53 - 1",
        payload("\"sequence\":1", "\"sequence\":9007199254740992"),
    );
    v.edited(
        "manifest/byte_order_mark",
        "json-not-strict",
        "a byte order mark stands in front",
        payload("{\"base\"", "\u{feff}{\"base\""),
    );
    v.edited(
        "manifest/trailing",
        "json-not-strict",
        "something follows the document",
        payload("}],\"segment", "}],\"segment").with_trailing(),
    );
    v.edited(
        "manifest/time_with_fraction",
        "json-not-strict",
        "a time has a fraction",
        payload("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.0Z"),
    );
    v.edited(
        "manifest/digest_upper_case",
        "json-not-strict",
        "a digest is in capitals",
        payload("\"plan\":\"sha256:", "\"plan\":\"SHA256:"),
    );
    v.edited(
        "manifest/format_2",
        "unknown-format",
        "the format is a later one",
        payload("\"format\":1", "\"format\":2"),
    );
    v.edited(
        "manifest/critical_extension",
        "unknown-format",
        "an extension is critical",
        manifest(|manifest| manifest["critical"] = serde_json::json!(["tomorrow"])),
    );
    v.edited(
        "manifest/stream_name",
        "json-not-strict",
        "the stream's name is a path",
        manifest(|manifest| manifest["stream"] = "../x".into()),
    );
    v.edited(
        "manifest/sequence_0",
        "json-not-strict",
        "numbers begin at 1",
        manifest(|manifest| manifest["sequence"] = 0.into()),
    );
    v.edited(
        "manifest/first_has_previous",
        "json-not-strict",
        "the first bundle names one before it",
        manifest(|manifest| manifest["previous"] = Digest::of(b"x").to_string().into()),
    );
    v.edited(
        "manifest/ends_before_it_begins",
        "json-not-strict",
        "`not_after` lies before `created`",
        manifest(|manifest| manifest["not_after"] = "2026-11-19T12:00:00Z".into()),
    );
    v.edited(
        "manifest/recipients_out_of_order",
        "json-not-strict",
        "recipients do not ascend",
        manifest(|manifest| {
            let own = manifest["recipients"][0].clone();
            manifest["recipients"] = serde_json::json!([own, own]);
        }),
    );
    v.edited(
        "manifest/segment_size",
        "json-not-strict",
        "the segment size is no power of two",
        manifest(|manifest| manifest["segment_size"] = 4097.into()),
    );
    v.edited(
        "manifest/catalog_over_limit",
        "json-not-strict",
        "the catalog is over the limit",
        manifest(|manifest| manifest["catalog"]["size"] = ((1_u64 << 30) + 1).into()),
    );
    v.edited(
        "manifest/no_volume",
        "json-not-strict",
        "there are no volumes",
        manifest(|manifest| manifest["volumes"] = serde_json::json!([])),
    );
    v.edited(
        "manifest/roots_with_gap",
        "json-not-strict",
        "the roots do not follow one by one",
        manifest(|manifest| {
            let mut second = manifest["roots"][0].clone();
            second["version"] = 3.into();
            manifest["roots"].as_array_mut().unwrap().push(second);
        }),
    );
}

trait WithTrailing {
    fn with_trailing(self) -> Self;
}

impl WithTrailing for Edits {
    fn with_trailing(mut self) -> Self {
        self.payload = Some(Box::new(|bytes| bytes.extend_from_slice(b" {}")));
        self
    }
}
