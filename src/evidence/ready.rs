//! Anchors' texts, read once: an import judges thousands of proofs by the same few, and reading a key or a root may take as long as judging
//! by it. What is kept is a pure function of the text, so that nobody can tell whether it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many texts of one type are kept read: a site pins some hundred anchors, and few sites share a process.
const MAX_KEPT: usize = 1024;

/// What texts were read to.
pub(crate) struct Ready<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Ready<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Reads a text, if it was not read before. What cannot be read is read again, to be told again.
    pub(crate) fn read<E>(&self, text: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<Arc<T>, E> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Compared as text: a digest of a keyring takes longer.
        if let Some(known) = kept().get(text) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(read(text)?);
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(text.to_owned(), Arc::clone(&made));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_unless_it_cannot_be() {
        let ready = Ready::new();
        let mut count = 0;
        let mut read = |text: &str, result: Result<usize, ()>| {
            ready
                .read(text, |_| {
                    count += 1;
                    result
                })
                .map(|length| *length)
        };
        assert_eq!(read("a", Ok(1)), Ok(1));
        assert_eq!(read("a", Ok(2)), Ok(1));
        assert_eq!(read("b", Err(())), Err(()));
        assert_eq!(read("b", Ok(3)), Ok(3));
        for other in 0..MAX_KEPT {
            assert_eq!(read(&format!("c{other}"), Ok(other)), Ok(other));
        }
        assert!(ready.0.lock().unwrap().len() <= MAX_KEPT);
        assert_eq!(count, 3 + MAX_KEPT);
    }
}
