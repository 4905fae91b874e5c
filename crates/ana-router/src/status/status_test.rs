//! How reports become one view.

use std::collections::BTreeMap;

use ana_types::{GroupId, NodeId};

use super::{GroupView, ReplicaReport, ReplicaView, Report, join_reports};

fn report(node: u64, term: u64, leader: Option<u64>, last_index: u64) -> (NodeId, Report) {
    let node = NodeId(node);
    let view = ReplicaView {
        node,
        role: "follower".to_owned(),
        purged_index: 0,
        resting: false,
        last_index,
        applied_index: last_index,
        lag: 0,
        health: "ok".to_owned(),
    };
    let leader = leader.map(NodeId);
    let replica = ReplicaReport {
        group: GroupId(1),
        term,
        leader,
        commit_index: last_index,
        view,
    };
    (
        node,
        Report {
            node,
            pid: 1,
            replicas: vec![replica],
            disk_is_slow: false,
            sync_us: 0,
        },
    )
}

fn joined(reports: impl IntoIterator<Item = (NodeId, Report)>) -> GroupView {
    let mut view = GroupView {
        id: GroupId(1),
        stream: None,
        shards: Vec::new(),
        voters: Vec::new(),
        preferred_leader: None,
        leader: None,
        term: 0,
        last_index: 0,
        commit_index: 0,
        replicas: Vec::new(),
    };
    join_reports(&mut view, &reports.into_iter().collect::<BTreeMap<_, _>>());
    view
}

#[test]
fn the_newest_term_names_the_leader() {
    let view = joined([
        report(1, 4, Some(1), 90),
        report(2, 5, Some(2), 100),
        report(3, 5, None, 99),
    ]);
    assert_eq!((view.leader, view.term), (Some(NodeId(2)), 5));
    assert_eq!((view.last_index, view.commit_index), (100, 100));
    let lags: Vec<_> = view.replicas.iter().map(|it| it.lag).collect();
    assert_eq!(lags, [10, 0, 1]);
}

#[test]
fn of_two_leaders_in_one_term_the_later_is_told() {
    let view = joined([
        report(1, 5, Some(1), 90),
        report(2, 5, Some(3), 90),
        report(3, 5, Some(3), 91),
    ]);
    assert_eq!(view.leader, Some(NodeId(3)));
}

#[test]
fn a_leader_that_does_not_report_is_none() {
    let view = joined([report(1, 5, Some(3), 90), report(2, 5, Some(3), 90)]);
    assert_eq!(view.leader, None);
    assert_eq!(joined([]).leader, None);
}
