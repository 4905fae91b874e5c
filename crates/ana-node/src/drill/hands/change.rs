//! Nodes restarted one after another, as for a new release.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_drill::Pick;
use ana_drill::quantity::Span;
use ana_env::time;
use ana_types::NodeId;

use super::Hand;
use crate::admin::document::Health;
use crate::drill::snapshot::Snapshot;

/// How long a node may take to be well again.
const WELL_MAX: Span = Span::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Hand {
    /// Each node is stopped and started when the one before it is well again.
    pub(super) async fn rolling_restart(
        &mut self,
        nodes: &[NodeId],
        pause: Span,
        pick: Pick,
        seen: &Snapshot,
    ) {
        self.fired(&pick).await;
        for (place, node) in nodes.iter().enumerate() {
            if place > 0 {
                tokio::select! {
                    () = self.ending() => {}
                    () = time::sleep(Duration::from(pause)) => {}
                }
            }
            if self.is_ending() {
                return;
            }
            let one = BTreeSet::from([*node]);
            self.hold(&one);
            let stopped = self.order_all(&one, "stop").await;
            let free = self.let_go(&one);
            let started = self.order_all(&free, "start").await;
            if stopped == 0 || started == 0 {
                return;
            }
            if !self.well_again(seen).await {
                let secs = WELL_MAX.micros() / 1_000_000;
                let why =
                    format!("the cluster was not well {secs} s after node {node} was restarted");
                return self.trouble(why).await;
            }
        }
    }

    async fn well_again(&self, seen: &Snapshot) -> bool {
        let began = self.shared.watch.now();
        let mut before: Option<Snapshot> = None;
        while self.shared.watch.now().less(began) < WELL_MAX {
            let census = seen.census.clone();
            if let Ok(now) = self.shared.cluster.look(census).await {
                let well = now.status.health == Health::Healthy
                    && before.is_some()
                    && now.under_replicated(before.as_ref()).is_empty();
                if well {
                    return true;
                }
                before = Some(now);
            }
            time::sleep(LOOK_EVERY).await;
        }
        false
    }
}
