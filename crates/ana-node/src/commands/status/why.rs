//! Why a cluster is not healthy: a line for each cause, the ones that stop writers first.
//!
//! Must stay true: a cluster that is not healthy has at least one line here, and a healthy one none.

use std::collections::BTreeSet;

use crate::admin::document::{GroupEntry, Health, ReplicaEntry, StatusDocument};

/// Lines that are told; a cluster of many groups can have as many causes.
const LINES_MAX: usize = 8;
/// What a replica says of its log when its disk has no room.
const FULL: &str = "full";
/// And when all is well.
const WELL: &str = "ok";

/// The causes.
pub(super) fn why(document: &StatusDocument) -> Vec<String> {
    let mut lines = Vec::new();
    if document.groups.is_empty() {
        lines.push(
            "no node told of a group: nobody could be asked, or the cluster is new".to_owned(),
        );
    }
    let unled = document.groups.iter();
    let unled = unled.filter(|group| group.health == Health::Unavailable);
    lines.extend(unled.map(|group| {
        let name = name(group);
        format!("{name} has no leader, or too few of its voters: it takes and gives no records")
    }));
    lines.extend(full(document));
    let absent = document.nodes.iter().filter(|node| node.state != "up");
    lines.extend(
        absent.map(|node| format!("node {} (zone {}) is {}", node.id, node.zone, node.state)),
    );
    for group in &document.groups {
        let others = group
            .replicas
            .iter()
            .filter(|it| is_unwell(group, it) && it.health != FULL);
        lines
            .extend(others.map(|it| format!("{} on node {}: {}", name(group), it.node, it.health)));
        lines.extend(silent(document, group));
    }
    let more = lines.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.truncate(LINES_MAX);
        lines.push(format!("and {more} more: ana status -o json"));
    }
    lines
}

/// Whether it takes no records because its leader has no room for them.
pub(super) fn takes_no_records(group: &GroupEntry) -> bool {
    let leader = group
        .replicas
        .iter()
        .find(|it| Some(it.node) == group.leader);
    leader.is_some_and(|leader| leader.health == FULL)
}

fn name(group: &GroupEntry) -> String {
    match (&group.stream, group.id) {
        (_, 0) => "the metadata group".to_owned(),
        (Some(stream), id) => format!("group {id} of {stream}"),
        (None, id) => format!("group {id}"),
    }
}

/// A replica on its way here or away says nothing about the group.
fn is_unwell(group: &GroupEntry, replica: &ReplicaEntry) -> bool {
    replica.health != WELL && group.voters.contains(&replica.node)
}

fn full(document: &StatusDocument) -> Vec<String> {
    let mut nodes = BTreeSet::new();
    for group in &document.groups {
        let full = group
            .replicas
            .iter()
            .filter(|it| it.health == FULL && is_unwell(group, it));
        nodes.extend(full.map(|it| it.node));
    }
    if nodes.is_empty() {
        return Vec::new();
    }
    let refusing = document
        .groups
        .iter()
        .filter(|group| takes_no_records(group));
    let refusing = refusing.count();
    let mut lines = Vec::new();
    if refusing > 0 {
        lines.push(format!(
            "{refusing} of {} groups take no records until the disk of their leader has room",
            document.groups.len()
        ));
    }
    let nodes: Vec<String> = nodes.iter().map(u64::to_string).collect();
    lines.push(format!(
        "the disk is nearly full at node {}",
        nodes.join(", ")
    ));
    lines
}

/// Voters of a group that is led and did not hear of all: only those of nodes that are up, the others are told already.
fn silent(document: &StatusDocument, group: &GroupEntry) -> Vec<String> {
    if group.health == Health::Unavailable {
        return Vec::new();
    }
    let is_up = |id: u64| {
        document
            .nodes
            .iter()
            .any(|node| node.id == id && node.state == "up")
    };
    let tells = |id: u64| group.replicas.iter().any(|it| it.node == id);
    let silent = group.voters.iter().filter(|id| is_up(**id) && !tells(**id));
    silent
        .map(|id| format!("{} has no replica yet on node {id}", name(group)))
        .collect()
}

#[cfg(test)]
mod why_test;
