//! Makes on-demand streams follow their load: the node that leads the metadata collects what was written to their shards
//! from the leaders of the groups, and has shards split and merged.
//!
//! A step is recorded in the metadata and carried out by the driver as any other reshard is. The stream stays ACTIVE
//! meanwhile: AWS does not document what it shows, and this refuses no operation of a client; writes to the range wait
//! for the moment it takes, and go to the children then.
//!
//! Must stay true: nothing here is needed for safety. What was measured lives in memory and is forgotten with the
//! leadership; commands that come late, twice or from two nodes do nothing that the stream is not ready for.

mod decide;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::interval;
use ana_raft::Group;
use ana_state::MetaCommand;
use ana_state::meta::{ScalingCommand, StreamState};
use ana_types::{GroupId, ShardIndex, ShardInfo, StreamKey, StreamMode, StreamStatus};
use futures::future::join_all;

use crate::context::{Context, Deadline};
use crate::error::Decline;
use crate::leader::{Repeat, at_leader};
use crate::messages::{AskLoads, GroupLoads};
use crate::router::Answer;
use crate::server::replica;
use decide::{History, Seen, Step, Told};

/// How long the leaders of groups may take to tell their loads.
const LOADS_WITHIN: Duration = Duration::from_secs(1);
/// How long one step may take; what takes longer is looked at again next time.
const STEP_WITHIN: Duration = Duration::from_secs(10);
/// Steps of one stream at one look; the next look goes on.
const STEPS_MAX: u32 = 256;

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(context.config.on_demand.look_every);
    let mut histories: BTreeMap<StreamKey, History> = BTreeMap::new();
    loop {
        ticks.tick().await;
        if context.meta().is_ok_and(|meta| meta.is_leader()) {
            let streams = on_demand_streams(&context);
            histories.retain(|key, _| streams.contains(key));
            for key in streams {
                histories.entry(key).or_default();
            }
            let looks = histories.iter_mut();
            join_all(looks.map(|(key, history)| look(&context, *key, history))).await;
        } else {
            histories.clear();
        }
    }
}

fn on_demand_streams(context: &Context) -> Vec<StreamKey> {
    let streams = context.look(|meta| {
        let streams = meta.streams().values();
        streams
            .filter(|it| it.mode == StreamMode::OnDemand)
            .map(|it| it.key)
            .collect()
    });
    streams.unwrap_or_default()
}

/// Measures one stream, and takes the steps that follow.
async fn look(context: &Context, key: StreamKey, history: &mut History) {
    let groups = context.look(|meta| meta.stream_by_key(key).map(|it| it.groups.clone()));
    let groups = groups.ok().flatten().unwrap_or_default();
    let told = loads(context, &groups).await;
    let now = context.env.clock.elapsed();
    let config = &context.config.on_demand;
    let Some((seen, _)) = open_shards(context, key, &told) else {
        return;
    };
    history.note(now, &seen, config);
    for _ in 0..STEPS_MAX {
        let Some((seen, least)) = open_shards(context, key, &told) else {
            return;
        };
        let Some(step) = history.decide(now, &seen, least, config) else {
            return;
        };
        match take(context, key, step).await {
            Ok(true) => {
                tracing::info!(stream = %key, ?step, "an on-demand stream follows its load");
            }
            Ok(false) => return,
            Err(error) => {
                tracing::info!(stream = %key, ?step, %error, "a step of an on-demand stream waits");
                return;
            }
        }
    }
}

async fn loads(context: &Context, groups: &[GroupId]) -> BTreeMap<ShardIndex, Told> {
    let deadline = Deadline::after(LOADS_WITHIN);
    let asked = groups.iter().map(|group| async move {
        let question = AskLoads { group: *group };
        at_leader(context, *group, &question, Repeat::Safe, deadline).await
    });
    let answers = join_all(asked).await.into_iter().flatten();
    answers
        .flat_map(|GroupLoads { node, shards }| {
            let told = move |(shard, totals)| (shard, Told { node, totals });
            shards.into_iter().map(told)
        })
        .collect()
}

/// The open shards of a stream in order, and how many it keeps; none while anything else is under way on it.
fn open_shards(
    context: &Context,
    key: StreamKey,
    told: &BTreeMap<ShardIndex, Told>,
) -> Option<(Vec<Seen>, u32)> {
    let look = context.look(|meta| {
        let stream = meta.stream_by_key(key).filter(|it| is_ready(it))?;
        let open = stream.shards.values().filter(|info| info.is_open());
        let seen = |info: &ShardInfo| Seen {
            shard: info.shard,
            range: info.range,
            told: told.get(&info.shard).copied(),
        };
        let mut seen: Vec<Seen> = open.map(seen).collect();
        seen.sort_unstable_by_key(|it| it.range.start);
        Some((seen, stream.shards_least()))
    });
    look.ok().flatten()
}

fn is_ready(stream: &StreamState) -> bool {
    stream.status == StreamStatus::Active && !stream.is_changing()
}

/// Begins a step and waits until the driver has finished it; says whether it was begun.
async fn take(context: &Context, key: StreamKey, step: Step) -> Answer<bool> {
    let deadline = Deadline::after(STEP_WITHIN);
    let command = match step {
        Step::Split(shard) => ScalingCommand::SplitOwn { key, shard },
        Step::Merge(a, b) => ScalingCommand::MergeOwn { key, a, b },
    };
    context
        .command_again(MetaCommand::Scaling(command), deadline)
        .await?;
    let (Step::Split(parent) | Step::Merge(parent, _)) = step;
    let finished = context.wait_for(deadline, |meta| {
        let stream = meta.stream_by_key(key);
        let changing = stream.is_some_and(StreamState::is_changing);
        let closed = stream.is_none_or(|it| it.shards.get(&parent).is_none_or(|it| !it.is_open()));
        (!changing).then_some(closed)
    });
    Ok(finished.await?.unwrap_or(false))
}

/// The answer to [`AskLoads`]: what was written to each open shard of a group led here.
pub(crate) fn answer(context: &Context, group: GroupId) -> Result<GroupLoads, Decline> {
    let replica: Group = replica(context, group)?;
    if !replica.is_leader() {
        return Err(Decline::NotLeader {
            leader: replica.leader(),
        });
    }
    let open: Vec<ShardIndex> = replica.shards(|set| {
        let open = set.shards().filter(|(_, state)| state.is_open());
        open.map(|(shard, _)| shard).collect()
    });
    let loads = context.loads();
    Ok(GroupLoads {
        node: context.config.this.id,
        shards: open
            .into_iter()
            .map(|shard| (shard, loads.totals((group, shard))))
            .collect(),
    })
}
