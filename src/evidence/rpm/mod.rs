//! RPM: signatures in packages' headers (`rpm-signature`), and signed repository indexes (`repomd`).

mod header;
mod package;
mod primary;
mod repomd;

pub(crate) use package::RpmSignature;
pub(crate) use repomd::Repomd;

use crate::model::Artifact;

/// What a header or an index calls a package.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Called {
    name: String,
    epoch: Option<String>,
    version: String,
    release: String,
    architecture: String,
}

impl Called {
    /// Whether an artifact goes by that name and version: `version-release`, with the epoch and a colon before it or without if
    /// there is none or zero, with a dot and the architecture behind it or without.
    fn fits(&self, artifact: &Artifact) -> bool {
        let bare = format!("{}-{}", self.version, self.release);
        let epoch = self.epoch.as_deref().unwrap_or("0");
        let version = artifact.version.as_str();
        let version = version
            .strip_suffix(self.architecture.as_str())
            .and_then(|front| front.strip_suffix('.'))
            .unwrap_or(version);
        artifact.name == self.name && (version == format!("{epoch}:{bare}") || (epoch == "0" && version == bare))
    }

    /// As people write it.
    fn text(&self) -> String {
        let epoch = self.epoch.as_ref().map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let Self {
            name,
            version,
            release,
            architecture,
            ..
        } = self;
        format!("{name}-{epoch}{version}-{release}.{architecture}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn a_package_goes_by_its_whole_name() {
        let called = |epoch: Option<&str>| Called {
            name: "tool".to_owned(),
            epoch: epoch.map(str::to_owned),
            version: "1.2".to_owned(),
            release: "3.el9".to_owned(),
            architecture: "x86_64".to_owned(),
        };
        let fits = |epoch: Option<&str>, name: &str, version: &str| {
            called(epoch).fits(&Artifact {
                origin: "cache".to_owned(),
                reason: "list".to_owned(),
                ..Artifact::plain("rpm", name, version, "tool.rpm", Digest::of(b"x"))
            })
        };
        for version in ["1.2-3.el9", "0:1.2-3.el9", "1.2-3.el9.x86_64", "0:1.2-3.el9.x86_64"] {
            assert!(
                fits(None, "tool", version) && fits(Some("0"), "tool", version),
                "{version}"
            );
            assert!(
                !fits(None, "tools", version) && !fits(Some("1"), "tool", version),
                "{version}"
            );
        }
        assert!(fits(Some("1"), "tool", "1:1.2-3.el9.x86_64"));
        for version in [
            "1.2-3.el8",
            "1.3-3.el9",
            "1:1.2-3.el9",
            "1.2-3.el9.i686",
            "1.2-3.el9x86_64",
            "1.2",
            "",
        ] {
            assert!(!fits(None, "tool", version), "{version}");
        }
    }
}
