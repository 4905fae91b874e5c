//! `ListShards`: one page of shards through a filter.

use ana_types::ShardFilterKind;

use crate::shapes::StreamTarget;
use crate::shapes::common::Shard;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `ListShards`. Which members exclude each other is for the domain to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListShardsInput {
    /// The stream, on the first page.
    pub stream: StreamTarget,
    /// A sealed token, on later pages.
    pub next_token: Option<String>,
    /// The page starts after this shard id, as the client wrote it.
    pub exclusive_start_shard_id: Option<String>,
    /// 1 to 10,000; the service never returns more than 1,000.
    pub max_results: Option<u32>,
    /// Unix milliseconds: tells streams of the same name apart.
    pub stream_creation_ms: Option<u64>,
    /// Which shards to show; absent means all that have not expired.
    pub shard_filter: Option<ShardFilter>,
}

/// `ShardFilter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFilter {
    /// `Type`.
    pub kind: ShardFilterKind,
    /// Needed by `AFTER_SHARD_ID`.
    pub shard_id: Option<String>,
    /// Needed by `AT_TIMESTAMP` and `FROM_TIMESTAMP`; Unix milliseconds.
    pub timestamp_ms: Option<u64>,
}

/// Answer of `ListShards`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListShardsOutput {
    /// One page, ascending by shard id.
    pub shards: Vec<Shard>,
    /// Present when a further page exists.
    pub next_token: Option<String>,
}

impl ListShardsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            next_token: fields.text("NextToken"),
            exclusive_start_shard_id: fields.text("ExclusiveStartShardId"),
            max_results: fields.count("MaxResults"),
            stream_creation_ms: fields.timestamp_ms("StreamCreationTimestamp"),
            shard_filter: fields
                .structure("ShardFilter")
                .map(ShardFilter::from_fields),
        }
    }
}

impl ShardFilter {
    fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            kind: fields.required_choice("Type", kind_of),
            shard_id: fields.text("ShardId"),
            timestamp_ms: fields.timestamp_ms("Timestamp"),
        }
    }
}

fn kind_of(name: &str) -> Option<ShardFilterKind> {
    [
        ShardFilterKind::AfterShardId,
        ShardFilterKind::AtTrimHorizon,
        ShardFilterKind::FromTrimHorizon,
        ShardFilterKind::AtLatest,
        ShardFilterKind::AtTimestamp,
        ShardFilterKind::FromTimestamp,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == name)
}

impl ListShardsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Shards").open_list();
        for shard in &self.shards {
            shard.write(out);
        }
        out.close_list();
        if let Some(token) = &self.next_token {
            out.member("NextToken").text(token);
        }
        out.close_structure();
    }
}
