//! What clients find of one name, computed from its artifacts as they come. Nearly every name has few, and its page needs all of them at
//! once; a folder of plain files may have a million.

use super::{Ecosystem, Held, Mismatch, PlacedFile, Shared};

/// Takes all artifacts held of one name, in the order of their versions and files.
pub trait Placing {
    /// Takes the next one.
    fn take(&mut self, held: Held) -> Result<(), Mismatch>;

    /// Gives what clients find, after the last one.
    fn finish(self: Box<Self>) -> Result<Laid, Mismatch>;
}

/// What clients find of one name.
pub struct Laid {
    /// Its files.
    pub files: Box<dyn Iterator<Item = Result<PlacedFile, Mismatch>>>,
    /// The pages in which it has a part.
    pub shared: Vec<Shared>,
}

/// How an ecosystem places a name: in its own way ([`Ecosystem::placing`]), or from all artifacts together.
pub fn placing(ecosystem: &'static dyn Ecosystem, name: &str) -> Result<Box<dyn Placing>, Mismatch> {
    match ecosystem.placing(name) {
        Some(placing) => placing,
        None => Ok(Box::new(Together {
            ecosystem,
            name: name.to_owned(),
            held: Vec::new(),
        })),
    }
}

struct Together {
    ecosystem: &'static dyn Ecosystem,
    name: String,
    held: Vec<Held>,
}

impl Placing for Together {
    fn take(&mut self, held: Held) -> Result<(), Mismatch> {
        self.held.push(held);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Laid, Mismatch> {
        let files = self.ecosystem.layout(&self.name, &self.held)?;
        Ok(Laid {
            files: Box::new(files.into_iter().map(Ok)),
            shared: self.ecosystem.shared(&self.name, &self.held)?,
        })
    }
}
