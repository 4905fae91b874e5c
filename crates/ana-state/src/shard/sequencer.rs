//! Gives records their positions.
//!
//! Must stay true: a position is `(log index, ordinal)` and depends on nothing else, the arrival
//! time of a shard never goes back, and whatever is not accepted can never be read. Danger: a
//! sub-batch that is refused *between* accepted ones still lies in the log under the shard's mark,
//! so its index is noted in `refused` for readers to skip.

use super::{AppendHeader, AppendOutcome, AppendRefusal, ShardSet};
use ana_types::planted::{self, Bug};
use ana_types::{MAX_RECORDS_PER_SUB_BATCH, Position};

pub(super) fn append(
    set: &mut ShardSet,
    index: u64,
    headers: &[AppendHeader],
) -> Vec<AppendOutcome> {
    if index <= set.last_index && !planted::is(Bug::AppliedTwice) {
        return headers
            .iter()
            .map(|header| refused(header, AppendRefusal::StaleIndex))
            .collect();
    }
    set.last_index = index;
    let mut outcomes = Vec::with_capacity(headers.len());
    for (at, header) in headers.iter().enumerate() {
        // Entries have at most some tens of headers, so comparing all pairs is the cheap way.
        let duplicate = headers
            .iter()
            .enumerate()
            .any(|(other, h)| other != at && h.shard == header.shard);
        outcomes.push(append_one(set, index, header, duplicate));
    }
    outcomes
}

fn append_one(
    set: &mut ShardSet,
    index: u64,
    header: &AppendHeader,
    duplicate: bool,
) -> AppendOutcome {
    let Some(state) = set.shards.get_mut(&header.shard) else {
        return AppendOutcome::Unknown {
            shard: header.shard,
        };
    };
    if !state.is_open() {
        return AppendOutcome::Closed {
            shard: header.shard,
        };
    }
    let broken = if duplicate {
        Some(AppendRefusal::DuplicateShard)
    } else if header.count == 0 || header.count > MAX_RECORDS_PER_SUB_BATCH {
        Some(AppendRefusal::Count)
    } else if header.time_ms < state.last_arrival_ms {
        // Raising it here would make the acknowledged number differ from the one readers compute
        // from the log, and would hide the record from searches by time.
        Some(AppendRefusal::TimeWentBack)
    } else {
        None
    };
    if let Some(why) = broken {
        state.refused.insert(index);
        return refused(header, why);
    }
    let first = Position::new(index, 0);
    state.last = Position::new(index, header.count - 1);
    state.last_arrival_ms = header.time_ms;
    state.records += u64::from(header.count);
    state.bytes += u64::from(header.bytes);
    set.last_time_ms = set.last_time_ms.max(header.time_ms);
    AppendOutcome::Accepted {
        shard: header.shard,
        first,
        created_s: state.created_s,
        time_ms: header.time_ms,
    }
}

fn refused(header: &AppendHeader, why: AppendRefusal) -> AppendOutcome {
    AppendOutcome::Refused {
        shard: header.shard,
        why,
    }
}
