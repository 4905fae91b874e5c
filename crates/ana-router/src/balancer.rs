//! Brings leaders back to the nodes that the metadata prefers, after a node was away.
//!
//! Must stay true: leadership is given only to a replica that said itself, twice in a row, that it follows and is
//! close behind, on a disk that is not slow and in a zone that may have leaders; one transfer at a time per node and look,
//! so that a returning zone does not cause a storm.

use std::collections::BTreeMap;
use std::sync::Arc;

use ana_env::time::{interval, timeout};
use ana_types::{GroupId, NodeId};

use crate::away::{is_allowed, is_usable};
use crate::context::Context;
use crate::forward::{Attempt, ask};
use crate::messages::AskReport;
use crate::router::Answer;
use crate::status::{REPORT_WITHIN, ReplicaView, Report};

/// Looks in a row at which the preferred replica has to be fit.
const FIT_LOOKS: u32 = 2;
/// Entries it may be behind.
const LAG_MAX: u64 = 128;

/// A group that is led here and should be led elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Displaced {
    pub(crate) preferred: NodeId,
    pub(crate) group: GroupId,
}

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(context.config.balance_every);
    let mut fit: BTreeMap<GroupId, u32> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let displaced = displaced(&context);
        let reports = reports(&context, &displaced).await;
        fit.retain(|group, _| displaced.iter().any(|it| it.group == *group));
        for it in &displaced {
            let looks = fit.entry(it.group).or_default();
            let report = reports.get(&it.preferred);
            let is_fit = is_fit(&context, *it, report) && report.is_some_and(is_usable);
            *looks = if is_fit { looks.saturating_add(1) } else { 0 };
        }
        let due = displaced
            .iter()
            .find(|it| fit.get(&it.group).is_some_and(|n| *n >= FIT_LOOKS));
        if let Some(due) = due {
            fit.remove(&due.group);
            transfer(&context, *due).await;
        }
    }
}

fn displaced(context: &Context) -> Vec<Displaced> {
    let this = context.config.this.id;
    let led: Vec<GroupId> = context
        .groups
        .all()
        .iter()
        .filter(|it| it.is_leader())
        .map(ana_raft::Group::id)
        // One that somebody wants here stays.
        .filter(|id| !context.places.is_held(*id))
        .collect();
    let displaced: Answer<Vec<Displaced>> = context.look(|meta| {
        let preferred = |group: GroupId| {
            let preferred = meta.group(group)?.preferred_leader;
            // Who is about to leave the group has just handed it over.
            let leaves = meta
                .moves()
                .get(&group)
                .is_some_and(|it| it.from == Some(preferred));
            (preferred != this && !leaves).then_some(Displaced { preferred, group })
        };
        led.into_iter().filter_map(preferred).collect()
    });
    let mut displaced = displaced.unwrap_or_default();
    displaced.retain(|it| is_allowed(context, it.preferred));
    displaced
}

pub(crate) async fn reports(
    context: &Context,
    displaced: &[Displaced],
) -> BTreeMap<NodeId, Report> {
    let mut reports = BTreeMap::new();
    for it in displaced {
        if !reports.contains_key(&it.preferred)
            && let Attempt::Done(report) =
                ask(context, it.preferred, &AskReport, &mut None, REPORT_WITHIN).await
        {
            reports.insert(it.preferred, report);
        }
    }
    reports
}

pub(crate) fn is_fit(context: &Context, it: Displaced, report: Option<&Report>) -> bool {
    let Some(replica) = report.and_then(|it_says| it_says.replica(it.group)) else {
        return false;
    };
    let Some(own) = context.groups.get(it.group) else {
        return false;
    };
    let status = own.status();
    replica.term == status.term
        && replica.leader == Some(context.config.this.id)
        && is_close(&replica.view, status.last_index.unwrap_or(0))
}

fn is_close(replica: &ReplicaView, last_index: u64) -> bool {
    replica.role == "follower"
        && replica.health == "ok"
        && last_index.saturating_sub(replica.last_index) <= LAG_MAX
        && last_index.saturating_sub(replica.applied_index) <= LAG_MAX
}

async fn transfer(context: &Context, it: Displaced) {
    let Some(group) = context.groups.get(it.group) else {
        return;
    };
    let (to, id) = (it.preferred, it.group);
    match timeout(context.config.deadline, group.transfer_leader(to)).await {
        Ok(Ok(())) => tracing::info!(group = %id, %to, "leadership is back where it is preferred"),
        Ok(Err(error)) => tracing::warn!(group = %id, %to, %error, "leadership was not taken over"),
        Err(_elapsed) => tracing::warn!(group = %id, %to, "leadership was not taken over in time"),
    }
}
