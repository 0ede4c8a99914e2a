//! Makes packages of our own, right ones and wrong ones.

use super::*;

pub(super) fn part(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_le_bytes()[..], bytes].concat()
}

pub(super) fn list(parts: &[Vec<u8>]) -> Vec<u8> {
    part(&parts.iter().map(|one| part(one)).collect::<Vec<_>>().concat())
}

pub(super) fn pair(id: u32, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &part(value)].concat()
}

pub(super) fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], value].concat()
}

/// A signer in the making; the defaults are right.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) digests: Vec<(u32, Vec<u8>)>,
    pub(super) certificates: Vec<Vec<u8>>,
    /// The range that is signed, and the one that stands outside; none in v2.
    pub(super) ranges: Option<[(u32, u32); 2]>,
    pub(super) attributes: Vec<Vec<u8>>,
    /// What follows each digest.
    pub(super) after_digests: Vec<u8>,
    /// What follows the attributes.
    pub(super) tail: Vec<u8>,
    pub(super) key: Vec<u8>,
    /// The algorithms of the signatures; each is made as ECDSA with SHA-256.
    pub(super) algorithms: Vec<u32>,
    /// Whether the signature's last byte is turned.
    pub(super) spoilt: bool,
}

impl Made {
    pub(super) fn new(holder: &Holder, digest: &[u8], version: u32) -> Self {
        Self {
            digests: vec![(ECDSA, digest.to_vec())],
            certificates: vec![holder.certificate.clone()],
            ranges: (version != V2).then_some([(28, 99); 2]),
            attributes: Vec::new(),
            after_digests: Vec::new(),
            tail: Vec::new(),
            key: key_info(&holder.key),
            algorithms: vec![ECDSA],
            spoilt: false,
        }
    }

    pub(super) fn bytes(&self, holder: &Holder) -> Vec<u8> {
        let range = |(from, to): (u32, u32)| [from.to_le_bytes(), to.to_le_bytes()].concat();
        let digests: Vec<Vec<u8>> = self
            .digests
            .iter()
            .map(|(id, digest)| [pair(*id, digest), self.after_digests.clone()].concat())
            .collect();
        let mut signed = [list(&digests), list(&self.certificates)].concat();
        if let Some([inner, _]) = self.ranges {
            signed.extend(range(inner));
        }
        signed.extend(list(&self.attributes));
        signed.extend(&self.tail);
        let mut value = sign(&holder.key, &signed);
        if self.spoilt {
            value = sign(&holder.key, b"other");
        }
        let signatures: Vec<Vec<u8>> = self.algorithms.iter().map(|id| pair(*id, &value)).collect();
        let mut bytes = part(&signed);
        if let Some([_, outer]) = self.ranges {
            bytes.extend(range(outer));
        }
        bytes.extend(list(&signatures));
        bytes.extend(part(&self.key));
        bytes
    }
}

pub(super) const ANDROID: &str = "AndroidManifest.xml";

/// A binary manifest with these attributes, whose values are numbers of the given type.
pub(super) fn document(attributes: &[(u32, u8, u32)]) -> Vec<u8> {
    let chunk = |kind: u16, head: u16, rest: Vec<u8>| {
        let size = u32::try_from(8 + rest.len()).unwrap();
        [&kind.to_le_bytes()[..], &head.to_le_bytes(), &size.to_le_bytes(), &rest].concat()
    };
    let map: Vec<u8> = attributes.iter().flat_map(|(id, ..)| id.to_le_bytes()).collect();
    let mut element = vec![0; 16];
    for number in [20, 20, u16::try_from(attributes.len()).unwrap(), 0, 0, 0] {
        element.extend(number.to_le_bytes());
    }
    for (position, (_, kind, value)) in attributes.iter().enumerate() {
        element.extend([0; 4]);
        element.extend(u32::try_from(position).unwrap().to_le_bytes());
        element.extend([0xff, 0xff, 0xff, 0xff, 8, 0, 0, *kind]);
        element.extend(value.to_le_bytes());
    }
    chunk(3, 8, [chunk(0x0180, 8, map), chunk(0x0102, 16, element)].concat())
}

pub(super) fn unsigned() -> Vec<u8> {
    forge::archive(&[(ANDROID, &document(&[])), ("classes.dex", b"dex")])
}

pub(super) fn directory(zip: &[u8]) -> usize {
    let end = zip.len() - 22;
    u32::from_le_bytes(zip[end + 16..end + 20].try_into().unwrap()) as usize
}

/// The digest by SHA-256, of a package that has no block yet and no section above a megabyte.
pub(super) fn digest(zip: &[u8]) -> Vec<u8> {
    let (at, end) = (directory(zip), zip.len() - 22);
    let chunk = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        sha256(&[&[0xa5], &length[..], bytes].concat())
    };
    let chunks = [chunk(&zip[..at]), chunk(&zip[at..end]), chunk(&zip[end..])].concat();
    sha256(&[&[0x5a, 3, 0, 0, 0], &chunks[..]].concat())
}

/// The block of pairs; each value is a list of signers already.
pub(super) fn block(pairs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, value) in pairs {
        body.extend((value.len() as u64 + 4).to_le_bytes());
        body.extend(attribute(*id, value));
    }
    let size = (body.len() as u64 + 24).to_le_bytes();
    [&size[..], &body, &size, b"APK Sig Block 42"].concat()
}

/// Puts these bytes before the directory.
pub(super) fn with_block(zip: &[u8], block: &[u8]) -> Vec<u8> {
    let at = directory(zip);
    let mut package = [&zip[..at], block, &zip[at..]].concat();
    let moved = u32::try_from(at + block.len()).unwrap().to_le_bytes();
    let end = package.len() - 22;
    package[end + 16..end + 20].copy_from_slice(&moved);
    package
}

pub(super) fn packed(pairs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    with_block(&unsigned(), &block(pairs))
}

/// A package with one signer of one scheme, changed.
pub(super) fn signed(holder: &Holder, version: u32, change: &dyn Fn(&mut Made)) -> Vec<u8> {
    let mut made = Made::new(holder, &digest(&unsigned()), version);
    change(&mut made);
    packed(&[(version, list(&[made.bytes(holder)]))])
}

pub(super) fn alone() -> (Holder, Vec<Anchor>) {
    let holder = Holder::alone(&Says::default());
    let anchors = vec![held(&holder.certificate)];
    (holder, anchors)
}
