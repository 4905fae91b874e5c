//! The switchboard: which faults are on.
//!
//! Must stay true: a change wakes whoever waits because of a fault; a wait never outlasts its fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Faults of a disk; the default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskFaults {
    /// Every write and every sync takes this much longer.
    pub delay: Duration,
    /// Every sync of a file or directory fails, and nothing is synced.
    pub fail_syncs: bool,
    /// Every read of a file fails.
    pub fail_reads: bool,
    /// No room: what would make a file longer, and new files, fail with `StorageFull`. Writes within a
    /// file's length go on, as they do in reserved room.
    pub full: bool,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// To the peer.
    Out,
    /// From the peer.
    In,
}

/// The faults of one node. Cloning shares them.
#[derive(Clone, Default)]
pub struct FaultPlan {
    state: Arc<Mutex<PlanState>>,
}

#[derive(Default)]
struct PlanState {
    disk: DiskFaults,
    clock_offset_ms: i64,
    held: BTreeSet<(String, Way)>,
    /// Who waits for the network, at most one waker per connection and way.
    waiting: BTreeMap<(u64, Way), Waker>,
    next_connection: u64,
}

impl FaultPlan {
    /// No faults.
    pub fn new() -> FaultPlan {
        FaultPlan::default()
    }

    /// Replaces the faults of the disk.
    pub fn set_disk(&self, faults: DiskFaults) {
        self.lock().disk = faults;
    }

    /// The faults of the disk.
    pub fn disk(&self) -> DiskFaults {
        self.lock().disk
    }

    /// Moves the time of day by so many milliseconds; 0 is none.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        self.lock().clock_offset_ms = offset_ms;
    }

    /// What is added to the time of day, milliseconds.
    pub fn clock_offset_ms(&self) -> i64 {
        self.lock().clock_offset_ms
    }

    /// Holds back every byte to `peer` until released. `peer` is an address as given to `connect`, or, for
    /// connections it opened, its address with or without port.
    ///
    /// To cut the link from A to B one way, hold outbound to B on A and inbound from A on B: together they
    /// cover the connections that either of them opened.
    pub fn hold_outbound(&self, peer: &str) {
        self.lock().held.insert((peer.to_owned(), Way::Out));
    }

    /// Holds back every byte from `peer` until released.
    pub fn hold_inbound(&self, peer: &str) {
        self.lock().held.insert((peer.to_owned(), Way::In));
    }

    /// Lets the bytes to and from `peer` go.
    pub fn release(&self, peer: &str) {
        self.change(|state| state.held.retain(|(held, _)| held != peer));
    }

    /// Switches every fault off.
    pub fn clear(&self) {
        self.change(|state| {
            state.disk = DiskFaults::default();
            state.clock_offset_ms = 0;
            state.held.clear();
        });
    }

    pub(super) fn new_connection(&self) -> u64 {
        let mut state = self.lock();
        state.next_connection += 1;
        state.next_connection
    }

    pub(super) fn end_connection(&self, connection: u64) {
        let mut state = self.lock();
        state.waiting.remove(&(connection, Way::Out));
        state.waiting.remove(&(connection, Way::In));
    }

    /// Ready when bytes may go this way between us and any of `names`.
    pub(super) fn poll_free(
        &self,
        connection: u64,
        names: &[String],
        way: Way,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        if names
            .iter()
            .any(|name| state.held.contains(&(name.clone(), way)))
        {
            state.waiting.insert((connection, way), cx.waker().clone());
            return Poll::Pending;
        }
        state.waiting.remove(&(connection, way));
        Poll::Ready(())
    }

    fn change(&self, change: impl FnOnce(&mut PlanState)) {
        let wakers = {
            let mut state = self.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        // Outside of the lock: a waker may run anything.
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, PlanState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("FaultPlan")
            .field("disk", &state.disk)
            .field("clock_offset_ms", &state.clock_offset_ms)
            .field("held", &state.held)
            .finish_non_exhaustive()
    }
}
