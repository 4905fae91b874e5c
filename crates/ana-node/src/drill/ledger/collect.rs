//! Asks every node for its notes, again and again, until the drill has read everything back.
//!
//! Must stay true: every wait is bounded; a node that does not answer holds up no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_check::Sequence;
use ana_drill::Watch as Watched;
use ana_drill::quantity::Span;
use ana_env::runtime::Tasks;
use ana_env::time;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::notes::Collected;
use crate::admin::document::NodeEntry;
use crate::admin::ledger::{LedgerAnswer, LedgerRequest, PAGE_MAX, PATH, STOP_PATH};
use crate::drill::book::Watch;
use crate::drill::cluster::{Cluster, Refused};

/// A node keeps its notes for so long when nobody asks: a node that stands still for half a minute goes on.
const LEASE_MS: u64 = 60_000;
const RENEW_EVERY: Span = Span::from_secs(10);
/// Rings of nodes are good for many seconds of a heavy load; a node that dies takes this much with it.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// A put is answered within this: what is under way when everything was read back is waited for so long.
const SETTLE: Duration = Duration::from_secs(6);

/// The ledgers of all nodes, being collected.
#[derive(Debug)]
pub struct Ledgers {
    shared: Arc<Shared>,
    nodes: Vec<NodeEntry>,
    tasks: Tasks,
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    watch: Watch,
    request: LedgerRequest,
    collected: Mutex<Collected>,
}

/// One node, as its task asks it.
#[derive(Debug)]
struct Asking {
    node: NodeEntry,
    renewed: Option<Span>,
}

impl Ledgers {
    /// Switches the ledgers of these nodes on, and begins to collect.
    pub fn start(
        cluster: &Cluster,
        watch: &Watch,
        nodes: Vec<NodeEntry>,
        (watched, seed): (&Watched, u64),
    ) -> Ledgers {
        let streams = watched.streams.iter().map(ToString::to_string);
        let request = LedgerRequest {
            lease_ms: LEASE_MS,
            one_in: u64::from(watched.one_in),
            seed,
            streams: streams.collect(),
        };
        let known = nodes.iter().map(|node| node.id);
        let shared = Arc::new(Shared {
            cluster: cluster.clone(),
            watch: watch.clone(),
            collected: Mutex::new(Collected::new(known, request.one_in)),
            request,
        });
        let tasks = Tasks::new();
        for node in nodes.clone() {
            let asking = Asking {
                node,
                renewed: None,
            };
            tasks.spawn(asking.again_and_again(Arc::clone(&shared)));
        }
        Ledgers {
            shared,
            nodes,
            tasks,
        }
    }

    /// What readers ask for from now on is the runner's reading.
    pub fn reads_end(&self) {
        let now = self.shared.watch.now().micros();
        self.shared.collected().reads_end(now);
    }

    /// The streams that were seen so far.
    pub fn streams(&self) -> Vec<String> {
        self.shared.collected().streams()
    }

    /// The furthest record so far of each shard of a stream.
    pub fn furthest(&self, stream: &str) -> BTreeMap<String, Sequence> {
        self.shared.collected().furthest(stream)
    }

    /// Collects what is left, puts under way included, and switches the ledgers off.
    pub async fn finish(self) -> Collected {
        self.tasks.shutdown().await;
        let shared = &self.shared;
        let cut = shared.watch.now();
        let last = self.nodes.iter().map(|node| async move {
            let mut asking = Asking {
                node: node.clone(),
                renewed: Some(cut),
            };
            let drained = asking.drain(shared, cut);
            let is_drained = time::timeout(SETTLE, drained).await.is_ok();
            let stopped = shared
                .cluster
                .ask_node(node, (Method::POST, STOP_PATH), &json!({}))
                .await;
            if let Err(error) = stopped {
                tracing::debug!(%error, "a ledger ends with its lease");
            }
            (node.id, is_drained)
        });
        let last = join_all(last).await;
        let now = shared.watch.now().micros();
        let mut collected = shared.collected();
        for (node, is_drained) in last {
            collected.ended(node, is_drained, now);
        }
        std::mem::take(&mut *collected)
    }
}

impl Shared {
    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    #[expect(clippy::infinite_loop, reason = "it ends with the run's tasks")]
    async fn again_and_again(mut self, shared: Arc<Shared>) {
        loop {
            if let Err(error) = self.ask(&shared).await {
                tracing::debug!(node = self.node.id, %error, "no notes");
            }
            time::sleep(ASK_EVERY).await;
        }
    }

    /// Asks until a page is not full, and keeps the ledger on. Says when the oldest put arrived that is under way, by the
    /// earliest moment of the runner's clock.
    async fn ask(&mut self, shared: &Shared) -> Result<Option<u64>, Refused> {
        let now = shared.watch.now();
        if self.renewed.is_none_or(|at| now.less(at) >= RENEW_EVERY) {
            self.switch_on(shared).await?;
        }
        loop {
            let (puts, reads) = shared.collected().asked_to(self.node.id);
            let path = format!("{PATH}?puts_after={puts}&reads_after={reads}&max={PAGE_MAX}");
            let asked = shared.watch.now().micros();
            let node = &self.node;
            let answer = shared
                .cluster
                .ask_node(node, (Method::GET, path.as_str()), &Value::Null)
                .await?;
            let answered = shared.watch.now().micros();
            let answer: LedgerAnswer = serde_json::from_value(answer).map_err(|error| {
                Refused::new(format!(
                    "the ledger of node {} is unreadable: {error}",
                    node.id
                ))
            })?;
            match answer {
                LedgerAnswer::Off { .. } => self.switch_on(shared).await?,
                LedgerAnswer::On(page) => {
                    let is_full = page.puts.len().max(page.reads.len()) >= PAGE_MAX;
                    let mut collected = shared.collected();
                    let under_way = collected.page((asked, answered), *page);
                    if !is_full {
                        return Ok(under_way);
                    }
                }
            }
        }
    }

    async fn switch_on(&mut self, shared: &Shared) -> Result<(), Refused> {
        let body = serde_json::to_value(&shared.request);
        let body = body.map_err(|error| Refused::new(error.to_string()))?;
        let on = shared
            .cluster
            .ask_node(&self.node, (Method::POST, PATH), &body);
        on.await?;
        self.renewed = Some(shared.watch.now());
        Ok(())
    }

    /// Asks until no put is under way that arrived before `cut`.
    async fn drain(&mut self, shared: &Shared, cut: Span) {
        loop {
            match self.ask(shared).await {
                Ok(under_way) if under_way.is_none_or(|at| at > cut.micros()) => return,
                Ok(_) | Err(_) => time::sleep(ASK_EVERY / 3).await,
            }
        }
    }
}
