//! The switchboard of the network: what happens to bytes between this node and its peers, and to whom.
//!
//! Must stay true:
//! - a change wakes whoever waits because of a fault; a wait never outlasts its fault;
//! - with nothing switched on a connection takes no lock that others share;
//! - locks are taken in the order table, connection; no waker runs under either.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::rng::Rng;
use crate::time::Instant;

/// Shortest wait of TCP before it sends again what was lost, as on Linux; each further loss doubles it.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(200);
/// A piece is lost so often in a row at most: then it has waited for 25 s, longer than any caller does.
const RETRANSMITS_MAX: u32 = 7;

/// Bytes that share one fate, unless the link is thin.
const PIECE_BYTES: usize = 16 * 1024;
/// On a thin link pieces are what it carries in this time.
const PIECE_TIME: Duration = Duration::from_millis(50);
/// But not less than this.
const PIECE_BYTES_MIN: usize = 512;
/// Bytes that one connection may have on its way, as in the buffers of two sockets, unless the link is thin.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// On a thin link a connection has as much on its way as the link carries in this time, like a router's buffer.
const QUEUE_TIME: Duration = Duration::from_millis(100);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// To the peer.
    Out,
    /// From the peer.
    In,
}

/// Faults of the bytes to or from one peer; the default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFaults {
    /// No byte passes.
    pub held: bool,
    /// Each piece is late by so much at least.
    pub delay: Duration,
    /// Each piece is late by a random time up to this on top. Pieces of one connection keep their order.
    pub jitter: Duration,
    /// So many pieces of a hundred are lost, which on TCP means that they come later, and all behind them too.
    pub loss_percent: u8,
    /// No more bytes pass than this each second, all connections together.
    pub bytes_per_second: Option<NonZeroU64>,
}

impl LinkFaults {
    /// Bytes that share one fate: one delay, one loss.
    pub(super) fn piece_bytes(&self) -> usize {
        self.within(PIECE_TIME, PIECE_BYTES_MIN, PIECE_BYTES)
    }

    /// Bytes of one connection that may be on their way. On a thin link few, so that what other connections send is
    /// not behind all of it.
    pub(super) fn bytes_on_the_way(&self) -> usize {
        self.within(QUEUE_TIME, PIECE_BYTES_MIN, QUEUE_BYTES)
    }

    fn within(&self, time: Duration, least: usize, most: usize) -> usize {
        let Some(rate) = self.bytes_per_second else {
            return most;
        };
        let bytes = u128::from(rate.get()) * time.as_millis() / 1000;
        usize::try_from(bytes).unwrap_or(most).clamp(least, most)
    }

    fn without_hold(self) -> LinkFaults {
        LinkFaults {
            held: false,
            ..self
        }
    }

    fn shapes(self) -> bool {
        self.without_hold() != LinkFaults::default()
    }
}

/// What is on between this node and its peers, and the connections that feel it.
#[derive(Default)]
pub(super) struct Links {
    /// Whether anything is on, so that a connection asks for the lock only then.
    any: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    peers: BTreeMap<String, Peer>,
    connections: BTreeMap<u64, Weak<Connection>>,
    last_connection: u64,
    last_serial: u64,
}

#[derive(Default, Clone, Copy)]
struct Peer {
    outbound: Fault,
    inbound: Fault,
}

#[derive(Default, Clone, Copy)]
struct Fault {
    is: LinkFaults,
    /// Changes when what shapes the bytes does.
    serial: u64,
    /// Until when the thin link is busy with what it has taken.
    busy_until: Option<Instant>,
}

impl Peer {
    fn way(&mut self, way: Way) -> &mut Fault {
        match way {
            Way::Out => &mut self.outbound,
            Way::In => &mut self.inbound,
        }
    }

    fn has_none(&self) -> bool {
        self.outbound.is == LinkFaults::default() && self.inbound.is == LinkFaults::default()
    }
}

/// When a piece may pass, as long as the fault that says so is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) at: Instant,
    serial: u64,
}

impl Pass {
    pub(super) fn later(self, by: Duration) -> Pass {
        let at = self.at + by;
        Pass { at, ..self }
    }
}

/// One connection, as the switchboard knows it.
pub(super) struct Connection {
    id: u64,
    /// Addresses by which its peer is known.
    names: Vec<String>,
    is_reset: AtomicBool,
    wakers: Mutex<[Option<Waker>; 2]>,
}

impl Connection {
    pub(super) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Acquire)
    }

    /// Has the caller woken by the next change of faults and by a reset. Look at both after this.
    pub(super) fn wake_by_change(&self, way: Way, cx: &Context<'_>) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = match way {
            Way::Out => &mut wakers[0],
            Way::In => &mut wakers[1],
        };
        if !waker.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        let wakers = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *wakers)
        };
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Links {
    /// Enters a connection to a peer of these names; it leaves with the last handle.
    pub(super) fn enter(&self, names: Vec<String>) -> Arc<Connection> {
        let mut table = self.table();
        table.last_connection += 1;
        let connection = Arc::new(Connection {
            id: table.last_connection,
            names,
            is_reset: AtomicBool::new(false),
            wakers: Mutex::default(),
        });
        let id = connection.id;
        table.connections.insert(id, Arc::downgrade(&connection));
        connection
    }

    pub(super) fn leave(&self, connection: &Connection) {
        self.table().connections.remove(&connection.id);
    }

    /// Whether anything is on anywhere.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Ready when bytes may go this way; a change of faults wakes who waits.
    pub(super) fn poll_free(
        &self,
        connection: &Connection,
        way: Way,
        cx: &Context<'_>,
    ) -> Poll<()> {
        if !self.any() {
            return Poll::Ready(());
        }
        let mut table = self.table();
        let is_held = connection.names.iter().any(|name| {
            let peer = table.peers.get_mut(name);
            peer.is_some_and(|peer| peer.way(way).is.held)
        });
        if !is_held {
            return Poll::Ready(());
        }
        // Under the lock, so that no change comes between the look and this.
        connection.wake_by_change(way, cx);
        Poll::Pending
    }

    /// What bytes of a connection that set out this way now have to expect; none when they are not late.
    pub(super) fn shape(&self, connection: &Connection, way: Way) -> Option<LinkFaults> {
        if !self.any() {
            return None;
        }
        shaping(&mut self.table(), connection, way).map(|fault| fault.is)
    }

    /// When `bytes` that set out at `now` may pass; none when they may at once.
    pub(super) fn schedule(
        &self,
        connection: &Connection,
        way: Way,
        (bytes, now): (usize, Instant),
        rng: &dyn Rng,
    ) -> Option<Pass> {
        if !self.any() {
            return None;
        }
        let mut table = self.table();
        let fault = shaping(&mut table, connection, way)?;
        let mut at = now;
        if let Some(rate) = fault.is.bytes_per_second {
            at = fault.busy_until.map_or(now, |busy| busy.max(now)) + time_of(bytes, rate);
            fault.busy_until = Some(at);
        }
        let faults = fault.is;
        let serial = fault.serial;
        drop(table);
        at += faults.delay + up_to(faults.jitter, rng) + lost(faults.loss_percent, rng);
        Some(Pass { at, serial })
    }

    /// Whether the fault that gave `pass` is over; the caller is woken by the next change when it is not.
    pub(super) fn is_over(
        &self,
        connection: &Connection,
        way: Way,
        pass: Pass,
        cx: &Context<'_>,
    ) -> bool {
        let mut table = self.table();
        let now = shaping(&mut table, connection, way).map(|fault| fault.serial);
        if now != Some(pass.serial) {
            return true;
        }
        connection.wake_by_change(way, cx);
        false
    }

    /// Sets what is on, for each peer and way that is named, and nothing for all others.
    pub(super) fn set(&self, faults: &BTreeMap<(String, Way), LinkFaults>) {
        self.change(|table| {
            let known = table.peers.keys().cloned();
            let named = faults.keys().map(|(name, _)| name.clone());
            let names: std::collections::BTreeSet<String> = known.chain(named).collect();
            for name in names {
                for way in [Way::Out, Way::In] {
                    let is = faults.get(&(name.clone(), way));
                    table.put(&name, way, is.copied().unwrap_or_default());
                }
            }
        });
    }

    /// Changes what is on for one peer, one way.
    pub(super) fn update(&self, peer: &str, way: Way, update: impl FnOnce(&mut LinkFaults)) {
        self.change(|table| {
            let now = table.peers.get_mut(peer);
            let mut is = now.map_or(LinkFaults::default(), |peer| peer.way(way).is);
            update(&mut is);
            table.put(peer, way, is);
        });
    }

    /// Breaks the connections there are to `peer`; says how many.
    pub(super) fn reset(&self, peer: &str) -> usize {
        let mut all = self.table().all();
        all.retain(|it| it.names.iter().any(|name| name == peer));
        for connection in &all {
            connection.is_reset.store(true, Ordering::Release);
            connection.wake();
        }
        all.len()
    }

    /// What is on, for people.
    pub(super) fn list(&self) -> Vec<(String, Way, LinkFaults)> {
        let table = self.table();
        let both = |(name, peer): (&String, &Peer)| {
            let out = (name.clone(), Way::Out, peer.outbound.is);
            [out, (name.clone(), Way::In, peer.inbound.is)]
        };
        let mut all: Vec<_> = table.peers.iter().flat_map(both).collect();
        all.retain(|(_, _, faults)| *faults != LinkFaults::default());
        all
    }

    /// Wakes all who wait after the change: those for whom nothing has changed wait on.
    fn change(&self, change: impl FnOnce(&mut Table)) {
        let all = {
            let mut table = self.table();
            change(&mut table);
            table.peers.retain(|_, peer| !peer.has_none());
            self.any.store(!table.peers.is_empty(), Ordering::Release);
            table.all()
        };
        // Outside of the lock: a waker may run anything.
        for connection in all {
            connection.wake();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn put(&mut self, name: &str, way: Way, is: LinkFaults) {
        let serial = self.last_serial + 1;
        let peer = self.peers.entry(name.to_owned()).or_default();
        let fault = peer.way(way);
        if fault.is.without_hold() != is.without_hold() {
            self.last_serial = serial;
            fault.serial = serial;
            fault.busy_until = None;
        }
        fault.is = is;
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        self.connections
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// The fault that shapes the bytes of a connection, if one does.
fn shaping<'a>(table: &'a mut Table, connection: &Connection, way: Way) -> Option<&'a mut Fault> {
    let shaped = |name: &&String| {
        let peer = table.peers.get(*name).copied();
        peer.is_some_and(|mut peer| peer.way(way).is.shapes())
    };
    let name = connection.names.iter().find(shaped)?;
    table.peers.get_mut(name).map(|peer| peer.way(way))
}

fn time_of(bytes: usize, rate: NonZeroU64) -> Duration {
    let bytes = u128::try_from(bytes).unwrap_or(u128::MAX);
    let nanos = bytes.saturating_mul(1_000_000_000) / u128::from(rate.get());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A random time up to `most`.
fn up_to(most: Duration, rng: &dyn Rng) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 {
        return Duration::ZERO;
    }
    Duration::from_nanos(rng.next_u64() % nanos.saturating_add(1))
}

/// How long a piece waits because it, or what was sent again for it, was lost.
fn lost(percent: u8, rng: &dyn Rng) -> Duration {
    let mut waited = Duration::ZERO;
    if percent == 0 {
        return waited;
    }
    for time in 0..RETRANSMITS_MAX {
        if rng.next_u64() % 100 >= u64::from(percent) {
            break;
        }
        waited += RETRANSMIT_AFTER * 2_u32.pow(time);
    }
    waited
}
