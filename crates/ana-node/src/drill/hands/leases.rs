//! Faults that nodes hold on a lease: switched on, renewed while they last, taken away.
//!
//! Must stay true: a lease is short and renewed, so that a fault ends by itself soon after the runner does; a node that
//! was started again meanwhile gets its fault back with the next renewal.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_drill::Pick;
use ana_drill::quantity::Span;
use ana_env::time;
use futures::future::join_all;
use serde_json::{Value, json};

use super::Hand;
use crate::admin::document::NodeEntry;
use crate::drill::cluster::Refused;
use crate::drill::means::{Leased, Leases, Stage};
use crate::drill::snapshot::Snapshot;

/// How long a node holds a fault that is not renewed.
pub(super) const LEASE: Span = Span::from_secs(8);
const RENEW_EVERY: Span = Span::from_secs(2);
/// How often a node is asked to end a fault, before its lease is waited for.
const STOP_TRIES: u32 = 3;
const STOP_PAUSE: Duration = Duration::from_millis(200);

/// A fault at one node.
#[derive(Debug, Clone)]
struct Held {
    node: NodeEntry,
    id: String,
    body: Value,
    /// When the lease ends that was last taken.
    until: Span,
}

impl Held {
    fn kind(&self) -> &str {
        let kind = self.body.get("kind").and_then(Value::as_str);
        kind.unwrap_or_default()
    }
}

/// Faults of stages that are on, by node and id.
type HeldFaults = BTreeMap<(u64, String), Held>;

impl Hand {
    pub(super) async fn leases(&mut self, leases: Leases, pick: Pick, seen: &Snapshot) {
        let began = self.shared.watch.now();
        let mut held = HeldFaults::new();
        let mut told = false;
        let mut renewed = None;
        loop {
            let passed = self.shared.watch.now().less(began);
            let is_on = |stage: &Stage| stage.from <= passed && passed < stage.until;
            let ending = self.is_ending();
            let wanted: HeldFaults = leases
                .stages
                .iter()
                .enumerate()
                .filter(|(_, stage)| !ending && is_on(stage))
                .flat_map(|(number, stage)| self.of_stage(number, stage, seen))
                .collect();
            let over: Vec<Held> = held
                .iter()
                .filter(|(key, _)| !wanted.contains_key(*key))
                .map(|(_, fault)| fault.clone())
                .collect();
            self.take_away(over).await;
            held.retain(|key, _| wanted.contains_key(key));
            let now = self.shared.watch.now();
            let due = renewed.is_none_or(|at: Span| now.less(at) >= RENEW_EVERY);
            if due || wanted.keys().any(|key| !held.contains_key(key)) {
                let first = !told;
                let taken = self.put(wanted, first).await;
                held.extend(taken);
                renewed = Some(now);
            }
            if !told {
                told = true;
                if held.is_empty() {
                    break;
                }
                self.fired(&pick).await;
            }
            let last = leases.stages.iter().map(|stage| stage.until).max();
            if ending || last.is_none_or(|last| last <= passed) {
                break;
            }
            self.wait(&leases.stages, began).await;
        }
        let rest = held.into_values().collect();
        self.take_away(rest).await;
        if !leases.start_after.is_empty() {
            self.order_all(&leases.start_after, "start").await;
        }
    }

    /// Waits for the next boundary of a stage, the next renewal, or the end.
    async fn wait(&mut self, stages: &[Stage], began: Span) {
        let passed = self.shared.watch.now().less(began);
        let boundaries = stages.iter().flat_map(|stage| [stage.from, stage.until]);
        let next = boundaries.filter(|at| *at > passed).min();
        let next = next.map_or(RENEW_EVERY, |at| at.less(passed).min(RENEW_EVERY));
        tokio::select! {
            () = self.ending() => {}
            () = time::sleep(Duration::from(next)) => {}
        }
    }

    fn of_stage(
        &self,
        number: usize,
        stage: &Stage,
        seen: &Snapshot,
    ) -> Vec<((u64, String), Held)> {
        let mut held = Vec::new();
        for fault in &stage.faults {
            for node in holders(fault, seen) {
                let id = format!(
                    "drill-{}-{}-{number}-{}",
                    self.shared.run, self.planned.number, fault.name
                );
                let key = (node.id, id.clone());
                let body = fault.body.clone();
                let (node, until) = (node.clone(), Span::ZERO);
                held.push((
                    key,
                    Held {
                        node,
                        id,
                        body,
                        until,
                    },
                ));
            }
        }
        held
    }

    /// Switches faults on, or renews them; gives back those that were taken. Troubles are told the first time alone:
    /// later a node may well be down.
    async fn put(&self, wanted: HeldFaults, first: bool) -> HeldFaults {
        let asked = wanted.into_iter().map(|(key, mut fault)| async move {
            let mut body = fault.body.clone();
            if let Some(members) = body.as_object_mut() {
                members.insert("id".to_owned(), json!(fault.id));
                members.insert("lease_ms".to_owned(), json!(LEASE.micros() / 1000));
            }
            let sent = self.shared.watch.now();
            let cluster = &self.shared.cluster;
            let answer = cluster
                .fault(&fault.node, fault.kind(), Some(&body), &fault.id)
                .await;
            // The node counts from a moment between sending and answering.
            let counted = self.shared.watch.now().max(sent);
            fault.until = counted.plus(LEASE);
            answer.map(|_| (key, fault))
        });
        let answers: Vec<Result<_, Refused>> = join_all(asked).await;
        let mut taken = HeldFaults::new();
        for answer in answers {
            match answer {
                Ok((key, fault)) => {
                    taken.insert(key, fault);
                }
                Err(error) if first => self.trouble(error.to_string()).await,
                Err(_) => {}
            }
        }
        taken
    }

    /// Takes faults away; returns when they are gone: the node says so, or the lease has run out.
    async fn take_away(&self, faults: Vec<Held>) {
        let gone = faults.into_iter().map(|fault| async move {
            for _ in 0..STOP_TRIES {
                let cluster = &self.shared.cluster;
                let asked = cluster.fault(&fault.node, fault.kind(), None, &fault.id);
                if asked.await.is_ok() {
                    return;
                }
                time::sleep(STOP_PAUSE).await;
            }
            let left = fault.until.less(self.shared.watch.now());
            time::sleep(Duration::from(left)).await;
        });
        join_all(gone).await;
    }
}

/// The nodes that are to hold a fault.
fn holders<'a>(fault: &Leased, seen: &'a Snapshot) -> Vec<&'a NodeEntry> {
    match fault.on {
        Some(node) => seen.node(node).into_iter().collect(),
        None => seen.status.nodes.iter().collect(),
    }
}
