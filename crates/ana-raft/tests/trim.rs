//! Cutting the log while it is the stream: the six cases that were tried before this was built (A
//! to F), and the three that were not: a crash between snapshot and purge, a change of members
//! inside the range that is cut, and a change of leader during a trim.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ana_env::faults::DiskFaults;
use ana_env::{runtime, time};
use ana_log::Log;
use ana_raft::{Group, TrimTo, entry};
use ana_types::NodeId;
use common::{
    Cluster, Node, SOON, eventually, held, point, purged, put, put_many, scoped, state, trim,
};
use openraft::raft::AppendEntriesRequest;

/// Cuts and waits until every running replica has.
async fn trim_everywhere(cluster: &Cluster, index: u64) {
    trim(&cluster.leader().await, index).await;
    for group in cluster.groups() {
        purged(&group, index).await;
    }
}

#[tokio::test(start_paused = true)]
async fn case_a_the_log_is_cut_far_behind_the_last_applied_entry() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        put_many(&leader, 40).await;
        let cut = point(&leader).await;
        let last = put_many(&leader, 40).await;
        cluster.settle().await;
        let before = state(&leader).0;

        trim_everywhere(&cluster, cut).await;

        assert_eq!(state(&leader).0, before, "a trim changes no shard");
        for group in cluster.groups() {
            let (first, end) = held(&group).await;
            assert_eq!(first, cut + 1);
            assert!(end >= last);
            assert_eq!(group.status().snapshot_index, Some(cut));
        }
        put_many(&leader, 3).await;
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_b_a_follower_that_lagged_gets_the_snapshot_and_then_entries() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        put_many(&leader, 20).await;
        cluster.settle().await;
        let late = cluster.ids_but(leader.id_of_node())[0];
        cluster.hub.isolate(late, &cluster.ids_but(late));

        put_many(&leader, 20).await;
        let cut = point(&leader).await;
        put_many(&leader, 20).await;
        trim(&leader, cut).await;
        purged(&leader, cut).await;
        assert!(
            held(cluster.group(late)).await.0 < cut,
            "it has heard nothing yet"
        );

        cluster.hub.heal();
        cluster.settle().await;
        assert!(
            cluster.hub.snapshots_sent() > 0,
            "entries alone cannot have done it"
        );
        assert_eq!(held(cluster.group(late)).await.0, cut + 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_c_a_second_trim_follows_the_first() {
    scoped(async {
        let cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        put_many(&leader, 10).await;
        let first = point(&leader).await;
        put_many(&leader, 10).await;
        let second = point(&leader).await;
        put_many(&leader, 10).await;
        let third = point(&leader).await;
        trim_everywhere(&cluster, first).await;
        trim_everywhere(&cluster, second).await;
        for group in cluster.groups() {
            assert_eq!(held(&group).await.0, second + 1);
            let points: Vec<_> = group.points().iter().map(|point| point.index).collect();
            assert_eq!(points, [third]);
        }
        // Neither an index before all points nor one that was cut to is a place to cut at.
        assert_eq!(leader.trim_to_point(TrimTo::Index(second)).await, Ok(None));
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_d_a_restart_with_a_checkpoint_beyond_the_snapshot_does_not_rewind() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        put_many(&leader, 20).await;
        let cut = point(&leader).await;
        put_many(&leader, 20).await;
        trim_everywhere(&cluster, cut).await;
        cluster.settle().await;

        let id = cluster.ids_but(leader.id_of_node())[0];
        let (before, applied) = (state(cluster.group(id)), cluster.group(id).applied());
        assert!(applied > cut + 10);
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&id).unwrap().stop(&hub).await;
        let group = cluster.restart(id).await;
        assert_eq!(group.applied(), applied, "at once, from the checkpoint");
        assert_eq!(state(&group), before);
        assert_eq!(group.work_bytes(), 0, "nothing was applied twice");
        put_many(&leader, 5).await;
        cluster.settle().await;
    })
    .await;
}

/// A follower of a leader that never hears of it: its log is fed by hand.
struct Fed {
    cluster: Cluster,
    leader: Group,
    node: Node,
    follower: Group,
    cut: u64,
    last: u64,
}

impl Fed {
    async fn new() -> Self {
        let cluster = Cluster::new(1).await;
        let leader = cluster.leader().await;
        put_many(&leader, 40).await;
        let cut = point(&leader).await;
        let last = put_many(&leader, 20).await;
        let mut node = Node::new(NodeId(2), |_| {});
        let follower = node.open(&cluster.hub).await;
        Self {
            cluster,
            leader,
            node,
            follower,
            cut,
            last,
        }
    }

    /// Sends entries `from..=last`, with everything up to `committed` committed.
    async fn send(&self, from: u64, committed: u64) {
        let log = self.leader.log();
        let entries = log.read(0..self.last + 1, usize::MAX).await.unwrap();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|entry| entry::from_log(entry).unwrap())
            .collect();
        let id_of = |index| {
            entries
                .iter()
                .map(|entry| entry.log_id)
                .find(|id| id.index == index)
        };
        let raft = self.leader.raft().unwrap();
        let request = AppendEntriesRequest {
            vote: raft
                .with_raft_state(|state| *state.vote_ref())
                .await
                .unwrap(),
            prev_log_id: from.checked_sub(1).and_then(id_of),
            leader_commit: id_of(committed),
            entries: entries
                .iter()
                .filter(|entry| entry.log_id.index >= from)
                .cloned()
                .collect(),
        };
        let answer = self
            .follower
            .raft()
            .unwrap()
            .append_entries(request)
            .await
            .unwrap();
        assert!(answer.is_success(), "{answer:?}");
        self.follower.wait_applied(committed, SOON).await.unwrap();
    }

    /// A new term for the leader: only then can its snapshot meet entries behind it, because in one
    /// term a leader sends a snapshot only where it knows that the entries are missing.
    async fn new_term(&mut self) {
        let hub = self.cluster.hub.clone();
        self.cluster
            .nodes
            .get_mut(&NodeId(1))
            .unwrap()
            .stop(&hub)
            .await;
        self.cluster.restart(NodeId(1)).await;
        self.leader = self.cluster.leader().await;
    }

    /// Cuts the leader's log and hands the snapshot over.
    async fn send_snapshot(&self) {
        trim(&self.leader, self.cut).await;
        let raft = self.leader.raft().unwrap();
        let snapshot = raft.get_snapshot().await.unwrap().expect("there is one");
        assert_eq!(snapshot.meta.last_log_id.map(|id| id.index), Some(self.cut));
        let vote = raft
            .with_raft_state(|state| *state.vote_ref())
            .await
            .unwrap();
        self.follower
            .raft()
            .unwrap()
            .install_full_snapshot(vote, snapshot)
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn case_e_a_snapshot_inside_the_log_keeps_the_entries_behind_it() {
    scoped(async {
        let mut fed = Fed::new().await;
        fed.send(0, 10).await;
        assert_eq!(fed.follower.applied(), 10);
        fed.new_term().await;
        fed.send_snapshot().await;

        purged(&fed.follower, fed.cut).await;
        assert_eq!(held(&fed.follower).await, (fed.cut + 1, fed.last));
        assert_eq!(
            fed.follower.applied(),
            fed.cut,
            "as of the point, not further"
        );
        drop(fed.node);
        drop(fed.cluster);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn case_f_a_snapshot_at_or_below_the_commit_is_ignored() {
    scoped(async {
        let fed = Fed::new().await;
        fed.send(0, fed.last).await;
        let before = state(&fed.follower);
        fed.send_snapshot().await;
        assert_eq!(fed.follower.log().bounds().purged, None);
        assert_eq!(fed.follower.applied(), fed.last);
        assert_eq!(state(&fed.follower), before);
        drop(fed.node);
        drop(fed.cluster);
    })
    .await;
}

/// What a replica would find on its disk, without starting it.
async fn on_disk(node: &Node) -> (Option<u64>, Option<u64>) {
    let config = &node.parts.config;
    let log = Log::open(
        Arc::clone(&node.parts.env.disk),
        Arc::clone(&node.parts.env.clock),
        &config.group_dir(common::GROUP),
        config.log.clone(),
    )
    .await
    .unwrap();
    let snapshot = log.load_snapshot().await.unwrap().map(|(index, _)| index);
    let purged = log.bounds().purged.map(|id| id.index);
    log.shutdown().await;
    (snapshot, purged)
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_snapshot_and_purge_is_made_good_at_the_next_start() {
    scoped(async {
        for lead in [true, false] {
            let mut cluster = Cluster::new(3).await;
            let leader = cluster.leader().await;
            let victim = if lead {
                leader.id_of_node()
            } else {
                cluster.ids_but(leader.id_of_node())[0]
            };
            put_many(&leader, 20).await;
            let cut = point(&leader).await;
            put_many(&leader, 20).await;
            cluster.settle().await;

            // The snapshot is durable when the trim is applied; the purge comes a few steps later,
            // and here each step of the disk takes its time.
            let slow = DiskFaults::slow(Duration::from_millis(5));
            cluster.nodes[&victim].plan.set_disk(slow);
            let group = cluster.group(victim).clone();
            let trimming = runtime::spawn({
                let leader = leader.clone();
                async move { leader.trim_to_point(TrimTo::Index(cut)).await }
            });
            time::timeout(SOON, async {
                while group.status().snapshot_index != Some(cut) {
                    time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await
            .expect("the trim is applied");
            let hub = cluster.hub.clone();
            let node = cluster.nodes.get_mut(&victim).unwrap();
            node.crash(&hub).await;
            assert_eq!(
                on_disk(node).await,
                (Some(cut), None),
                "the very moment (leader: {lead})"
            );
            let _outcome = trimming.await.unwrap();

            let group = cluster.restart(victim).await;
            purged(&group, cut).await;
            put_many(&cluster.leader().await, 3).await;
            cluster.settle().await;
            assert_eq!(held(&group).await.0, cut + 1);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_members_inside_the_trimmed_range_survives_it() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        let leader_id = leader.id_of_node();
        let [late, leaving] = cluster.ids_but(leader_id)[..] else {
            panic!("three nodes")
        };
        let joining = NodeId(4);
        put_many(&leader, 10).await;
        // One follower misses the change, the trim, and everything between.
        cluster.hub.isolate(late, &[leader_id, leaving, joining]);
        let mut node = Node::new(joining, |_| {});
        node.open(&cluster.hub).await;
        cluster.nodes.insert(joining, node);
        leader.add_learner(joining).await.unwrap();
        let voters = BTreeSet::from([leader_id, late, joining]);
        leader.change_voters(voters.clone()).await.unwrap();
        let hub = cluster.hub.clone();
        cluster.nodes.get_mut(&leaving).unwrap().stop(&hub).await;
        cluster.nodes.remove(&leaving);

        put_many(&leader, 10).await;
        let cut = point(&leader).await;
        put_many(&leader, 10).await;
        trim(&leader, cut).await;
        purged(&leader, cut).await;
        purged(cluster.group(joining), cut).await;

        cluster.hub.heal();
        cluster.settle().await;
        assert!(cluster.hub.snapshots_sent() > 0);
        let expected: Vec<_> = voters.into_iter().collect();
        for group in cluster.groups() {
            assert_eq!(group.status().voters, expected, "{:?}", group.status());
        }

        // The one that learned the members from the snapshot alone, without its checkpoint, elects
        // together with the one that joined.
        let node = cluster.nodes.get_mut(&late).unwrap();
        node.crash(&hub).await;
        node.checkpoints.memory.clear();
        cluster.restart(late).await;
        cluster.nodes.get_mut(&leader_id).unwrap().crash(&hub).await;
        let next = cluster.leader().await;
        assert_ne!(next.id_of_node(), leader_id);
        put_many(&next, 5).await;
        cluster.restart(leader_id).await;
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_leader_during_a_trim_leaves_all_replicas_equal() {
    scoped(async {
        for millis in 0..24 {
            let mut cluster = Cluster::new(3).await;
            let old = cluster.leader().await;
            put_many(&old, 10).await;
            let cut = point(&old).await;
            put_many(&old, 10).await;
            for node in cluster.nodes.values() {
                let slow = DiskFaults::slow(Duration::from_millis(2));
                node.plan.set_disk(slow);
            }
            let trimming = runtime::spawn({
                let old = old.clone();
                async move { old.trim_to_point(TrimTo::Index(cut)).await }
            });
            // Somewhere between proposing and purging.
            time::sleep(Duration::from_millis(millis)).await;
            let hub = cluster.hub.clone();
            let id = old.id_of_node();
            if millis % 2 == 0 {
                cluster.nodes.get_mut(&id).unwrap().crash(&hub).await;
            } else {
                hub.isolate(id, &cluster.ids_but(id));
            }
            let new = {
                let others = cluster.ids_but(id);
                let led = || others.iter().any(|&other| cluster.group(other).is_leader());
                eventually(led, "another leads").await;
                let other = others
                    .iter()
                    .find(|&&other| cluster.group(other).is_leader());
                cluster.group(*other.unwrap()).clone()
            };
            new.read_barrier().await.unwrap();
            put(&new, "after").await.unwrap();
            let _outcome = trimming.await.unwrap();
            hub.heal();
            if millis % 2 == 0 {
                cluster.restart(id).await;
            }
            cluster.settle().await;
            // If the trim was lost with its leader, the new one repeats it; either way all agree.
            if new.points().iter().any(|point| point.index == cut) {
                trim(&cluster.leader().await, cut).await;
            }
            for group in cluster.groups() {
                purged(&group, cut).await;
                assert_eq!(held(&group).await.0, cut + 1);
            }
            cluster.settle().await;
            for id in cluster.ids_but(NodeId(0)) {
                cluster.nodes.get_mut(&id).unwrap().stop(&hub).await;
            }
        }
    })
    .await;
}

/// Tests speak of nodes more than the product does.
trait NodeOf {
    fn id_of_node(&self) -> NodeId;
}

impl NodeOf for Group {
    fn id_of_node(&self) -> NodeId {
        NodeId(*self.raft().expect("it runs").node_id())
    }
}
