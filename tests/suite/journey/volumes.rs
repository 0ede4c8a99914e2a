//! Volumes that fit, plans that tell how many, and bundles that come out the same for everybody.

use serde_json::{Value, json};

use super::{Site, export_line, files};

/// Bytes that do not compress, the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A set of plain files of 40 KB and one of 700 KB, which crosses volumes.
fn files_to_carry(site: &Site) {
    for number in 0..20 {
        site.write(&format!("project/set/{number:02}.bin"), noise(number + 1, 40_000));
    }
    site.write("project/set/large.bin", noise(99, 700_000));
    site.write(
        "project/sealift.yaml",
        "schema: sealift-selection/1\nselect:\n  - files: set\n    version: '1'\n    folder: set\n",
    );
}

#[test]
fn volumes_fit_and_the_plan_knew_how_many() {
    let site = Site::new();
    files_to_carry(&site);
    let limit = 300_000;
    let line = |out: &str| format!("{} --volume-size {limit}", export_line("sealift.yaml", out));
    let plan = site.json(&format!("{} --dry-run", line("media")));
    assert!(!site.path("media").exists(), "a dry run writes nothing");
    let exported = site.json(&line("media"));
    let volumes = files(&site.path("media"));
    assert!(volumes.len() > 5, "{exported}");
    for volume in &volumes {
        assert!(volume.metadata().unwrap().len() <= limit, "{}", volume.display());
    }
    let bytes: u64 = volumes.iter().map(|volume| volume.metadata().unwrap().len()).sum();
    assert_eq!(exported["volume_bytes"], bytes);
    assert_eq!(plan["volumes"], volumes.len(), "{plan}");
    // Each volume's head may turn out a little shorter.
    let foreseen = plan["volume_bytes"].as_u64().unwrap();
    assert!(
        (bytes..bytes + 32_768 * volumes.len() as u64).contains(&foreseen),
        "{plan} {bytes}"
    );
    site.import("media");
    assert_eq!(site.listed().len(), 21);
}

#[test]
fn a_volume_that_has_no_room_is_refused_also_by_the_plan() {
    let site = Site::new();
    files_to_carry(&site);
    for more in ["", " --dry-run"] {
        let said = site.refused(&format!(
            "{} --volume-size 20000{more}",
            export_line("sealift.yaml", "media")
        ));
        assert!(said.contains("[volume-too-small]"), "{said}");
        assert!(said.contains("hint: choose a larger --volume-size"), "{said}");
    }
}

#[test]
fn the_same_selection_gives_the_same_bytes_to_a_second_person() {
    let (one, two) = (Site::new(), Site::new());
    for site in [&one, &two] {
        files_to_carry(site);
        site.export("sealift.yaml", "media");
    }
    let [left, right] = [&one, &two].map(|site| files(&site.path("media")));
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(left.file_name(), right.file_name());
        assert!(std::fs::read(left).unwrap() == std::fs::read(right).unwrap());
    }
}

#[test]
fn a_plan_tells_people_what_has_no_proof() {
    let server = super::npm::registry();
    let site = Site::new();
    let lock = super::npm::package_lock(&server, &["proven", "plain", "@corp/inner"]);
    site.write("project/package-lock.json", lock);
    let line = format!("{} --dry-run", export_line("package-lock.json", "media"));
    let before = files(&site.path("ex"));
    let ran = site.succeeds(&line);
    for part in ["3 artifacts to fetch", "1 volume", "registry documents and proofs"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let plan: Value = site.json(&line);
    assert_eq!(
        (&plan["schema"], &plan["to_fetch"]),
        (&json!("sealift-export-plan/1"), &json!(3)),
        "{plan}"
    );
    // npm's locks state SHA-512, by which no proof is asked for before the bytes are there.
    assert_eq!(plan["proof_unknown"].as_array().unwrap().len(), 3, "{plan}");
    assert!(!server.paths().iter().any(|path| path.ends_with(".tgz")));
    assert_eq!(files(&site.path("ex")), before);
    assert!(!site.path("media").exists());

    // With the bytes in the cache, the plan knows all.
    site.export("package-lock.json", "media");
    let plan = site.json(&line);
    assert_eq!((&plan["at_hand"], &plan["to_fetch"]), (&json!(3), &json!(0)));
    assert_eq!(
        plan["without_proof"],
        json!(["npm @corp/inner 1.0.0 inner-1.0.0.tgz"]),
        "{plan}"
    );
    assert_eq!(plan["documents_and_proofs"], 5, "{plan}");
}
