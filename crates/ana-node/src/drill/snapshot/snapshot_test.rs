//! What a status says of a cluster, as a drill needs it.

use crate::admin::document::ReplicaEntry;
use crate::cluster::supervisor::NodeState;

use super::*;

pub(in crate::drill) fn node(id: u64, zone: &str, state: &str) -> NodeEntry {
    NodeEntry {
        id,
        zone: zone.to_owned(),
        pid: None,
        api: format!("127.0.0.1:{id}"),
        peer: format!("127.0.0.1:1{id}"),
        state: state.to_owned(),
        phase: None,
    }
}

/// A group of the stream `orders` that nodes 1, 2 and 3 carry.
pub(in crate::drill) fn group(id: u64, shard: u32, leader: Option<u64>, term: u64) -> GroupEntry {
    let replica = |node| ReplicaEntry {
        node,
        role: "follower".to_owned(),
        purged_index: 0,
        resting: false,
        last_index: 10,
        applied_index: 10,
        health: "ok".to_owned(),
    };
    GroupEntry {
        id,
        stream: (id != GroupId::METADATA.0).then(|| "orders".to_owned()),
        shards: vec![ShardIndex(shard).to_string()],
        voters: vec![1, 2, 3],
        leader,
        preferred_leader: None,
        term,
        last_index: 10,
        commit_index: 10,
        applied_index: 10,
        lag: BTreeMap::new(),
        health: if leader.is_some() {
            Health::Healthy
        } else {
            Health::Unavailable
        },
        replicas: [1, 2, 3].map(replica).into(),
    }
}

/// Three nodes in three zones; node 2 leads the metadata and shard 0 of orders, node 3 leads shard 1.
pub(in crate::drill) fn status() -> StatusDocument {
    StatusDocument {
        disposable: true,
        health: Health::Healthy,
        nodes: vec![node(1, "a", "up"), node(2, "b", "up"), node(3, "c", "up")],
        groups: vec![
            group(0, 9, Some(2), 4),
            group(1, 0, Some(2), 4),
            group(2, 1, Some(3), 4),
        ],
        ..StatusDocument::unanswered()
    }
}

fn snapshot(status: StatusDocument) -> Snapshot {
    Snapshot {
        status,
        census: Census::default(),
    }
}

fn shard(index: u32) -> ShardName {
    ShardName {
        stream: StreamName::new("orders").expect("a name"),
        shard: ShardIndex(index),
    }
}

#[test]
fn the_newer_term_is_believed_whoever_answers_first() {
    // Node 2 is cut off and believes that it still leads; node 1 knows better.
    let old = status();
    let mut new = status();
    new.nodes[1].state = "unreachable".to_owned();
    new.groups[1] = group(1, 0, Some(1), 5);
    new.groups[2] = group(2, 1, None, 6);
    for answers in [[old.clone(), new.clone()], [new, old]] {
        let joined = join(answers.into(), None).expect("two answers");
        let leaders: Vec<_> = joined.groups.iter().map(|group| group.leader).collect();
        assert_eq!(leaders, [Some(2), Some(1), None]);
        assert_eq!(joined.nodes[1].state, "up", "it answered itself");
        assert_eq!(joined.health, Health::Unavailable);
    }
    assert_eq!(join(Vec::new(), None), None);
}

#[test]
fn the_supervisor_knows_who_is_down() {
    let view = |id, state| NodeView {
        id,
        zone: "a".to_owned(),
        pid: Some(7),
        api: String::new(),
        peer: String::new(),
        state,
        reason: String::new(),
        starts: 1,
    };
    let mut told = status();
    told.nodes[2].state = "unreachable".to_owned();
    let views = vec![
        view(1, NodeState::Down),
        view(3, NodeState::Up),
        view(4, NodeState::Starting),
    ];
    let joined = join(vec![told], Some(views)).expect("an answer");
    let states: Vec<&str> = joined
        .nodes
        .iter()
        .map(|node| node.state.as_str())
        .collect();
    assert_eq!(states, ["down", "up", "unreachable", "starting"]);
    let none = join(Vec::new(), Some(vec![view(1, NodeState::Down)])).expect("a supervisor");
    assert_eq!((none.nodes.len(), none.health), (1, Health::Unavailable));
}

#[test]
fn targets_find_leaders_and_open_shards() {
    let mut seen = snapshot(status());
    let topology = seen.topology();
    assert_eq!(topology.meta_leader, Some(NodeId(2)));
    assert_eq!(topology.shards[&shard(0)].leader, Some(NodeId(2)));
    assert_eq!(topology.shards.len(), 2);
    // Shard 0 was split: it is no target any more, and nobody waits for its leader.
    seen.status.groups[1] = group(1, 0, None, 4);
    assert_eq!(seen.unwritable(), BTreeSet::from([shard(0)]));
    let orders = StreamName::new("orders").expect("a name");
    seen.census
        .open
        .insert(orders, BTreeSet::from([ShardIndex(1)]));
    assert_eq!(seen.topology().shards.len(), 1);
    assert_eq!(seen.unwritable(), BTreeSet::new());
}

#[test]
fn a_replica_is_up_to_date_when_it_has_what_was_committed_before() {
    let before = snapshot(status());
    let mut now = snapshot(status());
    now.status.groups[1].commit_index = 500;
    assert_eq!(now.under_replicated(Some(&before)), BTreeSet::new());
    now.status.groups[1].replicas[0].applied_index = 9;
    assert_eq!(
        now.under_replicated(Some(&before)),
        BTreeSet::from([shard(0)])
    );
    now.status.groups[1].replicas.remove(0);
    assert_eq!(now.under_replicated(None), BTreeSet::from([shard(0)]));
    now.status.groups[1] = group(1, 0, Some(2), 4);
    now.status.groups[1].replicas[0].health = "rejoining".to_owned();
    assert_eq!(now.under_replicated(None), BTreeSet::from([shard(0)]));
}

#[test]
fn changes_are_told_once_and_new_shards_are_none() {
    let before = snapshot(status());
    assert_eq!(before.changes_since(&before), []);
    let mut now = snapshot(status());
    now.status.nodes[1].state = "down".to_owned();
    now.status.groups[1] = group(1, 0, Some(1), 5);
    now.status.groups.push(group(7, 2, Some(1), 1));
    let changes = now.changes_since(&before);
    let expected = [
        What::NodeState {
            node: 2,
            zone: "b".to_owned(),
            state: "down".to_owned(),
        },
        What::LeaderChanged {
            shard: Some(shard(0).to_string()),
            from: Some(2),
            to: Some(1),
            term: 5,
        },
    ];
    assert_eq!(changes, expected);
}
