//! Makes tiny valid wheels and source distributions, and lets a test spoil them.

use std::io::{Cursor, Write as _};

/// The files of a wheel, in order.
pub(crate) struct FakeWheel {
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl FakeWheel {
    /// A wheel with one module and right metadata.
    pub(crate) fn new(name: &str, version: &str) -> Self {
        let info = format!("{name}-{version}.dist-info");
        let metadata =
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n\nText.\n");
        let tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let mut this = Self {
            files: vec![
                (format!("{name}/__init__.py"), format!("VERSION = '{version}'\n").into()),
                (format!("{info}/METADATA"), metadata.into()),
                (format!("{info}/WHEEL"), tags.into()),
                (format!("{info}/RECORD"), Vec::new()),
            ],
        };
        this.record();
        this
    }

    /// Writes RECORD anew from the files.
    pub(crate) fn record(&mut self) {
        let lines: String = self.files.iter().map(|(name, _)| format!("{name},,\r\n")).collect();
        *self.file("/RECORD") = lines.into();
    }

    /// The content of the file whose name ends so.
    pub(crate) fn file(&mut self, end: &str) -> &mut Vec<u8> {
        &mut self.files.iter_mut().find(|(name, _)| name.ends_with(end)).unwrap().1
    }

    /// The wheel's bytes, deflated.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.files {
            writer
                .start_file(name.as_str(), zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}

/// A `.tar.gz` of these files.
pub(crate) fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
