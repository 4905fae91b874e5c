//! One simulated machine: a turmoil host that runs a node, its disk, its clock, the switch that stops it, and a way to
//! look inside. A machine's disk outlives its crashes; nothing else does.
//!
//! A node whose disk has failed ends, as `ana server` does, and so does one that cannot start; the world starts it again,
//! as a supervisor would.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng, Tear};
use ana_env::runtime::Pause;
use ana_env::{Clock, Disk, Env, runtime};
use ana_node::cluster::meddle::SPARED;
use ana_node::{Node, NodeConfig};
use ana_raft::{Groups, MemoryCheckpoints, rebuild};
use ana_types::{GroupId, NodeId};
use tokio::sync::Notify;

use crate::net::SimNet;
use crate::plan::Plan;

/// The day every run begins: 2026-01-01T00:00:00Z, unix milliseconds.
pub const EPOCH_MS: u64 = 1_767_225_600_000;
/// How long one "hour" of retention lasts where the plan trims: the 24 hours of a stream are 8.4 s.
const TRIM_HOUR_MS: u64 = 350;
/// Where a node keeps its data.
pub const DATA_DIR: &str = "/data";
/// Writes are torn at multiples of so many bytes, unless a fault tears them finer.
pub const TEAR_BYTES: u64 = 512;

/// Simulated milliseconds since the unix epoch, without any machine's error.
#[must_use]
pub fn now_ms() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    EPOCH_MS + u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A machine's clock: simulated time and an error, which faults change. How long something takes is measured right.
#[derive(Debug, Default)]
pub struct SimClock {
    error: Mutex<Wrong>,
}

/// How wrong a clock is.
#[derive(Debug, Default, Clone, Copy)]
struct Wrong {
    /// Milliseconds it was ahead at `since`.
    by_ms: i64,
    ppm: i64,
    since: Duration,
}

impl Wrong {
    fn now_ms(self, elapsed: Duration) -> i64 {
        let run = elapsed.saturating_sub(self.since);
        let run_ms = i64::try_from(run.as_millis()).unwrap_or(i64::MAX);
        self.by_ms + run_ms.saturating_mul(self.ppm) / 1_000_000
    }
}

impl SimClock {
    fn lock(&self) -> MutexGuard<'_, Wrong> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jumps.
    pub fn turn(&self, by_ms: i64) {
        self.lock().by_ms += by_ms;
    }

    /// Runs so much too fast from `now` on; what it has gained or lost stays.
    pub fn drift(&self, now: Duration, ppm: i64) {
        let mut wrong = self.lock();
        *wrong = Wrong {
            by_ms: wrong.now_ms(now),
            ppm,
            since: now,
        };
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        let elapsed = turmoil::sim_elapsed().unwrap_or_default();
        now_ms().saturating_add_signed(self.lock().now_ms(elapsed))
    }

    fn elapsed(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_default()
    }
}

/// A leadership that is to be given away.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub group: GroupId,
    pub to: NodeId,
}

/// What the world sees of a running node, and what it asks of it.
#[derive(Debug, Default)]
pub struct Inside {
    groups: Mutex<Option<Groups>>,
    orders: Mutex<VecDeque<Order>>,
    ordered: Notify,
    /// Why the process ended by itself.
    ended: Mutex<Option<String>>,
    /// The node's data are to be taken away before it starts.
    wiped: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inside {
    /// The replicas, once the node has started.
    pub fn groups(&self) -> Option<Groups> {
        lock(&self.groups).clone()
    }

    /// Gives an order to the node; it carries it out when it runs.
    pub fn order(&self, order: Order) {
        lock(&self.orders).push_back(order);
        self.ordered.notify_one();
    }

    /// Takes the node's data away before it starts again.
    pub fn wipe(&self) {
        self.wiped.store(true, Ordering::Relaxed);
    }

    /// Why the process ended by itself, once.
    pub fn ended(&self) -> Option<String> {
        lock(&self.ended).take()
    }

    /// Forgets everything of the life that ends. Handles of a replica must be gone before its runtime is.
    pub fn clear(&self) {
        *lock(&self.groups) = None;
        lock(&self.orders).clear();
        *lock(&self.ended) = None;
    }

    /// Carries out orders for as long as the node lives.
    #[expect(clippy::infinite_loop, reason = "it ends with the process")]
    async fn work(&self, groups: &Groups) {
        loop {
            self.ordered.notified().await;
            let Some(order) = lock(&self.orders).pop_front() else {
                continue;
            };
            let Some(group) = groups.get(order.group) else {
                continue;
            };
            match group.transfer_leader(order.to).await {
                Ok(()) => crate::counters::saw("a leadership was moved on purpose"),
                Err(error) => tracing::info!(%error, "leadership was not moved"),
            }
        }
    }
}

/// One machine.
#[derive(Debug)]
pub struct Machine {
    pub disk: Arc<MemoryDisk>,
    pub clock: Arc<SimClock>,
    pub pause: Pause,
    pub inside: Arc<Inside>,
    pub checkpoints: Arc<MemoryCheckpoints>,
}

impl Machine {
    /// A machine with its node running.
    pub fn new(sim: &mut turmoil::Sim<'static>, plan: &Plan, node: usize) -> Machine {
        let options = MemoryDiskOptions {
            tear: if plan.torn_anywhere {
                Tear::AnyPieces
            } else {
                Tear::Prefix
            },
            tear_bytes: TEAR_BYTES,
            ..MemoryDiskOptions::default()
        };
        let clock = SimClock::default();
        let skew_ms = plan.derive(2000 + node as u64) % 200;
        clock.turn(i64::try_from(skew_ms).unwrap_or(0));
        let machine = Machine {
            disk: Arc::new(MemoryDisk::new(plan.derive(100 + node as u64), options)),
            clock: Arc::new(clock),
            pause: Pause::new(),
            inside: Arc::default(),
            checkpoints: Arc::new(MemoryCheckpoints::new()),
        };
        machine.add_host(sim, plan, node);
        machine
    }

    fn add_host(&self, sim: &mut turmoil::Sim<'static>, plan: &Plan, node: usize) {
        let config = config(plan, node);
        let seed = plan.derive(1000 + node as u64);
        let lives = AtomicU64::new(0);
        let (disk, clock) = (Arc::clone(&self.disk), Arc::clone(&self.clock));
        let (pause, inside) = (self.pause.clone(), Arc::clone(&self.inside));
        let kept = Arc::clone(&self.checkpoints);
        sim.host(host(node), move || {
            let life = lives.fetch_add(1, Ordering::Relaxed);
            let seed = seed ^ life.wrapping_mul(0x2545_f491_4f6c_dd1d);
            let env = Env {
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                disk: Arc::clone(&disk) as Arc<dyn Disk>,
                net: Arc::new(SimNet),
                rng: Arc::new(SeededRng::new(seed)),
            };
            // A crash takes the checkpoints away, or leaves them newer than the log that survived: both must do no harm.
            let checkpoints = if seed.is_multiple_of(2) {
                Arc::clone(&kept)
            } else {
                Arc::new(MemoryCheckpoints::new())
            };
            let node = live(env, config.clone(), checkpoints, Arc::clone(&inside));
            pause.hold(runtime::scope(seed, node))
        });
    }
}

/// The process: the node until it cannot go on, then nothing.
async fn live(
    env: Env,
    config: NodeConfig,
    checkpoints: Arc<MemoryCheckpoints>,
    inside: Arc<Inside>,
) -> turmoil::Result {
    let started = match wipe(&*env.disk, &inside).await {
        Ok(()) => Node::start(env, config, checkpoints)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(format!("taking the data away: {error}")),
    };
    let why = match started {
        Ok(node) => {
            let groups = node.groups().clone();
            *lock(&inside.groups) = Some(groups.clone());
            let why = tokio::select! {
                biased;
                why = node.until_failed() => why,
                () = inside.work(&groups) => "orders never end".to_owned(),
            };
            crate::counters::saw("a process ended because its disk failed");
            why
        }
        Err(error) => {
            crate::counters::saw("a process did not start");
            error
        }
    };
    crate::trace::note(&why);
    tracing::warn!(%why, "the process ends");
    *lock(&inside.ended) = Some(why);
    std::future::pending().await
}

/// What an operator does to a node whose data are gone for good; it goes on where a crash has stopped it.
async fn wipe(disk: &dyn Disk, inside: &Inside) -> std::io::Result<()> {
    let dir = Path::new(DATA_DIR);
    if inside.wiped.load(Ordering::Relaxed) {
        rebuild::mark(disk, dir).await?;
        inside.wiped.store(false, Ordering::Relaxed);
    }
    // The very first start has no directory yet.
    if disk.list(dir).await.is_ok() && rebuild::wipe(disk, dir, SPARED).await? {
        crate::counters::saw("a node lost all its data");
    }
    Ok(())
}

/// Name of a node's host.
#[must_use]
pub fn host(node: usize) -> String {
    format!("node-{}", node + 1)
}

/// Where clients reach a node.
#[must_use]
pub fn api(node: usize) -> String {
    format!("{}:4567", host(node))
}

/// The zone of a node.
#[must_use]
pub fn zone(node: usize) -> &'static str {
    ["a", "b", "c"][node % 3]
}

/// So soon that shards rest between two puts.
const REST_AFTER_MS: u64 = 400;

/// The configuration a person would write for this node of a plan.
fn config(plan: &Plan, node: usize) -> NodeConfig {
    let hour = if plan.trim { TRIM_HOUR_MS } else { 3_600_000 };
    let settings = format!(
        "transition_ms = 100\nretention_hour_ms = {hour}\n\
         [raft]\nrest_after_ms = {REST_AFTER_MS}\n\
         [log]\nsegment_bytes = 65536\ncache_bytes = 65536\n\
         [trim]\npoint_bytes = 16384\npoint_ms = 1000\ncheck_ms = 700\n"
    );
    config_of(plan.nodes, node, &settings)
}

/// The configuration of one of so many nodes, without limits, and with these settings.
///
/// # Panics
/// When a node does not accept the settings.
#[must_use]
pub fn config_of(nodes: usize, node: usize, settings: &str) -> NodeConfig {
    let members: String = (0..nodes)
        .map(|each| {
            format!(
                "[[members]]\nid = {}\nzone = \"{}\"\npeer = \"{}:7000\"\napi = \"{}\"\n",
                each + 1,
                zone(each),
                host(each),
                api(each)
            )
        })
        .collect();
    let text = format!(
        "node_id = {}\nzone = \"{}\"\ndata_dir = \"{DATA_DIR}\"\npeer = \"{}:7000\"\napi = \"{}\"\nlimits = \"off\"\n\
         {settings}{members}",
        node + 1,
        zone(node),
        host(node),
        // The network of the simulator listens at all addresses whatever is asked for.
        "127.0.0.1:4567",
    );
    NodeConfig::parse(&text).expect("the simulator writes configurations a node accepts")
}

/// How long a record lives in this plan, milliseconds.
#[must_use]
pub fn retention_ms(plan: &Plan) -> u64 {
    24 * if plan.trim { TRIM_HOUR_MS } else { 3_600_000 }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Wrong};

    #[test]
    fn a_clock_keeps_what_it_has_gained() {
        let mut wrong = Wrong {
            by_ms: 100,
            ppm: 50_000,
            since: Duration::from_secs(2),
        };
        assert_eq!(wrong.now_ms(Duration::from_secs(4)), 200);
        wrong.ppm = -50_000;
        assert_eq!(wrong.now_ms(Duration::from_secs(4)), 0);
    }
}
