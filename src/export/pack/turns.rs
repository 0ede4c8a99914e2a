//! Several threads prepare what one file gets in a fixed order.

use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::model::Stop;

/// Something that many threads want, and that each gets when it is its turn.
pub(super) struct Turns<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
}

struct State<T> {
    next: u64,
    thing: T,
    /// The first failure, in the order of the turns. After it nobody gets a turn.
    failure: Option<Stop>,
}

impl<T> Turns<T> {
    pub(super) fn new(thing: T) -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                thing,
                failure: None,
            }),
            moved: Condvar::new(),
        }
    }

    /// Waits for a turn, and uses it. Whoever comes with a failure ends it for all that come later, as does a failure of
    /// `work`. Every turn that was given out has to be taken, and each thread takes its turns in order.
    pub(super) fn take(
        &self,
        turn: u64,
        prepared: Result<(), Stop>,
        work: impl FnOnce(&mut T) -> Result<(), Stop>,
    ) -> ControlFlow<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .moved
            .wait_while(state, |state| state.failure.is_none() && state.next != turn)
            .unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_some() {
            return ControlFlow::Break(());
        }
        let done = prepared.and_then(|()| work(&mut state.thing));
        state.next += 1;
        state.failure = done.err();
        let has_failed = state.failure.is_some();
        drop(state);
        self.moved.notify_all();
        match has_failed {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Gives the thing back when all threads are done, or the failure.
    pub(super) fn finish(self) -> Result<T, Stop> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failure {
            Some(stop) => Err(stop),
            None => Ok(state.thing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unable;

    fn run(fails_at: &[u64]) -> Result<Vec<u64>, Stop> {
        let next = Mutex::new(0..200_u64);
        let turns = Turns::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let Some(turn) = next.lock().unwrap().next() else {
                            return;
                        };
                        let prepared = match fails_at.contains(&turn) {
                            true => Err(Unable::new(format!("failure {turn}")).into()),
                            false => Ok(()),
                        };
                        let taken = turns.take(turn, prepared, |all| {
                            all.push(turn);
                            Ok(())
                        });
                        if taken.is_break() {
                            return;
                        }
                    }
                });
            }
        });
        turns.finish()
    }

    #[test]
    fn everybody_writes_in_turn_and_the_first_failure_is_told() {
        assert_eq!(run(&[]).unwrap(), (0..200).collect::<Vec<_>>());
        for _ in 0..20 {
            let Err(Stop::Unable(unable)) = run(&[150, 31, 32, 33]) else {
                panic!("a failure is not passed over");
            };
            assert_eq!(unable.what, "failure 31");
        }
    }
}
