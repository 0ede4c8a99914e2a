//! What AndroidManifest.xml in its binary form says about the signature that a package must have (ResourceTypes.h, `ResXMLTree`).

/// `android.R.attr.targetSdkVersion`.
const TARGET_SDK: u32 = 0x0101_0270;

/// `android.R.attr.targetSandboxVersion`.
const TARGET_SANDBOX: u32 = 0x0101_054c;

const RESOURCE_MAP: u16 = 0x0180;
const START_ELEMENT: u16 = 0x0102;

/// `Res_value::TYPE_INT_DEC` and `TYPE_INT_HEX`.
const INTEGERS: [u8; 2] = [0x10, 0x11];

/// Whether platforms refuse the package without a signature of v2 or newer: it asks for the second sandbox (Android 8), or is made
/// for Android 11 or later. `None` if the bytes are no such document.
pub(super) fn needs_v2(bytes: &[u8]) -> Option<bool> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if u16_at(0)? != 3 || u16_at(2)? != 8 || u32_at(4)? as usize != bytes.len() {
        return None;
    }
    let mut identifiers = 0..0;
    let mut needs = false;
    let mut at = 8;
    while at < bytes.len() {
        let (kind, head, size) = (u16_at(at)?, usize::from(u16_at(at + 2)?), u32_at(at + 4)? as usize);
        let end = at
            .checked_add(size)
            .filter(|end| *end <= bytes.len() && size >= 8 && head <= size)?;
        match kind {
            RESOURCE_MAP => identifiers = at + head..end,
            START_ELEMENT => {
                let extension = at + head;
                let start = extension + usize::from(u16_at(extension + 8)?);
                let (step, count) = (
                    usize::from(u16_at(extension + 10)?),
                    usize::from(u16_at(extension + 12)?),
                );
                for position in 0..count {
                    let attribute = start + position * step;
                    let name = u32_at(attribute + 4)? as usize;
                    let identifier = identifiers.start.checked_add(name.checked_mul(4)?)?;
                    if identifier >= identifiers.end || !INTEGERS.contains(bytes.get(attribute + 15)?) {
                        continue;
                    }
                    let value = u32_at(attribute + 16)?;
                    match u32_at(identifier)? {
                        TARGET_SANDBOX => needs |= value >= 2,
                        TARGET_SDK => needs |= value >= 30,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        at = end;
    }
    Some(needs)
}
