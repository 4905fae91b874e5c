//! Faults of programs, by the supervisor.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_drill::Pick;
use ana_env::time;
use ana_types::NodeId;
use futures::future::join_all;
use serde_json::{Value, json};

use super::Hand;
use super::leases::LEASE;
use crate::drill::means::Process;

/// How often an order is repeated: a node that is still stopping cannot be started yet.
const ORDER_TRIES: u32 = 20;
const ORDER_PAUSE: Duration = Duration::from_millis(500);

/// How long the supervisor holds a node that nobody asks it to hold any more.
const LEASE_MS: u64 = LEASE.micros() / 1000;
const RENEW_EVERY: Duration = Duration::from_secs(2);

impl Hand {
    pub(super) async fn process(&mut self, process: Process, pick: Pick) {
        let Process {
            nodes,
            verb,
            mut body,
            back,
        } = process;
        let Some(back) = back else {
            if self.give(&nodes, verb, &body).await > 0 {
                self.fired(&pick).await;
            }
            return;
        };
        body["lease_ms"] = json!(LEASE_MS);
        self.hold(&nodes);
        if self.give(&nodes, verb, &body).await > 0 {
            self.fired(&pick).await;
            while !self.is_ending() {
                tokio::select! {
                    () = self.ending() => {}
                    () = time::sleep(RENEW_EVERY) => {
                        self.give(&nodes, verb, &body).await;
                    }
                }
            }
        }
        let free = self.let_go(&nodes);
        self.order_all(&free, back).await;
    }

    /// Gives an order for each of the nodes at once, and again where it is refused; says how many it was carried out for.
    pub(super) async fn order_all(&self, nodes: &BTreeSet<NodeId>, verb: &str) -> usize {
        self.give(nodes, verb, &json!({})).await
    }

    async fn give(&self, nodes: &BTreeSet<NodeId>, verb: &str, body: &Value) -> usize {
        let given = nodes.iter().map(|node| async move {
            let name = node.to_string();
            let mut tries = 0;
            loop {
                let cluster = &self.shared.cluster;
                let Err(error) = cluster.order(&name, verb, body).await else {
                    return Ok(());
                };
                tries += 1;
                // What is not known to it will not be known later.
                let known = !matches!(error.status, Some(400 | 403 | 404));
                if tries >= ORDER_TRIES || !known {
                    return Err(format!("{verb} node {node}: {error}"));
                }
                time::sleep(ORDER_PAUSE).await;
            }
        });
        let mut done = 0;
        for outcome in join_all(given).await {
            match outcome {
                Ok(()) => done += 1,
                Err(why) => self.trouble(why).await,
            }
        }
        done
    }
}
