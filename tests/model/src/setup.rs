//! The cluster that the models begin with, and the commands that clients give it.

use crate::log::{At, Machines};
use ana_state::meta::{ClusterSecret, Member, ScalingCommand};
use ana_state::{MetaCommand, Metadata};
use ana_types::{HashKey, NodeId, ShardIndex, StreamKey, StreamMode, StreamName, Zone, limits};
use std::collections::BTreeMap;

/// Nodes, each in a zone of its own: every group has a voter on each.
pub const NODES: usize = 3;
/// When the model's cluster begins, milliseconds since 1970.
pub const BEGIN_MS: u64 = 1_700_000_000_000;
/// The lowest and a high hash key: after one split in the middle they belong to different shards.
pub const LOW: HashKey = HashKey::MIN;
/// See [`LOW`].
pub const HIGH: HashKey = HashKey::MAX;
/// The middle of the hash keys.
pub const MIDDLE: HashKey = HashKey(1 << 127);

/// What a client asks of a stream's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// CreateStream with that many shards.
    Create(u32),
    /// SplitShard, at this key.
    Split(u32, HashKey),
    /// MergeShards.
    Merge(u32, u32),
    /// UpdateShardCount.
    Resize(u32),
    /// UpdateStreamMode to on-demand.
    OnDemand,
    /// From the scaler: a split of the stream's own accord.
    SplitOwn(u32),
    /// DeleteStream.
    Delete,
}

/// The name of the one stream.
///
/// # Panics
/// Never: one letter is a name.
#[must_use]
pub fn name() -> StreamName {
    StreamName::new("s").expect("one letter is a name")
}

/// The command of an operation. The scaler names the stream by the key it has in `meta`.
#[must_use]
pub fn command(ask: Ask, meta: &Metadata) -> MetaCommand {
    let (stream, now_ms) = (name(), BEGIN_MS);
    match ask {
        Ask::Create(shards) => MetaCommand::CreateStream {
            name: stream,
            mode: Some(StreamMode::Provisioned),
            shard_count: Some(shards),
            retention_hours: limits::RETENTION_HOURS_MIN,
            max_record_kib: limits::MAX_RECORD_KIB_DEFAULT,
            tags: BTreeMap::new(),
            now_ms,
            warm_throughput_mibps: None,
        },
        Ask::Split(shard, new_start) => MetaCommand::SplitShard {
            name: stream,
            shard: ShardIndex(shard),
            new_start,
            now_ms,
        },
        Ask::Merge(a, b) => MetaCommand::MergeShards {
            name: stream,
            a: ShardIndex(a),
            b: ShardIndex(b),
            now_ms,
        },
        Ask::Resize(target) => MetaCommand::Scaling(ScalingCommand::SetShardCount {
            stream,
            target,
            now_ms,
        }),
        Ask::OnDemand => MetaCommand::Scaling(ScalingCommand::SetMode {
            stream,
            mode: StreamMode::OnDemand,
            warm_throughput_mibps: None,
            now_ms,
        }),
        Ask::SplitOwn(shard) => MetaCommand::Scaling(ScalingCommand::SplitOwn {
            key: meta.stream(&stream).map_or(StreamKey(0), |it| it.key),
            shard: ShardIndex(shard),
        }),
        Ask::Delete => MetaCommand::DeleteStream {
            name: stream,
            enforce_consumer_deletion: false,
            now_ms,
        },
    }
}

/// The metadata of a cluster that was just founded: one entry.
///
/// # Panics
/// Never: the zones are names.
#[must_use]
pub fn founded(machines: &Machines<Metadata>) -> At<Metadata> {
    let member = |(id, zone): (u64, &str)| Member {
        id: NodeId(id),
        zone: Zone::new(zone).expect("one letter is a zone"),
        peer_addr: String::new(),
        api_addr: String::new(),
    };
    let command = MetaCommand::InitCluster {
        cluster_id: "c".into(),
        secret: ClusterSecret([0; 32]),
        members: [(1, "a"), (2, "b"), (3, "c")].map(member).into(),
    };
    machines.apply(&At::start(), &command).at.clone()
}
