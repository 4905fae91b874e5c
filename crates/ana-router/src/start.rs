//! What happens when a router starts: the metadata group is opened, then the loops run, each in its own task.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time::sleep;
use ana_raft::MachineKind;
use ana_state::Metadata;
use ana_types::{GroupId, KinesisError};

use crate::context::{Context, Deadline};
use crate::router::Answer;
use crate::subscribe::sessions;
use crate::{away, balancer, driver, membership, moves, reconcile, scaler, trimmer};

/// How often a wait looks for a metadata group that is not open yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Opens the metadata group and starts the loops.
pub(crate) async fn start(context: &Arc<Context>) -> Answer<()> {
    membership::identify(context)
        .await
        .map_err(|error| KinesisError::Internal {
            why: format!("the data directory cannot be used: {error}"),
        })?;
    reconcile::learn_addresses(context);
    context
        .groups
        .open(GroupId::METADATA, MachineKind::Meta)
        .await
        .map_err(|error| KinesisError::Internal {
            why: format!("the metadata group cannot be opened: {error}"),
        })?;
    let tasks = &context.tasks;
    let started = [
        tasks.spawn(reconcile::run(Arc::clone(context))),
        tasks.spawn(membership::run(Arc::clone(context))),
        tasks.spawn(membership::run_learners(Arc::clone(context))),
        tasks.spawn(membership::run_refusals(Arc::clone(context))),
        tasks.spawn(moves::run(Arc::clone(context))),
        tasks.spawn(moves::run_plan(Arc::clone(context))),
        tasks.spawn(driver::run(Arc::clone(context))),
        tasks.spawn(driver::run_expiry(Arc::clone(context))),
        tasks.spawn(scaler::run(Arc::clone(context))),
        tasks.spawn(balancer::run(Arc::clone(context))),
        tasks.spawn(away::run(Arc::clone(context))),
        tasks.spawn(trimmer::run(Arc::clone(context))),
        tasks.spawn(sessions::run(Arc::clone(context))),
    ];
    if started.iter().all(Option::is_some) {
        Ok(())
    } else {
        Err(KinesisError::Unavailable {
            why: "the router is shutting down".to_owned(),
        })
    }
}

/// Waits until the metadata of this node answers `question`; says whether it did within the time.
pub(crate) async fn wait_until(
    context: &Context,
    within: Duration,
    question: impl Fn(&Metadata) -> Option<()>,
) -> bool {
    let deadline = Deadline::after(within);
    loop {
        // An error is a replica that is being opened or repaired: the next look finds another one.
        if let Ok(found) = context.wait_for(deadline, &question).await {
            return found.is_some();
        }
        if deadline.is_over() {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
}
