//! Which texts are which targets, and which members they have in a small cluster.

use super::{Pick, ResolveError, Target, TargetError};
use crate::chance::Chance;
use crate::fixture::{nine_nodes, stream};
use crate::operation::Operation;
use ana_types::{NodeId, Zone};
use proptest::prelude::{any, prop_assert_eq, proptest};
use std::collections::BTreeSet;

const SHARD: &str = "orders/shardId-000000000000";

fn target(text: &str) -> Target {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn resolve(text: &str, seed: u64) -> Result<Pick, ResolveError> {
    target(text).resolve(&nine_nodes(), &mut Chance::new(seed))
}

fn nodes(text: &str, seed: u64) -> Vec<u64> {
    let pick = resolve(text, seed).unwrap_or_else(|error| panic!("{text}: {error}"));
    pick.nodes().into_iter().map(|node| node.0).collect()
}

#[test]
fn what_is_written_plainly_prints_as_it_was_written() {
    for text in [
        "zone b",
        "node 4",
        "leader of orders/shardId-000000000000",
        "follower of orders/shardId-000000000000",
        "meta leader",
        "link a -> b",
        "link a <-> b",
        "link node 4 -> leader of orders/shardId-000000000001",
        "link meta leader <-> others",
        "link zone others -> a",
        "stream orders",
        "stream orders op GetRecords",
        "stream orders shardId-000000000003 op PutRecord, PutRecords principal arn:aws:iam::111122223333:role/app",
        "all streams principal AKIDEXAMPLE",
        "2 of streams clicks, orders op GetRecords",
        "one of streams tagged env = prod, \"team name\" = \"a \\\"b\\\"\"",
        "all streams \"op\", orders, \"shardId-1\", \"tagged\" op PutRecord",
        "all streams shardId-000000000001",
        "stream op op PutRecord",
        "one of zones",
        "all zones",
        "all nodes",
        "2 of nodes in zone b",
        "30% of nodes",
        "up to 5 of streams tagged env = prod",
        "all followers of orders/shardId-000000000000",
    ] {
        assert_eq!(target(text).to_string(), text);
    }
    for (text, prints) in [
        (
            "leader of orders/0",
            "leader of orders/shardId-000000000000",
        ),
        ("  all   of nodes ", "all nodes"),
        ("link zone a -> zone b", "link a -> b"),
        (
            "all streams tagged env=prod",
            "all streams tagged env = prod",
        ),
    ] {
        assert_eq!(target(text).to_string(), prints);
    }
}

#[test]
fn what_is_no_target_is_refused_with_the_word_meant() {
    for (text, message) in [
        ("", "is missing at the end"),
        ("zone", "the name of a zone is missing at the end"),
        ("zone B", "a zone may not contain 'B'"),
        ("zome b", "did you mean `zone`?"),
        ("zone b c", "\"c\" stands where the end should"),
        ("node four", "stands where the number of a node should"),
        ("node +4", "stands where the number of a node should"),
        ("leader orders/0", "stands where of should"),
        ("leader of orders", "is not a shard"),
        ("leader of orders/x", "is not a shard"),
        (
            "link a => b",
            "stands where -> (one way) or <-> (both ways) should",
        ),
        ("link a -> a", "two different ends"),
        ("stream orders op GetRecord", "did you mean `GetRecords`?"),
        ("stream orders ops GetRecords", "did you mean `op`?"),
        (
            "stream orders op",
            "an operation such as GetRecords is missing",
        ),
        ("all node", "did you mean `nodes`?"),
        ("0 of nodes", "is not a number of things"),
        ("up to 5% of nodes", "is not a number of things"),
        ("0% of nodes", "is not a number of things"),
        ("101% of nodes", "is not a number of things"),
        ("one of streams tagged env", "= is missing"),
        (
            "stream orders principal \"x",
            "a quotation mark is not closed",
        ),
        ("all streams a,,b", "\",\" stands where"),
    ] {
        let error = text.parse::<Target>().expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    assert_eq!(
        "link others -> others".parse::<Target>(),
        Err(TargetError::SameEnds)
    );
}

#[test]
fn members_are_found_by_name_and_by_role() {
    assert_eq!(nodes("zone b", 1), [2, 5, 8]);
    assert_eq!(nodes("node 4", 1), [4]);
    assert_eq!(nodes(&format!("leader of {SHARD}"), 1), [1]);
    assert_eq!(nodes("meta leader", 1), [9]);
    assert_eq!(nodes(&format!("all followers of {SHARD}"), 1), [2, 3]);
    assert_eq!(nodes("all nodes in zone c", 1), [3, 6, 9]);
    assert_eq!(nodes("all zones", 1).len(), 9);
    assert_eq!(nodes("30% of nodes", 1).len(), 2);
    assert_eq!(nodes("1% of nodes", 1).len(), 1);
    assert_eq!(nodes("4 of nodes", 1).len(), 4);
    assert_eq!(nodes("up to 4 of nodes", 1).len(), 4);
    assert_eq!(nodes("up to 44 of nodes", 1).len(), 9);
}

#[test]
fn links_are_one_way_unless_written_otherwise() {
    let wires = |text: &str| match resolve(text, 1) {
        Ok(Pick::Wires(wires)) => wires.iter().map(|wire| (wire.from.0, wire.to.0)).collect(),
        other => panic!("{text}: {other:?}"),
    };
    let one: BTreeSet<(u64, u64)> = wires("link node 1 -> b");
    assert_eq!(one, BTreeSet::from([(1, 2), (1, 5), (1, 8)]));
    assert_eq!(wires("link a <-> b").len(), 18);
    let away = wires("link meta leader -> others");
    assert_eq!(away.len(), 8);
    assert!(away.iter().all(|(from, to)| *from == 9 && *to != 9));
    // A node is not cut off from itself.
    assert_eq!(wires("link node 1 -> a"), BTreeSet::from([(1, 4), (1, 7)]));
}

#[test]
fn requests_are_found_by_name_and_tag() {
    let streams = |text: &str| match resolve(text, 1) {
        Ok(Pick::Requests { streams, .. }) => streams,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(
        streams("all streams tagged env = prod"),
        BTreeSet::from([stream("orders")])
    );
    assert_eq!(streams("all streams").len(), 2);
    assert_eq!(streams("one of streams").len(), 1);
    let Ok(Pick::Requests { operations, .. }) = resolve("stream orders op PutRecord", 1) else {
        panic!("requests");
    };
    assert_eq!(operations, BTreeSet::from([Operation::PutRecord]));
}

#[test]
fn what_is_not_there_is_said() {
    let zone = |name: &str| Zone::new(name).expect("a zone");
    let shard = || "orders/7".parse().expect("a shard");
    let mut leaderless = "orders/1".parse().expect("a shard");
    for (text, error) in [
        ("zone x", ResolveError::NoSuchZone(zone("x"))),
        ("all nodes in zone x", ResolveError::NoSuchZone(zone("x"))),
        ("node 44", ResolveError::NoSuchNode(NodeId(44))),
        ("link node 44 -> a", ResolveError::NoSuchNode(NodeId(44))),
        ("leader of orders/7", ResolveError::NoSuchShard(shard())),
        (
            "stream orders shardId-000000000007",
            ResolveError::NoSuchShard(shard()),
        ),
        (
            "follower of orders/1",
            ResolveError::NoLeader(std::mem::replace(&mut leaderless, shard())),
        ),
        ("stream gone", ResolveError::NoSuchStream(stream("gone"))),
        (
            "all streams orders, gone",
            ResolveError::NoSuchStream(stream("gone")),
        ),
        ("all streams tagged env = test", ResolveError::Nothing),
        ("4 of zones", ResolveError::TooFew { asked: 4, found: 3 }),
    ] {
        assert_eq!(resolve(text, 1), Err(error), "{text}");
    }
    let empty = crate::topology::Topology::default();
    let meta = target("meta leader").resolve(&empty, &mut Chance::new(1));
    assert_eq!(meta, Err(ResolveError::NoMetaLeader));
}

#[test]
fn the_seed_decides_and_in_time_everything_is_picked() {
    let followers: BTreeSet<Vec<u64>> = (0..32)
        .map(|seed| nodes(&format!("follower of {SHARD}"), seed))
        .collect();
    assert_eq!(followers, BTreeSet::from([vec![2], vec![3]]));
    let zones: BTreeSet<Vec<u64>> = (0..32).map(|seed| nodes("one of zones", seed)).collect();
    assert_eq!(zones.len(), 3);
}

#[test]
fn a_pick_is_recorded_and_printed() {
    for (text, prints) in [
        ("zone b", "zone b (nodes 2, 5, 8)"),
        ("node 4", "node 4 (zone a)"),
        ("link node 1 <-> node 2", "links 1 -> 2, 2 -> 1"),
        (
            "stream orders shardId-000000000000 op GetRecords principal X",
            "streams orders shardId-000000000000 op GetRecords principal X",
        ),
    ] {
        let pick = resolve(text, 1).expect(text);
        assert_eq!(pick.to_string(), prints);
        let recorded = serde_json::to_string(&pick).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Pick>(&recorded).expect("read back"),
            pick
        );
    }
}

/// Words of the grammar and some that are not, so that most texts get far.
const LIKELY: &str = "((zone|node|leader|follower|up to 2|meta|link|stream|one|all|of|zones|nodes|in|followers|\
                      streams|tagged|others|op|\"op\"|shardId-0|principal|GetRecords|orders|orders/0|a|b|4|30%|->|<->|,|=|\"|\\\\|k) ?){0,9}";

proptest! {
    #[test]
    fn no_text_upsets_the_parser(text in "\\PC*") {
        if let Ok(read) = text.parse::<Target>() {
            prop_assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn likely_texts_read_back(text in LIKELY, seed in any::<u64>()) {
        if let Ok(read) = text.parse::<Target>() {
            prop_assert_eq!(read.to_string().parse(), Ok(read.clone()));
            let topology = nine_nodes();
            let first = read.resolve(&topology, &mut Chance::new(seed));
            prop_assert_eq!(first, read.resolve(&topology, &mut Chance::new(seed)));
        }
    }
}
