//! Every limit of format 1, in one place (`bundle-spec/limits.md`, which a test compares with this file).

/// The manifest's envelope, in bytes. A manifest of 10,000 volumes takes about 600 KiB in base64; this is what may be
/// read before anything is authenticated.
pub const MAX_MANIFEST_ENVELOPE_BYTES: u64 = 1 << 20;

/// One root's envelope, in bytes (facts: a root of 50 persons takes about 20 KiB).
pub const MAX_ROOT_ENVELOPE_BYTES: u64 = 64 << 10;

/// How many roots may travel in one bundle: a yearly rotation for 64 years.
pub const MAX_ROOTS: u64 = 64;

/// The compressed catalog, in bytes. A million entries take about 150 MB.
pub const MAX_CATALOG_BYTES: u64 = 1 << 30;

/// The catalog after decompression, in bytes: eight times the compressed limit, which real catalogs never reach.
pub const MAX_CATALOG_CONTENT_BYTES: u64 = 8 << 30;

/// One line of the catalog, in bytes. An object of 8 TiB in 64 MiB segments lists 131,072 digests, 9.6 MB.
pub const MAX_CATALOG_LINE_BYTES: usize = 16 << 20;

/// Objects in one bundle. Their digests are held in memory while references are checked: 32 bytes each, 128 MiB.
pub const MAX_OBJECTS: u64 = 4 << 20;

/// Artifacts in one bundle.
pub const MAX_ARTIFACTS: u64 = 4 << 20;

/// Registry documents in one bundle.
pub const MAX_DOCUMENTS: u64 = 4 << 20;

/// Volumes of one bundle.
pub const MAX_VOLUMES: usize = 10_000;

/// One object's size, in bytes: 8 TiB, more than any medium of today.
pub const MAX_OBJECT_BYTES: u64 = 8 << 40;

/// The smallest segment, in bytes: below that headers and padding outweigh the data.
pub const MIN_SEGMENT_BYTES: u64 = 4 << 10;

/// The usual segment, in bytes: small against a 4 GB stick, so little is lost at a volume's end.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// The largest segment, in bytes: it fits the eleven octal digits of a ustar header (8 GiB - 1).
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The largest window that a zstd frame may ask for, as a power of two: 8 MiB, zstd's own default limit for interoperable
/// frames (RFC 8878 §3.1.1.1.2).
pub const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// How many recipients a manifest may name.
pub const MAX_RECIPIENTS: usize = 64;

/// Any name, version or file name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// Proofs that one artifact may bring besides those of its ecosystem: more kinds than anybody publishes side by side.
pub const MAX_PROOFS_BESIDES: usize = 16;

/// The name of a kind of proof, in bytes.
pub const MAX_KIND_BYTES: usize = 64;

/// How far ahead of the last imported number a bundle may be (facts: A9, fast-forward).
pub const MAX_SEQUENCE_JUMP: u64 = 64;

/// How far the exporter's clock may be ahead of ours, in seconds: one day.
pub const MAX_CREATED_AHEAD_SECONDS: i64 = 86_400;

/// How far our clock may be behind the known time before anything is judged by it, in seconds: ten minutes.
pub const MAX_CLOCK_BEHIND_SECONDS: i64 = 600;
