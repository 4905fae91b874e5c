//! Reading at a replica that need not lead, and waiting there for what comes.
//!
//! Must stay true: only what the replica has applied is given, which is committed; a replica that is unsound or behind
//! what the asker knows of declines; a wait ends.

use std::time::Duration;

use ana_env::time::{now, timeout_at};
use ana_raft::{Group, GroupHealth};
use ana_types::{Position, ShardIndex};

use crate::context::Context;
use crate::error::Decline;
use crate::messages::{Follow, Reading, Records, RecordsFacts};
use crate::read::{after_last, collect};
use crate::server::replica;

/// Longest wait for one question; whoever asks comes back long before.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What there is at a position.
#[derive(Debug)]
enum Peek {
    /// Records, or the end of the shard.
    Something,
    /// Nothing yet, and what can be said of that.
    Nothing(RecordsFacts),
}

/// Reads at this node's replica.
pub(crate) async fn follow(context: &Context, call: &Follow) -> Result<Reading, Decline> {
    let read = &call.read;
    let group = replica(context, read.group)?;
    let is_sound = matches!(group.health(), GroupHealth::Ok | GroupHealth::Full);
    if !is_sound || group.applied() < call.applied_min {
        return Err(Decline::NoReplica);
    }
    let follows = &context.subscriptions.follows_in;
    let waiting = (call.asker != context.config.this.id).then(|| follows.try_acquire());
    let wait = match &waiting {
        Some(Err(_full)) => Duration::ZERO,
        Some(Ok(_)) | None => Duration::from_millis(call.wait_ms).min(WAIT_MAX),
    };
    let until = now() + wait;
    let mut applied = group.watch_applied();
    loop {
        applied.borrow_and_update();
        match peek(&group, read.shard, read.start) {
            None => return Ok(Reading::NoShard),
            Some(Peek::Something) => break,
            Some(Peek::Nothing(facts)) if now() >= until => {
                let records = Vec::new();
                return Ok(Reading::Records(Records { facts, records }));
            }
            Some(Peek::Nothing(_)) => match timeout_at(until, applied.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(_stopped)) => return Err(Decline::NoReplica),
            },
        }
    }
    drop(waiting);
    // First the right to read for a subscription, then that to read at all: GetRecords keeps its part.
    let closed = |_closed| Decline::Overloaded;
    let _push = context
        .subscriptions
        .pushes
        .acquire()
        .await
        .map_err(closed)?;
    let _permit = context.reads.acquire().await.map_err(closed)?;
    let found = collect(context, &group, read).await?;
    Ok(found.map_or(Reading::NoShard, Reading::Records))
}

fn peek(group: &Group, shard: ShardIndex, start: Position) -> Option<Peek> {
    group.shards(|set| {
        let state = set.shard(shard)?;
        if start < after_last(state) || state.is_ended_at(start) {
            return Some(Peek::Something);
        }
        Some(Peek::Nothing(RecordsFacts {
            created_s: state.created_s,
            next: start.max(Position::new(set.last_index() + 1, 0)),
            ..RecordsFacts::default()
        }))
    })
}
