//! Each action and its pick, and what is asked of whom for it.

use std::collections::BTreeMap;

use ana_drill::Drill;
use serde_json::json;

use super::*;
use crate::faults::request::{OtherNodes, read_fault};

/// Nodes 1, 4 in zone a, 2, 5 in b, 3, 6 in c; node 1 leads shard 0 of `orders`, which 1, 2 and 3 carry.
fn six_nodes() -> Topology {
    let zone = |name| Zone::new(name).expect("a zone");
    let nodes = ["a", "b", "c", "a", "b", "c"].map(zone);
    let orders = StreamName::new("orders").expect("a name");
    let place = ana_drill::topology::ShardPlace {
        leader: Some(NodeId(1)),
        voters: [1, 2, 3].map(NodeId).into(),
    };
    let shard = ShardName {
        stream: orders.clone(),
        shard: ana_types::ShardIndex(0),
    };
    Topology {
        nodes: (1..).map(NodeId).zip(nodes).collect(),
        meta_leader: Some(NodeId(2)),
        streams: BTreeMap::from([(orders, BTreeMap::new())]),
        shards: BTreeMap::from([(shard, place)]),
    }
}

/// The only step of a drill with these lines.
fn step(lines: &str) -> ana_drill::Step {
    let text = format!("drill = \"t\"\nabout = \"t\"\n[[step]]\nat = \"0s\"\n{lines}\n");
    let drill = Drill::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    drill.steps.into_iter().next().expect("one step")
}

fn carried_out(lines: &str) -> Result<Means, Unable> {
    let step = step(lines);
    let topology = six_nodes();
    let mut chance = Chance::of_step(7, 0);
    let pick = step.on.resolve(&topology, &mut chance).expect("a pick");
    let task = Task {
        action: &step.action,
        on: &step.on,
        lasts: step.lasts.unwrap_or_default(),
    };
    means(task, &pick, &topology, &mut chance)
}

fn needed(lines: &str) -> Result<Needs, Unable> {
    let step = step(lines);
    needs(&step.action, &step.on)
}

/// Every body as a node reads it; who holds it and its kind.
fn read_by_nodes(means: &Means) -> Vec<(Option<u64>, String)> {
    let Means::Leases(Leases { stages, .. }) = means else {
        panic!("leases: {means:?}");
    };
    let others: OtherNodes = (1..=6)
        .map(|node| (NodeId(node), format!("h:{node}")))
        .collect();
    let faults = stages.iter().flat_map(|stage| &stage.faults);
    faults
        .map(|fault| {
            let mut body = fault.body.clone();
            body["id"] = json!(format!("d-1-{}", fault.name));
            body["lease_ms"] = json!(1000);
            let body = body.to_string();
            let read = read_fault(body.as_bytes(), &others);
            let read = read.unwrap_or_else(|wrong| panic!("{wrong}: {body}"));
            (
                fault.on.map(|node| node.0),
                read.effect.kind().name().to_owned(),
            )
        })
        .collect()
}

fn one(node: u64, kind: &str) -> Vec<(Option<u64>, String)> {
    vec![(Some(node), kind.to_owned())]
}

fn everywhere(count: usize, kind: &str) -> Vec<(Option<u64>, String)> {
    vec![(None, kind.to_owned()); count]
}

/// Steps, and who is to hold which kinds for them.
type Case = (&'static str, Vec<(Option<u64>, String)>);

fn cases_of_requests() -> Vec<Case> {
    vec![
        (
            "do = \"api.throttle\"\non = \"stream orders op PutRecord, PutRecords\"\npercent = 60\nfor = \"5s\"",
            everywhere(2, "api.throttle"),
        ),
        (
            "do = \"api.error\"\non = \"stream orders\"\nerror = \"InternalFailure\"\npercent = 20\nfor = \"5s\"",
            everywhere(1, "api.error"),
        ),
        (
            "do = \"api.latency\"\non = \"stream orders\"\ndelay = \"300ms\"\njitter = \"200ms\"\npercent = 30\nfor = \"5s\"",
            everywhere(1, "api.latency"),
        ),
        (
            "do = \"api.expired_iterator\"\non = \"stream orders\"\npercent = 25\nfor = \"5s\"",
            everywhere(1, "api.expired_iterator"),
        ),
        (
            "do = \"api.partial_puts\"\non = \"stream orders\"\npercent = 10\nfor = \"5s\"",
            everywhere(1, "api.partial_put"),
        ),
        (
            "do = \"api.drop_subscriptions\"\non = \"stream orders\"",
            everywhere(1, "api.drop_subscription"),
        ),
    ]
}

fn cases_of_machines() -> Vec<Case> {
    vec![
        (
            "do = \"disk.slow\"\non = \"leader of orders/shardId-000000000000\"\nfsync = \"200ms\"\nfor = \"5s\"",
            one(1, "disk.slow"),
        ),
        (
            "do = \"disk.slow\"\non = \"node 5\"\nfsync = \"2ms\"\nwrite = \"1ms\"\nread = \"3ms\"\nfor = \"5s\"",
            one(5, "disk.slow"),
        ),
        (
            "do = \"clock.drift\"\non = \"node 5\"\nby = \"-500ppm\"\nfor = \"5s\"",
            one(5, "clock.drift"),
        ),
        (
            "do = \"link.delay\"\non = \"link node 1 -> node 2\"\ndelay = \"40ms\"\njitter = \"40ms\"\nfor = \"5s\"",
            [one(1, "link.delay"), one(2, "link.delay")].concat(),
        ),
        (
            "do = \"link.loss\"\non = \"link node 1 <-> node 2\"\npercent = 5\nfor = \"5s\"",
            [one(1, "link.loss"), one(2, "link.loss")].concat(),
        ),
        (
            "do = \"link.thin\"\non = \"link node 1 -> node 2\"\nrate = \"64KiB/s\"\nfor = \"5s\"",
            [one(1, "link.thin"), one(2, "link.thin")].concat(),
        ),
        (
            "do = \"link.reset\"\non = \"link node 1 <-> node 2\"",
            [one(1, "link.reset"), one(2, "link.reset")].concat(),
        ),
        (
            "do = \"disk.full\"\non = \"node 5\"\nfor = \"5s\"",
            one(5, "disk.full"),
        ),
        (
            "do = \"disk.fsync_error\"\non = \"node 5\"\npercent = 100\nfor = \"5s\"",
            one(5, "disk.fsync_error"),
        ),
        (
            "do = \"clock.jump\"\non = \"node 2\"\nby = \"-1m\"\nfor = \"5s\"",
            one(2, "clock.jump"),
        ),
        (
            "do = \"link.oneway_drop\"\non = \"link node 1 -> node 2\"\nfor = \"5s\"",
            [one(1, "link.cut"), one(2, "link.cut")].concat(),
        ),
    ]
}

#[test]
fn what_nodes_are_asked_they_take() {
    for (lines, expected) in cases_of_requests().into_iter().chain(cases_of_machines()) {
        needed(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
        let means = carried_out(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
        assert_eq!(read_by_nodes(&means), expected, "{lines}");
    }
}

#[test]
fn a_one_way_cut_is_held_at_both_ends_and_has_one_way() {
    let means =
        carried_out("do = \"link.oneway_drop\"\non = \"link others -> node 1\"\nfor = \"5s\"");
    let Ok(Means::Leases(Leases { stages, .. })) = means else {
        panic!("leases: {means:?}");
    };
    let ways: Vec<(u64, u64, &str)> = stages[0]
        .faults
        .iter()
        .map(|fault| {
            let node = fault.on.map_or(0, |node| node.0);
            let other = fault.body["node"].as_u64().unwrap_or_default();
            (node, other, fault.body["way"].as_str().unwrap_or_default())
        })
        .collect();
    let inward = (2..=6).map(|other| (1, other, "in"));
    let outward = (2..=6).map(|node| (node, 1, "out"));
    let expected: Vec<(u64, u64, &str)> = inward.chain(outward).collect();
    assert_eq!(ways, expected);
}

#[test]
fn an_isolated_zone_keeps_its_inner_links() {
    let means = carried_out("do = \"zone.isolate\"\non = \"zone a\"\nfor = \"5s\"");
    let means = means.expect("leases");
    let held = read_by_nodes(&means);
    // Two nodes inside hold four wires each, four outside hold two each.
    assert_eq!(held.len(), 16);
    let Means::Leases(Leases { stages, .. }) = means else {
        panic!("leases");
    };
    for fault in &stages[0].faults {
        let inside = |node: u64| matches!(node, 1 | 4);
        let node = fault.on.map_or(0, |node| node.0);
        let other = fault.body["node"].as_u64().unwrap_or_default();
        assert_ne!(inside(node), inside(other), "{node} {other}");
        assert_eq!(fault.body["way"], json!("both"));
    }
}

#[test]
fn a_swizzle_has_two_orders_of_the_seed_and_ends_in_time() {
    let lines =
        "do = \"link.swizzle\"\non = \"all nodes in zone a\"\nevery = \"3s\"\nfor = \"20s\"";
    let Ok(Means::Leases(Leases { stages, .. })) = carried_out(lines) else {
        panic!("leases");
    };
    let times: Vec<(Span, Span)> = stages
        .iter()
        .map(|stage| (stage.from, stage.until))
        .collect();
    let secs = Span::from_secs;
    assert_eq!(times[0].0, secs(0));
    assert_eq!(times[1].0, secs(3));
    let mut ends = [times[0].1, times[1].1];
    ends.sort();
    assert_eq!(ends, [secs(17), secs(20)]);
    assert_eq!(
        carried_out(lines).expect("again"),
        staged(stages),
        "the seed decides"
    );
    // Too many nodes for the time: they follow each other faster.
    let Ok(Means::Leases(Leases { stages, .. })) =
        carried_out("do = \"link.swizzle\"\non = \"all nodes\"\nevery = \"3s\"\nfor = \"6s\"")
    else {
        panic!("leases");
    };
    assert_eq!(stages.len(), 6);
    assert_eq!(stages[5].from, Span::from_millis(2500));
    for stage in stages {
        assert!(
            stage.from < stage.until && stage.until <= secs(6),
            "{stage:?}"
        );
    }
}

#[test]
fn processes_are_the_supervisors() {
    let cases = [
        (
            "do = \"node.kill\"\non = \"node 1\"\nfor = \"5s\"",
            vec!["kill"],
            Some("start"),
            1,
        ),
        (
            "do = \"node.pause\"\non = \"node 1\"\nfor = \"5s\"",
            vec!["pause"],
            Some("resume"),
            1,
        ),
        (
            "do = \"node.restart\"\non = \"node 1\"",
            vec!["stop", "start"],
            None,
            1,
        ),
        (
            "do = \"node.wipe_disk\"\non = \"node 1\"",
            vec!["kill", "wipe", "start"],
            None,
            1,
        ),
        (
            "do = \"zone.down\"\non = \"zone b\"\nfor = \"5s\"",
            vec!["kill"],
            Some("start"),
            2,
        ),
        (
            "do = \"disk.power_cut\"\non = \"all zones\"\nfor = \"5s\"",
            vec!["kill"],
            Some("start"),
            6,
        ),
    ];
    for (lines, verbs, back, nodes) in cases {
        let Ok(Means::Process(process)) = carried_out(lines) else {
            panic!("{lines}");
        };
        assert_eq!((process.verbs, process.back), (verbs, back), "{lines}");
        assert_eq!(process.nodes.len(), nodes, "{lines}");
    }
}

#[test]
fn changes_find_their_target() {
    let shard = "leader of orders/shardId-000000000000";
    let moved = carried_out(&format!(
        "do = \"change.move_leader\"\non = \"{shard}\"\nto = \"c\""
    ));
    let Ok(Means::MoveLeader { to, .. }) = moved else {
        panic!("{moved:?}");
    };
    assert_eq!(to, NodeId(3));
    let stays = carried_out(&format!(
        "do = \"change.move_leader\"\non = \"{shard}\"\nto = \"a\""
    ));
    let stays = stays.expect_err("nobody else in a votes").to_string();
    assert_eq!(
        stays,
        "change.move_leader found nothing to work on: no other voter stands there"
    );
    let Ok(Means::RollingRestart { nodes, pause }) =
        carried_out("do = \"change.rolling_restart\"\non = \"all nodes\"\npause = \"2s\"")
    else {
        panic!("a restart");
    };
    assert_eq!((nodes.len(), pause), (6, Span::from_secs(2)));
}

#[test]
fn what_cannot_be_done_is_known_before() {
    let cases = [
        (
            "do = \"api.throttle\"\non = \"stream orders shardId-000000000000\"\npercent = 60\nfor = \"5s\"",
            "one shard's requests",
        ),
        (
            "do = \"api.throttle\"\non = \"stream orders\"\npercent = 12.5\nfor = \"5s\"",
            "a share of 12.5%",
        ),
        (
            "do = \"disk.full\"\non = \"node 1\"\nfree = \"1MiB\"\nfor = \"5s\"",
            "disk.full with `free`",
        ),
        (
            "do = \"change.add_node\"\non = \"zone a\"",
            "change.add_node",
        ),
    ];
    for (lines, what) in cases {
        let unable = needed(lines).expect_err(lines).to_string();
        assert!(unable.contains(what), "{unable}");
        assert!(
            unable.contains("cannot be done on a running cluster"),
            "{unable}"
        );
    }
}
