//! Plain files, by their checksums.

use crate::client::{self, Home};
use crate::site::{Reach, Site};

#[test]
fn files_come_with_checksums_that_other_programs_check() {
    let site = Site::new();
    let folder = site.facade("files/handbook/1.0");
    let check = |list: &std::path::Path| {
        let mut command = site.home().command("sha256sum");
        command.current_dir(list).args(["-c", "--strict", "SHA256SUMS"]);
        command
    };
    let said = client::succeeds(&mut check(&folder));
    assert_eq!(said, "guide.txt: OK\nmaps/way out+1.txt: OK\n");

    let Some(curl) = client::find("curl") else {
        return;
    };
    let reach = Reach::http(&site);
    let Reach::Http(_, served) = &reach else { unreachable!() };
    let home = Home::new();
    let copy = home.folder("copy/maps").parent().unwrap().to_owned();
    for (file, path) in [
        ("SHA256SUMS", "SHA256SUMS"),
        ("guide.txt", "guide.txt"),
        ("maps/way out+1.txt", "maps/way%20out%2B1.txt"),
    ] {
        let url = format!("{}/files/handbook/1.0/{path}", served.url);
        let mut command = reach.command(&home, &curl);
        client::succeeds(
            command
                .args(["--fail", "--silent", "--output"])
                .arg(copy.join(file))
                .arg(url),
        );
    }
    client::succeeds(&mut check(&copy));
    assert_eq!(
        std::fs::read_to_string(copy.join("guide.txt")).unwrap(),
        "do not panic\n"
    );

    site.replace("files/handbook/1.0/guide.txt", b"do panic\n");
    let said = client::fails(&mut check(&folder));
    assert!(said.contains("guide.txt: FAILED"), "{said}");
}
