//! Cuts from the logs of data groups what is past the retention of their stream.
//!
//! The points a log can be cut to are marked by `ana-raft`; the metadata group trims itself.
//!
//! Must stay true: a log is cut only to a point all of whose records arrived before `now - retention`, with a margin
//! against clocks that differ and by the earliest clock of a majority; a stream that this node does not know is not touched.

use std::sync::Arc;

use ana_env::time::interval;
use ana_raft::{Group, TrimTo};
use ana_types::NodeId;

use crate::clocks::agreed_now_ms;
use crate::context::Context;

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(context.config.trim_every);
    loop {
        ticks.tick().await;
        for group in context.groups.all() {
            if group.is_leader()
                && let Some(kept) = kept(&context, &group)
            {
                trim(&context, &group, &kept).await;
            }
        }
    }
}

/// How long the records of a group are kept, and whose clocks are asked.
#[derive(Debug)]
struct Kept {
    keep_ms: u64,
    voters: Vec<NodeId>,
}

/// None for the metadata group and groups this node does not know (yet).
fn kept(context: &Context, group: &Group) -> Option<Kept> {
    let looked = context.look(|meta| {
        let state = meta.group(group.id())?;
        let keep_ms = context.config.keep_ms(meta.stream_by_key(state.stream)?);
        Some(Kept {
            keep_ms,
            voters: state.voters.clone(),
        })
    });
    looked.ok().flatten()
}

async fn trim(context: &Context, group: &Group, kept: &Kept) {
    let is_due = |now_ms: u64| {
        let before_ms = now_ms.saturating_sub(kept.keep_ms);
        group
            .points()
            .iter()
            .any(|point| point.time_ms <= before_ms)
    };
    if !is_due(context.now_ms()) {
        return;
    }
    let Some(now_ms) = agreed_now_ms(context, &kept.voters)
        .await
        .filter(|it| is_due(*it))
    else {
        return;
    };
    let before_ms = now_ms.saturating_sub(kept.keep_ms);
    match group.trim_to_point(TrimTo::BeforeMs(before_ms)).await {
        Ok(Some(index)) => tracing::info!(group = %group.id(), index, "the log is cut"),
        Ok(None) => {}
        Err(error) => tracing::info!(group = %group.id(), %error, "the log is not cut yet"),
    }
}
