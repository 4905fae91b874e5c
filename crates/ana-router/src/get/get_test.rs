//! When the end of a shard may be told.

use std::collections::BTreeMap;

use ana_state::meta::{ClusterSecret, Member, ParentClosed};
use ana_state::{MetaCommand, MetaReply, Metadata};
use ana_types::{
    HashKey, NodeId, Position, SequenceNumber, ShardIndex, StreamKey, StreamName, Zone,
};

use super::end_is_told;

fn name() -> StreamName {
    StreamName::new("s").expect("a name")
}

/// A stream of one shard on one node.
fn stream() -> (Metadata, StreamKey) {
    let mut meta = Metadata::new();
    let member = Member {
        id: NodeId(1),
        zone: Zone::new("a").expect("a zone"),
        peer_addr: "p".to_owned(),
        api_addr: "a".to_owned(),
    };
    let (cluster_id, secret) = ("c".to_owned(), ClusterSecret([0; 32]));
    apply(
        &mut meta,
        MetaCommand::InitCluster {
            cluster_id,
            secret,
            members: vec![member],
        },
    );
    let created = apply(
        &mut meta,
        MetaCommand::CreateStream {
            name: name(),
            mode: None,
            shard_count: Some(1),
            retention_hours: 24,
            max_record_kib: 1024,
            tags: BTreeMap::new(),
            now_ms: 1000,
            warm_throughput_mibps: None,
        },
    );
    let MetaReply::Stream(key) = created else {
        unreachable!("a stream was created")
    };
    apply(&mut meta, MetaCommand::ActivateStream { key, now_ms: 2000 });
    (meta, key)
}

fn apply(meta: &mut Metadata, command: MetaCommand) -> MetaReply {
    let index = meta.last_index() + 1;
    meta.apply(index, command).expect("accepted")
}

#[test]
fn the_end_waits_for_the_listing() {
    let (mut meta, key) = stream();
    let (shard, new_start) = (ShardIndex(0), HashKey(1 << 127));
    assert_eq!(end_is_told(&meta, key, shard), None, "open");
    apply(
        &mut meta,
        MetaCommand::SplitShard {
            name: name(),
            shard,
            new_start,
            now_ms: 3000,
        },
    );
    assert_eq!(end_is_told(&meta, key, shard), None, "still open");
    for unlisted in [1, 3] {
        let told = end_is_told(&meta, key, ShardIndex(unlisted));
        assert_eq!(told, None, "shard {unlisted} is to come");
    }
    let ending = SequenceNumber::end_of_shard(1, shard, 4);
    let closed = vec![ParentClosed {
        shard,
        closed_ms: 4000,
        ending,
        end: Position(9),
    }];
    apply(&mut meta, MetaCommand::ParentsClosed { key, closed });
    assert_eq!(
        end_is_told(&meta, key, shard),
        None,
        "closed, its children are not listed"
    );
    let first_child = ShardIndex(1);
    assert_eq!(
        end_is_told(&meta, key, first_child),
        None,
        "the child may be closed again already, and is not listed here yet"
    );
    apply(&mut meta, MetaCommand::FinishReshard { key, first_child });
    assert_eq!(end_is_told(&meta, key, shard), Some(true));
    apply(
        &mut meta,
        MetaCommand::ExpireShards {
            key,
            shards: vec![shard],
        },
    );
    assert_eq!(
        end_is_told(&meta, key, shard),
        Some(true),
        "it was listed as closed"
    );
}

#[test]
fn a_stream_that_goes_has_no_ends() {
    let (mut meta, key) = stream();
    let delete = MetaCommand::DeleteStream {
        name: name(),
        enforce_consumer_deletion: false,
        now_ms: 3000,
    };
    apply(&mut meta, delete);
    assert_eq!(end_is_told(&meta, key, ShardIndex(0)), Some(false));
    assert_eq!(
        end_is_told(&meta, StreamKey(99), ShardIndex(0)),
        Some(false)
    );
}
