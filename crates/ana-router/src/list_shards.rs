//! ListShards: filters and paging.
//!
//! Must stay true:
//! - the shards open at one moment, by any filter that names a moment, tile the hash space; so a parent counts until
//!   its children begin, and not at that very moment;
//! - shards past their retention are not listed, whether or not the metadata has forgotten them yet.

use std::collections::BTreeMap;

use ana_state::meta::StreamState;
use ana_types::limits::LIST_SHARDS_PAGE;
use ana_types::{KinesisError, ShardFilterKind, ShardIndex, ShardInfo, StreamName};

use crate::context::Context;
use crate::ops::{CheckedFilter, ListShards, ShardFilter, ShardListPosition, ShardPage};
use crate::rates::{self, Rated};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{self, page_size};

/// Counts a call of ListShards on the rate of its stream, however it is named.
pub(crate) async fn count(context: &Context, request: &ListShards) -> Answer<()> {
    let Some(position) = &request.position else {
        return rates::stream(context, Rated::ListShards, &request.stream).await;
    };
    match context.stream_name(position.stream) {
        Some(name) => rates::named(context, Rated::ListShards, name).await,
        None => Ok(()),
    }
}

/// ListShards.
pub(crate) async fn list(context: &Context, request: ListShards) -> Answer<ShardPage> {
    let deadline = context.deadline();
    let page_size = page_size(request.max_results, LIST_SHARDS_PAGE);
    let now_ms = context.now_ms();
    let cutoff_ms =
        |stream: &StreamState| now_ms.saturating_sub(context.config.retention_ms(stream));
    if let Some(position) = request.position {
        let page = context
            .look_now(deadline, |meta| {
                let stream = meta.stream_by_key(position.stream)?;
                Some(page(
                    stream,
                    position.filter,
                    Some(position.after),
                    page_size,
                    cutoff_ms(stream),
                ))
            })
            .await?;
        // A token of a stream that is gone leads nowhere.
        return page.ok_or(KinesisError::InvalidToken);
    }
    if request.stream.name.is_none() && request.stream.arn.is_none() {
        return Err(KinesisError::NeitherTokenNorStream);
    }
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let start = request.exclusive_start_shard.as_deref();
    let after = start.map(|text| parse_shard(text, &name)).transpose()?;
    let (filter, after) = check_filter(request.filter.as_ref(), after, &name)?;
    context
        .look_now(deadline, |meta| {
            let stream = streams::to_be_listed(meta, &name, request.stream_created_ms)?;
            Ok(page(stream, filter, after, page_size, cutoff_ms(stream)))
        })
        .await?
}

pub(crate) fn parse_shard(text: &str, stream: &StreamName) -> Answer<ShardIndex> {
    ShardIndex::parse_lenient(text).ok_or_else(|| KinesisError::ShardIdUnparsable {
        given: text.to_owned(),
        stream: stream.clone(),
    })
}

/// Makes sure that a filter has what it needs; AFTER_SHARD_ID is the same as an exclusive start.
fn check_filter(
    filter: Option<&ShardFilter>,
    after: Option<ShardIndex>,
    stream: &StreamName,
) -> Answer<(CheckedFilter, Option<ShardIndex>)> {
    let Some(filter) = filter else {
        return Ok((CheckedFilter::FromTrimHorizon, after));
    };
    let kind = filter.kind;
    let time = || {
        filter
            .timestamp_ms
            .ok_or(KinesisError::FilterNeedsTimestamp { filter: kind })
    };
    let checked = match kind {
        ShardFilterKind::AfterShardId => {
            let text = filter.shard_id.as_deref();
            let text = text.ok_or(KinesisError::FilterNeedsShardId { filter: kind })?;
            let shard = parse_shard(text, stream)?;
            return Ok((CheckedFilter::FromTrimHorizon, after.max(Some(shard))));
        }
        ShardFilterKind::FromTrimHorizon => CheckedFilter::FromTrimHorizon,
        ShardFilterKind::AtTrimHorizon => CheckedFilter::AtTrimHorizon,
        ShardFilterKind::AtLatest => CheckedFilter::AtLatest,
        ShardFilterKind::AtTimestamp => CheckedFilter::AtTimestamp(time()?),
        ShardFilterKind::FromTimestamp => CheckedFilter::FromTimestamp(time()?),
    };
    Ok((checked, after))
}

/// One page; records that arrived before `cutoff_ms` are past their retention.
fn page(
    stream: &StreamState,
    filter: CheckedFilter,
    after: Option<ShardIndex>,
    page_size: usize,
    cutoff_ms: u64,
) -> ShardPage {
    let listed: Vec<&ShardInfo> = stream.listed_shards().collect();
    let rule = Rule::new(stream, &listed, filter, cutoff_ms);
    let mut chosen = listed
        .iter()
        .filter(|info| Some(info.shard) > after && rule.lists(info))
        .map(|info| (*info).clone());
    let shards: Vec<ShardInfo> = chosen.by_ref().take(page_size).collect();
    let more = chosen.next().is_some();
    let next = shards
        .last()
        .filter(|_| more)
        .map(|last| ShardListPosition {
            stream: stream.key,
            after: last.shard,
            filter,
        });
    ShardPage {
        stream: stream.key,
        shards,
        next,
    }
}

/// Decides shard by shard. Pure.
#[derive(Debug)]
struct Rule {
    filter: CheckedFilter,
    horizon_ms: u64,
    /// When the children of a closed shard began: the end of the shard in time.
    successors: BTreeMap<ShardIndex, u64>,
}

impl Rule {
    fn new(
        stream: &StreamState,
        listed: &[&ShardInfo],
        filter: CheckedFilter,
        cutoff_ms: u64,
    ) -> Self {
        let mut successors: BTreeMap<ShardIndex, u64> = BTreeMap::new();
        for child in listed {
            for parent in [child.parent, child.adjacent_parent].into_iter().flatten() {
                let began = successors.entry(parent).or_default();
                *began = child.created_ms.max(*began);
            }
        }
        // The first shards are opened a moment after the stream was created: the horizon is not before them.
        let first = listed.iter().map(|info| info.created_ms).min().unwrap_or(0);
        let horizon_ms = cutoff_ms.max(stream.created_ms).max(first);
        Self {
            filter,
            horizon_ms,
            successors,
        }
    }

    fn end_ms(&self, info: &ShardInfo) -> Option<u64> {
        let closed_ms = info.closed.as_ref()?.closed_ms;
        let began = self.successors.get(&info.shard).copied().unwrap_or(0);
        Some(closed_ms.max(began))
    }

    fn open_at(&self, info: &ShardInfo, time_ms: u64) -> bool {
        info.created_ms <= time_ms && self.end_ms(info).is_none_or(|end_ms| end_ms > time_ms)
    }

    fn lists(&self, info: &ShardInfo) -> bool {
        let expired = self
            .end_ms(info)
            .is_some_and(|end_ms| end_ms < self.horizon_ms);
        if expired {
            return false;
        }
        match self.filter {
            CheckedFilter::FromTrimHorizon => true,
            CheckedFilter::AtTrimHorizon => self.open_at(info, self.horizon_ms),
            CheckedFilter::AtLatest => info.is_open(),
            CheckedFilter::AtTimestamp(ms) => self.open_at(info, ms.max(self.horizon_ms)),
            CheckedFilter::FromTimestamp(ms) => self
                .end_ms(info)
                .is_none_or(|end_ms| end_ms >= ms.max(self.horizon_ms)),
        }
    }
}

#[cfg(test)]
#[path = "list_shards/list_shards_test.rs"]
mod list_shards_test;
