//! What apt's own configuration says: sources, and where it keeps what it fetched.

use std::path::PathBuf;

use super::deb;
use crate::surroundings::Surroundings;

fn told(surroundings: &Surroundings) -> Vec<String> {
    let bases = deb().upstreams(surroundings).unwrap();
    let tell = |base: &sealift::ecosystem::UpstreamBase| format!("{} {}", base.url, base.scope.clone().unwrap());
    bases.iter().map(tell).collect()
}

fn with_architecture(surroundings: Surroundings) -> Surroundings {
    surroundings.file("/etc/apt/apt.conf", "APT::Architecture \"riscv64\";")
}

#[test]
fn sources_of_both_kinds_are_upstreams() {
    let surroundings = with_architecture(Surroundings::default())
        .file("/etc/apt/sources.list", "deb http://a.example.com/debian stable main\n")
        .file(
            "/etc/apt/sources.list.d/b.sources",
            "Types: deb\nURIs: https://user:secret@b.example.com/x\nSuites: stable testing\nComponents: main\nArchitectures: amd64\n",
        )
        .file("/etc/apt/sources.list.d/a.list", "deb http://a.example.com/debian stable main\n")
        .file("/etc/apt/sources.list.d/old.list.save", "deb http://old.example.com/debian stable main\n");
    assert_eq!(
        told(&surroundings),
        [
            "http://a.example.com/debian/ [arch=riscv64] stable main",
            "https://b.example.com/x/ [arch=amd64] stable main",
            "https://b.example.com/x/ [arch=amd64] testing main",
        ]
    );
    let bases = deb().upstreams(&surroundings).unwrap();
    assert_eq!(bases[1].authorization.as_deref(), Some("Basic dXNlcjpzZWNyZXQ="));
    assert!(deb().upstreams(&Surroundings::default()).unwrap().is_empty());
    let broken = Surroundings::default().file("/etc/apt/sources.list", "nonsense here\n");
    assert!(deb().upstreams(&broken).is_err());
    let broken = Surroundings::default().file("/etc/apt/sources.list.d/x.sources", "nonsense\n");
    assert!(deb().upstreams(&broken).is_err());
}

#[test]
fn a_root_of_ones_own_is_heeded() {
    let surroundings = Surroundings::default()
        .variable("APT_CONFIG", "/project/apt.conf")
        .file("/project/apt.conf", "Dir \"/project/root\";\n")
        .file("/project/root/etc/apt/apt.conf.d/10one", "APT::Architecture \"arm64\";")
        .file(
            "/project/root/etc/apt/apt.conf.d/20two.conf",
            "Acquire::http::Proxy \"http://proxy.example.com:3128/\";",
        )
        .file(
            "/project/root/etc/apt/apt.conf.d/30three.bak",
            "APT::Architecture \"amd64\";",
        )
        .file(
            "/project/root/etc/apt/sources.list",
            "deb http://a.example.com/debian stable main\n",
        )
        .file(
            "/etc/apt/sources.list",
            "deb http://other.example.com/debian stable main\n",
        );
    assert_eq!(
        told(&surroundings),
        ["http://a.example.com/debian/ [arch=arm64] stable main"]
    );
    let transport = deb().transport(&surroundings);
    assert_eq!(transport.proxy.unwrap().0, "http://proxy.example.com:3128/");
    let kept = deb().kept_documents("http://a.example.com/debian/dists/stable/InRelease", &surroundings);
    assert_eq!(
        kept,
        [PathBuf::from(
            "/project/root/var/lib/apt/lists/a.example.com_debian_dists_stable_InRelease"
        )]
    );
    let mut wanted = deb()
        .read_coordinates(&["towel:amd64=1:4.2-1".to_owned()])
        .unwrap()
        .wanted
        .remove(0);
    assert_eq!(
        deb().cached(&wanted, &surroundings),
        [PathBuf::from(
            "/project/root/var/cache/apt/archives/towel_1%3a4.2-1_amd64.deb"
        )]
    );
    wanted.file = Some("../x.deb".to_owned());
    assert!(deb().cached(&wanted, &surroundings).is_empty());
    wanted.file = None;
    assert!(deb().cached(&wanted, &surroundings).is_empty());
}
