//! Little-endian numbers and parts with their length before them, as all of the schemes' structures are made of.

use crate::evidence::x509::Refusal;
use crate::model::Doubt;

/// Elements of one list: signers, digests, certificates, attributes. Platforms take 10 signers.
const MAX_ELEMENTS: usize = 32;

/// What is still to be read.
#[derive(Clone, Copy)]
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (front, back) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| Refusal::malformed("its signing block ends within a part"))?;
        self.0 = back;
        Ok(front)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Refusal> {
        let bytes = self.bytes(4)?;
        Ok(bytes.try_into().map_or(0, u32::from_le_bytes))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Refusal> {
        let bytes = self.bytes(8)?;
        Ok(bytes.try_into().map_or(0, u64::from_le_bytes))
    }

    /// A part with its length before it.
    pub(super) fn part(&mut self) -> Result<Rest<'a>, Refusal> {
        let length = self.u32()?;
        self.bytes(length as usize).map(Rest)
    }

    /// A part that is a list of such parts.
    pub(super) fn list(&mut self) -> Result<Vec<Rest<'a>>, Refusal> {
        self.part()?.all_parts()
    }

    /// All that is left as such parts.
    pub(super) fn all_parts(mut self) -> Result<Vec<Rest<'a>>, Refusal> {
        let mut parts = Vec::new();
        while !self.is_empty() {
            if parts.len() >= MAX_ELEMENTS {
                return Err(Refusal::unsure(
                    Doubt::TooLarge,
                    "its signing block has a longer list than is judged",
                ));
            }
            parts.push(self.part()?);
        }
        Ok(parts)
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Refusal> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Refusal::malformed(
                "its signing block has more in a part than belongs there",
            ))
        }
    }
}
