//! Causes are told, the ones that stop writers first.

use std::collections::BTreeMap;

use super::*;
use crate::admin::document::NodeEntry;

fn node(id: u64, state: &str) -> NodeEntry {
    NodeEntry {
        id,
        zone: "a".to_owned(),
        pid: None,
        api: String::new(),
        peer: String::new(),
        state: state.to_owned(),
        phase: None,
    }
}

/// A group of three voters, led by node 1, with what its replicas say.
fn group(id: u64, health: Health, replicas: &[(u64, &str)]) -> GroupEntry {
    let replica = |(node, health): &(u64, &str)| ReplicaEntry {
        node: *node,
        role: "follower".to_owned(),
        purged_index: 0,
        last_index: 9,
        applied_index: 9,
        resting: false,
        health: (*health).to_owned(),
    };
    GroupEntry {
        id,
        stream: (id > 0).then(|| "orders".to_owned()),
        shards: Vec::new(),
        voters: vec![1, 2, 3],
        leader: Some(1),
        preferred_leader: None,
        term: 1,
        last_index: 9,
        commit_index: 9,
        applied_index: 9,
        lag: BTreeMap::new(),
        health,
        replicas: replicas.iter().map(replica).collect(),
    }
}

fn told(nodes: &[(u64, &str)], groups: Vec<GroupEntry>) -> Vec<String> {
    let mut document = StatusDocument::unanswered();
    document.nodes = nodes.iter().map(|(id, state)| node(*id, state)).collect();
    document.groups = groups;
    why(&document)
}

const UP: [(u64, &str); 3] = [(1, "up"), (2, "up"), (3, "up")];
const WELL_ALL: [(u64, &str); 3] = [(1, "ok"), (2, "ok"), (3, "ok")];

#[test]
fn where_all_is_well_there_is_nothing_to_tell() {
    let nothing: [&str; 0] = [];
    assert_eq!(
        told(&UP, vec![group(0, Health::Healthy, &WELL_ALL)]),
        nothing
    );
}

#[test]
fn a_full_disk_is_told_with_what_it_stops() {
    let full = [(1, "full"), (2, "full"), (3, "ok")];
    let follower = [(1, "ok"), (2, "full"), (3, "ok")];
    let groups = vec![
        group(0, Health::Degraded, &follower),
        group(1, Health::Degraded, &full),
    ];
    assert!(!takes_no_records(&groups[0]) && takes_no_records(&groups[1]));
    assert_eq!(
        told(&UP, groups),
        [
            "1 of 2 groups take no records until the disk of their leader has room",
            "the disk is nearly full at node 1, 2",
        ]
    );
    let harmless = told(&UP, vec![group(1, Health::Degraded, &follower)]);
    assert_eq!(harmless, ["the disk is nearly full at node 2"]);
}

#[test]
fn what_stops_everything_comes_first() {
    let groups = vec![
        group(0, Health::Degraded, &[(1, "ok"), (3, "corrupt: frame 7")]),
        group(4, Health::Unavailable, &[(3, "ok")]),
        group(5, Health::Degraded, &[(1, "ok"), (2, "ok")]),
    ];
    assert_eq!(
        told(&[(1, "up"), (2, "down"), (3, "up")], groups),
        [
            "group 4 of orders has no leader, or too few of its voters: it takes and gives no records",
            "node 2 (zone a) is down",
            "the metadata group on node 3: corrupt: frame 7",
            "group 5 of orders has no replica yet on node 3",
        ]
    );
}

#[test]
fn what_is_on_its_way_does_not_count_and_lists_end() {
    let mut moving = group(1, Health::Healthy, &WELL_ALL);
    moving.replicas[2].health = "rejoining".to_owned();
    moving.voters = vec![1, 2];
    let nothing: [&str; 0] = [];
    assert_eq!(told(&UP, vec![moving]), nothing);
    let all = (1..=20)
        .map(|id| group(id, Health::Unavailable, &[]))
        .collect();
    let lines = told(&UP, all);
    assert_eq!(lines.len(), LINES_MAX + 1);
    assert_eq!(lines[LINES_MAX], "and 12 more: ana status -o json");
    assert_eq!(told(&[], Vec::new()).len(), 1, "nobody could be asked");
}
