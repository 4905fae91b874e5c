//! The encoded machines of format version 1, as they were first written. A build that changes these
//! bytes cannot read the checkpoints, snapshots and logs of clusters that exist: raise the version
//! and keep reading this one.

use ana_state::meta::{ClusterSecret, Member};
use ana_state::shard::{ChildSpec, ShardSpec};
use ana_state::{AppendHeader, MetaCommand, Metadata, ShardCommand, ShardSet};
use ana_types::{HashKey, HashRange, NodeId, ShardIndex, StreamMode, StreamName, Zone};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;

fn check_bytes(bytes: &[u8], expect: &Expect) {
    let lines: Vec<String> = bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    expect.assert_eq(&lines.join("\n"));
}

fn metadata_commands() -> Vec<MetaCommand> {
    let name = StreamName::new("orders").expect("valid");
    let member = |id, zone| Member {
        id: NodeId(id),
        zone: Zone::new(zone).expect("valid"),
        peer_addr: "p".into(),
        api_addr: "a".into(),
    };
    vec![
        MetaCommand::InitCluster {
            cluster_id: "c".into(),
            secret: ClusterSecret([7; 32]),
            members: vec![member(1, "a"), member(2, "b")],
        },
        MetaCommand::CreateStream {
            name: name.clone(),
            mode: Some(StreamMode::Provisioned),
            shard_count: Some(2),
            retention_hours: 24,
            max_record_kib: 1024,
            tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            now_ms: 1_700_000_000_000,
        },
        MetaCommand::ActivateStream {
            key: ana_types::StreamKey(1),
            now_ms: 1_700_000_000_001,
        },
        MetaCommand::SplitShard {
            name,
            shard: ShardIndex(0),
            new_start: HashKey(1 << 126),
            now_ms: 1_700_000_000_002,
        },
    ]
}

#[test]
fn metadata() {
    let mut machine = Metadata::new();
    let mut commands = Vec::new();
    for (index, command) in (1..).zip(metadata_commands()) {
        commands.extend(postcard::to_stdvec(&command).expect("encodes"));
        machine.apply(index, command).expect("applied");
    }
    check_bytes(
        &machine.encode(),
        &expect![[r#"
        0104040101630707070707070707070707070707070707070707070707070707
        070707070707a09c01020101610170016102016201700161010101066f726465
        7273020080d095ffbc3118800801016b0176020000000000ffffffffffffffff
        ffffffffffffffffffff010180d095ffbc3180e2cfaa06000101000080808080
        808080808080808080808080808002ffffffffffffffffffffffffffffffffff
        ff030280d095ffbc3180e2cfaa0600020102040103000100010202010000ffff
        ffffffffffffffffffffffffffffff7f03010080808080808080808080808080
        808080808001ffffffffffffffffffffffffffffffffffff010082d095ffbc31
        02010102010201020102010202000203"#]],
    );
    check_bytes(
        &commands,
        &expect![[r#"
        0001630707070707070707070707070707070707070707070707070707070707
        07070702010161017001610201620170016103066f7264657273010001021880
        0801016b017680d095ffbc31040181d095ffbc3107066f726465727300808080
        8080808080808080808080808080800182d095ffbc31"#]],
    );
}

#[test]
fn shard_set() {
    let mut set = ShardSet::new();
    let (lower, upper) = HashRange::FULL
        .split_at(HashKey(1 << 127))
        .expect("in range");
    let spec = ShardSpec {
        shard: ShardIndex(0),
        range: HashRange::FULL,
        created_ms: 1_700_000_000_000,
        created_s: 1_700_000_000,
    };
    let child = |shard, range| ChildSpec {
        shard: ShardIndex(shard),
        parents: vec![ShardIndex(0)],
        range,
    };
    let open = ShardCommand::Open { shards: vec![spec] };
    let close = ShardCommand::CloseAndOpen {
        shards: vec![ShardIndex(0)],
        time_ms: 1_700_000_001_000,
        children: vec![child(1, lower), child(2, upper)],
    };
    let mut commands = Vec::new();
    for command in [&open, &close] {
        commands.extend(postcard::to_stdvec(command).expect("encodes"));
    }
    let header = AppendHeader {
        shard: ShardIndex(0),
        count: 3,
        bytes: 300,
        time_ms: 1_700_000_000_500,
    };
    set.command(1, open);
    set.append(2, &[header]);
    set.command(3, close);
    check_bytes(
        &set.encode(),
        &expect![[r#"
        0103f4d395ffbc3100030000ffffffffffffffffffffffffffffffffffff0380
        d095ffbc3180e2cfaa0601828008f4d395ffbc3103ac0200010003e8d795ffbc
        3183800880e2cfaa0600ffffffffffffffff7f81e2cfaa060201010000ffffff
        ffffffffffffffffffffffffffffff0102010080808080808080808080808080
        808080808002ffffffffffffffffffffffffffffffffffff030100ffffffffff
        ffffffffffffffffffffffffff01e8d795ffbc3181e2cfaa0603000000000000
        0280808080808080808080808080808080808002ffffffffffffffffffffffff
        ffffffffffff03e8d795ffbc3181e2cfaa0603000000000000"#]],
    );
    check_bytes(
        &commands,
        &expect![[r#"
        00010000ffffffffffffffffffffffffffffffffffff0380d095ffbc3180e2cf
        aa06020100e8d795ffbc310201010000ffffffffffffffffffffffffffffffff
        ffff0102010080808080808080808080808080808080808002ffffffffffffff
        ffffffffffffffffffffff03"#]],
    );
}
