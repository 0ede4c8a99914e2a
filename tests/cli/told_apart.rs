//! Command lines about things of which there are two that look alike: what is near to what was meant is not taken for it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rusqlite::Connection;
use sealift::crypto::key::Signer as _;

use crate::export::sending;
use crate::judged;
use crate::people;
use crate::world::{PLAIN_POLICY, World};

#[test]
fn a_file_is_no_folder_that_is_not_there_yet() {
    let world = sending();
    fs::write(world.path("taken"), "mine").unwrap();
    let said = world.run("init exporter taken");
    assert!(
        said.status == 3 && said.stderr.contains("cannot read `taken`"),
        "{said:?}"
    );
    let said = world.run("export --exporter ex --select sealift.yaml --offline --out taken/out");
    assert!(
        said.status == 3 && said.stderr.contains("cannot make folder"),
        "{said:?}"
    );
}

#[test]
fn a_folder_in_which_nothing_is_pinned_is_no_second_enclave() {
    let world = sending();
    fs::create_dir(world.path("ex/trust/notes")).unwrap();
    world
        .run("export --exporter ex --select sealift.yaml --offline --out m1")
        .done();
}

#[test]
fn a_client_s_settings_count_for_what_is_selected_alone() {
    let world = sending();
    fs::create_dir(world.path(".cargo")).unwrap();
    fs::write(world.path(".cargo/config.toml"), "not = [ a table").unwrap();
    let mut command = world.command("export --exporter ex --select sealift.yaml --out m1");
    let output = command.env("HOME", world.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn one_key_is_no_two_exporters() {
    let world = World::new();
    let dora = people::key(people::EXPORTER);
    fs::write(world.path("dora.pub.pem"), dora.public().to_pem()).unwrap();
    let line = "init enclave new --name plant-7 --profile evaluation --exporter dora=dora.pub.pem";
    let ran = world.run(&format!("{line} --exporter eve=dora.pub.pem"));
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(!world.path("new").exists());
    world.run(line).done();
}

#[test]
fn a_root_is_not_drafted_without_one_of_its_keys() {
    let world = World::standard();
    let dora = people::key(people::EXPORTER);
    fs::write(world.path("dora.pub.pem"), dora.public().to_pem()).unwrap();
    let line = "root rotate en/trust/roots/1.dsse.json --output new.json --export";
    let ran = world.run(&format!("{line} gus=gone.pem"));
    assert!(ran.status == 3 && ran.stderr.contains("gone.pem"), "{ran:?}");
    assert!(!world.path("new.json").exists());
}

#[test]
fn a_hold_is_released_by_its_own_name() {
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.key(people::ANN, "ann.pem");
    for name in ["first", "second"] {
        let line = "--everything --enclave en --reason r --key en/keys/import.pem";
        world.run(&format!("hold add {name} {line}")).done();
    }
    world
        .run("hold release second --enclave en --reason over --key ann.pem")
        .done();
    let text = world.json("hold list --enclave en").to_string();
    assert!(text.contains("first") && !text.contains("second"), "{text}");
}

#[test]
fn json_is_json_whatever_else_was_asked_for() {
    let world = judged::imported();
    let line = format!("where --enclave en --key {} --csv", judged::KEY);
    assert!(world.json(&line)["found"].is_array());
}

#[test]
fn who_has_signed_is_not_among_those_who_still_could() {
    let world = World::standard();
    world.key(people::ANN, "ann.pem");
    world.run("trust new td.json").done();
    let could_sign = || world.json("trust show td.json --trust en/trust")["could_sign"].clone();
    let before = could_sign();
    world.run("trust sign td.json --key ann.pem").done();
    let after = could_sign();
    let count = |list: &serde_json::Value| list.as_array().unwrap().len();
    assert_eq!(count(&after) + 1, count(&before), "{before} {after}");
    assert!(!after.to_string().contains("ann"), "{after}");
}

/// Two bundles of which the second brings one more file.
fn two() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    world.run("import --enclave en m1").done();
    world.run("import --enclave en m2").done();
    world
}

#[test]
fn what_came_earlier_comes_again_later() {
    let world = two();
    let state = Connection::open(world.path("en/state.db")).unwrap();
    let long_ago = "UPDATE bundles SET imported = 1000 WHERE sequence = 1";
    state.execute(long_ago, []).unwrap();
    drop(state);
    let answer = world.json("ask changed --enclave en --from 2020-01-01");
    let why = |file: &str| {
        let rows = answer["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["file"] == file);
        row.map(|row| row["why"].as_str().unwrap().to_owned())
    };
    assert_eq!(why("large.bin").as_deref(), Some("came again"), "{answer}");
    assert_eq!(why("only-in-2").as_deref(), Some("came"), "{answer}");
}

#[test]
fn only_of_the_bundle_that_was_asked_for_is_a_report_missed() {
    let world = two();
    for path in crate::reports::reports(&world) {
        fs::remove_file(path).unwrap();
    }
    let ran = world.run("ask approved 2 --enclave en").done();
    assert!(
        ran.stderr.contains("no report tells of bundle main 2"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("bundle main 1"), "{}", ran.stderr);
}

#[test]
fn the_report_that_is_asked_for_is_shown() {
    let world = two();
    for number in 1..=2 {
        let shown = world.json(&format!("report show {number} --enclave en"));
        assert_eq!(shown["head"]["number"], number);
    }
}

#[test]
fn an_output_that_takes_nothing_is_no_reader_that_went_away() {
    let world = two();
    let mut command = world.command("report show 1 --enclave en");
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(command.stdout(full).status().unwrap().code(), Some(3));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = world.command("report show 1 --enclave en");
    assert_eq!(command.stdout(writer).status().unwrap().code(), Some(0));
}

/// An agent that has a key and never signs with it.
fn declining(socket: &Path, key: &[u8]) {
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let blob = [string(b"ssh-ed25519"), string(key)].concat();
    let identities = string(&[&[12, 0, 0, 0, 1][..], &string(&blob), &string(b"")].concat());
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).unwrap();
            let answer = match request[0] {
                11 => identities.clone(),
                _ => string(&[5]),
            };
            stream.write_all(&answer).unwrap();
        }
    });
}

#[test]
fn what_an_agent_declines_is_not_signed() {
    let world = World::standard();
    world.medium(1, None);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    for (number, file) in [
        (people::ANN, "ann.pem"),
        (people::BOB, "bob.pem"),
        (people::EXPORTER, "dora.pem"),
    ] {
        world.key(number, file);
    }
    let bob = people::key(people::BOB);
    fs::write(world.path("bob.pub.pem"), bob.public().to_pem()).unwrap();
    declining(&world.path("agent.sock"), bob.public().bytes());
    fs::write(world.path("site.yaml"), PLAIN_POLICY).unwrap();
    world.run("trust new td.json").done();
    world.run("policy draft site.yaml policy.json").done();
    fs::copy(world.path("en/trust/roots/1.dsse.json"), world.path("root.json")).unwrap();
    world
        .run("hold add h --everything --enclave en --reason r --key dora.pem")
        .done();
    world
        .run("hold release h --enclave en --reason over --key ann.pem")
        .done();
    for (line, file) in [
        ("root sign root.json", Some("root.json")),
        ("trust sign td.json", Some("td.json")),
        ("policy sign policy.json", Some("policy.json")),
        ("hold release h --enclave en", None),
    ] {
        let before = file.map(|file| fs::read(world.path(file)).unwrap());
        let said = world.run(&format!("{line} --agent agent.sock --public-key bob.pub.pem"));
        assert!(said.status == 3 && said.stderr.contains("declined"), "{line}: {said:?}");
        assert_eq!(file.map(|file| fs::read(world.path(file)).unwrap()), before, "{line}");
    }
}
