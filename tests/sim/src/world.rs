//! The simulated machines: one turmoil host and one memory disk per node, a skewed clock each, and the faults that the
//! plan asks for. A machine's disk outlives its crashes; nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng, Tear};
use ana_env::{Clock, Disk, Env, runtime};
use ana_node::{Node, NodeConfig};
use ana_raft::MemoryCheckpoints;

use crate::net::SimNet;
use crate::plan::{Fault, Plan};

/// The day every run begins: 2026-01-01T00:00:00Z, unix milliseconds.
pub const EPOCH_MS: u64 = 1_767_225_600_000;
/// How long one "hour" of retention lasts where the plan trims: the 24 hours of a stream are 8.4 s.
const TRIM_HOUR_MS: u64 = 350;

/// Simulated milliseconds since the unix epoch, without any machine's skew.
#[must_use]
pub fn now_ms() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    EPOCH_MS + u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A machine's clock: simulated time, and a constant error of its own.
#[derive(Debug)]
struct SimClock {
    skew_ms: u64,
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        now_ms() + self.skew_ms
    }

    fn elapsed(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_default()
    }
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

fn zone(node: usize) -> &'static str {
    ["a", "b", "c"][node % 3]
}

/// The configuration a person would write for this node.
fn config(plan: &Plan, node: usize) -> NodeConfig {
    let members: String = (0..plan.nodes)
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
    let hour = if plan.trim { TRIM_HOUR_MS } else { 3_600_000 };
    let text = format!(
        "node_id = {}\nzone = \"{}\"\ndata_dir = \"/data\"\npeer = \"{}:7000\"\napi = \"{}\"\nlimits = \"off\"\n\
         transition_ms = 100\nretention_hour_ms = {hour}\n\
         [log]\nsegment_bytes = 65536\ncache_bytes = 65536\n\
         [trim]\npoint_bytes = 16384\npoint_ms = 1000\ncheck_ms = 700\n{members}",
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

/// The machines of one run.
#[derive(Debug)]
pub struct World {
    disks: Vec<Arc<MemoryDisk>>,
    /// When each node that is down comes back, simulated time.
    down: Vec<Option<Duration>>,
    /// When each node with a bad sync restarts.
    bad: Vec<Option<Duration>>,
    /// Cuts to heal, with their time.
    cuts: Vec<(Duration, usize, usize)>,
}

impl World {
    /// Builds the simulation with all nodes running.
    pub fn new(plan: &Plan) -> (turmoil::Sim<'static>, World) {
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.derive(1))
            .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
            .simulation_duration(Duration::from_mins(10))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency_max)
            .tcp_capacity(65_536)
            .enable_random_order()
            .build();
        let mut disks = Vec::new();
        for node in 0..plan.nodes {
            let disk = Arc::new(MemoryDisk::new(
                plan.derive(100 + node as u64),
                MemoryDiskOptions {
                    tear: if plan.torn_anywhere {
                        Tear::AnyPieces
                    } else {
                        Tear::Prefix
                    },
                    ..MemoryDiskOptions::default()
                },
            ));
            add_host(&mut sim, plan, node, Arc::clone(&disk));
            disks.push(disk);
        }
        (
            sim,
            World {
                disks,
                down: vec![None; plan.nodes],
                bad: vec![None; plan.nodes],
                cuts: Vec::new(),
            },
        )
    }

    /// Makes one fault happen now.
    pub fn fault(&mut self, sim: &mut turmoil::Sim<'static>, fault: &Fault) {
        crate::trace::note(&format!("{:?} {fault:?}", sim.elapsed()));
        match *fault {
            Fault::Crash { node, down } => self.crash(sim, node, down),
            Fault::BadSync { node, down } => {
                if self.down[node].is_none() && self.bad[node].is_none() {
                    self.disks[node].fail_next_sync(1);
                    self.bad[node] = Some(sim.elapsed() + down);
                }
            }
            Fault::CrashAll { down } => {
                (0..self.disks.len()).for_each(|node| self.crash(sim, node, down));
            }
            Fault::Cut {
                from,
                to,
                both,
                heal,
            } => self.cut(sim, from, to, both, heal),
            Fault::Isolate { node, heal } => {
                for other in (0..self.disks.len()).filter(|other| *other != node) {
                    self.cut(sim, node, other, true, heal);
                }
            }
        }
    }

    /// Brings back what is due; with `all`, everything.
    pub fn heal(&mut self, sim: &mut turmoil::Sim<'static>, all: bool) {
        let now = sim.elapsed();
        for node in 0..self.down.len() {
            if self.bad[node].is_some_and(|due| all || due <= now) {
                self.crash(sim, node, Duration::from_millis(100));
            }
            if self.down[node].is_some_and(|due| all || due <= now) {
                self.down[node] = None;
                sim.bounce(host(node));
            }
        }
        let (due, later) = self.cuts.iter().partition(|(due, ..)| all || *due <= now);
        self.cuts = later;
        let due: Vec<(Duration, usize, usize)> = due;
        for (_, from, to) in due {
            let still = self
                .cuts
                .iter()
                .any(|(_, a, b)| (*a, *b) == (from, to) || (*a, *b) == (to, from));
            if !still {
                sim.repair(host(from), host(to));
            }
        }
    }

    fn crash(&mut self, sim: &mut turmoil::Sim<'static>, node: usize, down: Duration) {
        if self.down[node].is_none() {
            sim.crash(host(node));
            self.disks[node].crash();
            self.disks[node].fail_next_sync(0);
            self.bad[node] = None;
            self.down[node] = Some(sim.elapsed() + down);
        }
    }

    fn cut(
        &mut self,
        sim: &turmoil::Sim<'static>,
        from: usize,
        to: usize,
        both: bool,
        heal: Duration,
    ) {
        if both {
            sim.partition(host(from), host(to));
        } else {
            sim.partition_oneway(host(from), host(to));
        }
        self.cuts.push((sim.elapsed() + heal, from, to));
    }
}

fn add_host(sim: &mut turmoil::Sim<'static>, plan: &Plan, node: usize, disk: Arc<MemoryDisk>) {
    let config = config(plan, node);
    let seed = plan.derive(1000 + node as u64);
    let skew_ms = plan.derive(2000 + node as u64) % 200;
    let lives = AtomicU64::new(0);
    let kept = Arc::new(MemoryCheckpoints::new());
    sim.host(host(node), move || {
        let life = lives.fetch_add(1, Ordering::Relaxed);
        let seed = seed ^ life.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let env = Env {
            clock: Arc::new(SimClock { skew_ms }),
            disk: Arc::clone(&disk) as Arc<dyn Disk>,
            net: Arc::new(SimNet),
            rng: Arc::new(SeededRng::new(seed)),
        };
        let config = config.clone();
        // A crash takes the checkpoints away, or leaves them newer than the log that survived: both must do no harm.
        let checkpoints = if seed.is_multiple_of(2) {
            Arc::clone(&kept)
        } else {
            Arc::new(MemoryCheckpoints::new())
        };
        runtime::scope(seed, async move {
            let _running = Node::start(env, config, checkpoints).await?;
            std::future::pending().await
        })
    });
}
