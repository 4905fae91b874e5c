//! The switchboard: which faults are on.
//!
//! Must stay true:
//! - a change wakes whoever waits because of a fault; a wait never outlasts its fault;
//! - with nothing switched on it costs next to nothing: a node that may be disturbed is measured like any other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::link::{LinkFaults, Links, Way};
use crate::time::{self, Instant};

/// Faults of a disk; the default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskFaults {
    /// Every write takes this much longer. One that is synced at once takes as long as the slower of the two.
    pub write_delay: Duration,
    /// Every sync takes this much longer.
    pub sync_delay: Duration,
    /// Every read takes this much longer.
    pub read_delay: Duration,
    /// So many of a hundred syncs of files and directories fail, and then nothing is synced.
    pub fail_syncs_percent: u8,
    /// Every read of a file fails.
    pub fail_reads: bool,
    /// No room: what would make a file longer, and new files, fail with `StorageFull`. Writes within a
    /// file's length go on, as they do in reserved room.
    pub full: bool,
}

impl DiskFaults {
    /// Every write and every sync takes this much longer.
    pub fn slow(delay: Duration) -> DiskFaults {
        DiskFaults {
            write_delay: delay,
            sync_delay: delay,
            ..DiskFaults::default()
        }
    }
}

/// Faults of the time of day; the default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockFaults {
    /// It is off by so many milliseconds.
    pub offset_ms: i64,
    /// It runs wrong besides.
    pub drifts: Vec<Drift>,
}

/// A clock that runs wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// When it was still right.
    pub since: Instant,
    /// Microseconds it gains in each second; it loses them with a minus.
    pub ppm: i32,
}

impl Drift {
    /// How far it is off at `now`.
    fn by_ms(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.since).as_micros();
        let elapsed = i128::try_from(elapsed).unwrap_or(i128::MAX);
        let off_us = elapsed.saturating_mul(i128::from(self.ppm)) / 1_000_000;
        i64::try_from(off_us / 1000).unwrap_or(i64::MAX)
    }
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
    clock_is_drifting: AtomicBool,
    clock_drifts: watch::Sender<Vec<Drift>>,
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

    /// Waits as long as the disk is slow now, or until it is less so; `of` is which slowness.
    pub(super) async fn disk_delay(&self, of: fn(&DiskFaults) -> Duration) {
        let delay = of(&self.disk());
        if delay.is_zero() {
            return;
        }
        let mut faults = self.shared.disk.subscribe();
        let faster = faults.wait_for(|faults| of(faults) < delay);
        match time::timeout(delay, faster).await {
            // The delay is over, or its fault is; the sender lives as long as we do.
            Ok(_) | Err(_) => {}
        }
    }

    /// Replaces the faults of the time of day.
    pub fn set_clock(&self, faults: ClockFaults) {
        let drifts = !faults.drifts.is_empty();
        let offset = faults.offset_ms;
        self.shared.clock_drifts.send_replace(faults.drifts);
        self.shared.clock_offset_ms.store(offset, Ordering::Relaxed);
        self.shared
            .clock_is_drifting
            .store(drifts, Ordering::Release);
    }

    /// Moves the time of day by so many milliseconds, and has it run right; 0 is none.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        let drifts = Vec::new();
        self.set_clock(ClockFaults { offset_ms, drifts });
    }

    /// What is added to the time of day now, milliseconds.
    pub fn clock_offset_ms(&self) -> i64 {
        let offset = self.shared.clock_offset_ms.load(Ordering::Relaxed);
        if !self.shared.clock_is_drifting.load(Ordering::Acquire) {
            return offset;
        }
        let now = time::now();
        let drifts = self.shared.clock_drifts.borrow();
        let drifted = drifts.iter().map(|drift| drift.by_ms(now));
        drifted.fold(offset, i64::saturating_add)
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
        self.set_clock(ClockFaults::default());
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
