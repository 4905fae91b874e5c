//! The table of child processes: one owner, orders and exits come in by channels.
//!
//! ```text
//!   orders (stop, kill, start) --.
//!   nodes that come and go -------|
//!   exits of children ----------- > Supervisor::step -> table -> NodeView for status
//!   the request to end ----------'
//! ```
//! Must stay true:
//! - a node is started only by an order, or when the lease is over by which it was held down (`down`); an exit never
//!   starts anything;
//! - an order is answered when it is carried out: stop and kill when the process is gone, start
//!   when it was started;
//! - a paused process goes on when its lease is over, whatever became of whoever paused it;
//! - files of a node are touched only while it has no process;
//! - [`Supervisor::run`] stays on the main thread (see `child`).

mod change;
mod down;
mod meddling;
mod pause;
mod power;
mod slot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ana_env::Disk;
use ana_env::runtime::Tasks;
use ana_env::time::{self, Instant};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::child::{self, Ask, Exited};
use super::layout::Layout;
use super::meddle::Meddle;
use super::order::{Change, Order, Outcome, Verb};
use super::real::Real;
use super::roster::Roster;

use self::slot::Slot;

/// Orders that may wait.
const ORDERS_WAITING: usize = 64;

/// Where a node's process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The process runs and does not answer yet.
    Starting,
    /// The process runs and its health check is good.
    Up,
    /// The process was asked to end.
    Stopping,
    /// The process stands still on purpose.
    Paused,
    /// There is no process.
    Down,
}

impl NodeState {
    /// The state in lower case, as in the JSON.
    pub fn word(self) -> &'static str {
        match self {
            NodeState::Starting => "starting",
            NodeState::Up => "up",
            NodeState::Stopping => "stopping",
            NodeState::Paused => "paused",
            NodeState::Down => "down",
        }
    }
}

/// One line of the supervisor's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Identity.
    pub id: u64,
    /// Zone.
    pub zone: String,
    /// Process id while there is a process.
    pub pid: Option<u32>,
    /// Where clients reach it.
    pub api: String,
    /// Where other nodes reach it.
    pub peer: String,
    /// Where its process stands.
    pub state: NodeState,
    /// How the last process ended; empty before.
    pub reason: String,
    /// Processes started so far.
    pub starts: u32,
}

impl NodeView {
    /// Whether its process has ended because the cluster goes on without it.
    pub fn is_expelled(&self) -> bool {
        self.state == NodeState::Down && self.reason == child::EXPELLED
    }
}

/// What others see of the table.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    changes: mpsc::Sender<(Change, oneshot::Sender<Result<(), String>>)>,
    table: Arc<Mutex<BTreeMap<u64, Slot>>>,
    roster: Arc<Roster>,
}

/// Owns the processes.
#[derive(Debug)]
pub struct Supervisor {
    exe: PathBuf,
    disk: Arc<dyn Disk>,
    layout: Layout,
    roster: Arc<Roster>,
    table: Arc<Mutex<BTreeMap<u64, Slot>>>,
    orders: mpsc::Receiver<Order>,
    changes: mpsc::Receiver<(Change, oneshot::Sender<Result<(), String>>)>,
    exits: mpsc::Receiver<Exited>,
    exits_from_children: mpsc::Sender<Exited>,
    waiting: Vec<Waiting>,
    tasks: Tasks,
    /// What the nodes live in, where each has a place of its own.
    real: Option<Arc<Real>>,
}

/// An order that goes on when nodes have ended.
#[derive(Debug)]
struct Waiting {
    /// Those that have not.
    nodes: BTreeSet<u64>,
    then: Then,
    /// To which nodes it is done.
    to: Vec<u64>,
    done: oneshot::Sender<Outcome>,
}

/// What is done when the nodes of an order have ended.
#[derive(Debug, Clone, Copy)]
enum Then {
    Nothing,
    Start,
    MeddleAndStart(Meddle),
    /// Their file systems, which were cut off, are taken away.
    TakeDiskAway,
}

impl Supervisor {
    /// A supervisor of the nodes of `layout`; none is started yet.
    pub fn new(
        exe: PathBuf,
        disk: Arc<dyn Disk>,
        layout: Layout,
        roster: Arc<Roster>,
    ) -> (Supervisor, Handle) {
        let (order_sender, orders) = mpsc::channel(ORDERS_WAITING);
        let (change_sender, changes) = mpsc::channel(ORDERS_WAITING);
        let (exits_from_children, exits) = mpsc::channel(layout.nodes().len().max(1));
        let slots = layout.nodes().iter().map(|node| (node.id, Slot::new(node)));
        let table = Arc::new(Mutex::new(slots.collect::<BTreeMap<u64, Slot>>()));
        let handle = Handle {
            orders: order_sender,
            changes: change_sender,
            table: Arc::clone(&table),
            roster: Arc::clone(&roster),
        };
        let supervisor = Supervisor {
            exe,
            disk,
            layout,
            roster,
            table,
            orders,
            changes,
            exits,
            exits_from_children,
            waiting: Vec::new(),
            tasks: Tasks::new(),
            real: None,
        };
        (supervisor, handle)
    }

    /// Starts every node, then carries out orders until `end` resolves; then stops every node and
    /// waits for all of them.
    ///
    /// # Errors
    /// The first node that cannot be started; the ones started before are stopped again.
    pub async fn run(mut self, end: impl Future<Output = ()>) -> Result<(), String> {
        let all: Vec<u64> = self.layout.nodes().iter().map(|node| node.id).collect();
        let mut outcome = self.start_all(&all).await;
        tokio::pin!(end);
        while outcome.is_ok() {
            let resume = until(self.next_resume());
            let start = until(self.next_start());
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(exited) = self.exits.recv() => {
                    for order in self.ended(&exited) {
                        self.go_on(order).await;
                    }
                }
                () = resume => self.resume_overdue(),
                () = start => self.start_overdue().await,
                order = self.orders.recv() => match order {
                    Some(order) => self.carry_out(order).await,
                    None => break,
                },
                Some((change, done)) = self.changes.recv() => {
                    let outcome = self.change(change).await;
                    if done.send(outcome).is_err() {
                        // Whoever asked has gone; it was done nevertheless.
                    }
                }
            }
        }
        let all: Vec<u64> = self.table().keys().copied().collect();
        for id in all {
            self.ask(id, Ask::Stop);
        }
        while self.any_runs() {
            match self.exits.recv().await {
                Some(exited) => {
                    // What was to come after it is not done any more, and whoever waits for that is told by the end.
                    let mut orders = self.ended(&exited);
                    orders.retain(|order| matches!(order.then, Then::Nothing));
                    for order in orders {
                        answer(order.done, Ok(Vec::new()));
                    }
                }
                None => outcome = Err("the exits of the nodes cannot be seen".to_owned()),
            }
        }
        self.tasks.join().await;
        outcome
    }

    async fn carry_out(&mut self, order: Order) {
        let Order { verb, nodes, done } = order;
        let down_until = match verb {
            Verb::Down { lease } | Verb::PowerCut { lease } => Some(time::now() + lease),
            _ => None,
        };
        if !matches!(verb, Verb::Pause { .. } | Verb::Resume) {
            self.hold_down(&nodes, down_until);
        }
        let (ask, then) = match verb {
            Verb::Start => {
                let outcome = self.start_all(&nodes).await;
                return answer(done, outcome.map(|()| Vec::new()));
            }
            Verb::Pause { lease } => {
                let until = time::now() + lease;
                let outcome = nodes.iter().try_for_each(|id| self.pause(*id, until));
                return answer(done, outcome.map(|()| Vec::new()));
            }
            Verb::Resume => {
                nodes.iter().for_each(|id| self.resume(*id));
                return answer(done, Ok(Vec::new()));
            }
            Verb::Stop => (Ask::Stop, Then::Nothing),
            Verb::Kill | Verb::Down { .. } => (Ask::Kill, Then::Nothing),
            Verb::PowerCut { .. } => {
                if let Err(why) = self.cut_power(&nodes) {
                    self.hold_down(&nodes, None);
                    return answer(done, Err(why));
                }
                (Ask::Kill, Then::TakeDiskAway)
            }
            Verb::Restart => (Ask::Stop, Then::Start),
            Verb::Meddle(meddle) => {
                if let Err(why) = self.may_meddle(meddle, &nodes).await {
                    return answer(done, Err(why));
                }
                (Ask::Kill, Then::MeddleAndStart(meddle))
            }
        };
        let going = nodes.iter().copied().filter(|id| self.ask(*id, ask));
        let waiting = Waiting {
            nodes: going.collect(),
            then,
            to: nodes,
            done,
        };
        if waiting.nodes.is_empty() {
            return self.go_on(waiting).await;
        }
        self.waiting.push(waiting);
    }

    /// The nodes of an order have ended.
    async fn go_on(&self, order: Waiting) {
        let Waiting { then, to, done, .. } = order;
        let mut outcome = Ok(Vec::new());
        for id in to {
            let step = match then {
                Then::Nothing => Ok(None),
                Then::Start => self.start(id).await.map(|()| None),
                Then::TakeDiskAway => self.take_disk_away(id).await.map(|()| None),
                Then::MeddleAndStart(meddle) => self.meddle(id, meddle).await.map(Some),
            };
            match (&mut outcome, step) {
                (Ok(said), Ok(more)) => said.extend(more),
                (Ok(_), Err(why)) => outcome = Err(why),
                // The first that went wrong is told; the others are still seen to.
                (Err(_), _) => {}
            }
        }
        answer(done, outcome);
    }

    async fn start_all(&self, nodes: &[u64]) -> Result<(), String> {
        for id in nodes {
            self.start(*id).await?;
        }
        Ok(())
    }

    /// Starts a node; one that runs stays as it is.
    async fn start(&self, id: u64) -> Result<(), String> {
        let place = self.place(id).await?;
        let mut table = self.table();
        let slot = table
            .get_mut(&id)
            .ok_or_else(|| format!("there is no node {id}"))?;
        if slot.leaving {
            return Err(format!(
                "node {id} is being removed; repeat `ana node remove {id}` if that failed"
            ));
        }
        if slot.running.is_some() && slot.stopping {
            return Err(format!("node {id} is still stopping"));
        }
        if slot.running.is_some() {
            slot.down_until = None;
            return Ok(());
        }
        let config = self.layout.config_dir().join(Layout::config_name(id));
        let log = self.layout.log_file(id);
        let failed = |error: std::io::Error| format!("node {id} cannot be started: {error}");
        let started = child::start(&self.exe, &config, &log, place.as_ref());
        let (process, relay) = started.map_err(failed)?;
        let (running, wait) = child::watch(
            id,
            process,
            self.exits_from_children.clone(),
            place.map(|it| it.freezer),
        )
        .map_err(failed)?;
        slot.running = Some(running);
        slot.down_until = None;
        slot.stopping = false;
        slot.starts += 1;
        self.roster.runs(id, true);
        if let Some(relay) = relay {
            self.roster.takes_over_by(id, relay);
        }
        self.tasks.spawn(wait);
        Ok(())
    }

    /// Asks a node to end; says whether there was a process to ask.
    fn ask(&self, id: u64, ask: Ask) -> bool {
        let mut table = self.table();
        let Some(slot) = table.get_mut(&id) else {
            return false;
        };
        let Some(running) = &slot.running else {
            return false;
        };
        if !running.ask(ask) {
            tracing::warn!(node = id, ?ask, "a process does not hear");
        }
        slot.stopping = true;
        slot.paused_until = None;
        true
    }

    /// Notes the end of a process; answers the orders that go on now.
    fn ended(&mut self, exited: &Exited) -> Vec<Waiting> {
        tracing::info!(node = exited.id, how = exited.how, "a node ended");
        if let Some(slot) = self.table().get_mut(&exited.id) {
            slot.running = None;
            slot.stopping = false;
            slot.paused_until = None;
            slot.reason.clone_from(&exited.how);
        }
        self.roster.runs(exited.id, false);
        for waiting in &mut self.waiting {
            waiting.nodes.remove(&exited.id);
        }
        let due = self
            .waiting
            .extract_if(.., |waiting| waiting.nodes.is_empty());
        due.collect()
    }

    fn any_runs(&self) -> bool {
        self.table().values().any(|slot| slot.running.is_some())
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Slot>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ready at `at`, never without one.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn answer(done: oneshot::Sender<Outcome>, outcome: Outcome) {
    if done.send(outcome).is_err() {
        // Whoever gave the order has gone; it was carried out nevertheless.
    }
}

impl Handle {
    /// The table as it is now.
    pub fn nodes(&self) -> Vec<NodeView> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |(id, slot): (&u64, &Slot)| NodeView {
            id: *id,
            zone: slot.zone.clone(),
            pid: slot.running.as_ref().map(|running| running.pid),
            api: slot.api.clone(),
            peer: slot.peer.clone(),
            state: match &slot.running {
                None => NodeState::Down,
                Some(_) if slot.stopping => NodeState::Stopping,
                Some(_) if slot.paused_until.is_some() => NodeState::Paused,
                Some(_) if self.roster.answers(*id) => NodeState::Up,
                Some(_) => NodeState::Starting,
            },
            reason: slot.reason.clone(),
            starts: slot.starts,
        };
        table.iter().map(view).collect()
    }

    /// Gives an order and waits until it was carried out; answers what was done to files.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn order(&self, verb: Verb, nodes: Vec<u64>) -> Outcome {
        let gone = || "the supervisor is ending".to_owned();
        let (done, outcome) = oneshot::channel();
        let order = Order { verb, nodes, done };
        self.orders.send(order).await.map_err(|_closed| gone())?;
        outcome.await.map_err(|_closed| gone())?
    }

    /// Changes which nodes there are, and waits until it was done.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn change(&self, change: Change) -> Result<(), String> {
        let gone = || "the supervisor is ending".to_owned();
        let (done, outcome) = oneshot::channel();
        let sent = self.changes.send((change, done)).await;
        sent.map_err(|_closed| gone())?;
        outcome.await.map_err(|_closed| gone())?
    }
}

#[cfg(test)]
mod supervisor_test;
