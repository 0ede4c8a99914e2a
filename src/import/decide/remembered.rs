//! What a decision asks of an enclave's memory, and how that is kept: so that the same decision can be made again where there is no enclave
//! (`bundle-spec/capsule.md` §3).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::import::basis::Lines;
use crate::import::lines::LineReader;
use crate::ledger::Ledger;
use crate::model::{Level, Name, Signer, Stop};
use crate::policy::Standing;

/// What a decision asks of an enclave's memory.
pub trait Recollection {
    /// Whether something of a name was here before.
    fn knows(&self, name: &Name) -> Result<bool, Stop>;
    /// What is remembered of a name. Asked name by name, in the catalog's order.
    fn of(&self, name: &Name) -> Result<Remembered, Stop>;
    /// The names of an ecosystem that are here: at least those that a new one of the bundle looks like.
    fn each_name(&self, ecosystem: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop>;
    /// A version that is here and fits.
    fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop>;
    /// Hears which name that is here a new one looks like, as its ecosystem's key.
    fn looks_like(&self, _name: &Name) -> Result<(), Stop> {
        Ok(())
    }
}

/// What is remembered of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// The best level of the name so far.
    pub floor: Option<Level>,
    /// Whether it was here before.
    pub is_known: bool,
    /// The name.
    pub name: Name,
    /// The publishers that are pinned by its first time.
    pub pinned: Vec<Signer>,
}

impl Remembered {
    /// What is said where there is no memory: nothing is new, and nothing is pinned.
    pub(super) const fn nothing(name: Name) -> Self {
        Self {
            floor: None,
            name,
            pinned: Vec::new(),
            is_known: true,
        }
    }

    pub(super) const fn standing(&self) -> Standing {
        if self.is_known {
            Standing::Known
        } else {
            Standing::FirstSeen
        }
    }
}

impl Recollection for Ledger {
    fn knows(&self, name: &Name) -> Result<bool, Stop> {
        Ok(Self::knows(self, name)?)
    }

    fn of(&self, name: &Name) -> Result<Remembered, Stop> {
        Ok(Remembered {
            floor: self.floor(name)?,
            name: name.clone(),
            pinned: self.signers(name)?,
            is_known: Self::knows(self, name)?,
        })
    }

    fn each_name(&self, ecosystem: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop> {
        self.names(ecosystem, |name| {
            visit(name);
            Ok::<_, Stop>(())
        })
    }

    fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop> {
        let versions = Self::held(self, name)?.into_iter().map(|held| held.artifact.version);
        Ok(versions.into_iter().find(|version| fits(version)))
    }
}

/// An answer of an enclave's memory, as it is kept: one a line, in the order in which it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::import) enum Answer {
    /// What is remembered of a name of the bundle.
    Name(Remembered),
    /// A name that is here, which a new one looks like.
    Alike(Name),
    /// A version that is here, and that something needs.
    Here { name: Name, version: String },
}

/// A memory whose answers are kept, as far as a decision rests on them.
pub(in crate::import) struct Noted<'a> {
    memory: &'a dyn Recollection,
    lines: RefCell<Option<Lines>>,
}

impl<'a> Noted<'a> {
    pub(in crate::import) const fn new(memory: &'a dyn Recollection, lines: Option<Lines>) -> Self {
        Self {
            memory,
            lines: RefCell::new(lines),
        }
    }

    /// The lines, once nothing more is asked.
    pub(in crate::import) fn take_lines(&self) -> Option<Lines> {
        self.lines.take()
    }

    fn note(&self, answer: &Answer) -> Result<(), Stop> {
        match &mut *self.lines.borrow_mut() {
            Some(lines) => lines.write(answer),
            None => Ok(()),
        }
    }
}

impl Recollection for Noted<'_> {
    fn knows(&self, name: &Name) -> Result<bool, Stop> {
        self.memory.knows(name)
    }

    fn of(&self, name: &Name) -> Result<Remembered, Stop> {
        let remembered = self.memory.of(name)?;
        self.note(&Answer::Name(remembered.clone()))?;
        Ok(remembered)
    }

    fn each_name(&self, ecosystem: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop> {
        self.memory.each_name(ecosystem, visit)
    }

    fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop> {
        let held = self.memory.held(name, fits)?;
        if let Some(version) = &held {
            self.note(&Answer::Here {
                name: name.clone(),
                version: version.clone(),
            })?;
        }
        Ok(held)
    }

    fn looks_like(&self, name: &Name) -> Result<(), Stop> {
        self.note(&Answer::Alike(name.clone()))
    }
}

/// The longest line of a memory: the publishers of one name, and their identities.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// How many answers are kept in memory beside those about the bundle's own names: as many needs as are asked.
const MAX_ANSWERS: usize = 1_000_000;

/// A memory that was kept, and gives the same answers again.
pub(in crate::import) struct Told {
    alike: BTreeSet<Name>,
    here: BTreeMap<Name, Vec<String>>,
    // Each walks through the names by itself.
    known: RefCell<Walk>,
    remembered: RefCell<Walk>,
}

/// The names of a memory, in their order.
struct Walk {
    lines: LineReader,
    last: Option<Remembered>,
}

impl Told {
    pub(in crate::import) fn open(path: &Path) -> Result<Self, Stop> {
        Self::of_at_most(MAX_ANSWERS, path)
    }

    fn of_at_most(max_answers: usize, path: &Path) -> Result<Self, Stop> {
        let lines = || LineReader::compressed(path.to_owned(), MAX_LINE_BYTES);
        let (mut alike, mut here) = (BTreeSet::new(), BTreeMap::<Name, Vec<String>>::new());
        let mut all = lines()?;
        let mut count = 0;
        while let Some(answer) = all.next()? {
            match answer {
                Answer::Name(_) => continue,
                Answer::Alike(name) => {
                    alike.insert(name);
                }
                Answer::Here { name, version } => here.entry(name).or_default().push(version),
            }
            count += 1;
            if count > max_answers {
                return Err(all.wrong(io::Error::other("it holds more answers than are ever asked")));
            }
        }
        let walk = || {
            Ok::<_, Stop>(RefCell::new(Walk {
                lines: lines()?,
                last: None,
            }))
        };
        Ok(Self {
            alike,
            here,
            known: walk()?,
            remembered: walk()?,
        })
    }
}

impl Walk {
    fn to(&mut self, name: &Name) -> Result<Remembered, Stop> {
        loop {
            match &self.last {
                Some(last) if last.name == *name => return Ok(last.clone()),
                _ => {}
            }
            match self.lines.following()? {
                Answer::Name(remembered) => self.last = Some(remembered),
                Answer::Alike(_) | Answer::Here { .. } => {}
            }
        }
    }
}

impl Recollection for Told {
    fn knows(&self, name: &Name) -> Result<bool, Stop> {
        Ok(self.known.borrow_mut().to(name)?.is_known)
    }

    fn of(&self, name: &Name) -> Result<Remembered, Stop> {
        self.remembered.borrow_mut().to(name)
    }

    fn each_name(&self, ecosystem: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop> {
        let own = self.alike.iter().filter(|name| name.ecosystem == ecosystem);
        own.for_each(|name| visit(&name.name));
        Ok(())
    }

    fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop> {
        let mut versions = self.here.get(name).into_iter().flatten();
        Ok(versions.find(|version| fits(version)).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::basis::{Basis, MEMORY};

    struct Fake;

    /// How names begin that are held.
    const HELD: &str = "held-";

    fn name(name: &str) -> Name {
        Name {
            ecosystem: "cargo".to_owned(),
            name: name.to_owned(),
        }
    }

    impl Recollection for Fake {
        fn knows(&self, name: &Name) -> Result<bool, Stop> {
            Ok(name.name.starts_with('k'))
        }

        fn of(&self, name: &Name) -> Result<Remembered, Stop> {
            Ok(Remembered {
                floor: Some(Level::Registry),
                is_known: self.knows(name)?,
                name: name.clone(),
                pinned: vec![Signer::key(name.name.clone(), None)],
            })
        }

        fn each_name(&self, _: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop> {
            ["kept", "serde", "tokio"].into_iter().for_each(visit);
            Ok(())
        }

        fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop> {
            let versions = ["1.0.0", "2.0.0"].map(str::to_owned);
            Ok(versions
                .into_iter()
                .find(|version| (name.name == "serde" || name.name.starts_with(HELD)) && fits(version)))
        }
    }

    #[test]
    fn an_answer_that_cannot_be_kept_is_none() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than what is compressed at a time.
        let long: String = (0..40_000_u32)
            .map(|number| crate::model::Digest::of(&number.to_be_bytes()).hex())
            .collect();
        let noted = || Noted::new(&Fake, Some(Lines::on_full_disk(folder.path())));
        assert!(noted().of(&name(&long)).is_err());
        assert!(noted().looks_like(&name(&long)).is_err());
        assert!(noted().held(&name(&format!("{HELD}{long}")), &|_| true).is_err());
    }

    #[test]
    fn the_same_questions_get_the_same_answers_and_others_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut basis = Basis::begin(folder.path().join("1.basis")).unwrap();
        let noted = Noted::new(&Fake, Some(basis.lines(MEMORY).unwrap()));
        let names = [name("kept"), name("new"), name("serbe")];
        let asked = |memory: &dyn Recollection| {
            let mut alike = Vec::new();
            let knows: Vec<bool> = names.iter().map(|name| memory.knows(name).unwrap()).collect();
            memory
                .each_name("cargo", &mut |name| alike.push(name.to_owned()))
                .unwrap();
            let of: Vec<Remembered> = names.iter().map(|name| memory.of(name).unwrap()).collect();
            memory.looks_like(&name("serde")).unwrap();
            let held = |name: &Name, wanted: &str| memory.held(name, &|version| version == wanted).unwrap();
            let held = [
                held(&name("serde"), "2.0.0"),
                held(&name("serde"), "9.0.0"),
                held(&name("other"), "1.0.0"),
            ];
            (knows, of, held, alike)
        };
        let then = asked(&noted);
        basis.take(noted.take_lines().unwrap()).unwrap();
        let part = basis.parts().remove(0);
        let path = folder.path().join("1.basis").join(MEMORY);
        assert_eq!(
            crate::import::basis::weigh(&path).unwrap(),
            Some((part.bytes, part.digest))
        );
        let told = Told::open(&path).unwrap();
        let now = asked(&told);
        assert_eq!((&now.0, &now.1, &now.2), (&then.0, &then.1, &then.2));
        // Of all names only the one that mattered is kept.
        assert_eq!(now.3, ["serde"]);
        told.each_name("pypi", &mut |name| panic!("{name} is of another ecosystem"))
            .unwrap();
        // What was not asked then has no answer now.
        assert!(told.of(&name("zlib")).is_err());
        assert_eq!(told.held(&name("serde"), &|version| version == "1.0.0").unwrap(), None);
        // The two answers beside those about the bundle's own names are as many as may be kept, or one too many.
        assert!(Told::of_at_most(2, &path).is_ok());
        assert!(Told::of_at_most(1, &path).is_err());
    }
}
