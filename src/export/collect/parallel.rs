//! Work on many things at once, with results in the order in which they were given.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Applies `work` to each item on so many threads; results come in the items' order.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: NonZeroUsize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (next, work) = (&next, &work);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get().min(items.len()))
            .map(|_| {
                scope.spawn(move || {
                    let mut done = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(index) else {
                            return done;
                        };
                        done.push((index, work(item)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Applies `work` to all numbers below a count on so many threads, to so many neighbours at a time.
pub(super) fn in_parallel_by_number(
    count: usize,
    at_once: usize,
    threads: NonZeroUsize,
    work: impl Fn(Range<usize>) + Sync,
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(count.div_ceil(at_once)) {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(at_once, Ordering::Relaxed);
                    if start >= count {
                        return;
                    }
                    work(start..count.min(start + at_once));
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once() {
        let seen: Vec<AtomicUsize> = (0..1000).map(|_| AtomicUsize::new(0)).collect();
        let threads = NonZeroUsize::new(3).unwrap();
        in_parallel_by_number(seen.len(), 64, threads, |numbers| {
            for number in numbers {
                seen[number].fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
        in_parallel_by_number(0, 64, threads, |_| unreachable!());
    }

    #[test]
    fn results_come_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        let threads = NonZeroUsize::new(7).unwrap();
        let expected: Vec<u32> = items.iter().map(|item| item * 2).collect();
        assert_eq!(in_parallel(&items, threads, |item| item * 2), expected);
        assert!(in_parallel(&[] as &[u32], threads, |item| *item).is_empty());
    }
}
