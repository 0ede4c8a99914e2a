//! A small distribution: packages in their real format, the lists of them, and a key that signs these.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use sealift::model::Timestamp;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::serialize::stream::{Armorer, Message, Signer};
use sha2::{Digest as _, Sha256, Sha512};

use crate::tgz::{Entry, gzip, tgz};

/// An archive's key.
pub(crate) struct Key(Cert);

impl Key {
    /// A key that is some months older than what it signs.
    pub(crate) fn new(now: Timestamp) -> Self {
        let (cert, _) = CertBuilder::general_purpose(Some("Example Archive Automatic Signing Key"))
            .set_creation_time(system(now.plus_seconds(-100 * 86_400)))
            .set_validity_period(Duration::from_secs(3 * 365 * 86_400))
            .generate()
            .unwrap();
        Self(cert)
    }

    /// The certificate, armored.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.clone().strip_secret_key_material().armored().to_vec().unwrap()
    }

    fn pair(&self, when: SystemTime) -> sequoia_openpgp::crypto::KeyPair {
        let policy = StandardPolicy::new();
        let keys = self.0.keys().secret().with_policy(&policy, when).for_signing();
        keys.map(|key| key.key().clone().into_keypair().unwrap())
            .next()
            .unwrap()
    }

    /// `InRelease`.
    pub(crate) fn signed_within(&self, text: &str, when: Timestamp) -> Vec<u8> {
        let mut signed = Vec::new();
        let signer = Signer::new(Message::new(&mut signed), self.pair(system(when))).unwrap();
        let mut message = signer.cleartext().creation_time(system(when)).build().unwrap();
        message.write_all(text.as_bytes()).unwrap();
        message.finalize().unwrap();
        signed
    }

    /// `Release.gpg`.
    pub(crate) fn signed_apart(&self, text: &str, when: Timestamp) -> Vec<u8> {
        let mut signed = Vec::new();
        let message = Armorer::new(Message::new(&mut signed))
            .kind(sequoia_openpgp::armor::Kind::Signature)
            .build()
            .unwrap();
        let signer = Signer::new(message, self.pair(system(when))).unwrap();
        let mut message = signer.detached().creation_time(system(when)).build().unwrap();
        message.write_all(text.as_bytes()).unwrap();
        message.finalize().unwrap();
        signed
    }
}

fn system(time: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.seconds()).unwrap())
}

/// A package with one file, `/usr/share/NAME/answer`.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    pub(crate) control: String,
    pub(crate) bytes: Vec<u8>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str, architecture: &str, depends: &str) -> Self {
        let depends = match depends {
            "" => String::new(),
            depends => format!("Depends: {depends}\n"),
        };
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Ford <ford@example.com>\n{depends}\
             Description: a package\n and more of it\n"
        );
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            bytes: ar(&parts(name, version, &control)),
            control,
        }
    }

    /// Builds it anew with more fields in its control file.
    pub(crate) fn rebuild(&mut self, fields: &str) {
        self.control = self.control.replacen("Version:", &format!("{fields}Version:"), 1);
        self.bytes = ar(&parts(&self.name, &self.version, &self.control));
    }

    /// The file's name as sealift and apt's cache write it.
    pub(crate) fn file(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// Where the archive keeps it: without the epoch, as archives do.
    pub(crate) fn path(&self) -> String {
        let version = self.version.split_once(':').map_or(&*self.version, |(_, rest)| rest);
        let first = &self.name[..1];
        format!(
            "pool/main/{first}/{}/{}_{version}_{}.deb",
            self.name, self.name, self.architecture
        )
    }

    /// Its paragraph in a list.
    pub(crate) fn paragraph(&self) -> String {
        let (before, description) = self.control.split_once("Description:").unwrap();
        format!(
            "{before}Filename: {}\nSize: {}\nSHA256: {}\nDescription:{description}",
            self.path(),
            self.bytes.len(),
            hex::encode(Sha256::digest(&self.bytes)),
        )
    }
}

/// The members of a package: name and bytes.
pub(crate) fn parts(name: &str, version: &str, control: &str) -> Vec<(&'static str, Vec<u8>)> {
    let folder = |path: &str| Entry::of_kind(b'5', path, "").patched(100, b"0000755");
    let data = tgz(&[
        folder("./"),
        folder("./usr/"),
        folder("./usr/share/"),
        folder(&format!("./usr/share/{name}/")),
        Entry::file(&format!("./usr/share/{name}/answer"), format!("{version}\n")),
    ]);
    vec![
        ("debian-binary", b"2.0\n".to_vec()),
        (
            "control.tar.gz",
            tgz(&[folder("./"), Entry::file("./control", control)]),
        ),
        ("data.tar.gz", data),
    ]
}

/// An archive of the kind that packages are (deb(5)).
pub(crate) fn ar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(
            bytes,
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`",
            0,
            0,
            0,
            "100644",
            content.len()
        )
        .unwrap();
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// How an archive signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// `InRelease`.
    Within,
    /// `Release` and `Release.gpg`.
    Apart,
}

/// A suite of an archive with one component.
#[derive(Clone)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) date: Timestamp,
    pub(crate) valid_days: Option<i64>,
    pub(crate) by_hash: bool,
    pub(crate) origin: &'static str,
    pub(crate) packages: Vec<Package>,
}

impl Suite {
    pub(crate) fn new(name: &'static str, date: Timestamp, packages: &[Package]) -> Self {
        Self {
            name,
            date,
            valid_days: Some(7),
            by_hash: true,
            origin: "Example",
            packages: packages.to_vec(),
        }
    }

    /// The lists, by their paths below the suite's folder.
    pub(crate) fn lists(&self) -> BTreeMap<String, Vec<u8>> {
        let mut architectures: BTreeSet<&str> = self.packages.iter().map(|one| &*one.architecture).collect();
        architectures.remove("all");
        architectures.insert("amd64");
        let mut lists = BTreeMap::new();
        for architecture in architectures {
            let own = self
                .packages
                .iter()
                .filter(|one| one.architecture == architecture || one.architecture == "all");
            let text = own.map(Package::paragraph).collect::<Vec<_>>().join("\n");
            let path = format!("main/binary-{architecture}/Packages");
            lists.insert(format!("{path}.gz"), gzip(text.as_bytes()));
            lists.insert(path, text.into_bytes());
        }
        lists
    }

    /// The text that is signed.
    pub(crate) fn release(&self, lists: &BTreeMap<String, Vec<u8>>) -> String {
        let mut text = format!(
            "Origin: {2}\nLabel: Example\nSuite: {0}\nCodename: {0}\nVersion: 12.11\nDate: {1}\n",
            self.name,
            rfc_2822(self.date),
            self.origin,
        );
        if let Some(days) = self.valid_days {
            text.push_str(&format!(
                "Valid-Until: {}\n",
                rfc_2822(self.date.plus_seconds(days * 86_400))
            ));
        }
        if self.by_hash {
            text.push_str("Acquire-By-Hash: yes\n");
        }
        text.push_str(
            "Architectures: all amd64 arm64\nComponents: main\nDescription: an example\n\
             No-Support-for-Architecture-all: Packages\nSHA256:\n",
        );
        for (path, bytes) in lists {
            text.push_str(&format!(
                " {} {} {path}\n",
                hex::encode(Sha256::digest(bytes)),
                bytes.len()
            ));
        }
        text.push_str("SHA512:\n");
        for (path, bytes) in lists {
            text.push_str(&format!(
                " {} {} {path}\n",
                hex::encode(Sha512::digest(bytes)),
                bytes.len()
            ));
        }
        text
    }

    /// Everything that the archive serves of this suite, by its path below the archive. As real ones it serves no plain list.
    pub(crate) fn files(&self, key: &Key, signed: Signed) -> BTreeMap<String, Vec<u8>> {
        let lists = self.lists();
        let release = self.release(&lists);
        let folder = format!("dists/{}", self.name);
        let mut files = BTreeMap::new();
        match signed {
            Signed::Within => {
                files.insert(format!("{folder}/InRelease"), key.signed_within(&release, self.date));
            }
            Signed::Apart => {
                files.insert(format!("{folder}/Release.gpg"), key.signed_apart(&release, self.date));
                files.insert(format!("{folder}/Release"), release.into_bytes());
            }
        }
        for (path, bytes) in lists.into_iter().filter(|(path, _)| path.ends_with(".gz")) {
            if self.by_hash {
                let below = path.rsplit_once('/').unwrap().0;
                let digest = hex::encode(Sha256::digest(&bytes));
                files.insert(format!("{folder}/{below}/by-hash/SHA256/{digest}"), bytes.clone());
            }
            files.insert(format!("{folder}/{path}"), bytes);
        }
        for package in &self.packages {
            files.insert(package.path(), package.bytes.clone());
        }
        files
    }
}

/// `Thu, 19 Nov 2026 02:12:54 UTC`.
fn rfc_2822(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = time.to_string();
    let (date, clock) = text.split_once('T').unwrap();
    let parts: Vec<&str> = date.split('-').collect();
    let month: usize = parts[1].parse().unwrap();
    let day = usize::try_from(time.seconds() / 86_400).unwrap() % 7;
    format!(
        "{}, {} {} {} {} UTC",
        DAYS[day],
        parts[2],
        MONTHS[month - 1],
        parts[0],
        clock.trim_end_matches('Z')
    )
}
