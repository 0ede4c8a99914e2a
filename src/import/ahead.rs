//! Reading ahead: a thread of its own understands what comes next while the step works on what came before.

use std::thread::{self, JoinHandle};
use std::vec::IntoIter;

use crossbeam_channel::{Receiver, bounded};

use crate::model::{Stop, Unable};

/// Items that are handed over together: handing over costs as much as a few of them.
const TOGETHER: usize = 64;

/// How many such parts wait: the slower side is seldom slow for long.
const WAITING: usize = 4;

/// Items that are read ahead, in their order.
pub(super) struct Ahead<T> {
    parts: Receiver<Vec<T>>,
    part: IntoIter<T>,
    thread: Option<JoinHandle<Result<(), Stop>>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Begins to read. The thread ends with the last item, or soon after nobody asks for more.
    pub(super) fn start(mut next: impl FnMut() -> Result<Option<T>, Stop> + Send + 'static) -> Result<Self, Stop> {
        let (sender, parts) = bounded(WAITING);
        let read = move || {
            loop {
                let mut part = Vec::with_capacity(TOGETHER);
                let read = fill(&mut part, &mut next);
                let is_last = part.len() < TOGETHER;
                if sender.send(part).is_err() {
                    return Ok(());
                }
                read?;
                if is_last {
                    return Ok(());
                }
            }
        };
        let thread = thread::Builder::new().name("read ahead".to_owned()).spawn(read);
        Ok(Self {
            parts,
            part: Vec::new().into_iter(),
            thread: Some(thread.map_err(|error| Unable::new("cannot start a thread").because(error))?),
        })
    }

    /// The next item, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<T>, Stop> {
        loop {
            if let Some(item) = self.part.next() {
                return Ok(Some(item));
            }
            if let Ok(part) = self.parts.recv() {
                self.part = part.into_iter();
                continue;
            }
            return match self.thread.take().map(JoinHandle::join) {
                None | Some(Ok(Ok(()))) => Ok(None),
                Some(Ok(Err(stop))) => Err(stop),
                Some(Err(_)) => Err(Unable::new("the thread that reads ahead has ended").into()),
            };
        }
    }
}

fn fill<T>(part: &mut Vec<T>, next: &mut impl FnMut() -> Result<Option<T>, Stop>) -> Result<(), Stop> {
    while part.len() < TOGETHER {
        match next()? {
            Some(item) => part.push(item),
            None => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Send + 'static>(next: impl FnMut() -> Result<Option<T>, Stop> + Send + 'static) -> (Vec<T>, bool) {
        let mut ahead = Ahead::start(next).unwrap();
        let mut items = Vec::new();
        loop {
            match ahead.next() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => {
                    assert!(matches!(ahead.next(), Ok(None)));
                    return (items, true);
                }
                Err(_) => return (items, false),
            }
        }
    }

    #[test]
    fn items_come_in_order_to_the_last() {
        for count in [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 10 * TOGETHER] {
            let mut numbers = 0..count;
            assert_eq!(read(move || Ok(numbers.next())), ((0..count).collect(), true));
        }
    }

    #[test]
    fn a_failure_and_a_panic_come_after_what_was_read_before_them() {
        let mut numbers = 0..TOGETHER + 10;
        let failing = move || match numbers.next() {
            Some(number) => Ok(Some(number)),
            None => Err(Unable::new("no more").into()),
        };
        assert_eq!(read(failing), ((0..TOGETHER + 10).collect(), false));
        let mut numbers = 0..;
        let panicking = move || {
            let number = numbers.next().filter(|number| *number < TOGETHER);
            Ok(Some(number.unwrap()))
        };
        assert_eq!(read(panicking), ((0..TOGETHER).collect(), false));
    }

    #[test]
    fn who_asks_for_no_more_waits_for_nothing() {
        let mut ahead = Ahead::start(|| Ok(Some(1))).unwrap();
        assert_eq!(ahead.next().unwrap(), Some(1));
        drop(ahead.parts);
        assert!(ahead.thread.take().unwrap().join().unwrap().is_ok());
    }
}
