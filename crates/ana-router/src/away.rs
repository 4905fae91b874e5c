//! Takes leaders away from where they should not be: out of a zone that is to have none, from a disk that is slow,
//! to a node that somebody names.
//!
//! Must stay true: leadership goes only to a voter that said itself that it follows and is close behind, whose zone
//! may have leaders and whose disk is not slow; where there is none it stays, because a slow leader is better than none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::{interval, now, timeout};
use ana_raft::Group;
use ana_types::{GroupId, NodeId, Zone};
use futures::future::join_all;

use crate::balancer::{is_fit, reports};
use crate::context::Context;
use crate::disk_pace::{Pace, QUICK};
use crate::error::Decline;
use crate::forward::{Attempt, ask};
use crate::hand_over::heirs;
use crate::leader::{Repeat, at_leader};
use crate::messages::{Hold, IsHeld, KeepOut, MoveLeader, Moved, StillLed};
use crate::server::{Work, replica};
use crate::status::{Report, known_nodes};

/// How often a node looks at its disk, and for leaders that have to go.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one attempt to give leaders away goes on.
const GIVE_WITHIN: Duration = Duration::from_millis(1500);
/// How long a node may take to do what it is told.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(LOOK_EVERY);
    let mut pace = Pace::default();
    loop {
        ticks.tick().await;
        let logs = context.groups.all();
        let times = logs.iter().map(|it| (it.id(), it.log().sync_times()));
        let is_slow = pace.look(now(), times.collect());
        context.places.note_disk(is_slow, pace.mean());
        if is_shifted_here(&context) {
            give_away(&context, is_usable).await;
        } else if is_slow {
            give_away(&context, is_quick).await;
        }
    }
}

fn is_shifted_here(context: &Context) -> bool {
    context.places.is_shifted(&context.config.this.zone)
}

/// Groups that this node leads and that nobody wants left here.
fn led(context: &Context) -> Vec<Group> {
    let mut led = context.groups.all();
    led.retain(|it| it.is_leader() && !context.places.is_held(it.id()));
    led
}

/// Gives away what can be given to nodes that are better; says how many groups are still led here.
async fn give_away(context: &Context, is_better: fn(&Report) -> bool) -> usize {
    let led_now = led(context);
    if led_now.is_empty() {
        return 0;
    }
    let wanted: Vec<_> = led_now
        .iter()
        .flat_map(|group| heirs(context, group.id()))
        .filter(|it| is_allowed(context, it.preferred))
        .collect();
    let work = async {
        let reports = reports(context, &wanted).await;
        let transfers = led_now.iter().filter_map(|group| {
            let mut heirs = wanted.iter().filter(|it| it.group == group.id());
            let heir = heirs.find(|it| {
                let report = reports.get(&it.preferred);
                report.is_some_and(is_better) && is_fit(context, **it, report)
            })?;
            Some(give(group, heir.preferred))
        });
        join_all(transfers).await
    };
    if timeout(GIVE_WITHIN, work).await.is_err() {
        tracing::info!("giving leaders away goes on");
    }
    led(context).len()
}

async fn give(group: &Group, to: NodeId) {
    match group.transfer_leader(to).await {
        Ok(()) => tracing::info!(group = %group.id(), %to, "leadership is given away"),
        Err(error) => {
            tracing::info!(group = %group.id(), %to, %error, "leadership was not taken over");
        }
    }
}

/// Whether leaders may stand at a node by its zone.
pub(crate) fn is_allowed(context: &Context, node: NodeId) -> bool {
    let zone = known_nodes(context).remove(&node);
    zone.is_some_and(|(member, _)| !context.places.is_shifted(&member.zone))
}

/// Whether a node's disk is one to lead with.
pub(crate) fn is_usable(report: &Report) -> bool {
    !report.disk_is_slow
}

/// Whether a node's disk is one to go to from a slow one: only a clear difference is worth the way.
fn is_quick(report: &Report) -> bool {
    let quick_us = u64::try_from(QUICK.as_micros()).unwrap_or(u64::MAX);
    is_usable(report) && report.sync_us < quick_us
}

/// What became of a zone's leaders: each node of the cluster and how many groups it leads that it should not; none
/// when it did not answer.
pub(crate) async fn keep_out(
    context: &Context,
    zone: &Zone,
    lease: Duration,
) -> BTreeMap<NodeId, Option<u32>> {
    let work = KeepOut {
        zone: zone.clone(),
        lease_ms: ms(lease),
    };
    let nodes = known_nodes(context);
    let asked = nodes.keys().map(|node| {
        let work = &work;
        async move {
            let told = match ask(context, *node, work, &mut None, TELL_WITHIN).await {
                Attempt::Done(StillLed(count)) => Some(count),
                Attempt::Declined(_) | Attempt::NotReached | Attempt::Lost => None,
            };
            (*node, told)
        }
    });
    join_all(asked).await.into_iter().collect()
}

/// Moves the leader of a group; says where it was.
///
/// # Errors
/// In words for a person.
pub(crate) async fn move_leader(
    context: &Context,
    group: GroupId,
    to: NodeId,
    lease: Duration,
) -> Result<NodeId, String> {
    let work = MoveLeader {
        group,
        to,
        lease_ms: ms(lease),
    };
    match at_leader(context, group, &work, Repeat::Safe, context.deadline()).await {
        Ok(Moved::Leads { from }) => Ok(from),
        Ok(Moved::NotTaken { why }) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

impl Work for KeepOut {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let lease = Duration::from_millis(self.lease_ms);
        tracing::warn!(zone = %self.zone, ?lease, "leaders are kept out of a zone");
        context.places.keep_out(self.zone.clone(), lease);
        let is_here = !lease.is_zero() && self.zone == context.config.this.zone;
        let still = if is_here {
            give_away(context, is_usable).await
        } else {
            0
        };
        Ok(StillLed(u32::try_from(still).unwrap_or(u32::MAX)))
    }
}

impl Work for Hold {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let lease = Duration::from_millis(self.lease_ms);
        context.places.hold(self.group, lease);
        Ok::<IsHeld, Decline>(IsHeld)
    }
}

impl Work for MoveLeader {
    async fn work(&self, context: &Context) -> Result<Self::Answer, Decline> {
        let group = replica(context, self.group)?;
        let from = context.config.this.id;
        if !group.is_leader() {
            let leader = group.leader();
            return Err(Decline::NotLeader { leader });
        }
        let not_taken = |why: String| Ok(Moved::NotTaken { why });
        if !group.status().voters.contains(&self.to) {
            return not_taken(format!(
                "node {} does not vote in group {}",
                self.to, self.group
            ));
        }
        let hold = Hold {
            group: self.group,
            lease_ms: self.lease_ms,
        };
        // Before it leads: the balancer there must not send it back in between.
        match ask(context, self.to, &hold, &mut None, TELL_WITHIN).await {
            Attempt::Done(IsHeld) => {}
            other => return not_taken(format!("node {} does not answer: {other:?}", self.to)),
        }
        if self.to == from {
            return Ok(Moved::Leads { from });
        }
        context.places.hold(self.group, Duration::ZERO);
        match group.transfer_leader(self.to).await {
            Ok(()) => Ok(Moved::Leads { from }),
            Err(error) => not_taken(error.to_string()),
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
