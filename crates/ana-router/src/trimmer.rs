//! Cuts from the logs of data groups what is past the retention of their stream.
//!
//! The points a log can be cut to are marked by `ana-raft`; the metadata group trims itself.
//!
//! Must stay true: a log is cut only to a point all of whose records arrived before `now - retention`, with a margin
//! against clocks that differ; a stream that this node does not know is not touched.

use std::sync::Arc;

use ana_env::time::interval;
use ana_raft::{Group, TrimTo};

use crate::context::Context;

/// Runs until the router shuts down.
#[expect(clippy::infinite_loop, reason = "it ends with the router's tasks")]
pub(crate) async fn run(context: Arc<Context>) {
    let mut ticks = interval(context.config.trim_every);
    loop {
        ticks.tick().await;
        for group in context.groups.all() {
            if group.is_leader()
                && let Some(keep_ms) = keep_ms(&context, &group)
            {
                trim(&context, &group, keep_ms).await;
            }
        }
    }
}

/// How long the records of the group are kept; none for the metadata group and groups this node does not know (yet).
fn keep_ms(context: &Context, group: &Group) -> Option<u64> {
    let looked = context.look(|meta| {
        let stream = meta.group(group.id())?.stream;
        Some(context.config.keep_ms(meta.stream_by_key(stream)?))
    });
    looked.ok().flatten()
}

async fn trim(context: &Context, group: &Group, keep_ms: u64) {
    let before_ms = context.now_ms().saturating_sub(keep_ms);
    if !group
        .points()
        .iter()
        .any(|point| point.time_ms <= before_ms)
    {
        return;
    }
    match group.trim_to_point(TrimTo::BeforeMs(before_ms)).await {
        Ok(Some(index)) => tracing::info!(group = %group.id(), index, "the log is cut"),
        Ok(None) => {}
        Err(error) => tracing::info!(group = %group.id(), %error, "the log is not cut yet"),
    }
}
