//! What is always true of a shard set.

use super::{ShardSet, ShardState};
use crate::meta::GROUP_OPEN_SHARDS_MAX;
use crate::violation::{Invariant, Subject, Violation, ensure};
use ana_types::{Position, ShardIndex};

/// Refused sub-batches a shard may collect. A sound batcher causes none; one that causes this many
/// must not go on.
const REFUSED_MAX: usize = 1024;

static S1: Invariant = Invariant {
    id: "S1",
    statement: "nothing stands behind the last applied index",
};
static S2: Invariant = Invariant {
    id: "S2",
    statement: "a shard with records has its last one behind its opening, one without has no \
                position, arrival time or bytes",
};
static S3: Invariant = Invariant {
    id: "S3",
    statement: "a closed shard has its last record before its end and before its closing",
};
static S4: Invariant = Invariant {
    id: "S4",
    statement: "the ending number is the greatest of its shard and not earlier than the last record",
};
static S5: Invariant = Invariant {
    id: "S5",
    statement: "open shards have hash keys and share none of them",
};
static S6: Invariant = Invariant {
    id: "S6",
    statement: "a group holds no more open shards than its bound",
};
static S7: Invariant = Invariant {
    id: "S7",
    statement: "no record arrived after the latest arrival of the group",
};
static S8: Invariant = Invariant {
    id: "S8",
    statement: "refused sub-batches are few, lie behind the opening and are not the last record",
};
static S9: Invariant = Invariant {
    id: "S9",
    statement: "every number of a child is greater than every number of its parents",
};

/// All invariants of the shard set, by id.
pub static SHARD_INVARIANTS: [&Invariant; 9] = [&S1, &S2, &S3, &S4, &S5, &S6, &S7, &S8, &S9];

pub(super) fn check(set: &ShardSet) -> Result<(), Violation> {
    let mut open: Vec<(ShardIndex, &ShardState)> = Vec::new();
    for (shard, state) in set.shards() {
        check_shard(set, shard, state)?;
        if state.is_open() {
            open.push((shard, state));
        }
    }
    open.sort_by_key(|(_, state)| state.range.start);
    for pair in open.windows(2) {
        let [(_, below), (shard, above)] = pair else {
            continue;
        };
        ensure(
            below.range.end < above.range.start,
            &S5,
            Subject::Shard(*shard),
        )?;
    }
    let within = u32::try_from(open.len()).is_ok_and(|open| open <= GROUP_OPEN_SHARDS_MAX);
    ensure(within, &S6, Subject::Machine)
}

fn check_shard(set: &ShardSet, shard: ShardIndex, state: &ShardState) -> Result<(), Violation> {
    let subject = Subject::Shard(shard);
    let closed_at = state.closed.as_ref().map_or(0, |closed| closed.index);
    let newest = state.opened_at.max(state.last.log_index()).max(closed_at);
    let newest = newest.max(state.refused.last().copied().unwrap_or(0));
    ensure(newest <= set.last_index, &S1, subject)?;
    let holds = if state.records == 0 {
        state.last == Position::START && state.last_arrival_ms == 0 && state.bytes == 0
    } else {
        state.last.log_index() > state.opened_at
    };
    ensure(holds, &S2, subject)?;
    ensure(state.range.start <= state.range.end, &S5, subject)?;
    ensure(state.last_arrival_ms <= set.last_time_ms, &S7, subject)?;
    let behind_opening = state
        .refused
        .first()
        .is_none_or(|first| *first > state.opened_at);
    let not_last = state.records == 0 || !state.refused.contains(&state.last.log_index());
    let few = state.refused.len() <= REFUSED_MAX;
    ensure(behind_opening && not_last && few, &S8, subject)?;
    check_closed(set, shard, state)
}

fn check_closed(set: &ShardSet, shard: ShardIndex, state: &ShardState) -> Result<(), Violation> {
    let Some(closed) = &state.closed else {
        return Ok(());
    };
    let subject = Subject::Shard(shard);
    let before =
        state.records == 0 || (state.last < closed.end && state.last.log_index() < closed.index);
    ensure(before && state.opened_at < closed.index, &S3, subject)?;
    let ending = closed.ending;
    let greatest = ending.position == Position::END
        && ending.shard == shard
        && ending.created_s == state.created_s
        && ending.time_s == closed.time_ms / 1000
        && closed.time_ms >= state.last_arrival_ms
        && closed.shard == shard;
    ensure(greatest, &S4, subject)?;
    for child in &closed.children {
        let Some(child_state) = set.shard(child.shard) else {
            continue;
        };
        ensure(
            child_state.created_s > state.created_s,
            &S9,
            Subject::Shard(child.shard),
        )?;
    }
    Ok(())
}
