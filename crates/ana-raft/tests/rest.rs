//! Groups with nothing to do rest, over the real transport, and wake without anybody noticing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::time;
use ana_raft::{Group, GroupHealth, MachineKind};
use ana_types::NodeId;

use crate::common::{GROUP, eventually, open_shards, put, put_many, scoped};
use crate::repair::{Node, damage, introduce, leader, node_with};

const REST_AFTER_MS: u64 = 300;
const IDS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// Far more than a lease and an election, and far less than the time after which the next try would come by itself.
const SUCCEEDED_WITHIN: Duration = Duration::from_secs(3);
/// An election, a snapshot and two changes of the members, several times over.
const REPAIRED_WITHIN: Duration = Duration::from_secs(20);

type Nodes = BTreeMap<NodeId, Node>;

async fn start(id: NodeId, disk: MemoryDisk) -> Node {
    let node = node_with(id, disk, |settings| settings.rest_after_ms = REST_AFTER_MS).await;
    node.groups.open(GROUP, MachineKind::Shards).await.unwrap();
    node
}

/// Three replicas that rest, and the one that leads.
async fn resting() -> (Nodes, NodeId, Group) {
    let mut nodes = Nodes::new();
    for id in IDS {
        let disk = MemoryDisk::new(id.0, MemoryDiskOptions::default());
        nodes.insert(id, start(id, disk).await);
    }
    introduce(&nodes);
    let founder = nodes[&IDS[0]].groups.get(GROUP).unwrap();
    founder.initialize(BTreeSet::from(IDS)).await.unwrap();
    let (id, first) = leader(&nodes).await;
    first.read_barrier().await.unwrap();
    open_shards(&first, &[0]).await;
    put(&first, "first").await.unwrap();
    rest(&nodes).await;
    (nodes, id, first)
}

fn group(nodes: &Nodes, id: NodeId) -> Group {
    nodes[&id].groups.get(GROUP).unwrap()
}

async fn rest(nodes: &Nodes) {
    let all = || nodes.keys().all(|id| group(nodes, *id).is_resting());
    eventually(all, "all rest").await;
}

async fn end(nodes: Nodes) {
    for node in nodes.values() {
        node.shutdown().await;
    }
}

#[tokio::test]
async fn work_wakes_a_group_that_rests_and_nobody_is_elected() {
    scoped(async {
        let (nodes, id, first) = resting().await;
        let term = first.status().term;
        // Many times what a follower waits for a leader that it should hear.
        time::sleep(Duration::from_secs(2)).await;
        assert!(IDS.iter().all(|id| group(&nodes, *id).is_resting()));
        put(&first, "second").await.unwrap();
        assert!(!first.is_resting());
        rest(&nodes).await;
        first.read_barrier().await.unwrap();
        assert!(!first.is_resting(), "its lease has to be asked for");
        rest(&nodes).await;
        for id in IDS {
            assert_eq!(group(&nodes, id).status().term, term);
        }
        assert_eq!(first.leader(), Some(id));
        end(nodes).await;
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_dies_while_all_rest_is_succeeded() {
    scoped(async {
        let (mut nodes, id, _first) = resting().await;
        let dead = nodes.remove(&id).unwrap();
        dead.shutdown().await;
        let died = time::now();
        let (_, next) = leader(&nodes).await;
        assert!(died.elapsed() < SUCCEEDED_WITHIN, "{:?}", died.elapsed());
        put(&next, "second").await.unwrap();
        // Somebody is missing: nobody rests who should bring it up to date.
        time::sleep(Duration::from_millis(4 * REST_AFTER_MS)).await;
        assert!(!next.is_resting());
        end(nodes).await;
    })
    .await;
}

#[tokio::test]
async fn a_follower_that_starts_again_finds_its_leader() {
    scoped(async {
        let (mut nodes, id, first) = resting().await;
        let term = first.status().term;
        let back = IDS.into_iter().find(|it| *it != id).unwrap();
        let gone = nodes.remove(&back).unwrap();
        gone.shutdown().await;
        nodes.insert(back, start(back, gone.disk.clone()).await);
        introduce(&nodes);
        rest(&nodes).await;
        assert_eq!(first.leader(), Some(id));
        assert_eq!(group(&nodes, back).leader(), Some(id));
        assert_eq!(
            group(&nodes, back).status().term,
            term,
            "nobody was elected"
        );
        end(nodes).await;
    })
    .await;
}

#[tokio::test]
async fn a_leader_whose_log_is_damaged_while_all_rest_is_repaired() {
    scoped(async {
        let (nodes, id, first) = resting().await;
        put_many(&first, 900).await;
        drop(first);
        rest(&nodes).await;
        // The process lives, and with it every stream to the others.
        drop(damage(&nodes[&id]).await);
        let others: Vec<_> = IDS.into_iter().filter(|it| *it != id).collect();
        let repaired = time::timeout(REPAIRED_WITHIN, async {
            while let Err(error) = nodes[&id].groups.repair(GROUP, &others).await {
                tracing::info!(%error, "again");
            }
        });
        repaired
            .await
            .expect("the others wake and elect one that helps");
        assert_eq!(group(&nodes, id).health(), GroupHealth::Ok);
        end(nodes).await;
    })
    .await;
}
