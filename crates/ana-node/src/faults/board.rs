//! Which faults are on at this node, and until when.
//!
//! ```text
//!   put, stop, stop_all ──> active faults ──> FaultPlan (disk, clock, links), the faults of the API
//!   keeper: sleeps until the earliest lease ends, ends it, sleeps again
//! ```
//! Must stay true:
//! - what the plan does is always worked out anew from all active faults, so that the end of one never ends another;
//! - a lease needs nobody: the keeper is the node's own, and a fault of the API is not seen after its lease even if
//!   the keeper is late;
//! - one lock for a few lines. The plan's own locks are taken under it, never the other way round.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::Rng;
use ana_env::faults::{ClockFaults, DiskFaults, Drift, FaultPlan, LinkFaults, Way as PlanWay};
use ana_env::time::{self, Instant};
use ana_wire::Operation;
use tokio::sync::watch;

use super::FAULTS_MAX;
use super::effect::{ApiEffect, DiskEffect, Effect, FaultId, LinkAction, LinkEffect, Way};

/// The faults of one node. Cloning shares them.
#[derive(Clone)]
pub struct Board {
    shared: Arc<Shared>,
}

struct Shared {
    plan: FaultPlan,
    rng: Arc<dyn Rng>,
    /// Whether any fault of the API is on, so that requests ask for the lock only then.
    disturbs_api: AtomicBool,
    /// Counts changes; whoever waits because of a fault watches it.
    changes: watch::Sender<u64>,
    active: Mutex<Active>,
}

#[derive(Default)]
struct Active {
    faults: BTreeMap<FaultId, Fault>,
    last_serial: u64,
    /// When connections break next, by the serial number of the fault.
    resets: BTreeMap<u64, Instant>,
}

/// One fault that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its name.
    pub id: FaultId,
    /// What it does.
    pub effect: Effect,
    /// When it began.
    pub since: Instant,
    /// When it ends.
    pub until: Instant,
    /// Tells it from another fault that had the same name before.
    serial: u64,
}

/// A fault of the API that may disturb a request.
#[derive(Debug, Clone)]
pub(super) struct ApiFault {
    pub(super) serial: u64,
    pub(super) effect: ApiEffect,
}

/// As many faults as allowed are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{FAULTS_MAX} faults are on, and no more are allowed: stop some first")]
pub struct TooManyFaults;

impl Board {
    /// An empty board that switches `plan`, and draws from `rng` whom a fault hits.
    pub fn new(plan: FaultPlan, rng: Arc<dyn Rng>) -> Board {
        Board {
            shared: Arc::new(Shared {
                plan,
                rng,
                disturbs_api: AtomicBool::new(false),
                changes: watch::Sender::new(0),
                active: Mutex::default(),
            }),
        }
    }

    /// Switches a fault on, or renews it: one of the same name is replaced.
    ///
    /// # Errors
    /// When there are too many.
    pub fn put(
        &self,
        id: FaultId,
        effect: Effect,
        lease: Duration,
    ) -> Result<Fault, TooManyFaults> {
        self.end_overdue();
        let mut active = self.active();
        let before = active.faults.get(&id);
        if before.is_none() && active.faults.len() >= FAULTS_MAX {
            return Err(TooManyFaults);
        }
        // A renewal goes on with what it has drawn for those it holds already.
        let renewed = before.filter(|before| before.effect == effect);
        let serial = renewed.map_or(active.last_serial + 1, |before| before.serial);
        let now = time::now();
        let since = renewed.map_or(now, |before| before.since);
        let kind = effect.kind().name();
        if renewed.is_some() {
            tracing::info!(%id, kind, ?lease, "a fault is renewed");
        } else {
            tracing::warn!(%id, kind, ?effect, ?lease, "a fault is on");
        }
        let fault = Fault {
            id: id.clone(),
            effect,
            since,
            until: now + lease,
            serial,
        };
        active.last_serial = active.last_serial.max(serial);
        if let Some((address, None)) = resets(&fault.effect) {
            // Done once and over: there is nothing to list, to renew or to stop.
            let broken = self.shared.plan.reset_connections(address);
            tracing::warn!(%id, kind, broken, "connections are reset");
            active.faults.remove(&id);
            self.apply(&mut active);
            return Ok(fault);
        }
        active.faults.insert(id, fault.clone());
        self.apply(&mut active);
        Ok(fault)
    }

    /// Ends one fault now; says whether it was on.
    pub fn stop(&self, id: &FaultId) -> bool {
        self.end(|fault| fault.id == *id, "it was stopped") > 0
    }

    /// Ends every fault now, and says which.
    pub fn stop_all(&self) -> Vec<FaultId> {
        let ids = self.list().into_iter().map(|fault| fault.id).collect();
        self.end(|_| true, "all were stopped");
        ids
    }

    /// What is on, by name.
    pub fn list(&self) -> Vec<Fault> {
        self.end_overdue();
        self.active().faults.values().cloned().collect()
    }

    /// Ends what is overdue, for as long as it is polled. The node's own task.
    #[expect(clippy::infinite_loop, reason = "it ends when its task is dropped")]
    pub async fn keep(self) {
        let mut changes = self.changes();
        loop {
            let next = [self.end_overdue(), self.reset_due()];
            let next = next.into_iter().flatten().min();
            let changed = changes.changed();
            let woken = match next {
                Some(until) => time::timeout_at(until, changed).await.is_ok(),
                None => changed.await.is_ok(),
            };
            tracing::trace!(woken, "faults are looked through");
        }
    }

    /// Those faults of the API that are on and may reach a request of `operation`, by name.
    pub(super) fn on_operation(&self, operation: Operation) -> Vec<ApiFault> {
        if !self.shared.disturbs_api.load(Ordering::Acquire) {
            return Vec::new();
        }
        let (active, now) = (self.active(), time::now());
        let on = active.faults.values().filter(|fault| fault.until > now);
        on.filter_map(|fault| {
            let effect = fault.effect.on_operation(operation)?.clone();
            let serial = fault.serial;
            Some(ApiFault { serial, effect })
        })
        .collect()
    }

    /// Whether a fault is still on.
    pub(super) fn is_on(&self, serial: u64) -> bool {
        let (active, now) = (self.active(), time::now());
        let mut on = active.faults.values().filter(|fault| fault.until > now);
        on.any(|fault| fault.serial == serial)
    }

    /// Whether a fault that hits so many of a hundred hits this one.
    pub(super) fn draw(&self, percent: u8) -> bool {
        self.shared.rng.next_u64() % 100 < u64::from(percent)
    }

    /// A random time up to `most`.
    pub(super) fn up_to(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.shared.rng.next_u64() % most.saturating_add(1))
    }

    /// Waits for `delay`, or until the fault is over.
    pub(super) async fn hold_up(&self, serial: u64, delay: Duration) {
        let until = time::now() + delay;
        let mut changes = self.changes();
        while self.is_on(serial) && time::now() < until {
            match time::timeout_at(until, changes.changed()).await {
                // The condition above says which of the two it was.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Ends what is overdue and says when the next one is.
    fn end_overdue(&self) -> Option<Instant> {
        let now = time::now();
        self.end(|fault| fault.until <= now, "its lease is over");
        let active = self.active();
        active.faults.values().map(|fault| fault.until).min()
    }

    /// Breaks the connections whose time has come, and says when the next ones break.
    fn reset_due(&self) -> Option<Instant> {
        let mut active = self.active();
        let (now, shared) = (time::now(), &self.shared);
        let Active {
            faults,
            resets: due,
            ..
        } = &mut *active;
        for fault in faults.values() {
            let Some((address, Some(every))) = resets(&fault.effect) else {
                continue;
            };
            let at = due
                .entry(fault.serial)
                .or_insert_with(|| now + self.around(every));
            if *at <= now {
                let broken = shared.plan.reset_connections(address);
                tracing::info!(id = %fault.id, broken, "connections are reset");
                *at = now + self.around(every);
            }
        }
        due.values().min().copied()
    }

    /// A random time that is `mean` on average, and never nothing.
    fn around(&self, mean: Duration) -> Duration {
        self.up_to(mean * 2).max(Duration::from_millis(1))
    }

    fn end(&self, is_over: impl Fn(&Fault) -> bool, why: &str) -> usize {
        let mut active = self.active();
        let before = active.faults.len();
        active.faults.retain(|id, fault| {
            let over = is_over(fault);
            if over {
                tracing::warn!(%id, kind = fault.effect.kind().name(), why, "a fault is over");
            }
            !over
        });
        let ended = before - active.faults.len();
        if ended > 0 {
            self.apply(&mut active);
        }
        ended
    }

    /// Makes the node do what the active faults say, all of them together.
    fn apply(&self, active: &mut Active) {
        let mut disk = DiskFaults::default();
        let mut clock = ClockFaults::default();
        let mut links = BTreeMap::new();
        let mut disturbs_api = false;
        for fault in active.faults.values() {
            match &fault.effect {
                Effect::Api(_) => disturbs_api = true,
                Effect::Disk(effect) => add_disk(&mut disk, effect),
                Effect::ClockJump { offset_ms } => {
                    clock.offset_ms = clock.offset_ms.saturating_add(*offset_ms);
                }
                Effect::ClockDrift { ppm } => clock.drifts.push(Drift {
                    since: fault.since,
                    ppm: *ppm,
                }),
                Effect::Link(link) => add_link(&mut links, link),
            }
        }
        let faults = &active.faults;
        active
            .resets
            .retain(|serial, _| faults.values().any(|fault| fault.serial == *serial));
        let shared = &self.shared;
        shared.plan.set_disk(disk);
        shared.plan.set_clock(clock);
        shared.plan.set_links(&links);
        shared.disturbs_api.store(disturbs_api, Ordering::Release);
        shared
            .changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        let active = self.shared.active.lock();
        active.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that a fault breaks, by the address of their peer, and how often.
fn resets(effect: &Effect) -> Option<(&str, Option<Duration>)> {
    match effect {
        Effect::Link(link) => match link.action {
            LinkAction::Reset { every } => Some((&link.address, every)),
            _ => None,
        },
        _ => None,
    }
}

/// Adds the worst of a fault to what is wrong with the disk already.
fn add_disk(disk: &mut DiskFaults, effect: &DiskEffect) {
    match *effect {
        DiskEffect::Slow { write, fsync, read } => {
            disk.write_delay = disk.write_delay.max(write);
            disk.sync_delay = disk.sync_delay.max(fsync);
            disk.read_delay = disk.read_delay.max(read);
        }
        DiskEffect::Full => disk.full = true,
        DiskEffect::FsyncError { percent } => {
            disk.fail_syncs_percent = disk.fail_syncs_percent.max(percent);
        }
    }
}

/// Adds the worst of a fault to what is wrong with a link already.
fn add_link(links: &mut BTreeMap<(String, PlanWay), LinkFaults>, link: &LinkEffect) {
    let ways = match link.way {
        Way::Out => &[PlanWay::Out][..],
        Way::In => &[PlanWay::In],
        Way::Both => &[PlanWay::Out, PlanWay::In],
    };
    for way in ways {
        let it = links.entry((link.address.clone(), *way)).or_default();
        match link.action {
            LinkAction::Cut => it.held = true,
            LinkAction::Delay { delay, jitter } => {
                it.delay = it.delay.max(delay);
                it.jitter = it.jitter.max(jitter);
            }
            LinkAction::Loss { percent } => it.loss_percent = it.loss_percent.max(percent),
            LinkAction::Thin { bytes_per_second } => {
                let least = it.bytes_per_second.into_iter().chain([bytes_per_second]);
                it.bytes_per_second = least.min();
            }
            LinkAction::Reset { .. } => {}
        }
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.active();
        f.debug_struct("Board")
            .field("faults", &active.faults)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod board_test;
