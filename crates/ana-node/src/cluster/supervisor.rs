//! The table of child processes: one owner, orders and exits come in by channels.
//!
//! ```text
//!   orders (stop, kill, start) --.
//!   nodes that come and go -------|
//!   exits of children ----------- > Supervisor::step -> table -> NodeView for status
//!   the request to end ----------'
//! ```
//! Must stay true:
//! - a node is started only by an order; an exit never starts anything;
//! - an order is answered when it is carried out: stop and kill when the process is gone, start
//!   when it was started;
//! - [`Supervisor::run`] stays on the main thread (see `child`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ana_env::runtime::Tasks;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::child::{self, Ask, Exited, Running};
use super::layout::Layout;
use super::roster::Roster;
use crate::config::MemberConfig;

/// Orders that may wait.
const ORDERS_WAITING: usize = 64;

/// What may be done to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Ask it to end, kill it when it does not.
    Stop,
    /// SIGKILL.
    Kill,
    /// Start it with the data it has.
    Start,
}

/// Something to be done to some nodes.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub verb: Verb,
    /// To which nodes.
    pub nodes: Vec<u64>,
    /// Told when done; the error is for a person.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// A change of which nodes there are.
#[derive(Debug)]
pub enum Change {
    /// A node more; it is started.
    Add(MemberConfig),
    /// A node less; it must not run.
    Forget(u64),
}

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
    /// There is no process.
    Down,
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

#[derive(Debug)]
struct Slot {
    zone: String,
    api: String,
    peer: String,
    running: Option<Running>,
    stopping: bool,
    reason: String,
    starts: u32,
}

/// Owns the processes.
#[derive(Debug)]
pub struct Supervisor {
    exe: PathBuf,
    layout: Layout,
    roster: Arc<Roster>,
    table: Arc<Mutex<BTreeMap<u64, Slot>>>,
    orders: mpsc::Receiver<Order>,
    changes: mpsc::Receiver<(Change, oneshot::Sender<Result<(), String>>)>,
    exits: mpsc::Receiver<Exited>,
    exits_from_children: mpsc::Sender<Exited>,
    waiting: Vec<Waiting>,
    tasks: Tasks,
}

/// An order to end nodes that is not carried out yet.
#[derive(Debug)]
struct Waiting {
    nodes: BTreeSet<u64>,
    done: oneshot::Sender<Result<(), String>>,
}

impl Slot {
    fn new(node: &MemberConfig) -> Slot {
        Slot {
            zone: node.zone.clone(),
            api: node.api.clone(),
            peer: node.peer.clone(),
            running: None,
            stopping: false,
            reason: String::new(),
            starts: 0,
        }
    }
}

impl Supervisor {
    /// A supervisor of the nodes of `layout`; none is started yet.
    pub fn new(exe: PathBuf, layout: Layout, roster: Arc<Roster>) -> (Supervisor, Handle) {
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
            layout,
            roster,
            table,
            orders,
            changes,
            exits,
            exits_from_children,
            waiting: Vec::new(),
            tasks: Tasks::new(),
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
        let mut outcome = all.iter().try_for_each(|id| self.start(*id));
        tokio::pin!(end);
        while outcome.is_ok() {
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(exited) = self.exits.recv() => self.ended(&exited),
                order = self.orders.recv() => match order {
                    Some(order) => self.carry_out(order),
                    None => break,
                },
                Some((change, done)) = self.changes.recv() => {
                    let outcome = self.change(change);
                    answer(done, outcome);
                }
            }
        }
        let all: Vec<u64> = self.table().keys().copied().collect();
        for id in all {
            self.ask(id, Ask::Stop);
        }
        while self.any_runs() {
            match self.exits.recv().await {
                Some(exited) => self.ended(&exited),
                None => outcome = Err("the exits of the nodes cannot be seen".to_owned()),
            }
        }
        self.tasks.join().await;
        outcome
    }

    fn carry_out(&mut self, order: Order) {
        let Order { verb, nodes, done } = order;
        let ask = match verb {
            Verb::Start => {
                let outcome = nodes.iter().try_for_each(|id| self.start(*id));
                return answer(done, outcome);
            }
            Verb::Stop => Ask::Stop,
            Verb::Kill => Ask::Kill,
        };
        let going: BTreeSet<u64> = nodes.into_iter().filter(|id| self.ask(*id, ask)).collect();
        if going.is_empty() {
            return answer(done, Ok(()));
        }
        self.waiting.push(Waiting { nodes: going, done });
    }

    fn change(&self, change: Change) -> Result<(), String> {
        match change {
            Change::Add(node) => {
                self.roster.add(&node);
                let id = node.id;
                self.table().entry(id).or_insert_with(|| Slot::new(&node));
                self.start(id)
            }
            Change::Forget(id) => {
                let mut table = self.table();
                if table.get(&id).is_some_and(|slot| slot.running.is_some()) {
                    return Err(format!("node {id} runs still"));
                }
                table.remove(&id);
                self.roster.remove(id);
                Ok(())
            }
        }
    }

    /// Starts a node; one that runs stays as it is.
    fn start(&self, id: u64) -> Result<(), String> {
        let mut table = self.table();
        let slot = table
            .get_mut(&id)
            .ok_or_else(|| format!("there is no node {id}"))?;
        if slot.running.is_some() && slot.stopping {
            return Err(format!("node {id} is still stopping"));
        }
        if slot.running.is_some() {
            return Ok(());
        }
        let config = self.layout.config_dir().join(Layout::config_name(id));
        let log = self.layout.log_file(id);
        let failed = |error: std::io::Error| format!("node {id} cannot be started: {error}");
        let process = child::start(&self.exe, &config, &log).map_err(failed)?;
        let (running, wait) =
            child::watch(id, process, self.exits_from_children.clone()).map_err(failed)?;
        slot.running = Some(running);
        slot.stopping = false;
        slot.starts += 1;
        self.roster.runs(id, true);
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
        running.ask(ask);
        slot.stopping = true;
        true
    }

    fn ended(&mut self, exited: &Exited) {
        tracing::info!(node = exited.id, how = exited.how, "a node ended");
        if let Some(slot) = self.table().get_mut(&exited.id) {
            slot.running = None;
            slot.stopping = false;
            slot.reason.clone_from(&exited.how);
        }
        self.roster.runs(exited.id, false);
        for waiting in &mut self.waiting {
            waiting.nodes.remove(&exited.id);
        }
        for waiting in self
            .waiting
            .extract_if(.., |waiting| waiting.nodes.is_empty())
        {
            answer(waiting.done, Ok(()));
        }
    }

    fn any_runs(&self) -> bool {
        self.table().values().any(|slot| slot.running.is_some())
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Slot>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(done: oneshot::Sender<Result<(), String>>, outcome: Result<(), String>) {
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
                Some(_) if self.roster.answers(*id) => NodeState::Up,
                Some(_) => NodeState::Starting,
            },
            reason: slot.reason.clone(),
            starts: slot.starts,
        };
        table.iter().map(view).collect()
    }

    /// Gives an order and waits until it was carried out.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn order(&self, verb: Verb, nodes: Vec<u64>) -> Result<(), String> {
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
