//! UpdateShardCount and warm throughput while they are carried out: a series of splits and merges,
//! each a recorded reshard as those of SplitShard and MergeShards, until there are as many equal
//! shards as wanted. The stream shows UPDATING from the first to the last.
//!
//! What must stay true
//! - Which step is next follows from the shards and the target alone (`uniform.rs`), so a resize can be
//!   left and taken up again between any two steps.
//! - A step begins in the same command that finished the one before, so none can be forgotten.

use super::uniform::{self, Step};
use super::{Metadata, PendingKind, Reshard, ReshardKind, StreamState, placement, reshard, split};
use ana_types::{HashRange, KinesisError, ShardIndex, ShardInfo, StreamKey};
use serde::{Deserialize, Serialize};

/// A stream on its way to another number of shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// Shards wanted.
    pub target: u32,
    /// The split or merge under way. None before the first, which begins with `FinishUpdate` when
    /// UPDATING was shown long enough.
    pub step: Option<Reshard>,
}

/// Whether the stream has the shard indexes that the way to `target` can use up.
pub(super) fn check_indexes(stream: &StreamState, target: u32) -> Result<(), KinesisError> {
    // At most one step for each boundary there is and each that is wanted, and two shards a step.
    let steps = u64::from(stream.open_shard_count()) + u64::from(target) + 1;
    let needed = u64::from(stream.next_shard.0) + 2 * steps;
    if needed < u64::from(ShardIndex::MAX.0) {
        Ok(())
    } else {
        Err(reshard::used_up())
    }
}

/// Begins the next step, or ends the resize when nothing is left to do. For a stream that is being
/// resized and on which no reshard is under way.
pub(super) fn go_on(machine: &mut Metadata, key: StreamKey, target: u32) {
    let next = next(machine, key, target);
    let Some(stream) = machine.streams.get_mut(&key) else {
        return;
    };
    match next {
        Some(step) => {
            if let Some(after) = step.after_last_child() {
                stream.next_shard = after;
            }
            if let Some(pending) = stream.pending.as_mut() {
                let step = Some(step);
                pending.kind = PendingKind::Resize(Resize { target, step });
            }
        }
        None => {
            stream.scaling.warm_current_mibps = stream.scaling.warm_target_mibps;
            stream.become_active();
        }
    }
}

fn next(machine: &mut Metadata, key: StreamKey, target: u32) -> Option<Reshard> {
    let groups_wanted = placement::groups_for(machine, target);
    let stream = machine.streams.get(&key)?;
    let mut open: Vec<&ShardInfo> = stream.writable_shards().collect();
    open.sort_unstable_by_key(|info| info.range.start);
    let ranges: Vec<HashRange> = open.iter().map(|info| info.range).collect();
    // `check_indexes` left enough of them; a stream that has none left stays as it is.
    match uniform::next_step(&ranges, target)? {
        Step::Split { at, new_start } => {
            let parent = (*open.get(at)?).clone();
            let (lower, upper) = parent.range.split_at(new_start)?;
            let children = reshard::take_indexes(stream.next_shard).ok()?;
            let share = target.div_ceil(groups_wanted).max(split::CHILDREN);
            let own_after = stream.open_in_group(parent.group) + split::CHILDREN - 1;
            let group = placement::group_for_resize(
                stream,
                parent.group,
                own_after,
                placement::Share {
                    shards: share,
                    groups: groups_wanted,
                },
            );
            let group = match group {
                Some(group) => group,
                None => reshard::add_group(machine, key).ok()?,
            };
            Some(split::of(parent.shard, group, children, [lower, upper]))
        }
        Step::Merge { at } => {
            let (lower, upper) = (open.get(at)?, open.get(at + 1)?);
            let [child] = reshard::take_indexes(stream.next_shard).ok()?;
            let range = lower.range.merge(&upper.range)?;
            Some(super::merge::of([lower, upper], child, range))
        }
    }
}

impl Resize {
    /// Open shards that an account is charged for while `open` are there.
    pub(super) fn shards_charged(&self, open: u32) -> u32 {
        let splits = self
            .step
            .as_ref()
            .is_some_and(|step| step.kind == ReshardKind::Split);
        self.target.max(open + u32::from(splits))
    }
}
