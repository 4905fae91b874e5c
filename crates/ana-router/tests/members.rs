//! Nodes that are added, removed and replaced while records are written, and what becomes of those that are gone.

use crate::common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ana_env::{runtime, time};
use ana_raft::Role;
use ana_router::nodes::{MembersView, NodesError};
use ana_router::ops::{CreateStream, DeleteStream, PutRecords, StreamRef};
use ana_router::{Expelled, Limits, Router};
use ana_state::MetaRefusal;
use ana_types::{GroupId, NodeId, SequenceNumber, ShardIndex};
use common::{Cluster, active, describe, entry, eventually, put_all, read_all, scoped};
use tokio::sync::watch;

/// Records that show that writing goes on.
const MORE: u64 = 60;

fn create(name: &str, shards: u32) -> CreateStream {
    CreateStream {
        name: name.to_owned(),
        shard_count: Some(shards),
        ..CreateStream::default()
    }
}

/// Somebody who puts unique records with one key, through whatever router he is given.
struct Writer {
    through: watch::Sender<Option<Router>>,
    kept: Arc<AtomicU64>,
    task: runtime::JoinHandle<Vec<(SequenceNumber, String)>>,
}

impl Writer {
    /// Creates a stream of one shard and begins to write to it.
    async fn start(cluster: &Cluster) -> Self {
        let router = cluster.router(1);
        router.create_stream(create("s", 1)).await.expect("created");
        active(router, "s").await;
        let (through, routers) = watch::channel(Some(router.clone()));
        let kept = Arc::new(AtomicU64::new(0));
        let task = runtime::spawn(write(routers, Arc::clone(&kept)));
        Self {
            through,
            kept,
            task,
        }
    }

    fn goes_through(&self, router: &Router) {
        self.through.send_replace(Some(router.clone()));
    }

    /// Waits until so many more are acknowledged.
    async fn goes_on(&self) {
        let before = self.kept.load(Ordering::Acquire);
        eventually("records are acknowledged", async || {
            (self.kept.load(Ordering::Acquire) > before + MORE).then_some(())
        })
        .await;
    }

    /// Ends it and compares what it was told with what is there.
    async fn judge(self, cluster: &Cluster) {
        self.goes_on().await;
        self.through.send_replace(None);
        let kept = self.task.await.expect("it ends");
        let there = read_all(cluster.any(), "s", ShardIndex(0)).await.0;
        let there: BTreeSet<_> = there.into_iter().collect();
        for it in &kept {
            assert!(there.contains(it), "{it:?} was acknowledged and is lost");
        }
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0), "in order");
    }
}

/// What was acknowledged, in order.
async fn write(
    routers: watch::Receiver<Option<Router>>,
    count: Arc<AtomicU64>,
) -> Vec<(SequenceNumber, String)> {
    let mut kept = Vec::new();
    for round in 0_u64.. {
        let Some(router) = routers.borrow().clone() else {
            break;
        };
        let text = round.to_string();
        let request = PutRecords {
            stream: StreamRef::by_name("s"),
            entries: vec![entry("the key", &text)],
        };
        if let Ok(results) = router.put_records(request).await
            && let [Ok(placed)] = results.as_slice()
        {
            kept.push((placed.sequence, text));
            count.fetch_add(1, Ordering::AcqRel);
        }
        time::sleep(Duration::from_millis(3)).await;
    }
    kept
}

/// Waits until the metadata says so; what it says then.
async fn until(cluster: &Cluster, what: &str, holds: impl Fn(&MembersView) -> bool) -> MembersView {
    eventually(what, async || {
        cluster.any().members().await.ok().filter(|it| holds(it))
    })
    .await
}

fn phase(view: &MembersView, node: u64) -> Option<&str> {
    let member = view.nodes.iter().find(|it| it.id == NodeId(node))?;
    Some(member.phase.as_str())
}

fn is_removed(view: &MembersView, node: u64) -> bool {
    view.removed.contains(&NodeId(node)) && view.moves.is_empty()
}

/// The voters of every group, as the running replicas have them, when all agree and every voter has a replica.
async fn placement(cluster: &Cluster) -> Option<Vec<(GroupId, BTreeSet<u64>)>> {
    let status = cluster.any().status().await;
    let mut all = Vec::new();
    for group in &status.groups {
        let voters: BTreeSet<u64> = group.voters.iter().map(|it| it.0).collect();
        let here: BTreeSet<u64> = group.replicas.iter().map(|it| it.node.0).collect();
        let others = here.difference(&voters).count();
        // Every node follows the metadata; a data group lies nowhere but on its voters.
        let alone = group.id == GroupId::METADATA || others == 0;
        if !here.is_superset(&voters) || !alone || group.leader.is_none() {
            return None;
        }
        for node in &voters {
            let replicas = cluster.replicas(*node);
            let replica = replicas.iter().find(|it| it.id == group.id)?;
            let members: BTreeSet<u64> = replica.voters.iter().map(|it| it.0).collect();
            if members != voters {
                return None;
            }
        }
        all.push((group.id, voters));
    }
    Some(all)
}

async fn placed(cluster: &Cluster, voters: &[u64]) {
    let voters: BTreeSet<u64> = voters.iter().copied().collect();
    eventually(
        &format!("every group has the voters {voters:?}"),
        async || {
            let all = placement(cluster).await?;
            all.iter().all(|(_, it)| *it == voters).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_waits_until_it_is_added() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        for name in ["s", "t"] {
            let router = cluster.router(1);
            router
                .create_stream(create(name, 3))
                .await
                .expect("created");
            active(router, name).await;
        }
        put_all(cluster.router(1), "s", vec![entry("k", "v")]).await;
        let new = cluster.newcomer(NodeId(4), "z2").await;
        let waited = cluster.router(4).wait_ready(Duration::from_secs(2)).await;
        assert!(!waited, "nobody has added it");
        let view = cluster.router(1).members().await.expect("a view");
        assert_eq!(view.nodes.len(), 3);

        let view = cluster
            .router(2)
            .add_node(new.clone())
            .await
            .expect("added");
        assert_eq!(phase(&view, 4), Some("joining"));
        until(&cluster, "it is active", |view| {
            phase(view, 4) == Some("active")
        })
        .await;
        let follows = cluster.router(4).wait_ready(Duration::from_secs(20)).await;
        assert!(follows, "it sees the metadata");
        // It gets its share of what its neighbour in the zone carries: 3 of 6 groups.
        let view = until(&cluster, "it has its share", |view| {
            let of = |node: u64| view.nodes.iter().find(|it| it.id == NodeId(node));
            view.moves.is_empty() && of(4).is_some_and(|it| it.replicas == 3)
        })
        .await;
        let neighbour = view.nodes.iter().find(|it| it.id == NodeId(2));
        assert_eq!(
            neighbour.expect("it is there").replicas,
            4,
            "the metadata too"
        );
        eventually("what has moved is gone from where it was", async || {
            placement(&cluster).await
        })
        .await;
        assert_eq!(cluster.replicas(4).len(), 4);
        assert_eq!(cluster.replicas(2).len(), 4);
        put_all(cluster.router(4), "s", vec![entry("k", "w")]).await;
        let again = cluster.router(3).add_node(new).await;
        assert!(
            again.is_ok(),
            "the same once more changes nothing: {again:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_without_its_disk_is_replaced_while_records_are_written() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let writer = Writer::start(&cluster).await;
        // The metadata leader itself dies.
        let dead = cluster.leader(GroupId::METADATA).await;
        writer.goes_through(cluster.other_than(dead));
        cluster.kill(dead).await;
        cluster.lose_disk(dead);
        let new = cluster.newcomer(NodeId(4), &format!("z{dead}")).await;
        let began = time::now();
        eventually("the replacement is recorded", async || {
            let router = cluster.other_than(NodeId(4));
            router.replace_node(dead, new.clone()).await.ok()
        })
        .await;
        until(&cluster, "the old one is removed", |it| {
            is_removed(it, dead.0)
        })
        .await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(30), "{took:?}");
        let others: Vec<u64> = cluster.running().iter().map(|it| it.0).collect();
        placed(&cluster, &others).await;
        // The new one is as good as the old one: another one may go, also for the metadata.
        let other = cluster.running().into_iter().find(|it| *it != NodeId(4));
        let other = other.expect("three run");
        writer.goes_through(cluster.router(4));
        cluster.kill(other).await;
        writer.goes_on().await;
        eventually("so does the metadata", async || {
            cluster.router(4).create_stream(create("t", 1)).await.ok()
        })
        .await;
        cluster.restart(other).await;
        writer.judge(&cluster).await;

        // The old one comes back after all, with an empty disk: it is refused, and ends.
        cluster.restart(dead).await;
        let why = time::timeout(
            Duration::from_secs(20),
            cluster.router(dead.0).until_expelled(),
        );
        assert_eq!(why.await.ok(), Some(Expelled::Removed));
        let refused = cluster.router(4).add_node(new.clone()).await;
        assert!(refused.is_ok(), "{refused:?}");
        let mut again = new;
        again.id = dead;
        let refused = cluster.router(4).add_node(again).await;
        let removed = NodesError::Refused(MetaRefusal::NodeRemoved { node: dead });
        assert_eq!(refused, Err(removed), "its id is used up");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_hands_everything_over_and_ends() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let writer = Writer::start(&cluster).await;
        cluster.join(NodeId(4), "z1").await;
        writer.goes_through(cluster.router(4));
        let led = cluster.router(1).status().await;
        let leads = led.groups.iter().any(|it| it.leader == Some(NodeId(1)));
        assert!(leads, "it leads something, so it has to hand over");
        let view = cluster.router(2).remove_node(NodeId(1), false).await;
        assert_eq!(phase(&view.expect("recorded"), 1), Some("draining"));
        let ended = cluster.router(1).until_expelled();
        let why = time::timeout(Duration::from_secs(30), ended).await;
        assert_eq!(
            why.ok(),
            Some(Expelled::Removed),
            "it hears of it as a follower"
        );
        cluster.kill(NodeId(1)).await;
        until(&cluster, "it is removed", |it| is_removed(it, 1)).await;
        placed(&cluster, &[2, 3, 4]).await;
        writer.judge(&cluster).await;

        // It comes back with its old disk, on which it is a voter of old groups still.
        cluster.restart(NodeId(1)).await;
        let ended = cluster.router(1).until_expelled();
        let why = time::timeout(Duration::from_secs(30), ended).await;
        assert_eq!(why.ok(), Some(Expelled::Removed));
        // That nobody is elected because of it takes a quiet machine to see: tests/e2e/tests/members looks at it.
        let status = cluster.router(2).status().await;
        for group in status.groups {
            assert_ne!(group.leader, Some(NodeId(1)), "nobody has voted for it");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_lose_a_zone_is_refused_unless_forced() {
    scoped(async {
        let cluster = Cluster::start(3, Limits::Off).await;
        let router = cluster.router(1);
        router.create_stream(create("s", 2)).await.expect("created");
        active(router, "s").await;
        put_all(router, "s", vec![entry("k", "1")]).await;
        let refused = router.remove_node(NodeId(3), false).await;
        let Err(NodesError::Refused(MetaRefusal::ZoneLeftEmpty { .. })) = refused else {
            unreachable!("refused for its zone: {refused:?}");
        };
        let unknown = router.remove_node(NodeId(9), true).await;
        let why = MetaRefusal::UnknownNode { node: NodeId(9) };
        assert_eq!(unknown, Err(NodesError::Refused(why)));
        router.remove_node(NodeId(3), true).await.expect("forced");
        until(&cluster, "it is removed", |it| is_removed(it, 3)).await;
        placed(&cluster, &[1, 2]).await;
        put_all(cluster.router(2), "s", vec![entry("k", "2")]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_node_gives_way_to_another() {
    scoped(async {
        let mut cluster = Cluster::start(1, Limits::Off).await;
        let writer = Writer::start(&cluster).await;
        let new = cluster.newcomer(NodeId(2), "z1").await;
        let replaced = cluster.router(1).replace_node(NodeId(1), new).await;
        replaced.expect("recorded");
        let ended = cluster.router(1).until_expelled();
        let why = time::timeout(Duration::from_secs(30), ended).await;
        assert_eq!(why.ok(), Some(Expelled::Removed));
        writer.goes_through(cluster.router(2));
        time::sleep(Duration::from_millis(500)).await;
        cluster.kill(NodeId(1)).await;
        placed(&cluster, &[2]).await;
        writer.judge(&cluster).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_dies_on_the_way_is_taken_back() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let writer = Writer::start(&cluster).await;
        let new = cluster.newcomer(NodeId(4), "z2").await;
        cluster.router(1).add_node(new).await.expect("added");
        until(&cluster, "it is active", |it| {
            phase(it, 4) == Some("active")
        })
        .await;
        // Stopped for good, though the cluster has not noticed yet: the moves to it are begun and stand still.
        let removed = cluster.router(1).remove_node(NodeId(2), false).await;
        removed.expect("recorded");
        cluster.kill(NodeId(4)).await;
        let other = cluster.newcomer(NodeId(5), "z2").await;
        let replaced = cluster.router(1).replace_node(NodeId(4), other).await;
        replaced.expect("recorded");
        until(&cluster, "both are removed", |it| {
            is_removed(it, 2) && is_removed(it, 4)
        })
        .await;
        cluster.kill(NodeId(2)).await;
        placed(&cluster, &[1, 3, 5]).await;
        writer.judge(&cluster).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_deleted_in_the_middle_of_a_move_leaves_nothing() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let router = cluster.router(1);
        for name in ["s", "t"] {
            router
                .create_stream(create(name, 3))
                .await
                .expect("created");
            active(router, name).await;
        }
        let new = cluster.newcomer(NodeId(4), "z2").await;
        let replaced = cluster.router(1).replace_node(NodeId(2), new).await;
        replaced.expect("recorded");
        until(&cluster, "replicas move", |it| !it.moves.is_empty()).await;
        let delete = DeleteStream {
            stream: StreamRef::by_name("s"),
            enforce_consumer_deletion: false,
        };
        eventually("the stream is deleted", async || {
            cluster.router(1).delete_stream(delete.clone()).await.ok()
        })
        .await;
        until(&cluster, "the node is removed", |it| is_removed(it, 2)).await;
        cluster.kill(NodeId(2)).await;
        placed(&cluster, &[1, 3, 4]).await;
        eventually("the deleted groups are gone", async || {
            let ids: Vec<GroupId> = cluster.replicas(4).iter().map(|it| it.id).collect();
            (ids.len() == 4).then_some(())
        })
        .await;
        put_all(cluster.router(4), "t", vec![entry("k", "v")]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_lost_its_disk_does_not_take_part_again() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        let writer = Writer::start(&cluster).await;
        cluster.kill(NodeId(3)).await;
        cluster.lose_disk(NodeId(3));
        cluster.restart(NodeId(3)).await;
        let ended = cluster.router(3).until_expelled();
        let why = time::timeout(Duration::from_secs(20), ended).await;
        assert_eq!(why.ok(), Some(Expelled::LostData));
        cluster.kill(NodeId(3)).await;
        writer.judge(&cluster).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_disk_elects_nobody() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        // Node 2 sees nothing of the stream and of its records: only 1 and 3 have them.
        cluster.kill(NodeId(2)).await;
        eventually("the stream is created", async || {
            cluster.router(1).create_stream(create("s", 1)).await.ok()
        })
        .await;
        active(cluster.router(1), "s").await;
        put_all(cluster.router(1), "s", vec![entry("k", "kept")]).await;
        cluster.kill(NodeId(1)).await;
        cluster.kill(NodeId(3)).await;
        cluster.lose_disk(NodeId(3));
        // One that lacks them and one that has forgotten them are no majority.
        cluster.restart(NodeId(2)).await;
        cluster.restart(NodeId(3)).await;
        let until = time::now() + Duration::from_secs(8);
        while time::now() < until {
            for node in [2, 3] {
                let led = cluster
                    .replicas(node)
                    .into_iter()
                    .find(|it| it.role == Role::Leader);
                assert!(led.is_none(), "somebody was elected: {led:?}");
            }
            time::sleep(Duration::from_millis(100)).await;
        }
        cluster.restart(NodeId(1)).await;
        let ended = cluster.router(3).until_expelled();
        let why = time::timeout(Duration::from_secs(20), ended).await;
        assert_eq!(why.ok(), Some(Expelled::LostData));
        active(cluster.router(1), "s").await;
        let there = eventually("the records are there", async || {
            let shards = describe(cluster.router(1), "s").await.ok()?.shards;
            shards.first().map(|it| it.shard)
        })
        .await;
        let records = read_all(cluster.router(1), "s", there).await.0;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].1, "kept");
    })
    .await;
}
