//! GetRecords at the node that got the request.
//!
//! Must stay true: the end of a shard is told only together with its children, and only when listings show them.
//! Until then the reader gets a living position and nothing with it, which is an ordinary answer.

use std::time::Duration;

use ana_state::Metadata;
use ana_types::limits::{GET_RECORDS_BYTES_MAX, GET_RECORDS_LIMIT_MAX};
use ana_types::planted::{self, Bug};
use ana_types::{
    GroupId, KinesisError, Position, Record, SequenceNumber, ShardIndex, StoredRecord, StreamKey,
    StreamName, StreamStatus,
};

use crate::context::{Context, Deadline};
use crate::leader::{Repeat, at_leader};
use crate::messages::{Read, Reading, Records};
use crate::ops::{ChildShard, ReadAnswer, ReadRequest};
use crate::router::Answer;
use crate::shard_map;

/// How long the answer that ends a shard waits for the reshard to be committed.
const CHILDREN_WITHIN: Duration = Duration::from_secs(1);

/// Where a shard is read.
#[derive(Debug, Clone)]
struct Place {
    name: StreamName,
    group: GroupId,
    retention_ms: u64,
}

/// GetRecords.
pub(crate) async fn read(context: &Context, request: ReadRequest) -> Answer<ReadAnswer> {
    let deadline = context.deadline();
    let place = find(context, &request, deadline).await?;
    if let Some(arn) = &request.arn
        && shard_map::name_of_arn(&context.config, arn).ok() != Some(place.name.clone())
    {
        return Err(KinesisError::IteratorOfOtherStream { arn: arn.clone() });
    }
    let limit_max = u32::try_from(GET_RECORDS_LIMIT_MAX).expect("10,000");
    let call = Read {
        group: place.group,
        shard: if planted::is(Bug::IteratorOfOtherShard) {
            ShardIndex(request.shard.0 & 3)
        } else {
            request.shard
        },
        start: request.position,
        limit: request.limit.unwrap_or(limit_max).clamp(1, limit_max),
        bytes_max: u32::try_from(GET_RECORDS_BYTES_MAX).expect("10 MiB"),
        retention_ms: place.retention_ms,
    };
    match at_leader(context, place.group, &call, Repeat::Safe, deadline).await {
        Ok(Reading::Records(read)) => answer(context, &request, read, deadline).await,
        Ok(Reading::Throttled) => Err(KinesisError::Throughput {
            shard: request.shard,
            stream: place.name,
        }),
        Ok(Reading::NoShard) => Err(KinesisError::ShardDoesNotExist {
            shard: request.shard,
            stream: place.name,
        }),
        Err(error) => {
            // The group may be gone because its stream is.
            find(context, &request, deadline).await?;
            Err(error.into())
        }
    }
}

/// Where the shard is, by this node's map, and after a barrier when it is not in there.
async fn find(context: &Context, request: &ReadRequest, deadline: Deadline) -> Answer<Place> {
    let look = |meta: &Metadata| {
        let stream = meta.stream_by_key(request.stream)?;
        let info = stream.shard(request.shard)?;
        let retention_ms = context.config.retention_ms(stream);
        Some(Place {
            name: stream.name.clone(),
            group: info.group,
            retention_ms,
        })
    };
    if let Some(place) = context.look(look)? {
        return Ok(place);
    }
    context
        .look_now(deadline, look)
        .await?
        .ok_or_else(|| no_shard(context, request))
}

/// The stream of an iterator may be gone, and its name with it; the client gave the name only in an ARN.
fn no_shard(context: &Context, request: &ReadRequest) -> KinesisError {
    let named = || {
        let arn = request.arn.as_deref()?;
        shard_map::name_of_arn(&context.config, arn).ok()
    };
    let stream = context
        .stream_name(request.stream)
        .or_else(named)
        .unwrap_or_else(|| StreamName::new("deleted").expect("seven letters are a name"));
    KinesisError::ShardDoesNotExist {
        shard: request.shard,
        stream,
    }
}

async fn answer(
    context: &Context,
    request: &ReadRequest,
    read: Records,
    deadline: Deadline,
) -> Answer<ReadAnswer> {
    let Records { facts, records } = read;
    let children = if facts.ended {
        let within = deadline.remaining().min(CHILDREN_WITHIN);
        let (stream, shard) = (request.stream, request.shard);
        let committed = context
            .wait_for(Deadline::after(within), |meta| {
                end_is_told(meta, stream, shard)
            })
            .await?;
        let children = facts.children.into_iter().map(|child| ChildShard {
            shard: child.shard,
            parents: child.parents,
            range: child.range,
        });
        if committed == Some(true) {
            children.collect()
        } else {
            Vec::new()
        }
    } else {
        Vec::new()
    };
    let records = stored(request.shard, facts.created_s, facts.places, records);
    // Without children the end is not told: the stream is being deleted, or the reshard is not committed yet.
    let next = if children.is_empty() {
        Some(facts.next)
    } else {
        None
    };
    Ok(ReadAnswer {
        records,
        next,
        millis_behind: facts.millis_behind,
        children,
    })
}

/// The records of an answer, with their numbers.
pub(crate) fn stored(
    shard: ShardIndex,
    created_s: u64,
    places: Vec<(Position, u64)>,
    records: Vec<Record>,
) -> Vec<StoredRecord> {
    let placed = places.into_iter().zip(records);
    placed
        .map(|((position, arrival_ms), record)| StoredRecord {
            sequence: SequenceNumber {
                created_s,
                shard,
                position,
                time_s: arrival_ms / 1000,
            },
            arrival_ms,
            partition_key: record.partition_key,
            data: record.data,
            encrypted: record.encrypted,
        })
        .collect()
}

/// Whether listings show the end of a closed shard: true, false when they never will, none when not yet.
pub(crate) fn end_is_told(meta: &Metadata, stream: StreamKey, shard: ShardIndex) -> Option<bool> {
    let Some(stream) = meta.stream_by_key(stream) else {
        return Some(false);
    };
    if stream.status == StreamStatus::Deleting {
        return Some(false);
    }
    match stream.shards.get(&shard) {
        Some(info) if info.is_open() => None,
        // A shard that has expired was listed as closed before.
        Some(_) | None => Some(true),
    }
}

#[cfg(test)]
#[path = "get/get_test.rs"]
mod get_test;
