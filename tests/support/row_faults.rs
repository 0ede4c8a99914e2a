//! Triggers in a copy of state.db, which count each change of a row or let it fail.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

/// Every row of every table that is the ledger's own.
pub(crate) fn rows(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let mut all = BTreeMap::new();
    for table in tables(&connection) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values: Result<Vec<Value>, _> = (0..columns).map(|index| row.get(index)).collect();
            Ok(format!("{:?}", values?))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        all.insert(table, rows);
    }
    all
}

/// The ledger's own tables.
pub(crate) fn tables(connection: &Connection) -> Vec<String> {
    let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'fault%' ORDER BY 1";
    let mut statement = connection.prepare(query).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// Has each change of a row counted, and whatever else is to be done with it.
pub(crate) fn on_each_change(path: &Path, then: impl Fn(&str, &str) -> String) {
    let connection = Connection::open(path).unwrap();
    let mut script = "CREATE TABLE fault_counts (place TEXT PRIMARY KEY, count INTEGER NOT NULL);
         CREATE TABLE fault_parents (id INTEGER PRIMARY KEY);
         CREATE TABLE fault_children (id REFERENCES fault_parents DEFERRABLE INITIALLY DEFERRED);"
        .to_owned();
    for table in tables(&connection) {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            let place = format!("{change} {table}");
            script.push_str(&format!(
                "CREATE TRIGGER fault_{change}_{table} BEFORE {change} ON {table} BEGIN
                 INSERT INTO fault_counts VALUES ('{place}', 1) ON CONFLICT DO UPDATE SET count = count + 1;
                 {} END;",
                then(change, &table)
            ));
        }
    }
    connection.execute_batch(&script).unwrap();
}

/// How often a step changes a row of each table, in each way.
pub(crate) fn counts(path: &Path) -> Vec<(String, u64)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT place, count FROM fault_counts ORDER BY 1")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
    rows.unwrap()
        .map(|row| row.map(|(place, count)| (place, count.unsigned_abs())).unwrap())
        .collect()
}

/// Takes all of it away again.
pub(crate) fn no_more(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let query = "SELECT type, name FROM sqlite_master WHERE name LIKE 'fault%' ORDER BY type = 'table', rowid DESC";
    let mut statement = connection.prepare(query).unwrap();
    let names: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (kind, name) in names {
        connection.execute(&format!("DROP {kind} {name}"), []).unwrap();
    }
}
