//! Shards: list, split, merge.

use ana_router::{Router, ops};
use ana_types::{KinesisError, SequenceNumber, ShardInfo};
use ana_wire::{
    ListShardsInput, ListShardsOutput, MergeShardsInput, Response, Shard, SplitShardInput,
};

use super::streams::stream_ref;
use super::tokens::Tokens;

/// A shard as AWS shows it.
pub(super) fn shard(info: &ShardInfo) -> Shard {
    Shard {
        shard: info.shard,
        parent: info.parent,
        adjacent_parent: info.adjacent_parent,
        range: info.range,
        starting: SequenceNumber::start_of_shard(info.created_s, info.shard),
        ending: info.closed.as_ref().map(|closed| closed.ending),
    }
}

pub(super) async fn list(
    router: &Router,
    tokens: &Tokens,
    input: ListShardsInput,
) -> Result<Response, KinesisError> {
    let names_stream = input.stream.name.is_some() || input.stream.arn.is_some();
    let position = match &input.next_token {
        Some(_)
            if names_stream
                || input.exclusive_start_shard_id.is_some()
                || input.stream_creation_ms.is_some() =>
        {
            return Err(KinesisError::TokenWithStream);
        }
        Some(token) => Some(tokens.open_shards(token)?),
        None if !names_stream => return Err(KinesisError::NeitherTokenNorStream),
        None => None,
    };
    let filter = input.shard_filter.map(|filter| ops::ShardFilter {
        kind: filter.kind,
        shard_id: filter.shard_id,
        timestamp_ms: filter.timestamp_ms,
    });
    let request = ops::ListShards {
        stream: stream_ref(input.stream),
        position,
        exclusive_start_shard: input.exclusive_start_shard_id,
        max_results: input.max_results,
        stream_created_ms: input.stream_creation_ms,
        filter,
    };
    let page = router.list_shards(request).await?;
    let next_token = page
        .next
        .as_ref()
        .map(|next| tokens.seal_shards(next))
        .transpose()?;
    let shards = page.shards.iter().map(shard).collect();
    Ok(Response::ListShards(ListShardsOutput {
        shards,
        next_token,
    }))
}

pub(super) async fn split(
    router: &Router,
    input: SplitShardInput,
) -> Result<Response, KinesisError> {
    let request = ops::SplitShard {
        stream: stream_ref(input.stream),
        shard_id: input.shard_to_split,
        new_starting_hash_key: input.new_starting_hash_key,
    };
    router.split_shard(request).await.map(|()| Response::Empty)
}

pub(super) async fn merge(
    router: &Router,
    input: MergeShardsInput,
) -> Result<Response, KinesisError> {
    let request = ops::MergeShards {
        stream: stream_ref(input.stream),
        shard_id: input.shard_to_merge,
        adjacent_shard_id: input.adjacent_shard_to_merge,
    };
    router.merge_shards(request).await.map(|()| Response::Empty)
}
