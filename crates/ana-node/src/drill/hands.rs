//! Carries faults out and takes them back: one task for each fault that fired.
//!
//! Must stay true:
//! - a fault is told as over only when it is: taken away everywhere, or its last lease has run out;
//! - whatever is asked of a node or the supervisor is bounded, and repeated when it must come about;
//! - two faults that keep one node down let it up only when both are over.

mod change;
mod leases;
mod process;
mod reshard;
mod shift;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ana_drill::Pick;
use ana_drill::chance::Chance;
use ana_drill::plan::Planned;
use ana_drill::quantity::Span;
use ana_env::runtime::Tasks;
use ana_types::NodeId;
use tokio::sync::{mpsc, watch};

use super::book::Watch;
use super::cluster::Cluster;
use super::means::{self, Means, Task};
use super::snapshot::Snapshot;

/// What a fault's task tells.
#[derive(Debug)]
pub struct Word {
    /// The fault's place in the plan.
    pub fault: usize,
    /// When, by the watch of the run.
    pub at: Span,
    /// What.
    pub news: News,
}

/// What became of a fault.
#[derive(Debug)]
pub enum News {
    /// It is on.
    Fired(Pick),
    /// Something of it did not come about.
    Trouble(String),
    /// It is over.
    Over,
}

/// Who carries faults out.
#[derive(Debug)]
pub struct Hands {
    shared: Shared,
    seed: u64,
    tasks: Tasks,
    ends: BTreeMap<usize, watch::Sender<bool>>,
}

/// What all tasks of a run have in common.
#[derive(Debug, Clone)]
struct Shared {
    cluster: Cluster,
    run: Arc<str>,
    watch: Watch,
    words: mpsc::Sender<Word>,
    held: Arc<Mutex<BTreeMap<NodeId, BTreeSet<usize>>>>,
}

/// One fault's task.
#[derive(Debug)]
struct Hand {
    shared: Shared,
    fault: usize,
    planned: Planned,
    end: watch::Receiver<bool>,
}

impl Hands {
    /// The hands of the run `run`, which tell what they do by `words`.
    pub fn new(
        cluster: Cluster,
        run: &str,
        seed: u64,
        watch: Watch,
        words: mpsc::Sender<Word>,
    ) -> Hands {
        Hands {
            shared: Shared {
                cluster,
                run: run.into(),
                watch,
                words,
                held: Arc::default(),
            },
            seed,
            tasks: Tasks::new(),
            ends: BTreeMap::new(),
        }
    }

    /// Lets a fault fire on the cluster as it was when it was last looked at.
    pub fn fire(&mut self, fault: usize, planned: &Planned, seen: Snapshot) {
        let (ender, end) = watch::channel(false);
        self.ends.insert(fault, ender);
        let hand = Hand {
            shared: self.shared.clone(),
            fault,
            planned: planned.clone(),
            end,
        };
        let chance = Chance::of_step(self.seed, planned.number.saturating_sub(1));
        self.tasks.spawn(hand.carry_out(seen, chance));
    }

    /// Ends a fault; it is over when its word comes.
    pub fn end(&self, fault: usize) {
        if let Some(end) = self.ends.get(&fault) {
            end.send_replace(true);
        }
    }
}

impl Hand {
    async fn carry_out(mut self, seen: Snapshot, mut chance: Chance) {
        let fresh = self.shared.cluster.look(seen.census.clone()).await;
        // Where no node answers, the supervisor alone knows nothing of leaders.
        let fresh = fresh.ok().filter(|fresh| !fresh.status.groups.is_empty());
        let seen = fresh.unwrap_or(seen);
        let topology = seen.topology();
        let task = Task {
            action: &self.planned.action,
            on: &self.planned.on,
            lasts: self.planned.until.unwrap_or_default().less(self.planned.at),
        };
        let resolved = self.planned.on.resolve(&topology, &mut chance);
        let found = resolved
            .map_err(|error| error.to_string())
            .and_then(|pick| {
                let means = means::means(task, &pick, &topology, &mut chance);
                let means = means.map(|usual| {
                    if self.shared.cluster.is_real() {
                        return means::real::means(task.action, usual);
                    }
                    usual
                });
                means
                    .map(|means| (pick, means))
                    .map_err(|error| error.to_string())
            });
        match found {
            Ok((pick, means)) => self.by(means, pick, &seen).await,
            Err(why) => self.trouble(why).await,
        }
        self.tell(News::Over).await;
    }

    async fn by(&mut self, means: Means, pick: Pick, seen: &Snapshot) {
        match means {
            Means::Leases(leases) => Box::pin(self.leases(leases, pick, seen)).await,
            Means::Process(process) => Box::pin(self.process(process, pick)).await,
            Means::Shift { nodes } => Box::pin(self.shift(&nodes, pick, seen)).await,
            Means::MoveLeader { shard, to } => {
                Box::pin(self.move_leader(&shard, to, pick, seen)).await;
            }
            Means::Reshard { streams, reshape } => {
                Box::pin(self.reshard(&streams, reshape, pick)).await;
            }
            Means::RollingRestart { nodes, pause } => {
                Box::pin(self.rolling_restart(&nodes, pause, pick, seen)).await;
            }
        }
    }

    /// Whether the end was asked for.
    fn is_ending(&self) -> bool {
        *self.end.borrow()
    }

    /// Waits until the end is asked for. Safe to drop.
    async fn ending(&mut self) {
        if self.end.wait_for(|end| *end).await.is_err() {
            // The hands have gone, and everything is to end.
        }
    }

    async fn fired(&self, pick: &Pick) {
        self.tell(News::Fired(pick.clone())).await;
    }

    async fn trouble(&self, why: impl Into<String>) {
        self.tell(News::Trouble(why.into())).await;
    }

    async fn tell(&self, news: News) {
        let word = Word {
            fault: self.fault,
            at: self.shared.watch.now(),
            news,
        };
        if self.shared.words.send(word).await.is_err() {
            // The run is over and hears no more; the fault is ended all the same.
        }
    }

    /// Notes that this fault keeps the nodes from running.
    fn hold(&self, nodes: &BTreeSet<NodeId>) {
        let mut held = self
            .shared
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for node in nodes {
            held.entry(*node).or_default().insert(self.fault);
        }
    }

    /// Lets the nodes go; gives back those that no other fault holds.
    fn let_go(&self, nodes: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let mut held = self
            .shared
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut free = BTreeSet::new();
        for node in nodes {
            let holders = held.entry(*node).or_default();
            holders.remove(&self.fault);
            if holders.is_empty() {
                free.insert(*node);
            }
        }
        free
    }
}
