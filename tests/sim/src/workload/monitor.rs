//! Asks the nodes, all through the faults, who leads which group in which term.

use std::time::Duration;

use ana_env::time::sleep;
use serde_json::Value as Json;

use super::{Phase, Shared};
use crate::http::get;

/// Watches until the faults are over.
pub async fn watch(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Faults).await;
    let mut dice = shared.dice(50);
    while shared.phase() < Phase::Healing {
        if let Ok(status) = get(&shared.any_node(&mut dice), "/_ana/status").await {
            note(&shared, &status);
        }
        sleep(Duration::from_millis(150)).await;
    }
    shared.end_work();
    Ok(())
}

/// Enters every election of a status in the oracle.
pub fn note(shared: &Shared, status: &Json) {
    for group in status["groups"].as_array().into_iter().flatten() {
        if let (Some(id), Some(term), Some(leader)) = (
            group["id"].as_u64(),
            group["term"].as_u64(),
            group["leader"].as_u64(),
        ) {
            shared.oracle().elections.insert((id, term, leader));
        }
    }
}
