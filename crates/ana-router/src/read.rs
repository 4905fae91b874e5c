//! A read at the leader of its group: what is committed, from a position on, within the limits of one answer.
//!
//! Must stay true:
//! - nothing is served before the read barrier: a leader that was deposed answers nothing;
//! - records older than the retention are not served, whether or not they still lie in the log;
//! - `next` never passes a record that was not given, and `ended` is said only of a closed shard with nothing left.

use ana_raft::Group;
use ana_state::{LogWindow, ReadPlan, ShardState, read_plan};
use ana_types::record::codec;
use ana_types::{Position, Record, ShardIndex};

use crate::config::Limits;
use crate::context::Context;
use crate::error::Decline;
use crate::messages::{Found, Read, Reading, Records, RecordsFacts, Seek, SeekTarget};
use crate::server::replica;

/// Pieces of the log one read looks at before it answers with what it has; the client then goes on from there.
const SCANS_MAX: usize = 64;
/// Bytes asked of the log per wanted record, so that `Limit=1` does not fetch 10 MiB.
const BYTES_PER_RECORD_GUESS: usize = 2 << 10;
/// Fewer bytes than this are never asked for.
const SCAN_BYTES_MIN: usize = 64 << 10;

/// Reads, as the leader.
pub(crate) async fn read(context: &Context, call: &Read) -> Result<Reading, Decline> {
    let group = replica(context, call.group)?;
    if !group.is_leader() {
        return Err(Decline::NotLeader {
            leader: group.leader(),
        });
    }
    // Each read may hold 10 MiB; beyond the bound the caller tries again.
    let _permit = context
        .reads
        .try_acquire()
        .map_err(|_full| Decline::Overloaded)?;
    let key = (call.group, call.shard);
    let limited = context.config.limits == Limits::Aws;
    if limited
        && !context
            .admission()
            .admit_read(key, context.env.clock.elapsed())
    {
        return Ok(Reading::Throttled);
    }
    group.read_barrier().await?;
    let Some(reading) = collect(context, &group, call).await? else {
        return Ok(Reading::NoShard);
    };
    if limited {
        let bytes: usize = reading.records.iter().map(Record::payload_bytes).sum();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        context
            .admission()
            .charge_read(key, bytes, context.env.clock.elapsed());
    }
    Ok(Reading::Records(reading))
}

/// Finds a position, as the leader.
pub(crate) async fn seek(context: &Context, call: &Seek) -> Result<Found, Decline> {
    let group = replica(context, call.group)?;
    if call.counted && !admit_iterator(context, &group, call)? {
        return Ok(Found::Throttled);
    }
    if let SeekTarget::Given(position) = call.target {
        return Ok(Found::At(position));
    }
    group.read_barrier().await?;
    let Some((state, _window)) = look(&group, call.shard) else {
        return Ok(Found::NoShard);
    };
    let latest = after_last(&state);
    let position = match call.target {
        SeekTarget::Given(position) => position,
        SeekTarget::Latest => latest,
        SeekTarget::AtTime(time_ms) => first_at_or_after(&group, call.shard, &state, time_ms)
            .await?
            .unwrap_or(latest),
    };
    Ok(Found::At(position))
}

/// Whether one more iterator of a shard may be given out. The rate is one of open shards: readers that walk through the
/// closed ones to catch up are not held up.
fn admit_iterator(context: &Context, group: &Group, call: &Seek) -> Result<bool, Decline> {
    if !group.is_leader() {
        return Err(Decline::NotLeader {
            leader: group.leader(),
        });
    }
    let is_open = group.shards(|set| set.shard(call.shard).is_some_and(ShardState::is_open));
    let now = context.env.clock.elapsed();
    Ok(!is_open
        || context
            .admission()
            .admit_iterator((call.group, call.shard), now))
}

/// One past the last record.
pub(crate) fn after_last(state: &ShardState) -> Position {
    if state.records == 0 {
        Position::START
    } else {
        state.last.next()
    }
}

/// The shard and how much of the log there is, taken in this order: the machine can only be ahead of the window.
fn look(group: &Group, shard: ShardIndex) -> Option<(ShardState, LogWindow)> {
    group.shards(|set| {
        let state = set.shard(shard)?.clone();
        let purged_index = group.log().bounds().purged.map_or(0, |id| id.index);
        Some((
            state,
            LogWindow {
                purged_index,
                applied_index: set.last_index(),
            },
        ))
    })
}

async fn first_at_or_after(
    group: &Group,
    shard: ShardIndex,
    state: &ShardState,
    time_ms: u64,
) -> Result<Option<Position>, Decline> {
    if state.records == 0 || state.last_arrival_ms < time_ms {
        return Ok(None);
    }
    let upto = state.last.log_index();
    let found = group
        .log()
        .seek_time(shard.0, time_ms, upto)
        .await
        .map_err(|error| {
            tracing::error!(group = %group.id(), %shard, %error, "the log cannot be searched");
            Decline::Unreadable
        })?;
    Ok(found.map(|index| Position::new(index, 0)))
}

/// What there is of a shard from a position on, as this replica has it; none when it has no such shard. Needs no
/// leader, and holds as much memory as the answer: the caller has a permit.
pub(crate) async fn collect(
    context: &Context,
    group: &Group,
    call: &Read,
) -> Result<Option<Records>, Decline> {
    let Some((state, window)) = look(group, call.shard) else {
        return Ok(None);
    };
    let horizon_ms = context.now_ms().saturating_sub(call.retention_ms);
    let mut plan = read_plan(&state, call.start, window);
    let mut cursor = Cursor::new(call);
    if !plan.is_empty() && state.last_arrival_ms < horizon_ms {
        // Everything left is past its retention.
        plan = read_plan(&state, after_last(&state), window);
    }
    let mut scanned = plan.is_empty();
    for _ in 0..SCANS_MAX {
        if scanned || cursor.is_full() {
            break;
        }
        let piece = group
            .log()
            .read_key(call.shard.0, plan.from_index, plan.upto_index, cursor.bytes_wanted())
            .await
            .map_err(|error| {
                tracing::error!(group = %group.id(), shard = %call.shard, %error, "the log cannot be read");
                Decline::Unreadable
            })?;
        if let Some(first) = piece.batches.first()
            && first.mark.time_ms < horizon_ms
        {
            let start = first_at_or_after(group, call.shard, &state, horizon_ms).await?;
            plan = read_plan(&state, start.unwrap_or_else(|| after_last(&state)), window);
            scanned = plan.is_empty();
            continue;
        }
        for batch in &piece.batches {
            if !plan.refused.contains(&batch.index) {
                cursor.take(&plan, batch.index, batch.mark.time_ms, &batch.body)?;
            }
            if cursor.is_full() {
                break;
            }
        }
        if !cursor.is_full() {
            plan.from_index = piece.next_index.max(plan.from_index);
            plan.skip_ordinals = 0;
            cursor.next = cursor.next.max(Position::new(plan.from_index, 0));
            scanned = plan.from_index > plan.upto_index;
        }
    }
    if scanned {
        cursor.next = cursor.next.max(plan.resume);
    }
    Ok(Some(cursor.finish(context.now_ms(), &state)))
}

/// The answer as it grows.
#[derive(Debug)]
struct Cursor {
    limit: usize,
    bytes_left: usize,
    records: Vec<Record>,
    places: Vec<(Position, u64)>,
    next: Position,
    full: bool,
}

impl Cursor {
    fn new(call: &Read) -> Self {
        Self {
            limit: usize::try_from(call.limit).unwrap_or(usize::MAX),
            bytes_left: usize::try_from(call.bytes_max).unwrap_or(usize::MAX),
            records: Vec::new(),
            places: Vec::new(),
            next: call.start,
            full: false,
        }
    }

    fn is_full(&self) -> bool {
        self.full || self.records.len() >= self.limit
    }

    fn bytes_wanted(&self) -> usize {
        let records_left = self.limit.saturating_sub(self.records.len());
        let guess = records_left
            .saturating_mul(BYTES_PER_RECORD_GUESS)
            .max(SCAN_BYTES_MIN);
        guess.min(self.bytes_left).max(1)
    }

    /// Takes the records of one sub-batch that lie at or behind the start of the plan, as far as they fit.
    fn take(
        &mut self,
        plan: &ReadPlan,
        index: u64,
        time_ms: u64,
        body: &bytes::Bytes,
    ) -> Result<(), Decline> {
        let skip = if index == plan.from_index {
            plan.skip_ordinals
        } else {
            0
        };
        for (ordinal, record) in (0..).zip(codec::decode(body.clone())) {
            let record = record.map_err(|error| {
                tracing::error!(index, %error, "a sub-batch does not decode");
                Decline::Unreadable
            })?;
            if ordinal < skip {
                continue;
            }
            let bytes = record.payload_bytes();
            if self.is_full() || (bytes > self.bytes_left && !self.records.is_empty()) {
                self.full = true;
                return Ok(());
            }
            self.bytes_left = self.bytes_left.saturating_sub(bytes);
            let position = Position::new(index, ordinal);
            self.places.push((position, time_ms));
            self.records.push(record);
            self.next = position.next();
        }
        Ok(())
    }

    fn finish(self, now_ms: u64, state: &ShardState) -> Records {
        let at_tip = self.next >= after_last(state);
        let last = self.places.last();
        let arrival_ms = last.map_or(state.last_arrival_ms, |(_, arrival_ms)| *arrival_ms);
        let millis_behind = if at_tip {
            0
        } else {
            millis_behind(now_ms, arrival_ms)
        };
        let ended = at_tip && state.is_ended_at(self.next);
        let children = match &state.closed {
            Some(closed) if ended => closed.children.clone(),
            _ => Vec::new(),
        };
        let facts = RecordsFacts {
            created_s: state.created_s,
            places: self.places,
            next: self.next,
            millis_behind,
            ended,
            children,
        };
        Records {
            facts,
            records: self.records,
        }
    }
}

/// How far a reader that is not at the tip is behind, by the arrival of the last record it has seen. Never 0, which says
/// that there is nothing left to read: not within one millisecond, and not when the leader's clock has gone back.
fn millis_behind(now_ms: u64, arrival_ms: u64) -> u64 {
    now_ms.saturating_sub(arrival_ms).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tip_is_zero_behind() {
        assert_eq!(millis_behind(5000, 3000), 2000);
        assert_eq!(millis_behind(3000, 3000), 1, "in the same millisecond");
        assert_eq!(millis_behind(1000, 3000), 1, "after the clock went back");
    }
}
