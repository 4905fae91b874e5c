//! Faults of programs, by the supervisor.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_drill::Pick;
use ana_env::time;
use ana_types::NodeId;
use futures::future::join_all;

use super::Hand;
use crate::drill::means::Process;

/// How often an order is repeated: a node that is still stopping cannot be started yet.
const ORDER_TRIES: u32 = 20;
const ORDER_PAUSE: Duration = Duration::from_millis(500);

impl Hand {
    pub(super) async fn process(&mut self, process: Process, pick: Pick) {
        let Process { nodes, verbs, back } = process;
        self.hold(&nodes);
        let mut told = false;
        for verb in &verbs {
            let done = self.order_all(&nodes, verb).await;
            if !told && done > 0 {
                told = true;
                self.fired(&pick).await;
            }
            if done == 0 && !told {
                break;
            }
        }
        if told && back.is_some() {
            self.ending().await;
        }
        let free = self.let_go(&nodes);
        if let Some(back) = back {
            self.order_all(&free, back).await;
        }
    }

    /// Gives an order for each of the nodes at once, and again where it is refused; says how many it was carried out for.
    pub(super) async fn order_all(&self, nodes: &BTreeSet<NodeId>, verb: &str) -> usize {
        let given = nodes.iter().map(|node| async move {
            let name = node.to_string();
            let mut tries = 0;
            loop {
                let cluster = &self.shared.cluster;
                let Err(error) = cluster.order("node", &name, verb).await else {
                    return Ok(());
                };
                tries += 1;
                // What is not known to it will not be known later.
                if tries >= ORDER_TRIES || error.status == Some(404) {
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
