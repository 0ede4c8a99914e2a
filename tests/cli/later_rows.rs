//! Rows of state.db beyond the first of a table: each that cannot be written ends an import, and each that is damaged ends what reads it.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::arrivals::bringing;
use crate::attempts::with_a_page;
use crate::log::{copy, three_attempts};
use crate::people;
use crate::retention::AT_ONCE;
use crate::reviews::review;
use crate::row_faults::on_each_change;
use crate::site::{Beside, FILES, Site, file};
use crate::unread::is_said;
use crate::upstreams::with_an_index;
use crate::world::{World, facade, say};

/// The rows of a table, each as a trigger would tell it by these columns.
fn rows_of(state: &Path, table: &str, columns: &[&str]) -> Vec<String> {
    let told: Vec<String> = columns
        .iter()
        .map(|column| format!("'NEW.{column} = ' || quote({column})"))
        .collect();
    let connection = Connection::open(state).unwrap();
    let query = format!("SELECT {} FROM {table} ORDER BY 1", told.join(" || ' AND ' || "));
    let mut statement = connection.prepare(&query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Lets each row that a command line leaves in a table fail by itself, and those with it.
fn fails_at_each(world: &World, line: &str, (table, columns): (&str, &[&str]), more: &[&str]) {
    let state = world.path("k/state.db");
    copy(world, "en", "k");
    let before = facade(&world.path("k"));
    world.run(line).done();
    let mut rows = rows_of(&state, table, columns);
    assert!(!rows.is_empty(), "{line}: {table}");
    rows.extend(more.iter().map(|row| (*row).to_owned()));
    for row in &rows {
        copy(world, "en", "k");
        on_each_change(&state, |change, changed| match change != "DELETE" && changed == table {
            true => format!("SELECT RAISE(ABORT, 'no row more') WHERE {row};"),
            false => String::new(),
        });
        let ran = world.run(line);
        assert!(
            ran.status == 3 && ran.stderr.contains("no row more"),
            "{line}, {table}, {row}: {ran:?}"
        );
        assert_eq!(facade(&world.path("k")), before, "{line}, {table}, {row}");
    }
    say(&format!("{line}: {} of {table}", rows.len()));
}

#[test]
fn an_import_fails_with_each_object_page_and_state_that_it_cannot_note() {
    let line = "import --enclave k m1";
    let world = World::new();
    with_a_page(&world, &Value::Null, &[], |_| {});
    fails_at_each(&world, line, ("objects", &["digest"]), &[]);
    fails_at_each(&world, line, ("documents", &["digest"]), &[]);
    // Before the newer root there was another one.
    let earlier = ["NEW.kind = 'root' AND NEW.version = 1"];
    fails_at_each(&bringing(), line, ("standing", &["kind", "version"]), &earlier);
    let line = "import --enclave k medium";
    fails_at_each(&with_an_index(), line, ("upstream_states", &["subject"]), &[]);
}

/// A name that is no text any more, and that what is imported has nothing to do with.
const NO_TEXT: &str = "UPDATE names SET name = CAST(x'ff' AS TEXT) WHERE name = 'tool'";

#[test]
fn a_name_that_a_new_one_may_look_like_is_not_passed_over() {
    let mut site = Site::new(&format!(
        "{FILES}names: {{ first_seen: allow, similar: review }}\non_refusal: keep-out\n"
    ));
    site.world.key(people::ANN, "ann.pem");
    site.takes(&[file("tool", "1.0")]);
    let popular = Beside {
        popular_names: Some("files/requests\n".to_owned()),
        ..Beside::default()
    };
    let folder = site.medium(&[file("plough", "1.0"), file("reqeusts", "1.0")], &popular);
    let line = format!("import --enclave k {folder}/{}", site.volume());
    is_said(&site.world, NO_TEXT, &[&line], "cannot read the ledger");
    // Once more, for what a person has approved meanwhile.
    site.imports(&folder);
    review(&site, "approve", "pkg:generic/reqeusts@1.0", "ann.pem").done();
    is_said(&site.world, NO_TEXT, &[&line], "cannot read the ledger");
}

#[test]
fn what_is_held_and_cannot_be_read_ends_what_is_made_of_it() {
    let world = three_attempts();
    let no_list = "UPDATE artifacts SET proofs = 'no list'";
    is_said(
        &world,
        no_list,
        &["import --enclave k m3", "recheck --enclave k"],
        "list of proofs cannot be read",
    );
    world.policy(AT_ONCE);
    world.run("rollback --enclave en --to 1 --reason test").done();
    world.run("gc --enclave en --keep 1").done();
    is_said(
        &world,
        "UPDATE bundles SET manifest = x'00' WHERE id = (SELECT max(id) FROM bundles)",
        &["retention show --enclave k"],
        "cannot read the ledger",
    );
}
