//! Opening, closing and expiring shards.
//!
//! Must stay true: a command is checked as a whole before anything is changed, and repeating one
//! that succeeded finds its work done and answers as it did the first time.

use super::command::child_created;
use super::{
    ChildSpec, ClosedAt, ShardCommand, ShardOutcome, ShardRefusal, ShardSet, ShardSpec, ShardState,
};
use crate::meta::GROUP_OPEN_SHARDS_MAX;
use ana_types::planted::{self, Bug};
use ana_types::{HashRange, Position, SequenceNumber, ShardIndex};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn apply(set: &mut ShardSet, index: u64, command: ShardCommand) -> ShardOutcome {
    if index <= set.last_index {
        return ShardOutcome::Refused {
            why: ShardRefusal::StaleIndex,
        };
    }
    set.last_index = index;
    let outcome = match command {
        ShardCommand::Open { shards } => open(set, index, &shards),
        ShardCommand::Close {
            shards,
            time_ms,
            children,
        } => close(set, index, time_ms, &shards, &children),
        ShardCommand::CloseAndOpen {
            shards,
            time_ms,
            children,
        } => close_and_open(set, index, time_ms, &shards, &children),
        ShardCommand::Expire { shards } => Ok(expire(set, &shards)),
    };
    outcome.unwrap_or_else(|why| ShardOutcome::Refused { why })
}

fn open(set: &mut ShardSet, index: u64, specs: &[ShardSpec]) -> Result<ShardOutcome, ShardRefusal> {
    let new = check_open(set, specs, &BTreeSet::new())?;
    open_new(set, index, new);
    Ok(ShardOutcome::Opened)
}

fn close(
    set: &mut ShardSet,
    index: u64,
    time_ms: u64,
    shards: &[ShardIndex],
    children: &[ChildSpec],
) -> Result<ShardOutcome, ShardRefusal> {
    let closings = plan_closings(set, index, time_ms, shards, children)?;
    close_planned(set, &closings);
    Ok(ShardOutcome::Closed(closings))
}

fn close_and_open(
    set: &mut ShardSet,
    index: u64,
    time_ms: u64,
    shards: &[ShardIndex],
    children: &[ChildSpec],
) -> Result<ShardOutcome, ShardRefusal> {
    let closings = plan_closings(set, index, time_ms, shards, children)?;
    let (created_ms, created_s) = child_created(closings.iter().map(|closing| {
        let parent = set
            .shards
            .get(&closing.shard)
            .expect("plan_closings found every parent");
        (parent.created_s, closing.time_ms)
    }));
    let specs: Vec<ShardSpec> = children
        .iter()
        .map(|child| ShardSpec {
            shard: child.shard,
            range: child.range,
            created_ms,
            created_s,
        })
        .collect();
    let new = check_open(set, &specs, &shards.iter().copied().collect())?;
    if !planted::is(Bug::ChildrenBeforeFence) {
        close_planned(set, &closings);
    }
    open_new(set, index, new);
    Ok(ShardOutcome::Closed(closings))
}

/// How each of `shards` is closed: as it was, or as it would be by this command.
fn plan_closings(
    set: &ShardSet,
    index: u64,
    time_ms: u64,
    shards: &[ShardIndex],
    children: &[ChildSpec],
) -> Result<Vec<ClosedAt>, ShardRefusal> {
    refuse_repeated(shards.iter().copied())?;
    let known = shards
        .iter()
        .map(|&shard| {
            Ok((
                shard,
                set.shards.get(&shard).ok_or(ShardRefusal::Unknown(shard))?,
            ))
        })
        .collect::<Result<Vec<_>, ShardRefusal>>()?;
    // Parents end together, no earlier than any record of any of them, and no earlier than they
    // began: the next of two drivers may have a clock that is behind.
    let time_ms = known.iter().fold(time_ms, |time_ms, (_, state)| {
        time_ms.max(state.last_arrival_ms).max(state.created_ms)
    });
    let plan = |(shard, state): (ShardIndex, &ShardState)| {
        state.closed.clone().unwrap_or_else(|| ClosedAt {
            shard,
            index,
            time_ms,
            end: if state.records == 0 {
                Position::START
            } else {
                state.last.next()
            },
            ending: SequenceNumber::end_of_shard(state.created_s, shard, time_ms / 1000),
            children: children.to_vec(),
        })
    };
    Ok(known.into_iter().map(plan).collect())
}

fn close_planned(set: &mut ShardSet, closings: &[ClosedAt]) {
    for closing in closings {
        let state = set
            .shards
            .get_mut(&closing.shard)
            .expect("plan_closings found every shard it planned");
        // Of a shard that was closed before, the plan is its first closing.
        state.closed = Some(closing.clone());
    }
}

/// The shards of `specs` that are not there yet, when all of them may be opened once `closing` are
/// closed.
fn check_open(
    set: &ShardSet,
    specs: &[ShardSpec],
    closing: &BTreeSet<ShardIndex>,
) -> Result<Vec<ShardSpec>, ShardRefusal> {
    refuse_repeated(specs.iter().map(|spec| spec.shard))?;
    let mut open: BTreeMap<ShardIndex, HashRange> = set
        .shards
        .iter()
        .filter(|(shard, state)| state.is_open() && !closing.contains(shard))
        .map(|(&shard, state)| (shard, state.range))
        .collect();
    let mut new = Vec::new();
    for spec in specs {
        if let Some(state) = set.shards.get(&spec.shard) {
            if !is_of(state, spec) {
                return Err(ShardRefusal::Conflict(spec.shard));
            }
            continue;
        }
        if set.expired_upto.is_some_and(|upto| spec.shard <= upto) {
            return Err(ShardRefusal::Expired(spec.shard));
        }
        if open.values().any(|range| overlap(range, &spec.range)) {
            return Err(ShardRefusal::Overlap(spec.shard));
        }
        open.insert(spec.shard, spec.range);
        new.push(*spec);
    }
    if !new.is_empty() && open.len() > usize_of(GROUP_OPEN_SHARDS_MAX) {
        return Err(ShardRefusal::Full);
    }
    Ok(new)
}

fn open_new(set: &mut ShardSet, index: u64, specs: Vec<ShardSpec>) {
    for spec in specs {
        let state = ShardState {
            range: spec.range,
            created_ms: spec.created_ms,
            created_s: spec.created_s,
            opened_at: index,
            last: Position::START,
            last_arrival_ms: 0,
            records: 0,
            bytes: 0,
            refused: BTreeSet::new(),
            closed: None,
        };
        set.shards.insert(spec.shard, state);
    }
}

fn expire(set: &mut ShardSet, shards: &[ShardIndex]) -> ShardOutcome {
    for shard in shards {
        if set.shards.get(shard).is_some_and(|state| !state.is_open()) {
            set.shards.remove(shard);
            set.expired_upto = set.expired_upto.max(Some(*shard));
        }
    }
    ShardOutcome::Expired
}

fn is_of(state: &ShardState, spec: &ShardSpec) -> bool {
    state.range == spec.range
        && state.created_ms == spec.created_ms
        && state.created_s == spec.created_s
}

fn overlap(a: &HashRange, b: &HashRange) -> bool {
    a.start <= b.end && b.start <= a.end
}

fn refuse_repeated(shards: impl Iterator<Item = ShardIndex>) -> Result<(), ShardRefusal> {
    let mut seen = BTreeSet::new();
    for shard in shards {
        if !seen.insert(shard) {
            return Err(ShardRefusal::Repeated(shard));
        }
    }
    if seen.is_empty() {
        Err(ShardRefusal::Empty)
    } else {
        Ok(())
    }
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("addresses have at least 32 bits")
}
