//! Writes zip archives byte by byte, so that a test can bend any field.

use std::io::Write as _;

/// One entry, with the fields of its local header apart from those of the directory.
#[derive(Clone)]
pub(crate) struct RawEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) compressed: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) disk: u16,
    pub(crate) offset: Option<u32>,
    pub(crate) local_name: Vec<u8>,
    pub(crate) local_flags: u16,
    pub(crate) local_method: u16,
    pub(crate) local_crc: u32,
    pub(crate) local_compressed: u32,
    pub(crate) local_size: u32,
    pub(crate) local_extra: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// What stands between the data and the next header: a data descriptor, or something hidden.
    pub(crate) after: Vec<u8>,
}

impl RawEntry {
    /// A stored entry with right fields.
    pub(crate) fn stored(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 0, content.to_vec())
    }

    /// A deflated entry with right fields.
    pub(crate) fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        Self::new(name, content, 8, encoder.finish().unwrap())
    }

    fn new(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (compressed, size) = (data.len() as u32, content.len() as u32);
        let flags = if name.is_ascii() { 0 } else { 1 << 11 };
        Self {
            name: name.into(),
            flags,
            method,
            crc: crc.sum(),
            compressed,
            size,
            extra: Vec::new(),
            comment: Vec::new(),
            disk: 0,
            offset: None,
            local_name: name.into(),
            local_flags: flags,
            local_method: method,
            local_crc: crc.sum(),
            local_compressed: compressed,
            local_size: size,
            local_extra: Vec::new(),
            data,
            after: Vec::new(),
        }
    }

    /// Moves sizes and CRC behind the data, as writers to a pipe do.
    pub(crate) fn described(mut self) -> Self {
        self.flags |= 1 << 3;
        self.local_flags = self.flags;
        (self.local_crc, self.local_compressed, self.local_size) = (0, 0, 0);
        self.after = [0x0807_4b50, self.crc, self.compressed, self.size]
            .iter()
            .flat_map(|field: &u32| field.to_le_bytes())
            .collect();
        self
    }
}

/// An archive in parts.
pub(crate) struct RawZip {
    pub(crate) entries: Vec<RawEntry>,
    pub(crate) before_directory: Vec<u8>,
    pub(crate) after_directory: Vec<u8>,
    pub(crate) zip64: bool,
    pub(crate) count: Option<u16>,
    pub(crate) disk: u16,
    pub(crate) directory_offset: Option<u32>,
    pub(crate) comment: Vec<u8>,
}

impl RawZip {
    /// A plain archive of these entries.
    pub(crate) fn of(entries: impl IntoIterator<Item = RawEntry>) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            before_directory: Vec::new(),
            after_directory: Vec::new(),
            zip64: false,
            count: None,
            disk: 0,
            directory_offset: None,
            comment: Vec::new(),
        }
    }

    /// The archive's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let offset = entry.offset.unwrap_or(out.len() as u32);
            out.extend(0x0403_4b50_u32.to_le_bytes());
            for field in [20, entry.local_flags, entry.local_method, 0, 0] {
                out.extend(field.to_le_bytes());
            }
            for field in [entry.local_crc, entry.local_compressed, entry.local_size] {
                out.extend(field.to_le_bytes());
            }
            out.extend((entry.local_name.len() as u16).to_le_bytes());
            out.extend((entry.local_extra.len() as u16).to_le_bytes());
            for part in [&entry.local_name, &entry.local_extra, &entry.data, &entry.after] {
                out.extend_from_slice(part);
            }

            directory.extend(0x0201_4b50_u32.to_le_bytes());
            for field in [20, 20, entry.flags, entry.method, 0, 0] {
                directory.extend(field.to_le_bytes());
            }
            for field in [entry.crc, entry.compressed, entry.size] {
                directory.extend(field.to_le_bytes());
            }
            for length in [entry.name.len(), entry.extra.len(), entry.comment.len()] {
                directory.extend((length as u16).to_le_bytes());
            }
            for field in [entry.disk, 0, 0, 0] {
                directory.extend(field.to_le_bytes());
            }
            directory.extend(offset.to_le_bytes());
            for part in [&entry.name, &entry.extra, &entry.comment] {
                directory.extend_from_slice(part);
            }
        }
        out.extend_from_slice(&self.before_directory);
        let directory_at = out.len() as u64;
        let count = self.entries.len() as u64;
        out.extend_from_slice(&directory);
        out.extend_from_slice(&self.after_directory);
        if self.zip64 {
            let record_at = out.len() as u64;
            out.extend(0x0606_4b50_u32.to_le_bytes());
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for field in [count, count, directory.len() as u64, directory_at] {
                out.extend(field.to_le_bytes());
            }
            out.extend(0x0706_4b50_u32.to_le_bytes());
            out.extend(0_u32.to_le_bytes());
            out.extend(record_at.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(0x0605_4b50_u32.to_le_bytes());
        let count = self.count.unwrap_or(if self.zip64 { u16::MAX } else { count as u16 });
        for field in [self.disk, 0, count, count] {
            out.extend(field.to_le_bytes());
        }
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(self.directory_offset.unwrap_or(directory_at as u32).to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.comment);
        out
    }
}
