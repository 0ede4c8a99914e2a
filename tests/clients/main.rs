//! Real clients install from what sealift publishes, each in an empty home and with no network but loopback.
//!
//! A client that is not on this machine is skipped, and said so; `SEALIFT_ALL_CLIENTS=1` makes that a failure, and
//! `scripts/clients` brings them.
#![expect(clippy::disallowed_methods, reason = "tests make files and run programs")]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

#[path = "../support/client.rs"]
mod client;
#[path = "../support/debian.rs"]
mod debian;
#[expect(dead_code, reason = "misbehaving servers are for the suite")]
#[path = "../support/http_server.rs"]
mod http;
#[expect(dead_code, reason = "hostile archives are for the suite")]
#[path = "../support/tgz.rs"]
mod tgz;
#[expect(dead_code, reason = "other test binaries use the rest")]
#[path = "../support/tools.rs"]
mod tools;
#[path = "../support/wheel.rs"]
mod wheel;

mod cargo;
mod deb;
mod generations;
mod maven;
mod node;
mod packages;
mod plain;
mod python;
mod scanner;
mod site;

#[test]
fn there_is_no_way_out() {
    let client::Confinement::Namespace(_) = client::confinement() else {
        return;
    };
    let home = client::Home::new();
    let routes = client::succeeds(home.command("cat").arg("/proc/net/route"));
    assert_eq!(routes.lines().count(), 1, "nothing but the headline: {routes}");
    let devices = client::succeeds(home.command("cat").arg("/proc/net/dev"));
    assert!(devices.contains("lo:"), "{devices}");
}
