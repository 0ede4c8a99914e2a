//! Work on a stream of pieces on all cores, with the results in the pieces' order. Whoever feeds the threads reads what comes next and
//! writes what is done while they work.

use std::collections::VecDeque;
use std::thread;

use crossbeam_channel::{Sender, bounded};

use crate::model::{Stop, Unable};

/// Pieces on their way for each thread: one that is worked on, and one that waits.
const AHEAD: usize = 2;

/// Whether to go on.
pub(super) enum Next {
    Go,
    Enough,
}

/// Applies `work` to each piece that `next` gives, and tells `done` the results in order. Holds few pieces at a time.
pub(super) fn in_order<T: Send, R: Send>(
    threads: usize,
    mut next: impl FnMut() -> Result<Option<T>, Stop>,
    work: impl Fn(T) -> R + Sync,
    mut done: impl FnMut(R) -> Result<Next, Stop>,
) -> Result<(), Stop> {
    let threads = threads.max(1);
    let ended = || Stop::from(Unable::new("a thread of this step has ended"));
    thread::scope(|scope| {
        let (pieces, received) = bounded::<(T, Sender<R>)>(AHEAD * threads);
        let work = &work;
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let received = received.clone();
                scope.spawn(move || {
                    for (piece, answer) in received {
                        // Nobody waits for it any more where the step has ended early.
                        let _ = answer.send(work(piece));
                    }
                })
            })
            .collect();
        drop(received);
        let mut feed = || {
            let mut waiting = VecDeque::new();
            let mut is_over = false;
            loop {
                while !is_over && waiting.len() < AHEAD * threads {
                    let Some(piece) = next()? else {
                        is_over = true;
                        break;
                    };
                    let (answer, result) = bounded(1);
                    pieces.send((piece, answer)).map_err(|_| ended())?;
                    waiting.push_back(result);
                }
                let Some(result) = waiting.pop_front() else {
                    return Ok(());
                };
                if let Next::Enough = done(result.recv().map_err(|_| ended())?)? {
                    return Ok(());
                }
            }
        };
        let fed = feed();
        drop(pieces);
        // A thread that panicked gave no answer, which was told above; joined here, it takes nobody with it.
        for worker in workers {
            let _ = worker.join();
        }
        fed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(count: usize, work: impl Fn(usize) -> usize + Sync) -> (Result<(), Stop>, Vec<usize>) {
        let mut pieces = 0..count;
        let mut results = Vec::new();
        let ran = in_order(
            3,
            || Ok(pieces.next()),
            work,
            |result| {
                results.push(result);
                Ok(if result == 1000 { Next::Enough } else { Next::Go })
            },
        );
        (ran, results)
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces_until_it_is_enough() {
        let slow_now_and_then = |piece: usize| {
            if piece.is_multiple_of(7) {
                thread::yield_now();
            }
            piece
        };
        for count in [0, 1, 2, 500] {
            let (ran, results) = run(count, slow_now_and_then);
            ran.unwrap();
            assert_eq!(results, (0..count).collect::<Vec<_>>());
        }
        let (ran, results) = run(2000, slow_now_and_then);
        ran.unwrap();
        assert_eq!(results.len(), 1001);
    }

    #[test]
    fn a_panic_and_a_failure_end_the_step_and_nothing_else() {
        let (ran, results) = run(100, |piece| {
            assert_ne!(piece, 50);
            piece
        });
        assert!(matches!(ran, Err(Stop::Unable(_))));
        assert_eq!(results, (0..50).collect::<Vec<_>>());
        let failed = || Err::<Option<usize>, _>(Unable::new("no more").into());
        assert!(in_order(2, failed, |piece| piece, |_| Ok(Next::Go)).is_err());
        let failed = |_| Err(Unable::new("no more").into());
        assert!(in_order(2, || Ok(Some(1)), |piece| piece, failed).is_err());
    }
}
