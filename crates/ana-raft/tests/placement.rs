//! Replicas that move from node to node while records are written: learner, joint phase, new voters; and
//! voters that were removed and do not know it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ana_env::{runtime, time};
use ana_raft::{Departure, Former, Group, Members};
use ana_types::NodeId;
use common::{Cluster, Node, eventually, point, purged, put, put_many, scoped, trim};

const SPARE: NodeId = NodeId(4);
/// Many election timeouts.
const LONG: Duration = Duration::from_secs(60);

fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// A node that is in no group yet.
async fn spare(cluster: &mut Cluster, id: NodeId) -> Group {
    let mut node = Node::new(id, |_| {});
    let group = node.open(&cluster.hub).await;
    cluster.nodes.insert(id, node);
    group
}

async fn invited(leader: &Group, node: NodeId) {
    leader.invite(node).await.unwrap();
    eventually(|| leader.has_caught_up(node), "the learner has caught up").await;
}

/// The voters after one of them has given its place to the spare one.
fn voters_without(gone: NodeId) -> BTreeSet<NodeId> {
    let all = ids(&[1, 2, 3, 4]);
    all.into_iter().filter(|id| *id != gone).collect()
}

/// A follower.
fn follower(leader: &Group) -> NodeId {
    let led_by = leader.leader();
    let mut all = ids(&[1, 2, 3]).into_iter();
    all.find(|id| Some(*id) != led_by).unwrap()
}

/// Writes until told to stop, whoever leads; keys of what was acknowledged.
fn writer(cluster: &Cluster, stop: &Arc<AtomicBool>) -> runtime::JoinHandle<Vec<String>> {
    let (groups, stop) = (cluster.groups(), Arc::clone(stop));
    runtime::spawn(async move {
        let mut kept = Vec::new();
        for n in 0_u32.. {
            if stop.load(Ordering::Acquire) {
                break;
            }
            let key = format!("w{n}");
            if let Some(leader) = groups.iter().find(|it| it.is_leader())
                && put(leader, &key).await.is_ok()
            {
                kept.push(key);
            }
            time::sleep(Duration::from_millis(5)).await;
        }
        kept
    })
}

async fn keys(group: &Group) -> Vec<String> {
    let read = group
        .log()
        .read_key(0, 0, u64::MAX, usize::MAX)
        .await
        .unwrap();
    let batches = read.batches.into_iter();
    batches
        .flat_map(|batch| ana_types::record::codec::decode(batch.body))
        .map(|it| String::from_utf8(it.unwrap().partition_key.to_vec()).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_replica_moves_while_records_are_written() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let new = spare(&mut cluster, SPARE).await;
        let leader = cluster.leader().await;
        let before = put_many(&leader, 200).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writing = writer(&cluster, &stop);
        let gone = follower(&leader);
        let term = leader.status().term;

        invited(&leader, SPARE).await;
        let learner = Members {
            voters: ids(&[1, 2, 3]),
            learners: ids(&[4]),
        };
        assert_eq!(leader.members(), Some(learner));
        let voters = voters_without(gone);
        leader
            .become_voters(voters.clone(), Former::Leave)
            .await
            .unwrap();
        let moved = Members {
            voters,
            learners: BTreeSet::new(),
        };
        assert_eq!(leader.members(), Some(moved));
        assert_eq!(new.members(), None, "only the leader says");
        time::sleep(Duration::from_secs(1)).await;
        stop.store(true, Ordering::Release);
        let written = writing.await.unwrap();
        assert!(written.len() > 100, "{}", written.len());
        assert_eq!(leader.status().term, term, "nobody was elected for it");

        let mut node = cluster.nodes.remove(&gone).unwrap();
        node.stop(&cluster.hub).await;
        cluster.settle().await;
        let held = keys(&new).await;
        let of_writer = held.iter().filter(|key| key.starts_with('w'));
        assert!(of_writer.eq(&written), "in order, none lost, none twice");
        assert!(new.status().last_index.unwrap() > before);
        // The new one counts: with it, one of the others may go.
        let other = follower(&leader);
        let other = if other == gone {
            voters_without(gone)
                .into_iter()
                .find(|id| Some(*id) != leader.leader() && *id != SPARE)
        } else {
            Some(other)
        };
        cluster
            .nodes
            .get_mut(&other.unwrap())
            .unwrap()
            .stop(&cluster.hub)
            .await;
        put(&leader, "two are enough").await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_learner_begins_with_a_snapshot_when_the_log_is_cut() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        let leader = cluster.leader().await;
        put_many(&leader, 2000).await;
        let cut = point(&leader).await;
        put_many(&leader, 50).await;
        trim(&leader, cut).await;
        purged(&leader, cut).await;
        assert_eq!(cluster.hub.snapshots_sent(), 0);

        let new = spare(&mut cluster, SPARE).await;
        invited(&leader, SPARE).await;
        assert!(cluster.hub.snapshots_sent() > 0, "the beginning is gone");
        let gone = follower(&leader);
        leader
            .become_voters(voters_without(gone), Former::Leave)
            .await
            .unwrap();
        let mut node = cluster.nodes.remove(&gone).unwrap();
        node.stop(&cluster.hub).await;
        put(&leader, "after").await.unwrap();
        cluster.settle().await;
        assert_eq!(new.status().snapshot_index, Some(cut));
        // It leads as well as anybody.
        leader.transfer_leader(SPARE).await.unwrap();
        put(&new, "as leader").await.unwrap();
        cluster.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_voter_that_keeps_campaigning_disturbs_nobody() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let leader = cluster.leader().await;
        put_many(&leader, 20).await;
        let gone = follower(&leader);
        invited(&leader, SPARE).await;
        // It does not see that it is removed.
        cluster.hub.isolate(gone, &cluster.ids_but(gone));
        leader
            .become_voters(voters_without(gone), Former::Leave)
            .await
            .unwrap();
        put_many(&leader, 20).await;
        cluster.hub.heal();
        let (term, led_by) = (leader.status().term, leader.leader());
        let removed = cluster.group(gone).clone();
        assert!(
            removed.status().voters.contains(&gone),
            "it believes to vote"
        );
        let stop = Arc::new(AtomicBool::new(false));
        let writing = writer(&cluster, &stop);
        time::sleep(LONG).await;
        stop.store(true, Ordering::Release);
        let written = writing.await.unwrap();
        assert!(written.len() > 1000, "{}", written.len());
        for group in cluster.groups() {
            let status = group.status();
            assert_eq!(status.term, term, "a term has changed: {status:?}");
        }
        assert_eq!(leader.leader(), led_by);
        // Restarted, the same.
        let node = cluster.nodes.get_mut(&gone).unwrap();
        node.stop(&cluster.hub).await;
        node.open(&cluster.hub).await;
        time::sleep(LONG).await;
        put(&leader, "still").await.unwrap();
        assert_eq!((leader.status().term, leader.leader()), (term, led_by));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_to_go_hands_over_first() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let first = cluster.leader().await;
        let gone = first.leader().unwrap();
        invited(&first, SPARE).await;
        let heir = follower(&first);
        first.transfer_leader(heir).await.unwrap();
        let second = cluster.leader().await;
        // What the first has begun is there for the second to go on from.
        eventually(
            || second.members().is_some(),
            "the second knows the members",
        )
        .await;
        assert_eq!(second.members().unwrap().learners, ids(&[4]));
        second
            .become_voters(voters_without(gone), Former::Leave)
            .await
            .unwrap();
        put(&second, "after").await.unwrap();
        assert_eq!(second.members().unwrap().voters, voters_without(gone));
    })
    .await;
}

/// What whoever leads does about a change that somebody has begun: a leader that is to go hands over.
async fn finish(
    cluster: &Cluster,
    goal: &BTreeSet<NodeId>,
    come: NodeId,
    (gone, heir): (NodeId, NodeId),
) -> Group {
    loop {
        let next = cluster.leader().await;
        if next.members().is_some_and(|it| it.voters == *goal) {
            return next;
        }
        if next.leader() == Some(gone) {
            let itself = next.become_voters(goal.clone(), Former::Leave).await;
            assert!(itself.is_err(), "a leader does not remove itself");
            drop(next.transfer_leader(heir).await);
        } else {
            drop(next.invite(come).await);
            drop(next.become_voters(goal.clone(), Former::Leave).await);
        }
        time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_joint_phase_is_finished_by_the_next_leader() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let mut reached = 0;
        for round in 0..12_u64 {
            let leader = cluster.leader().await;
            let (led_by, voters) = (leader.leader().unwrap(), leader.members());
            let Some(Members { voters, .. }) = voters else {
                time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let mut goal = voters.clone();
            let come = ids(&[1, 2, 3, 4])
                .into_iter()
                .find(|id| !voters.contains(id))
                .unwrap();
            let gone = voters.iter().copied().find(|id| *id != led_by).unwrap();
            goal.remove(&gone);
            goal.insert(come);
            invited(&leader, come).await;
            // Power is cut at some moment of the change, another one in each round.
            let changing = {
                let (leader, goal) = (leader.clone(), goal.clone());
                runtime::spawn(async move { leader.become_voters(goal, Former::Leave).await })
            };
            time::sleep(Duration::from_millis(round)).await;
            cluster
                .nodes
                .get_mut(&led_by)
                .unwrap()
                .crash(&cluster.hub)
                .await;
            drop(changing.await);
            let next = cluster.leader().await;
            if next.members().is_none() {
                reached += 1;
            }
            // Who died is not missed: old voters and new ones have a majority each without it.
            let heir = goal.iter().copied().find(|id| *id != led_by && *id != come);
            let done = Box::pin(finish(&cluster, &goal, come, (gone, heir.unwrap())));
            let next = time::timeout(common::SOON, done)
                .await
                .expect("it is finished");
            put(&next, &format!("round-{round}")).await.unwrap();
            cluster.restart(led_by).await;
            // It may come back in a later round, as another replica of the same member.
            let node = cluster.nodes.get_mut(&gone).unwrap();
            assert_eq!(node.leave(&cluster.hub).await, Departure::Clean);
            node.open(&cluster.hub).await;
        }
        assert!(reached > 0, "no round has left a joint phase behind");
        let leader = cluster.leader().await;
        let held = keys(&leader).await;
        let rounds = held.iter().filter(|key| key.starts_with("round-")).count();
        assert!(rounds >= 10, "{held:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn former_voters_follow_on_when_asked_to() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let leader = cluster.leader().await;
        let gone = follower(&leader);
        invited(&leader, SPARE).await;
        leader
            .become_voters(voters_without(gone), Former::Follow)
            .await
            .unwrap();
        assert_eq!(leader.members().unwrap().learners, BTreeSet::from([gone]));
        put_many(&leader, 5).await;
        cluster.settle().await;
        leader.dismiss(&BTreeSet::from([gone])).await.unwrap();
        assert_eq!(leader.members().unwrap().learners, BTreeSet::new());
        let votes = leader.dismiss(&BTreeSet::from([SPARE])).await;
        assert!(votes.is_err(), "voters are not dismissed: {votes:?}");
        assert_eq!(leader.members().unwrap().voters, voters_without(gone));
    })
    .await;
}

/// Moves the replica of `gone` to the spare node by way of the leader of those that are not cut off, then
/// the group comes back to `gone`: its node holds a new replica that nobody has spoken to.
async fn there_and_back(cluster: &mut Cluster, leader: &Group, gone: NodeId) {
    invited(leader, SPARE).await;
    leader
        .become_voters(voters_without(gone), Former::Leave)
        .await
        .unwrap();
    put_many(leader, 5).await;
    let hub = cluster.hub.clone();
    let node = cluster.nodes.get_mut(&gone).unwrap();
    assert_eq!(node.leave(&hub).await, Departure::Clean);
    node.open(&hub).await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_back_elects_nobody_who_lacks_what_it_had() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let leader = cluster.leader().await;
        put_many(&leader, 5).await;
        let gone = follower(&leader);
        let led_by = leader.leader().unwrap();
        let away = ids(&[1, 2, 3])
            .into_iter()
            .find(|id| *id != gone && *id != led_by);
        let away = away.unwrap();
        // One of the three sees nothing of it: it counts on the two others as ever.
        cluster.hub.isolate(away, &cluster.ids_but(away));
        there_and_back(&mut cluster, &leader, gone).await;
        cluster.hub.heal();
        cluster.hub.isolate(led_by, &[away, gone]);
        cluster.hub.isolate(SPARE, &[away, gone]);
        let stale = cluster.group(away).clone();
        assert_eq!(stale.status().voters, [NodeId(1), NodeId(2), NodeId(3)]);
        let until = time::now() + LONG;
        while time::now() < until {
            assert!(
                !stale.is_leader(),
                "two groups in one: {:?}",
                stale.status()
            );
            time::sleep(Duration::from_millis(50)).await;
        }
        put(&leader, "the others go on").await.unwrap();
        // It counts again as soon as it has what it had.
        cluster.hub.heal();
        invited(&leader, gone).await;
        let back = cluster.group(gone).clone();
        eventually(|| back.votes_allowed(), "it votes").await;
        leader
            .become_voters(ids(&[1, 2, 3]), Former::Leave)
            .await
            .unwrap();
        cluster
            .nodes
            .remove(&SPARE)
            .unwrap()
            .stop(&cluster.hub.clone())
            .await;
        cluster.settle().await;
        // A start finds that the log on the disk reaches as far: nothing is owed any more.
        let hub = cluster.hub.clone();
        let node = cluster.nodes.get_mut(&gone).unwrap();
        node.stop(&hub).await;
        node.open(&hub).await;
        let file = std::path::Path::new("/data/groups/7/left");
        let files = node.disk.snapshot_durable();
        assert!(!files.contains_key(file), "{:?}", files.keys());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_back_confirms_nothing_to_a_leader_of_before() {
    scoped(async {
        let mut cluster = Cluster::new(3).await;
        spare(&mut cluster, SPARE).await;
        let old = cluster.leader().await;
        put_many(&old, 5).await;
        let led_by = old.leader().unwrap();
        cluster.hub.isolate(led_by, &cluster.ids_but(led_by));
        let stopped = old.status().term;
        let next = loop {
            let elected = cluster.leader().await;
            if elected.status().term > stopped {
                break elected;
            }
            time::sleep(Duration::from_millis(10)).await;
        };
        let gone = ids(&[1, 2, 3]).into_iter();
        let gone = gone
            .filter(|id| *id != led_by)
            .find(|id| Some(*id) != next.leader());
        let gone = gone.unwrap();
        there_and_back(&mut cluster, &next, gone).await;
        let back = cluster.group(gone).clone();
        eventually(|| back.status().term > stopped, "it knows the term it had").await;
        let mark = back.status().last_index;
        cluster.hub.heal();
        cluster.hub.isolate(next.leader().unwrap(), &[led_by, gone]);
        cluster.hub.isolate(SPARE, &[led_by, gone]);
        let put = put(&old, "to be lost").await;
        assert!(put.is_err(), "a leader of before has written: {put:?}");
        assert_eq!(back.status().last_index, mark, "it took nothing");
    })
    .await;
}
