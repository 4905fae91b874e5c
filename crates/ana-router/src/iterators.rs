//! GetShardIterator: from what the client says to a position.
//!
//! Must stay true: the checks come in AWS's order: shard id, stream, shard, members that go together, the sequence
//! number or the time; and then the rate of new iterators, which the leader of the shard keeps.

use ana_types::{
    IteratorKind, KinesisError, Position, SequenceError, SequenceNumber, ShardIndex, ShardInfo,
    StreamKey, StreamName, StreamStatus,
};

use crate::config::Limits;
use crate::context::{Context, Deadline};
use crate::leader::{Repeat, at_leader};
use crate::messages::{Found, Seek, SeekTarget};
use crate::ops::{GetIterator, IteratorPosition};
use crate::router::Answer;
use crate::shard_map;

/// GetShardIterator.
pub(crate) async fn get(context: &Context, request: GetIterator) -> Answer<IteratorPosition> {
    let counted = context.config.limits == Limits::Aws;
    find(context, &request, counted, context.deadline()).await
}

/// The position that a request means, also where it is not for an iterator.
pub(crate) async fn locate(
    context: &Context,
    request: &GetIterator,
    deadline: Deadline,
) -> Answer<IteratorPosition> {
    find(context, request, false, deadline).await
}

async fn find(
    context: &Context,
    request: &GetIterator,
    counted: bool,
    deadline: Deadline,
) -> Answer<IteratorPosition> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let shard = ShardIndex::parse_lenient(&request.shard_id).ok_or_else(|| {
        KinesisError::ShardIdUnparsable {
            given: request.shard_id.clone(),
            stream: name.clone(),
        }
    })?;
    let look = |meta: &ana_state::Metadata| {
        let stream = meta.stream(&name)?;
        let served = matches!(stream.status, StreamStatus::Active | StreamStatus::Updating);
        let info = served.then(|| stream.shard(shard)).flatten()?;
        Some((stream.key, info.clone()))
    };
    let found = match context.look(look)? {
        Some(found) => Some(found),
        None => context.look_now(deadline, look).await?,
    };
    let Some((stream, info)) = found else {
        return Err(KinesisError::ShardDoesNotExist {
            shard,
            stream: name,
        });
    };
    let target = match start(request, &info, &name, context.now_ms())? {
        Start::At(position) if !counted => return Ok(position_of(stream, shard, position)),
        Start::At(position) => SeekTarget::Given(position),
        Start::Seek(target) => target,
    };
    let seek = Seek {
        group: info.group,
        shard,
        target,
        counted,
    };
    match at_leader(context, info.group, &seek, Repeat::Safe, deadline).await? {
        Found::At(position) => Ok(position_of(stream, shard, position)),
        Found::NoShard => Err(KinesisError::ShardDoesNotExist {
            shard,
            stream: name,
        }),
        Found::Throttled => Err(KinesisError::Throughput {
            shard,
            stream: name,
        }),
    }
}

fn position_of(stream: StreamKey, shard: ShardIndex, position: Position) -> IteratorPosition {
    IteratorPosition {
        stream,
        shard,
        position,
    }
}

/// How the position is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// It is known here.
    At(Position),
    /// The leader knows.
    Seek(SeekTarget),
}

/// Checks what goes together and says how the position is found. Pure.
fn start(
    request: &GetIterator,
    info: &ShardInfo,
    stream: &StreamName,
    now_ms: u64,
) -> Answer<Start> {
    let given = request.sequence.as_deref();
    match (request.kind, given) {
        (IteratorKind::TrimHorizon, None) => Ok(Start::At(Position::START)),
        (IteratorKind::Latest, None) => Ok(Start::Seek(SeekTarget::Latest)),
        (IteratorKind::AtTimestamp, None) => at_time(request.timestamp_ms, now_ms),
        (IteratorKind::AtSequenceNumber, Some(text)) => {
            Ok(Start::At(check_sequence(text, info, stream)?.position))
        }
        (IteratorKind::AfterSequenceNumber, Some(text)) => Ok(Start::At(
            check_sequence(text, info, stream)?.position.next(),
        )),
        (kind, given) => Err(KinesisError::IteratorNeedsSequence {
            kind,
            given: given.is_some(),
        }),
    }
}

fn at_time(timestamp_ms: Option<u64>, now_ms: u64) -> Answer<Start> {
    match timestamp_ms {
        None => Err(KinesisError::IteratorNeedsTimestamp),
        Some(timestamp_ms) if timestamp_ms > now_ms => Err(KinesisError::TimestampInFuture {
            timestamp_ms,
            now_ms,
        }),
        Some(timestamp_ms) => Ok(Start::Seek(SeekTarget::AtTime(timestamp_ms))),
    }
}

/// A sequence number has to be of this very shard; it need not be that of a record.
fn check_sequence(text: &str, info: &ShardInfo, stream: &StreamName) -> Answer<SequenceNumber> {
    let (value, shard) = (text.to_owned(), info.shard);
    let any = SequenceNumber::parse_any(text).map_err(|_reason| KinesisError::SequenceInvalid {
        value: value.clone(),
        shard,
        stream: stream.clone(),
    })?;
    if i32::try_from(shard.0) != Ok(any.shard) {
        return Err(KinesisError::SequenceWrongShard {
            encoded: any.shard,
            used: shard,
        });
    }
    let not_ours = || KinesisError::SequenceNotOfStream {
        value,
        shard,
        stream: stream.clone(),
    };
    match any.to_v2() {
        Ok(sequence) if sequence.created_s == info.created_s => Ok(sequence),
        Err(SequenceError::OldVersion) => Err(KinesisError::SequenceVersionZero),
        Ok(_) | Err(_) => Err(not_ours()),
    }
}

#[cfg(test)]
#[path = "iterators/iterators_test.rs"]
mod iterators_test;
