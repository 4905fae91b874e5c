//! The switchboard: which faults are on.
//!
//! Must stay true:
//! - a change wakes whoever waits because of a fault; a wait never outlasts its fault;
//! - with nothing switched on it costs next to nothing: a node that may be disturbed is measured like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;

use crate::time;

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
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    disk: watch::Sender<DiskFaults>,
    clock_offset_ms: AtomicI64,
    /// Whether any byte is held back, so that a connection asks for the lock only then.
    holds: AtomicBool,
    last_connection: AtomicU64,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    held: BTreeSet<(String, Way)>,
    /// Who waits for the network, at most one waker per connection and way. Empty when nothing is held.
    waiting: BTreeMap<(u64, Way), Waker>,
}

impl FaultPlan {
    /// No faults.
    pub fn new() -> FaultPlan {
        FaultPlan::default()
    }

    /// Replaces the faults of the disk.
    pub fn set_disk(&self, faults: DiskFaults) {
        self.shared.disk.send_replace(faults);
    }

    /// The faults of the disk.
    pub fn disk(&self) -> DiskFaults {
        *self.shared.disk.borrow()
    }

    /// Waits as long as the disk is slow now, or until it is less so.
    pub(super) async fn disk_delay(&self) {
        let delay = self.disk().delay;
        if delay.is_zero() {
            return;
        }
        let mut faults = self.shared.disk.subscribe();
        let faster = faults.wait_for(|faults| faults.delay < delay);
        match time::timeout(delay, faster).await {
            // The delay is over, or its fault is; the sender lives as long as we do.
            Ok(_) | Err(_) => {}
        }
    }

    /// Moves the time of day by so many milliseconds; 0 is none.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        let offset = &self.shared.clock_offset_ms;
        offset.store(offset_ms, Ordering::Relaxed);
    }

    /// What is added to the time of day, milliseconds.
    pub fn clock_offset_ms(&self) -> i64 {
        self.shared.clock_offset_ms.load(Ordering::Relaxed)
    }

    /// Holds back every byte to `peer` until released. `peer` is an address as given to `connect`, or, for
    /// connections it opened, its address with or without port.
    ///
    /// To cut the link from A to B one way, hold outbound to B on A and inbound from A on B: together they
    /// cover the connections that either of them opened.
    pub fn hold_outbound(&self, peer: &str) {
        self.change(|links| {
            links.held.insert((peer.to_owned(), Way::Out));
        });
    }

    /// Holds back every byte from `peer` until released.
    pub fn hold_inbound(&self, peer: &str) {
        self.change(|links| {
            links.held.insert((peer.to_owned(), Way::In));
        });
    }

    /// Holds back the bytes to the peers of `outbound` and from those of `inbound`, and no others.
    pub fn set_held(&self, outbound: BTreeSet<String>, inbound: BTreeSet<String>) {
        let outbound = outbound.into_iter().map(|peer| (peer, Way::Out));
        let inbound = inbound.into_iter().map(|peer| (peer, Way::In));
        let held = outbound.chain(inbound).collect();
        self.change(|links| links.held = held);
    }

    /// Lets the bytes to and from `peer` go.
    pub fn release(&self, peer: &str) {
        self.change(|links| links.held.retain(|(held, _)| held != peer));
    }

    /// Switches every fault off.
    pub fn clear(&self) {
        self.set_disk(DiskFaults::default());
        self.set_clock_offset_ms(0);
        self.change(|links| links.held.clear());
    }

    pub(super) fn new_connection(&self) -> u64 {
        self.shared.last_connection.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn end_connection(&self, connection: u64) {
        if self.holds_nothing() {
            return;
        }
        let mut links = self.links();
        links.waiting.remove(&(connection, Way::Out));
        links.waiting.remove(&(connection, Way::In));
    }

    /// Ready when bytes may go this way between us and any of `names`.
    pub(super) fn poll_free(
        &self,
        connection: u64,
        names: &[String],
        way: Way,
        cx: &Context<'_>,
    ) -> Poll<()> {
        if self.holds_nothing() {
            return Poll::Ready(());
        }
        let mut links = self.links();
        if names
            .iter()
            .any(|name| links.held.contains(&(name.clone(), way)))
        {
            links.waiting.insert((connection, way), cx.waker().clone());
            return Poll::Pending;
        }
        links.waiting.remove(&(connection, way));
        Poll::Ready(())
    }

    fn holds_nothing(&self) -> bool {
        !self.shared.holds.load(Ordering::Acquire)
    }

    /// Changes what is held and wakes all who wait: those that are still held ask again and wait on.
    fn change(&self, change: impl FnOnce(&mut Links)) {
        let wakers = {
            let mut links = self.links();
            change(&mut links);
            let holds = !links.held.is_empty();
            self.shared.holds.store(holds, Ordering::Release);
            std::mem::take(&mut links.waiting)
        };
        // Outside of the lock: a waker may run anything.
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        let links = self.shared.links.lock();
        links.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultPlan")
            .field("disk", &self.disk())
            .field("clock_offset_ms", &self.clock_offset_ms())
            .field("held", &self.links().held)
            .finish_non_exhaustive()
    }
}
