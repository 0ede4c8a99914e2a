//! Makes tiny gzip-compressed tar archives, honest and not.

use std::io::Write as _;

/// One header block with its content and padding, in ustar format.
pub(crate) struct Entry {
    header: [u8; 512],
    content: Vec<u8>,
}

impl Entry {
    /// A plain file.
    pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> Self {
        Self::of_kind(b'0', name, content)
    }

    /// An entry of any kind.
    pub(crate) fn of_kind(kind: u8, name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let content = content.as_ref().to_vec();
        Self { header, content }.sized(content_length)
    }

    /// An extended header with these records.
    pub(crate) fn pax(kind: u8, records: &[(&str, &str)]) -> Self {
        let mut content = String::new();
        for (key, value) in records {
            let bare = key.len() + value.len() + 3;
            let mut length = bare + 1;
            while bare + length.to_string().len() != length {
                length += 1;
            }
            content.push_str(&format!("{length} {key}={value}\n"));
        }
        Self::of_kind(kind, "PaxHeader", content)
    }

    /// States another size than the content has.
    pub(crate) fn sized(self, size: impl FnOnce(&[u8]) -> u64) -> Self {
        let field = format!("{:011o}\0", size(&self.content));
        self.patched(124, field.as_bytes())
    }

    /// Writes over header bytes, and makes the checksum right again.
    pub(crate) fn patched(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self.header[148..156].fill(b' ');
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self
    }

    /// Writes over header bytes, and leaves the checksum wrong.
    pub(crate) fn broken(mut self, at: usize, byte: u8) -> Self {
        self.header[at] = byte;
        self
    }
}

fn content_length(content: &[u8]) -> u64 {
    content.len() as u64
}

/// The entries as a tar archive without its end mark.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&entry.header);
        bytes.extend_from_slice(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

/// Compresses bytes with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

/// The entries as a whole `.tgz`.
pub(crate) fn tgz(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = tar(entries);
    bytes.extend([0; 1024]);
    gzip(&bytes)
}
