//! The repository's files: Maven's layout of a remote repository, which Maven and Gradle read from files and over HTTP.
//!
//! For one name: each artifact with its `.sha1`, `.sha256` and `.sha512` (clients ask for SHA-1 first, and nobody for
//! MD5 where there is another), and the publisher's proofs beside it as they came. `maven-metadata.xml` is shared: the
//! versions of `org.example:lib` and the plugins of the group `org.example.lib` stand in one file.
//!
//! Source: Maven Resolver's `Maven2RepositoryLayoutFactory`; Maven's documentation, "Repository Metadata Model".

use std::collections::{BTreeMap, BTreeSet};

use super::inspect::{Kept, Plugin, kept};
use super::upstream::{OPENPGP, SIGSTORE};
use super::version::MavenVersion;
use super::{coordinate, xml};
use crate::ecosystem::{Held, Members, Mismatch, PlacedContent, PlacedFile, Shared};
use crate::model::{Algorithm, Artifact, MultiHasher, RelativePath};

/// The list of a name's versions, or of a group's plugins.
pub(crate) const METADATA: &str = "maven-metadata.xml";

/// How proofs are named beside the file that they are about.
const PROOFS: [(&str, &str); 2] = [(OPENPGP, ".asc"), (SIGSTORE, ".sigstore.json")];

/// Places the artifacts of one name with their checksums and proofs.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let mut files = Vec::new();
    for item in held {
        let artifact = &item.artifact;
        if artifact.name != name {
            return Err(Mismatch::collision("two names share one folder").comparing(name, &artifact.name));
        }
        let path = coordinate::path(name, &artifact.version, &artifact.file)?;
        let Kept { sha1, sha512, .. } = kept(&item.facts, artifact)?;
        for (ending, digits) in [(".sha1", sha1), (".sha256", artifact.digest.hex()), (".sha512", sha512)] {
            files.push(page(&path, ending, digits.into_bytes())?);
        }
        for proof in &artifact.proofs {
            let ending = PROOFS.iter().find(|(kind, _)| *kind == proof.kind);
            // The registry has one file of each kind; what came in several cannot stand there as one.
            if let (Some((_, ending)), [digest]) = (ending, proof.objects.as_slice()) {
                files.push(PlacedFile {
                    path: beside(&path, ending)?,
                    content: PlacedContent::Object(*digest),
                });
                files.push(page(&path, &format!("{ending}.sha256"), digest.hex().into_bytes())?);
            }
        }
        files.push(PlacedFile {
            path,
            content: PlacedContent::Object(artifact.digest),
        });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Mismatch::collision(format!("{} is wanted twice", pair[0].path)));
    }
    Ok(files)
}

fn beside(path: &RelativePath, ending: &str) -> Result<RelativePath, Mismatch> {
    RelativePath::new(format!("{path}{ending}")).map_err(|error| Mismatch::new(error.to_string()))
}

fn page(path: &RelativePath, ending: &str, bytes: Vec<u8>) -> Result<PlacedFile, Mismatch> {
    Ok(PlacedFile {
        path: beside(path, ending)?,
        content: PlacedContent::Bytes(bytes),
    })
}

/// The metadata in which a name has a part: that of its own folder, and where it holds a plugin that of its group's.
pub(crate) fn shared(name: &str, held: &[Held]) -> Result<Vec<Shared>, Mismatch> {
    let (group, id) = coordinate::split(name)?;
    let folder = coordinate::group_folder(group);
    let mut shared = vec![of_folder(&format!("{folder}/{id}"))];
    let has_plugin = held
        .iter()
        .any(|item| kept(&item.facts, &item.artifact).is_ok_and(|kept| kept.plugin.is_some()));
    if has_plugin {
        shared.push(of_folder(&folder));
    }
    Ok(shared)
}

/// Who has a part in the metadata of a folder: the artifact whose versions lie there, and the plugins of the group.
fn of_folder(folder: &str) -> Shared {
    let mut members = Vec::new();
    if let Some((group, id)) = folder.rsplit_once('/') {
        members.push(Members::Name(format!("{}:{id}", group.replace('/', "."))));
    }
    // An artifact's own folder may hold dots, which no group's folder does.
    if !folder.contains('.') {
        members.push(Members::Beginning(format!("{}:", folder.replace('/', "."))));
    }
    Shared {
        name: folder.to_owned(),
        members,
    }
}

/// Writes the metadata of one folder from all that its members hold.
pub(crate) fn layout_shared(folder: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let own = folder
        .rsplit_once('/')
        .map(|(group, id)| format!("{}:{id}", group.replace('/', ".")));
    let group = folder.replace('/', ".");
    let mut versions = BTreeSet::new();
    let mut plugins = BTreeMap::new();
    for item in held {
        let artifact = &item.artifact;
        if own.as_deref() == Some(&artifact.name) {
            coordinate::check_version(&artifact.version)?;
            versions.insert(artifact.version.as_str());
        } else if coordinate::split(&artifact.name)?.0 == group {
            add_plugin(artifact, item, &mut plugins)?;
        }
    }
    if versions.is_empty() && plugins.is_empty() {
        return Ok(Vec::new());
    }
    let text = metadata(own.as_deref().filter(|_| !versions.is_empty()), &versions, &plugins);
    let path = RelativePath::new(format!("{folder}/{METADATA}")).map_err(|error| Mismatch::new(error.to_string()))?;
    let mut hasher = MultiHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
    hasher.update(text.as_bytes());
    let (_, claims) = hasher.finish();
    let mut files = Vec::new();
    for claim in claims {
        files.push(page(
            &path,
            &format!(".{}", claim.algorithm().name()),
            claim.hex().into_bytes(),
        )?);
    }
    files.push(PlacedFile {
        path,
        content: PlacedContent::Bytes(text.into_bytes()),
    });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Takes a plugin's prefix from its newest version.
fn add_plugin(
    artifact: &Artifact,
    item: &Held,
    plugins: &mut BTreeMap<String, (MavenVersion, Plugin)>,
) -> Result<(), Mismatch> {
    let Some(plugin) = kept(&item.facts, artifact)?.plugin else {
        return Ok(());
    };
    let (_, id) = coordinate::split(&artifact.name)?;
    let version = MavenVersion::new(&artifact.version);
    let is_newer = plugins.get(id).is_none_or(|(known, _)| version > *known);
    if is_newer {
        plugins.insert(id.to_owned(), (version, plugin));
    }
    Ok(())
}

/// `lastUpdated` is left out: a page says the same whenever it is made, and no client needs it.
fn metadata(
    own: Option<&str>,
    versions: &BTreeSet<&str>,
    plugins: &BTreeMap<String, (MavenVersion, Plugin)>,
) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n");
    if let Some((group, id)) = own.and_then(|own| own.split_once(':')) {
        text.push_str(&format!(
            "  <groupId>{}</groupId>\n  <artifactId>{}</artifactId>\n",
            xml::escape(group),
            xml::escape(id)
        ));
        let mut sorted: Vec<(MavenVersion, &str)> = versions
            .iter()
            .map(|version| (MavenVersion::new(version), *version))
            .collect();
        sorted.sort();
        text.push_str("  <versioning>\n");
        let release = sorted
            .iter()
            .rfind(|(version, _)| !version.is_prerelease())
            .or(sorted.last());
        for (tag, chosen) in [("latest", sorted.last()), ("release", release)] {
            if let Some((_, version)) = chosen {
                text.push_str(&format!("    <{tag}>{}</{tag}>\n", xml::escape(version)));
            }
        }
        text.push_str("    <versions>\n");
        for (_, version) in &sorted {
            text.push_str(&format!("      <version>{}</version>\n", xml::escape(version)));
        }
        text.push_str("    </versions>\n  </versioning>\n");
    }
    if !plugins.is_empty() {
        text.push_str("  <plugins>\n");
        for (id, (_, plugin)) in plugins {
            text.push_str(&format!(
                "    <plugin>\n      <name>{}</name>\n      <prefix>{}</prefix>\n      <artifactId>{}</artifactId>\n    \
                 </plugin>\n",
                xml::escape(&plugin.name),
                xml::escape(&plugin.prefix),
                xml::escape(id)
            ));
        }
        text.push_str("  </plugins>\n");
    }
    text.push_str("</metadata>\n");
    text
}
