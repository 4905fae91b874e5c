//! The encoded machines of format versions 3 (metadata) and 2 (shards), as they were first written. A build that changes these
//! bytes cannot read the checkpoints, snapshots and logs of clusters that exist: raise the version
//! and keep reading this one.

use ana_state::meta::{
    ClusterSecret, ConsumerCommand, Member, NodeCommand, ScalingCommand, SettingCommand,
};
use ana_state::shard::{ChildSpec, ShardSpec};
use ana_state::{AppendHeader, MetaCommand, Metadata, ShardCommand, ShardSet};
use ana_types::{
    ConsumerName, GroupId, HashKey, HashRange, NodeId, ShardIndex, ShardLevelMetric, StreamMode,
    StreamName, Zone,
};
use expect_test::{Expect, expect};
use std::collections::{BTreeMap, BTreeSet};

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
            warm_throughput_mibps: None,
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

/// A consumer of its stream: all that can be done to one.
fn consumer_commands() -> Vec<MetaCommand> {
    let stream = StreamName::new("orders").expect("valid");
    let consumer = ConsumerName::new("c").expect("valid");
    let (created_ms, created_s) = (1_700_000_000_003, 1_700_000_000);
    let (key, now_ms) = (ana_types::StreamKey(1), 1_700_000_000_004);
    let tags = BTreeMap::from([("t".to_owned(), "u".to_owned())]);
    let keys = BTreeSet::from(["t".to_owned()]);
    let policy = Some("{}".to_owned());
    let commands = [
        ConsumerCommand::Register {
            stream: stream.clone(),
            consumer: consumer.clone(),
            tags: tags.clone(),
            now_ms: created_ms,
        },
        ConsumerCommand::Activate {
            key,
            consumer: consumer.clone(),
            created_ms,
            now_ms,
        },
        ConsumerCommand::AddTags {
            stream: stream.clone(),
            consumer: consumer.clone(),
            created_s,
            tags: tags.clone(),
        },
        ConsumerCommand::RemoveTags {
            stream: stream.clone(),
            consumer: consumer.clone(),
            created_s,
            keys,
        },
        ConsumerCommand::SetPolicy {
            stream: stream.clone(),
            consumer: consumer.clone(),
            created_s,
            policy,
        },
        ConsumerCommand::Deregister {
            stream: stream.clone(),
            consumer: consumer.clone(),
            created_s: Some(created_s),
            now_ms,
        },
        ConsumerCommand::Remove {
            key,
            consumer: consumer.clone(),
            created_ms,
        },
        ConsumerCommand::Register {
            stream,
            consumer,
            tags,
            now_ms,
        },
    ];
    commands.into_iter().map(MetaCommand::Consumer).collect()
}

/// Settings of a stream and of the account: all that can be set.
fn setting_commands() -> Vec<MetaCommand> {
    let stream = StreamName::new("orders").expect("valid");
    let (key, now_ms) = (ana_types::StreamKey(1), 1_700_000_000_004);
    let tags = BTreeMap::from([("t".to_owned(), "u".to_owned())]);
    let keys = BTreeSet::from(["t".to_owned()]);
    let policy = Some("{}".to_owned());
    let setting = MetaCommand::Setting;
    vec![
        setting(SettingCommand::SetPolicy {
            stream: stream.clone(),
            policy,
        }),
        setting(SettingCommand::AddTags {
            stream: stream.clone(),
            tags,
        }),
        setting(SettingCommand::RemoveTags {
            stream: stream.clone(),
            keys,
        }),
        setting(SettingCommand::SetMonitoring {
            stream: stream.clone(),
            metrics: BTreeSet::from([ShardLevelMetric::OutgoingBytes]),
            enable: true,
            now_ms,
        }),
        MetaCommand::FinishUpdate { key },
        setting(SettingCommand::SetEncryption {
            stream: stream.clone(),
            key: Some("alias/a".to_owned()),
            now_ms,
        }),
        MetaCommand::FinishUpdate { key },
        setting(SettingCommand::SetMaxRecord {
            stream,
            max_record_kib: 2048,
            now_ms,
        }),
        setting(SettingCommand::SetCommitment {
            enabled: true,
            now_ms,
        }),
        setting(SettingCommand::EndCommitment { now_ms }),
    ]
}

#[test]
fn consumers_and_settings() {
    let mut machine = Metadata::new();
    let before = metadata_commands();
    let after = [consumer_commands(), setting_commands()].concat();
    let mut commands = Vec::new();
    for command in &after {
        commands.extend(postcard::to_stdvec(command).expect("encodes"));
    }
    // Before the split, which leaves the stream UPDATING.
    let carried_out = before.into_iter().take(3).chain(after);
    for (index, command) in (1..).zip(carried_out) {
        machine.apply(index, command).expect("applied");
    }
    check_bytes(
        &machine.encode(),
        &expect![[r#"
            0315130101630707070707070707070707070707070707070707070707070707
            070707070707a09c01020101610170016102016201700161010101066f726465
            7273020080d095ffbc3118801001016b0176020000000000ffffffffffffffff
            ffffffffffffffffffff010180d095ffbc3180e2cfaa06000101000080808080
            808080808080808080808080808002ffffffffffffffffffffffffffffffffff
            ff030280d095ffbc3180e2cfaa060002010202010484d095ffbc310101630163
            e8d795ffbc3100e8d795ffbc3101017401750001020107616c6961732f610102
            7b7d0184d095ffbc310000000000000201010201020102010201020200020300
            0184d095ffbc3100018488afa8bd310180e2cfaa060000000002010200000000"#]],
    );
    check_bytes(
        &commands,
        &expect![[r#"
        1000066f72646572730163010174017583d095ffbc31100101016383d095ffbc
        3184d095ffbc311004066f7264657273016380e2cfaa0601017401751005066f
        7264657273016380e2cfaa060101741006066f7264657273016380e2cfaa0601
        027b7d1002066f726465727301630180e2cfaa0684d095ffbc31100301016383
        d095ffbc311000066f72646572730163010174017584d095ffbc311102066f72
        6465727301027b7d1106066f726465727301017401751107066f726465727301
        01741100066f726465727301020184d095ffbc310c011101066f726465727301
        07616c6961732f6184d095ffbc310c011103066f7264657273801084d095ffbc
        3111040184d095ffbc31110584d095ffbc31"#]],
    );
}

/// A resize of `orders`, and a step of its own accord of `clicks`, which is made here.
fn capacity_commands(clicks: &StreamName, now_ms: u64) -> Vec<MetaCommand> {
    let orders = StreamName::new("orders").expect("valid");
    let key = ana_types::StreamKey(1);
    let on_demand = ana_types::StreamKey(2);
    let scaling = [
        ScalingCommand::SetMode {
            stream: orders.clone(),
            mode: StreamMode::OnDemand,
            warm_throughput_mibps: None,
            now_ms,
        },
        ScalingCommand::SetMode {
            stream: orders.clone(),
            mode: StreamMode::Provisioned,
            warm_throughput_mibps: None,
            now_ms,
        },
        ScalingCommand::SetShardCount {
            stream: orders,
            target: 3,
            now_ms,
        },
        ScalingCommand::SplitOwn {
            key: on_demand,
            shard: ShardIndex(1),
        },
        ScalingCommand::MergeOwn {
            key: on_demand,
            a: ShardIndex(0),
            b: ShardIndex(1),
        },
    ];
    let mut commands = vec![
        MetaCommand::CreateStream {
            name: clicks.clone(),
            mode: None,
            shard_count: None,
            retention_hours: 24,
            max_record_kib: 1024,
            tags: BTreeMap::new(),
            now_ms,
            warm_throughput_mibps: None,
        },
        MetaCommand::ActivateStream {
            key: on_demand,
            now_ms,
        },
    ];
    for command in scaling {
        commands.push(MetaCommand::Scaling(command));
        commands.push(MetaCommand::FinishUpdate { key });
    }
    commands
}

/// In the middle of a resize, and of a step of a stream's own accord.
#[test]
fn capacity() {
    let clicks = StreamName::new("clicks").expect("valid");
    let now_ms = 1_700_000_000_000;
    let mut machine = Metadata::new();
    for (index, command) in (1..).zip(metadata_commands().into_iter().take(3)) {
        machine.apply(index, command).expect("applied");
    }
    let mut bytes = Vec::new();
    for command in capacity_commands(&clicks, now_ms) {
        bytes.extend(postcard::to_stdvec(&command).expect("encodes"));
        machine
            .apply(machine.last_index() + 1, command)
            .expect("applied");
    }
    let warm = ScalingCommand::SetWarmThroughput {
        stream: clicks,
        mibps: 10,
        now_ms,
    };
    bytes.extend(postcard::to_stdvec(&MetaCommand::Scaling(warm)).expect("encodes"));
    check_bytes(
        &machine.encode(),
        &expect![[r#"
            030f0c0101630707070707070707070707070707070707070707070707070707
            070707070707a09c01020101610170016102016201700161020101066f726465
            7273020080d095ffbc3118800801016b0176020000000000ffffffffffffffff
            ffffffffffffffffffff010180d095ffbc3180e2cfaa06000101000080808080
            808080808080808080808080808002ffffffffffffffffffffffffffffffffff
            ff030280d095ffbc3180e2cfaa06000201020401060301000100010202010000
            d4aad5aad5aad5aad5aad5aad5aad5aad5aa01030100d5aad5aad5aad5aad5aa
            d5aad5aad5aad5aa01ffffffffffffffffffffffffffffffffffff010080d095
            ffbc310000000000000280d095ffbc3180d095ffbc310180d095ffbc31000000
            020206636c69636b73010180d095ffbc3118800800040000000000ffffffffff
            ffffffffffffffffffffffff7f0380d095ffbc3180e2cfaa0600010100008080
            8080808080808080808080808080808001ffffffffffffffffffffffffffffff
            ffffff010380d095ffbc3180e2cfaa0600020200008080808080808080808080
            8080808080808002ffffffffffffffffffffffffffffffffffff020480d095ff
            bc3180e2cfaa06000303000080808080808080808080808080808080808003ff
            ffffffffffffffffffffffffffffffffff030480d095ffbc3180e2cfaa060002
            0304060000000000000000000000010001010302040101808080808080808080
            80808080808080808001ffffffffffffffffffffffffffffffffffbf01050101
            8080808080808080808080808080808080c001ffffffffffffffffffffffffff
            ffffffffff010004010102010201020102010202030202010201040202010202
            00030501000000000000000002010200000000"#]],
    );
    check_bytes(
        &bytes,
        &expect![[r#"
        0306636c69636b7300001880080080d095ffbc3100040280d095ffbc31120106
        6f7264657273010080d095ffbc310c011201066f7264657273000080d095ffbc
        310c011200066f72646572730380d095ffbc310c01120302010c011204020001
        0c01120206636c69636b730a80d095ffbc31"#]],
    );
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
            0304040101630707070707070707070707070707070707070707070707070707
            070707070707a09c01020101610170016102016201700161010101066f726465
            7273020080d095ffbc3118800801016b0176020000000000ffffffffffffffff
            ffffffffffffffffffff010180d095ffbc3180e2cfaa06000101000080808080
            808080808080808080808080808002ffffffffffffffffffffffffffffffffff
            ff030280d095ffbc3180e2cfaa0600020102040103000100010202010000ffff
            ffffffffffffffffffffffffffffff7f03010080808080808080808080808080
            808080808001ffffffffffffffffffffffffffffffffffff010082d095ffbc31
            0000000000000000000000020101020102010201020102020002030100000000
            0000000002010200000000"#]],
    );
    check_bytes(
        &commands,
        &expect![[r#"
            0001630707070707070707070707070707070707070707070707070707070707
            07070702010161017001610201620170016103066f7264657273010001021880
            0801016b017680d095ffbc3100040181d095ffbc3107066f7264657273008080
            808080808080808080808080808080800182d095ffbc31"#]],
    );
}

/// Node 3 takes the place of node 2, node 4 is added, node 1 is to go.
fn node_commands() -> Vec<MetaCommand> {
    let member = |id: u64, zone: &str| Member {
        id: NodeId(id),
        zone: Zone::new(zone).expect("valid"),
        peer_addr: format!("p{id}"),
        api_addr: format!("a{id}"),
    };
    let group = GroupId(1);
    let begin = |unreachable: &[u64]| NodeCommand::BeginMoves {
        unreachable: unreachable.iter().copied().map(NodeId).collect(),
    };
    let commands = [
        NodeCommand::Replace {
            node: NodeId(2),
            by: member(3, "b"),
        },
        NodeCommand::Report {
            member: member(3, "b"),
            incarnation: 77,
        },
        begin(&[9]),
        NodeCommand::SwitchMove { group, id: 1 },
        NodeCommand::FinishMove { group, id: 1 },
        NodeCommand::Add(member(4, "a")),
        NodeCommand::Remove {
            node: NodeId(1),
            force: true,
        },
        NodeCommand::UndoneMove { group, id: 1 },
        NodeCommand::ReplicaDeleted {
            group: GroupId(2),
            node: NodeId(2),
        },
        NodeCommand::FinishRemove { node: NodeId(9) },
    ];
    commands.into_iter().map(MetaCommand::Node).collect()
}

#[test]
fn nodes() {
    let mut machine = Metadata::new();
    let mut index = 0;
    let mut apply = |machine: &mut Metadata, command: MetaCommand| {
        index += 1;
        machine.apply(index, command).expect("applies");
    };
    for command in metadata_commands() {
        apply(&mut machine, command);
    }
    let mut commands = Vec::new();
    for command in node_commands() {
        commands.extend(postcard::to_stdvec(&command).expect("encodes"));
        apply(&mut machine, command);
    }
    machine.check().expect("sound");
    check_bytes(
        &machine.encode(),
        &expect![[r#"
        030e0b0101630707070707070707070707070707070707070707070707070707
        070707070707a09c010401016101700161020162017001610301620270330261
        33040161027034026134010101066f7264657273020080d095ffbc3118800801
        016b0176020000000000ffffffffffffffffffffffffffffffffffff010180d0
        95ffbc3180e2cfaa060001010000808080808080808080808080808080808080
        02ffffffffffffffffffffffffffffffffffff030280d095ffbc3180e2cfaa06
        00020102040103000100010202010000ffffffffffffffffffffffffffffffff
        ff7f03010080808080808080808080808080808080808001ffffffffffffffff
        ffffffffffffffffffff010082d095ffbc310000000000000000000000020101
        0201030102010201020200020301000000000301020100020200010304000001
        0301034d02010202000001020103000202010201030003010101010102"#]],
    );
    check_bytes(
        &commands,
        &expect![[r#"
        13020203016202703302613313030301620270330261334d1304010913050101
        130601011300040161027034026134130101011307010113080202130909"#]],
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
            0203f4d395ffbc3100030000ffffffffffffffffffffffffffffffffffff0380
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
