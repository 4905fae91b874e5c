//! Everything at once, seeded: crashes with torn writes, cut links, changes of leader, members that
//! come and go, points and trims; then faults off, and all replicas must be equal and hold every
//! record that was acknowledged and not trimmed, exactly where it was promised.
//!
//! A seed that fails fails again: time is virtual and nothing else is random.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_env::Rng as _;
use ana_env::memory::SeededRng;
use ana_env::{runtime, time};
use ana_raft::{Group, TrimTo};
use ana_types::record::codec;
use ana_types::{NodeId, Position};
use common::{Cluster, Node, sub};

/// Steps of one run.
const STEPS: u64 = 250;
/// Nodes there are; three of them are voters at any time.
const NODES: u64 = 4;

struct Run {
    cluster: Cluster,
    rng: SeededRng,
    /// Key and position of what was acknowledged.
    promised: BTreeMap<String, Position>,
    written: u64,
    trims: u64,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let mut cluster = Cluster::new(3).await;
        let spare = NodeId(NODES);
        let mut node = Node::new(spare, |_| {});
        node.open(&cluster.hub).await;
        cluster.nodes.insert(spare, node);
        Self {
            cluster,
            rng: SeededRng::new(seed),
            promised: BTreeMap::new(),
            written: 0,
            trims: 0,
        }
    }

    fn below(&self, end: u64) -> u64 {
        self.rng.next_u64() % end
    }

    fn any_node(&self) -> NodeId {
        NodeId(1 + self.below(NODES))
    }

    fn leader_now(&self) -> Option<Group> {
        self.cluster.groups().into_iter().find(Group::is_leader)
    }

    async fn step(&mut self) {
        match self.below(20) {
            0..=8 => self.put().await,
            9 | 10 => {
                if let Some(leader) = self.leader_now() {
                    let _maybe = leader.mark_point().await;
                }
            }
            11 => self.trim().await,
            12 | 13 => self.power(),
            14 => {
                let id = self.any_node();
                self.cluster.hub.isolate(id, &self.cluster.ids_but(id));
            }
            15 | 16 => self.cluster.hub.heal(),
            17 => {
                let to = self.any_node();
                if let Some(leader) = self.leader_now() {
                    let _handle = runtime::spawn(async move { leader.transfer_leader(to).await });
                }
            }
            18 => self.change_members(),
            _ => time::sleep(Duration::from_millis(self.below(3000))).await,
        }
        if self.below(4) == 0 {
            self.turn_on().await;
        }
    }

    /// A few appends at once; those that are not answered may or may not be there.
    async fn put(&mut self) {
        let Some(leader) = self.leader_now() else {
            time::sleep(Duration::from_millis(100)).await;
            return;
        };
        let keys: Vec<_> = (0..=self.below(6))
            .map(|n| format!("{}-{n}", self.written))
            .collect();
        self.written += 1;
        let appends = keys.iter().map(|key| {
            let (leader, key) = (leader.clone(), key.clone());
            runtime::spawn(async move { leader.append(vec![sub(0, &[&key])]).await })
        });
        for (append, key) in appends.collect::<Vec<_>>().into_iter().zip(keys) {
            if let Ok(outcomes) = append.await.unwrap() {
                let ana_state::shard::AppendOutcome::Accepted { first, .. } = outcomes[0] else {
                    panic!("{outcomes:?}");
                };
                self.promised.insert(key, first);
            }
        }
    }

    async fn trim(&mut self) {
        let Some(leader) = self.leader_now() else {
            return;
        };
        let points = leader.points();
        let Some(point) = points.get(points.len() / 2) else {
            return;
        };
        if let Ok(Some(_)) = leader.trim_to_point(TrimTo::Index(point.index)).await {
            self.trims += 1;
        }
    }

    /// Cuts the power of a node, if enough others are up.
    fn power(&mut self) {
        let id = self.any_node();
        if self.cluster.groups().len() == 2 {
            return;
        }
        let lose_checkpoint = self.below(2) == 0;
        let node = self.cluster.nodes.get_mut(&id).unwrap();
        // What runs is dropped by the crash; the tasks end when they touch the disk.
        if let Some(group) = node.group.take() {
            self.cluster.hub.leave(id);
            node.freeze();
            node.disk.crash();
            if lose_checkpoint {
                node.checkpoints.memory.clear();
            }
            node.stopping = Some(runtime::spawn(async move { group.stop().await }));
        }
    }

    async fn turn_on(&mut self) {
        let hub = self.cluster.hub.clone();
        for node in self.cluster.nodes.values_mut() {
            if let Some(stopping) = node.stopping.take() {
                stopping.await.unwrap();
                node.thaw();
                node.open(&hub).await;
            }
        }
    }

    /// Replaces one voter by the node that is none.
    fn change_members(&self) {
        let Some(leader) = self.leader_now() else {
            return;
        };
        let voters: BTreeSet<_> = leader.status().voters.into_iter().collect();
        let Some(spare) = (1..=NODES).map(NodeId).find(|id| !voters.contains(id)) else {
            return;
        };
        let out = voters
            .iter()
            .copied()
            .nth(usize::try_from(self.below(3)).unwrap());
        let Some(out) = out.filter(|&out| Some(out) != leader.leader()) else {
            return;
        };
        let _handle = runtime::spawn(async move {
            if leader.add_learner(spare).await.is_err() {
                return;
            }
            let mut next = voters;
            next.remove(&out);
            next.insert(spare);
            let _maybe = leader.change_voters(next).await;
        });
    }

    /// Faults off. Everybody comes back, agrees, and keeps every promise.
    async fn finish(mut self) {
        self.cluster.hub.heal();
        self.turn_on().await;
        // Changes of members under way end by themselves.
        time::sleep(Duration::from_secs(70)).await;
        let leader = self.cluster.leader().await;
        let members: BTreeSet<_> = leader
            .status()
            .voters
            .into_iter()
            .chain(leader.status().learners)
            .collect();
        let hub = self.cluster.hub.clone();
        for id in (1..=NODES).map(NodeId).filter(|id| !members.contains(id)) {
            let mut node = self.cluster.nodes.remove(&id).unwrap();
            node.stop(&hub).await;
        }
        common::put_many(&leader, 3).await;
        self.cluster.settle().await;
        for group in self.cluster.groups() {
            self.check(&group).await;
        }
        for node in self.cluster.nodes.values_mut() {
            node.stop(&hub).await;
        }
    }

    async fn check(&self, group: &Group) {
        let bounds = group.log().bounds();
        let purged = bounds.purged.map_or(0, |id| id.index);
        let mut held = BTreeMap::new();
        let mut from = 0;
        while from <= bounds.last.unwrap().index {
            let read = group
                .log()
                .read_key(0, from, u64::MAX, 1 << 20)
                .await
                .unwrap();
            for batch in read.batches {
                for (ordinal, record) in (0..).zip(codec::decode(batch.body)) {
                    let key = String::from_utf8(record.unwrap().partition_key.to_vec()).unwrap();
                    let before = held.insert(Position::new(batch.index, ordinal), key);
                    assert_eq!(before, None);
                }
            }
            assert!(read.next_index > from);
            from = read.next_index;
        }
        for (key, position) in &self.promised {
            if position.log_index() > purged {
                assert_eq!(held.get(position), Some(key), "{:?}", group.status());
            }
        }
        let mut seen = BTreeSet::new();
        for key in held.values().filter(|key| !key.starts_with("key-")) {
            assert!(seen.insert(key), "{key} is there twice");
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "whoever hunts wants to see that the run was not empty"
)]
async fn run(seed: u64) {
    let mut run = Run::new(seed).await;
    for _ in 0..STEPS {
        run.step().await;
    }
    let (promised, trims) = (run.promised.len(), run.trims);
    run.finish().await;
    println!("seed {seed}: {promised} records promised and kept, {trims} trims");
}

/// Seeds `ANA_CHAOS_SEEDS`, as in `7` or `100-200`, or a few fixed ones.
#[tokio::test(start_paused = true)]
async fn promises_are_kept_through_chaos() {
    for seed in seeds() {
        println!("seed {seed}");
        runtime::scope(seed, Box::pin(run(seed))).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that takes its seeds from whoever hunts"
)]
fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(asked) = std::env::var("ANA_CHAOS_SEEDS") else {
        return 1..=4;
    };
    let (first, last) = asked.split_once('-').unwrap_or((&asked, &asked));
    first.parse().expect("a seed")..=last.parse().expect("a seed")
}
