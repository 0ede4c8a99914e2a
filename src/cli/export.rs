//! `sealift export`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::decided::answer_decisions;
use super::environment::Surroundings;
use super::files;
use super::import::{size, threads};
use super::output::escape;
use super::progress::Bars;
use super::shown::holder;
use super::signer::{PassphraseArguments, SignerArguments};
use super::{Context, Exit, exporters, planned, rehearse, since, vex};
use crate::bundle::manifest::{SideData, is_stream_name};
use crate::bundle::volumes;
use crate::crypto::key::Signer;
use crate::ecosystem::{self, NamedBy, UpstreamBase};
use crate::export::collect::{Event, Sources, collect, plan};
use crate::export::connect::{Connection, connect};
use crate::export::describe::{Heading, Since};
use crate::export::foresee::foresee;
use crate::export::memory::Sent;
use crate::export::select::{Request, Selected, select};
use crate::export::stream::{Completed, Stream};
use crate::export::{Target, export, pack::Packed};
use crate::import::site::{InForce, Origin, Site};
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::net::{Cache, Freshness, Limits};
use crate::trust::folder::TrustFolder;
use crate::trust::{Kind, Profile};

/// How long a bundle lives unless told otherwise (facts §3.4).
const DEFAULT_VALID_DAYS: u32 = 45;

/// What to export, for whom, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The exporter's folder
    #[arg(long, value_name = "FOLDER")]
    exporter: PathBuf,
    /// The enclave, by the name in its pinned root [default: the only one that is pinned]
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// The stream of numbered bundles
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// A lockfile, a folder of artifacts, or a selection file such as sealift.yaml; may be given several times
    #[arg(long, short, value_name = "PATH", required = true)]
    select: Vec<PathBuf>,
    /// A folder to search for the bytes before any upstream is asked; may be given several times
    #[arg(long, value_name = "FOLDER")]
    from: Vec<PathBuf>,
    /// An upstream to ask, as in `npm=https://registry.example.com/`; may be given several times
    #[arg(long, value_name = "ECOSYSTEM=URL", value_parser = upstream)]
    upstream: Vec<UpstreamBase>,
    /// Where the volumes are written
    #[arg(long, short, value_name = "FOLDER", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// The largest volume: a size such as 4GiB, or fat32, dvd, dvd-dl, bd25, bd50, bd100 [default: one volume]
    #[arg(long, value_name = "SIZE", value_parser = volume_size)]
    volume_size: Option<u64>,
    /// How long the bundle may be imported
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_VALID_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    valid_days: u32,
    /// Send only what is missing of what the enclave says in this receipt that it holds; such a bundle can be verified and approved only with the enclave's store
    #[arg(long, value_name = "RECEIPT")]
    since: Option<PathBuf>,
    /// Send only what bundles did not carry that were acknowledged with `sealift acknowledge`: weaker than a receipt, since nobody signs what the enclave holds
    #[arg(long, conflicts_with = "since")]
    since_memory: bool,
    /// Ask no upstream; take only what is on this machine
    #[arg(long)]
    offline: bool,
    /// Ask upstream again for registry documents that are in the cache
    #[arg(long, conflicts_with = "offline")]
    refresh: bool,
    /// Certificate authorities in PEM that count instead of the platform's [default: $SSL_CERT_FILE]
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Carry advisories along: OSV records, one a line of JSON
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
    /// Carry a VEX document along with the signatures beside it, or all of a folder
    #[arg(long, value_name = "FILE|FOLDER")]
    vex: Vec<PathBuf>,
    /// Carry names along that many people use, one `ecosystem/name` a line, against look-alikes
    #[arg(long, value_name = "FILE")]
    popular_names: Option<PathBuf>,
    /// Ask this policy before anything is packed [default: the one that stands in the enclave's folder `trust` here, if one does]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Pack all the same what the policy denies: the enclave refuses it
    #[arg(long)]
    despite_policy: bool,
    /// Only say what would be done; with a policy also what it would decide, for which what is missing is fetched into the cache
    #[arg(long)]
    dry_run: bool,
    /// The time to write into the manifest, so that a second person can make the same bundle again [default: now]
    #[arg(long, value_name = "TIME")]
    created: Option<Timestamp>,
    /// How many threads hash [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Sign with this key [default: the exporter's own]; given several times where the root asks for several exporters
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    key: Vec<PathBuf>,
    /// Sign through the ssh-agent behind this socket
    #[arg(long, value_name = "SOCKET", requires = "public_key")]
    agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Exports a bundle, or says what would be exported.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let environment = Surroundings::new(working_folder(arguments));
    let selected = select(request(arguments)?, ecosystem::ALL)?;
    let trust = recipient(&arguments.exporter, arguments.to.as_deref().or(selected.recipient()))?;
    let root = trust.current();
    root.check_fresh(context.now)
        .map_err(|error| error.refusal("the enclave's root"))?;
    // A wrong passphrase, or a key that the enclave will not accept, is noticed before hours of fetching.
    let keys = if arguments.dry_run {
        Vec::new()
    } else {
        exporters::open(&signers(arguments), &trust)?
    };
    let signers: Vec<&dyn Signer> = keys.iter().map(AsRef::as_ref).collect();
    let cache = Cache::open(arguments.exporter.join("cache"))
        .map_err(|error| Unable::new("cannot open the exporter's cache").because(error))?;
    let client = if arguments.offline {
        None
    } else {
        let connection = Connection {
            certificates: arguments
                .certificates
                .clone()
                .or_else(|| std::env::var_os("SSL_CERT_FILE").map(PathBuf::from)),
            freshness: if arguments.refresh {
                Freshness::Asked
            } else {
                Freshness::Cached
            },
            limits: Limits::default(),
            now: context.now,
        };
        Some(connect(&selected, ecosystem::ALL, &environment, &connection, &cache)?)
    };
    let bars = Bars::new(context);
    let threads = threads(arguments.threads);
    let sources = Sources {
        ecosystems: ecosystem::ALL,
        environment: &environment,
        cache: &cache,
        client: client.as_ref(),
        threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
        progress: &|event| show(&bars, event),
    };
    let streams = arguments.exporter.join("streams").join(&root.document().enclave.name);
    let stream = stream_name(arguments, &selected)?;
    let epoch = root.document().epoch;
    let sent = Sent::of(&streams, &stream);
    let spool = tempfile::Builder::new()
        .prefix("spool-")
        .tempdir_in(arguments.exporter.join("cache"))
        .map_err(|error| Unable::new("cannot make a folder in the exporter's cache").because(error))?;
    let policy = asked_policy(arguments, &trust, context)?;
    if policy.is_none() && root.document().profile != Profile::Evaluation {
        context.output.warn(&format!(
            "the policy of enclave {} is not known here, so nobody asks what it will decide: install it with `sealift policy install`, or name it \
             with --policy",
            root.document().enclave.name
        ));
    }
    let mut decisions = None;
    if let Some(in_force) = &policy {
        let next = Stream::peek(&streams, &stream, epoch)?;
        let heading = heading(arguments, stream.clone(), next, &trust, context)?;
        let again = select(request(arguments)?, ecosystem::ALL)?;
        let place = rehearse::Place {
            folder: &arguments.exporter.join("cache"),
            threads,
            bars: &bars,
        };
        let collected = collect(again, &sources)?;
        bars.finish();
        match rehearse::decided(collected, heading, in_force, &trust, &place, context) {
            Ok(decided) => {
                if !context.output.wants_json() {
                    context.output.answer("the policy would decide");
                    answer_decisions(&decided, context);
                }
                decisions = Some(decided);
            }
            Err(Stop::Refused(refusals)) if arguments.despite_policy && !arguments.dry_run => {
                for refusal in refusals {
                    context.output.warn(&format!(
                        "the enclave will refuse {}: {} [{}]",
                        escape(&refusal.subject),
                        escape(&refusal.reason),
                        refusal.code
                    ));
                }
            }
            Err(stop) => return Err(stop),
        }
    }
    if arguments.dry_run {
        let plan = plan(&selected, &sources)?;
        let next = Stream::peek(&streams, &stream, epoch)?;
        let mut heading = heading(arguments, stream, next, &trust, context)?;
        heading.since = base(arguments, &heading, &sent, &trust, context)?;
        let (plan, foreseen) = foresee(plan, &selected, &heading, spool.path(), threads)?;
        drop(bars);
        planned::report(&plan, &foreseen, decisions.as_ref(), arguments.volume_size, context);
        return Ok(Exit::Done);
    }
    let (mut numbers, completed) = Stream::open(&streams, &stream, &holder("export"))?;
    if let Some(Completed { label, folder }) = completed {
        let folder = escape(&folder.display().to_string());
        context.output.warn(&format!(
            "the export of bundle {label} was interrupted; it is complete now, in {folder}"
        ));
    }
    let mut heading = heading(arguments, stream, numbers.next(epoch), &trust, context)?;
    heading.since = base(arguments, &heading, &sent, &trust, context)?;
    let collected = collect(selected, &sources)?;
    bars.finish();
    for line in collected.warnings() {
        context.output.warn(&escape(line));
    }
    for line in collected.left_out() {
        context.output.warn(&format!("left out: {}", escape(line)));
    }
    let counts = collected.counts().clone();
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("."));
    let target = Target {
        media: &out,
        stream: &mut numbers,
        sent: Some(&sent),
        progress: &bars,
    };
    let packed = export(collected, &heading, &signers, spool.path(), target, threads)?;
    drop(bars);
    report(&packed, &counts, root.document().enclave.name.as_str(), context);
    Ok(Exit::Done)
}

/// On what the bundle builds, if it is a delta.
fn base(
    arguments: &Arguments,
    heading: &Heading,
    sent: &Sent,
    trust: &TrustFolder,
    context: &Context,
) -> Result<Option<Since>, Stop> {
    if arguments.since_memory {
        return since::remembered(sent, heading, context);
    }
    since::since(arguments.since.as_deref(), heading, trust, context)
}

/// The policy that is asked before anything is packed: the one that was named, or the one that stands here.
fn asked_policy(arguments: &Arguments, trust: &TrustFolder, context: &Context) -> Result<Option<InForce>, Stop> {
    if let Some(path) = &arguments.policy {
        return super::policy::given(path, context.now, trust.current()).map(Some);
    }
    let in_force = Site::load(trust)?.in_force().clone();
    Ok((in_force.origin == Origin::Signed).then_some(in_force))
}

/// What the next bundle of the stream says of itself.
fn heading(
    arguments: &Arguments,
    stream: String,
    (sequence, previous): (u64, Option<Digest>),
    trust: &TrustFolder,
    context: &Context,
) -> Result<Heading, Stop> {
    let document = trust.current().document();
    let created = arguments.created.unwrap_or(context.now);
    let side_data = side_data(arguments, trust, context)?;
    Ok(Heading {
        stream,
        epoch: document.epoch,
        sequence,
        previous,
        created,
        not_after: created.plus_days(arguments.valid_days),
        recipients: [*document.enclave.id.digest()].into(),
        roots: trust
            .roots()
            .iter()
            .map(|root| (root.document().version, root.envelope().to_vec()))
            .collect(),
        side_data,
        volume_bytes: arguments.volume_size,
        since: None,
    })
}

/// A snapshot of all advisories of a large ecosystem has some hundred megabytes.
const MAX_SIDE_DATA_BYTES: usize = 512 << 20;

/// What travels beside the artifacts: what was named, and the newest trust data and revocations that this exporter holds for the
/// enclave.
fn side_data(
    arguments: &Arguments,
    trust: &TrustFolder,
    context: &Context,
) -> Result<BTreeMap<SideData, Vec<u8>>, Stop> {
    let mut side_data = BTreeMap::new();
    for (kind, path) in [
        (SideData::Advisories, &arguments.advisories),
        (SideData::PopularNames, &arguments.popular_names),
    ] {
        if let Some(path) = path {
            side_data.insert(kind, files::read(path, MAX_SIDE_DATA_BYTES)?);
        }
    }
    if !arguments.vex.is_empty() {
        side_data.insert(SideData::Vex, vex::carried(&arguments.vex, context)?);
    }
    for (side, kind) in [
        (SideData::TrustData, Kind::TrustData),
        (SideData::Revocations, Kind::Revocations),
    ] {
        if let Some(standing) = trust.standing(kind)? {
            side_data.insert(side, standing.envelope);
        }
    }
    Ok(side_data)
}

/// The pinned root of the enclave that the bundle is for.
pub(super) fn recipient(exporter: &Path, name: Option<&str>) -> Result<TrustFolder, Stop> {
    let folder = exporter.join("trust");
    if let Some(name) = name {
        if !crate::trust::is_enclave_name(name) {
            return Err(Unable::new(format!("{name:?} cannot name an enclave")).into());
        }
        return Ok(TrustFolder::open(&folder.join(name))?);
    }
    let mut pinned: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|error| {
            Unable::new(format!("cannot read {}", folder.display()))
                .because(error)
                .hint("`sealift init exporter` makes an exporter's folder")
        })?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| TrustFolder::is_pinned(path))
        .collect();
    match (pinned.pop(), pinned.is_empty()) {
        (Some(path), true) => Ok(TrustFolder::open(&path)?),
        (None, _) => Err(Unable::new("no enclave's root is pinned in the exporter's folder")
            .hint("`sealift root pin ROOT --folder EXPORTER`")
            .into()),
        (Some(_), false) => Err(Unable::new("several enclaves are pinned in the exporter's folder")
            .hint("name one with --to")
            .into()),
    }
}

fn stream_name(arguments: &Arguments, selected: &Selected) -> Result<String, Stop> {
    let stream = arguments
        .stream
        .clone()
        .or_else(|| selected.stream().map(ToOwned::to_owned))
        .unwrap_or_else(|| "main".to_owned());
    if is_stream_name(&stream) {
        Ok(stream)
    } else {
        Err(Unable::new(format!("{stream:?} cannot name a stream"))
            .hint("1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit")
            .into())
    }
}

fn request(arguments: &Arguments) -> Result<Request, Stop> {
    let here = std::env::current_dir().map_err(|error| Unable::new("cannot see the working folder").because(error))?;
    let mut request = Request::from_arguments(&arguments.select, &here, ecosystem::ALL)?;
    request
        .from
        .extend(arguments.from.iter().map(|folder| here.join(folder)));
    // What the command line names is asked before what the selection names.
    request.upstreams.splice(0..0, arguments.upstream.iter().cloned());
    Ok(request)
}

/// The folder whose client configuration counts: that of the first selection.
fn working_folder(arguments: &Arguments) -> PathBuf {
    let first = arguments.select.first().map_or(Path::new("."), PathBuf::as_path);
    let folder = if first.is_dir() {
        first
    } else {
        first.parent().unwrap_or(Path::new("."))
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// With what the manifest is sealed: the keys or the agent that were named, else the exporter's own key.
fn signers(arguments: &Arguments) -> Vec<SignerArguments> {
    let with = |key: Option<PathBuf>| SignerArguments {
        key,
        agent: arguments.agent.clone(),
        public_key: arguments.public_key.clone(),
        passphrase: arguments.passphrase.clone(),
    };
    if arguments.agent.is_some() {
        return vec![with(None)];
    }
    if arguments.key.is_empty() {
        return vec![with(Some(arguments.exporter.join("keys").join("export.pem")))];
    }
    arguments.key.iter().map(|key| with(Some(key.clone()))).collect()
}

fn upstream(text: &str) -> Result<UpstreamBase, String> {
    let (ecosystem, url) = text.split_once('=').ok_or("write it as ecosystem=URL")?;
    let ecosystem = ecosystem::find(ecosystem).ok_or_else(|| format!("{ecosystem:?} is no ecosystem"))?;
    Ok(UpstreamBase {
        ecosystem: ecosystem.id(),
        scope: None,
        url: url.to_owned(),
        authorization: None,
        named_by: NamedBy::Operator,
    })
}

fn volume_size(text: &str) -> Result<u64, String> {
    volumes::parse_size(text)
        .ok_or_else(|| "write it as 4GiB, 700MB, or one of fat32, dvd, dvd-dl, bd25, bd50, bd100".to_owned())
}

fn show(bars: &Bars, event: Event) {
    match event {
        Event::Looking { artifacts } => bars.items("look", artifacts),
        Event::Fetching { bytes, .. } => bars.bytes("fetch", bytes),
        Event::Fetched { bytes } => bars.advance(bytes),
        Event::Asking { names } => bars.items("ask", names),
        Event::Asked => bars.advance(1),
        Event::Looked => bars.advance(1),
        Event::Hashed { .. } | Event::Arrived => {}
    }
}

fn report(packed: &Packed, counts: &crate::export::collect::Counts, enclave: &str, context: &Context) {
    let manifest = &packed.manifest;
    let catalog = &manifest.catalog;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-export/1",
            "outcome": "exported",
            "bundle": { "stream": manifest.stream, "epoch": manifest.epoch, "sequence": manifest.sequence, "manifest": packed.manifest_digest },
            "base": manifest.base,
            "base_source": manifest.base_source,
            "recipient": enclave,
            "created": manifest.created,
            "not_after": manifest.not_after,
            "artifacts": catalog.artifacts,
            "documents": catalog.documents,
            "objects": catalog.objects,
            "bytes": catalog.object_bytes,
            "volumes": packed.volumes.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "volume_bytes": packed.bytes,
            "from": { "folders": counts.from_folders, "client_caches": counts.from_client_caches, "cache": counts.from_cache, "fetched": counts.fetched },
            "requests": counts.requests,
        }));
        return;
    }
    let output = &context.output;
    output.answer(&format!("exported bundle {} for enclave {enclave}", manifest.label()));
    output.answer(&format!(
        "  {} artifacts, {} registry documents, {} objects, {}",
        catalog.artifacts,
        catalog.documents,
        catalog.objects,
        size(catalog.object_bytes)
    ));
    output.answer(&format!(
        "  {} from folders, {} from the clients' caches, {} from the exporter's cache, {} fetched",
        counts.from_folders, counts.from_client_caches, counts.from_cache, counts.fetched
    ));
    for (host, by) in &counts.led_to {
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        output.answer(&format!(
            "  {} was asked because {} led there",
            escape(host),
            escape(&by.join(", "))
        ));
    }
    if let Some(words) = manifest.delta_words() {
        output.answer(&format!("  {words}"));
    }
    output.answer(&format!("  to be imported until {}", manifest.not_after));
    output.answer(&format!("  manifest {}", packed.manifest_digest));
    for volume in &packed.volumes {
        output.answer(&format!("  {}", volume.display()));
    }
}
