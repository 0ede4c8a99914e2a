//! The thread that moves objects into the store while the ledger records them: both take about as long.

use std::cell::RefCell;
use std::thread::{Scope, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::verify_objects::{Intact, Progress};
use crate::model::{Code, Digest, Stop, Unable};
use crate::repository::Repository;
use crate::store::Adopted;

/// Objects that go to the thread together: a send costs as much as a move.
const TOGETHER: usize = 256;

/// How many such parts wait for the thread. With them the ledger may be ahead by some thousand objects.
const WAITING: usize = 16;

/// An object, and its size where it counts as one of the bundle's own.
type Order = (Digest, Option<u64>);

/// How many objects were new in the store, and their bytes.
type Moved = (u64, u64);

/// Moves verified objects from the staging folder into the store, in the order in which they are named.
pub(super) struct Mover<'scope> {
    together: RefCell<Vec<Order>>,
    orders: Sender<Vec<Order>>,
    moving: ScopedJoinHandle<'scope, Result<Moved, Stop>>,
}

impl<'scope> Mover<'scope> {
    pub(super) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        intact: &'env Intact,
        repository: &'env Repository,
        progress: &'env dyn Progress,
    ) -> Self {
        let (orders, received) = bounded(WAITING);
        Self {
            together: RefCell::new(Vec::with_capacity(TOGETHER)),
            orders,
            moving: scope.spawn(move || move_all(&received, intact, repository, progress)),
        }
    }

    /// Has an object moved, soon. Without a size it is one that was derived here, and not counted.
    pub(super) fn take(&self, digest: Digest, size: Option<u64>) -> Result<(), Unable> {
        let mut together = self.together.borrow_mut();
        together.push((digest, size));
        if together.len() < TOGETHER {
            return Ok(());
        }
        let part = std::mem::replace(&mut *together, Vec::with_capacity(TOGETHER));
        self.orders.send(part).map_err(|_| ended())
    }

    /// Waits until all are moved. What the thread failed with comes from here.
    pub(super) fn finish(self) -> Result<Moved, Stop> {
        let Self {
            together,
            orders,
            moving,
        } = self;
        let _ = orders.send(together.into_inner());
        drop(orders);
        moving.join().map_err(|_| ended())?
    }
}

fn ended() -> Unable {
    Unable::new("the thread that fills the store has ended")
}

fn move_all(
    orders: &Receiver<Vec<Order>>,
    intact: &Intact,
    repository: &Repository,
    progress: &dyn Progress,
) -> Result<Moved, Stop> {
    let mut moved = (0, 0);
    for (digest, size) in orders.iter().flatten() {
        let is_new = adopt(intact, repository, &digest)?;
        if let Some(size) = size {
            progress.advance(1);
            if is_new {
                moved = (moved.0 + 1, moved.1 + size);
            }
        }
    }
    Ok(moved)
}

/// Moves one object into the store, and says whether it was new there.
fn adopt(intact: &Intact, repository: &Repository, digest: &Digest) -> Result<bool, Stop> {
    let adopted = repository
        .store()
        .adopt_new(&intact.staged(digest), digest)
        .map_err(|error| Unable::new("cannot fill the store").because(error))?;
    match adopted {
        Adopted::New => Ok(true),
        Adopted::Held => Ok(false),
        Adopted::Missing => Err(
            Unable::new(format!("object {digest} is no longer in the staging folder"))
                .code(Code::PublicationRolledBack)
                .hint("import again")
                .into(),
        ),
    }
}
