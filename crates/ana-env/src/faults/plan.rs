//! The switchboard: which faults are on.
//!
//! Must stay true:
//! - a change wakes whoever waits because of a fault; a wait never outlasts its fault;
//! - with nothing switched on it costs next to nothing: a node that may be disturbed is measured like any other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::link::{LinkFaults, Links, Way};
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

/// The faults of one node. Cloning shares them.
#[derive(Clone, Default)]
pub struct FaultPlan {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    disk: watch::Sender<DiskFaults>,
    clock_offset_ms: AtomicI64,
    links: Links,
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
        self.links().update(peer, Way::Out, |it| it.held = true);
    }

    /// Holds back every byte from `peer` until released.
    pub fn hold_inbound(&self, peer: &str) {
        self.links().update(peer, Way::In, |it| it.held = true);
    }

    /// Lets the bytes to and from `peer` go.
    pub fn release(&self, peer: &str) {
        for way in [Way::Out, Way::In] {
            self.links().update(peer, way, |it| it.held = false);
        }
    }

    /// Replaces all faults of the network: those of each peer, by its address as above, and each way. What a fault
    /// that is over still holds goes on at once.
    pub fn set_links(&self, faults: &BTreeMap<(String, Way), LinkFaults>) {
        self.links().set(faults);
    }

    /// Breaks the connections there are to `peer`, as a reset from the other end; says how many there were.
    pub fn reset_connections(&self, peer: &str) -> usize {
        self.links().reset(peer)
    }

    /// Switches every fault off.
    pub fn clear(&self) {
        self.set_disk(DiskFaults::default());
        self.set_clock_offset_ms(0);
        self.set_links(&BTreeMap::new());
    }

    pub(super) fn links(&self) -> &Links {
        &self.shared.links
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultPlan")
            .field("disk", &self.disk())
            .field("clock_offset_ms", &self.clock_offset_ms())
            .field("links", &self.links().list())
            .finish_non_exhaustive()
    }
}
