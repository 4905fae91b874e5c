//! The simulated machines and the links between them, and what faults do to both.
//!
//! Must stay true: an act that harms happens only while faults go on; afterwards everything is as in the beginning, but
//! for what disks have lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use crate::class::Class;
use crate::counters;
use crate::fault::{Act, Fault, Who};
use crate::machine::{EPOCH_MS, Machine, Order, TEAR_BYTES};
use crate::plan::Plan;

pub use crate::machine::{api, host, now_ms, retention_ms};

mod damage;
mod eyes;
mod links;

use eyes::Eyes;
use links::Links;

/// A supervisor starts a process that ended again after this.
const RESTART: Duration = Duration::from_millis(300);

/// What faults have done to a machine so far and not undone.
#[derive(Debug, Default)]
struct State {
    down: bool,
    armed: bool,
    freezes: u32,
    led_when_frozen: Vec<usize>,
    fills: u32,
    delays: Vec<Duration>,
}

/// The machines of one run.
#[derive(Debug)]
pub struct World {
    machines: Vec<Machine>,
    states: Vec<State>,
    links: Links,
    victim: usize,
    /// What is still to be done, in order of time.
    queue: BTreeMap<(Duration, u64), (Class, Act)>,
    queued: u64,
    eyes: Eyes,
    flips: Vec<Flip>,
}

/// A bit that has flipped.
#[derive(Debug)]
struct Flip {
    node: usize,
    bit: damage::Bit,
}

impl World {
    /// Builds the simulation with all nodes running.
    pub fn new(plan: &Plan) -> (turmoil::Sim<'static>, World) {
        let mut sim = turmoil::Builder::new()
            .rng_seed(plan.derive(1))
            .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
            .simulation_duration(Duration::from_mins(10))
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency_max)
            .tcp_capacity(65_536)
            .enable_random_order()
            .build();
        let machines = (0..plan.nodes)
            .map(|node| Machine::new(&mut sim, plan, node))
            .collect();
        let world = World {
            machines,
            states: (0..plan.nodes).map(|_| State::default()).collect(),
            links: Links::new(plan.latency_max),
            victim: plan.victim,
            queue: BTreeMap::new(),
            queued: 0,
            eyes: Eyes::default(),
            flips: Vec::new(),
        };
        (sim, world)
    }

    /// Makes one fault happen from now on.
    pub fn fault(&mut self, sim: &mut turmoil::Sim<'static>, fault: &Fault) {
        crate::trace::note(&format!("{:?} {fault:?}", sim.elapsed()));
        let acts = match fault {
            Fault::Drill(step) => step
                .acts(&eyes::places(&self.machines, &step.streams()))
                .inspect_err(|why| crate::trace::note(why))
                .ok(),
            fault => fault.acts(self.machines.len(), self.victim, |who| self.find(who)),
        };
        for (offset, act) in acts.into_iter().flatten() {
            let due = sim.elapsed().checked_add(offset).unwrap_or(Duration::MAX);
            self.later(due, fault.class(), act);
        }
        self.step(sim);
    }

    /// Does what is due, starts processes that ended, and looks around.
    pub fn step(&mut self, sim: &mut turmoil::Sim<'static>) {
        let now = sim.elapsed();
        while let Some(((due, number), (class, act))) = self.queue.pop_first() {
            if due > now {
                self.queue.insert((due, number), (class, act));
                break;
            }
            self.act(sim, class, act);
        }
        self.start_ended(sim);
        self.eyes.look(now, &self.machines);
    }

    /// Ends all faults.
    pub fn heal(&mut self, sim: &mut turmoil::Sim<'static>) {
        for ((_, _), (class, act)) in std::mem::take(&mut self.queue) {
            if act.heals() {
                self.act(sim, class, act);
            }
        }
        // What only a start reads (a snapshot, the head of a file) is read once more.
        let damaged: BTreeSet<usize> = self.flips.iter().map(|flip| flip.node).collect();
        for node in damaged {
            if self.stop(sim, node, false) {
                let due = sim.elapsed() + RESTART;
                self.later(due, Class::BitFlip, Act::Start { node });
            }
        }
    }

    /// Flipped bits that lie on a disk still, although everything was read since. Ask it when all is over.
    pub fn unnoticed(&self) -> Vec<String> {
        let mut unnoticed = Vec::new();
        for flip in &self.flips {
            let machine = &self.machines[flip.node];
            if !flip.bit.is_on(&machine.disk) || flip.bit.is_known_to(machine) {
                counters::saw("a flipped bit was noticed");
            } else if flip.bit.is_cut_off(machine) {
                counters::saw("a flipped bit was of an entry that its log has cut off");
            } else if flip.bit.is_of_an_old_vote(&machine.disk) {
                counters::saw("a flipped bit was of a vote that counts no more");
            } else {
                unnoticed.push(format!("node {}: {}", flip.node + 1, flip.bit));
            }
        }
        unnoticed
    }

    /// Whether replicas that applied the same entries hold the same state; what differs. Ask it when all is over.
    pub fn compare_machines(&self) -> Result<usize, String> {
        eyes::compare(&self.machines)
    }

    fn later(&mut self, due: Duration, class: Class, act: Act) {
        self.queue.insert((due, self.queued), (class, act));
        self.queued += 1;
    }

    fn start_ended(&mut self, sim: &mut turmoil::Sim<'static>) {
        for node in 0..self.machines.len() {
            if self.states[node].down {
                continue;
            }
            let Some(why) = self.machines[node].inside.ended() else {
                continue;
            };
            crate::trace::note(&format!("node {} is started again: {why}", node + 1));
            self.stop(sim, node, false);
            self.later(sim.elapsed() + RESTART, Class::Kill, Act::Start { node });
        }
    }

    fn find(&self, who: Who) -> Option<usize> {
        match who {
            Who::Node(node) => Some(node),
            Who::Leader(group) => eyes::leader(&self.machines, group),
            Who::Follower(group, which) => eyes::follower(&self.machines, group, which),
        }
    }

    fn act(&mut self, sim: &mut turmoil::Sim<'static>, class: Class, act: Act) {
        let hit = self.carry_out(sim, act);
        if hit && !act.heals() {
            counters::fired(class);
        }
        crate::trace::note(&format!("{:?} {act:?} {hit}", sim.elapsed()));
    }

    /// Says whether it made a difference.
    fn carry_out(&mut self, sim: &mut turmoil::Sim<'static>, act: Act) -> bool {
        match act {
            Act::Stop { node, power } => self.stop(sim, node, power),
            Act::Start { node } => self.start(sim, node),
            Act::ArmSync { node } => {
                self.machines[node].disk.fail_next_sync(1);
                !std::mem::replace(&mut self.states[node].armed, true)
            }
            Act::DisarmSync { node } => {
                self.machines[node].disk.fail_next_sync(0);
                std::mem::replace(&mut self.states[node].armed, false)
            }
            Act::Cut { from, to } => self.links.cut(sim, from, to),
            Act::Join { from, to } => self.links.join(sim, from, to),
            Act::Slow { a, b, latency } => self.links.slow(sim, a, b, latency),
            Act::Quicken { a, b } => self.links.quicken(sim, a, b),
            Act::Freeze { node } => self.freeze(node),
            Act::Thaw { node } => self.thaw(node),
            Act::SlowSync { node, delay } => {
                self.states[node].delays.push(delay);
                self.set_delay(node)
            }
            Act::QuickSync { node } => {
                self.states[node].delays.pop();
                self.set_delay(node)
            }
            Act::FineTear { node } => {
                let disk = &self.machines[node].disk;
                disk.set_tear_bytes(crate::fault::FINE_TEAR_BYTES);
                true
            }
            Act::CoarseTear { node } => {
                self.machines[node].disk.set_tear_bytes(TEAR_BYTES);
                true
            }
            Act::Fill { node } => self.fill(node),
            Act::Empty { node } => self.empty(node),
            Act::Turn { node, by_ms } => {
                self.machines[node].clock.turn(by_ms);
                true
            }
            Act::TurnBack { node, by_ms } => {
                self.machines[node].clock.turn(-by_ms);
                true
            }
            Act::Drift { node, ppm } => {
                self.machines[node].clock.drift(sim.elapsed(), ppm);
                true
            }
            Act::Steady { node } => {
                self.machines[node].clock.drift(sim.elapsed(), 0);
                true
            }
            Act::Flip { node, file, place } => {
                let bit = damage::flip(&self.machines[node].disk, file, place);
                let flip = bit.map(|bit| Flip { node, bit });
                let hit = flip.is_some();
                self.flips.extend(flip);
                hit
            }
            Act::Lose { node, lost, place } => damage::lose(&self.machines[node], lost, place),
            Act::Move { group, to } => self.move_leader(group, to),
        }
    }

    fn stop(&mut self, sim: &mut turmoil::Sim<'static>, node: usize, power: bool) -> bool {
        if std::mem::replace(&mut self.states[node].down, true) {
            return false;
        }
        let machine = &self.machines[node];
        machine.inside.clear();
        self.eyes.forget(node);
        sim.crash(host(node));
        if power {
            machine.disk.crash();
        }
        true
    }

    fn start(&mut self, sim: &mut turmoil::Sim<'static>, node: usize) -> bool {
        let was_down = std::mem::replace(&mut self.states[node].down, false);
        if was_down {
            sim.bounce(host(node));
        }
        was_down
    }

    fn freeze(&mut self, node: usize) -> bool {
        let machine = &self.machines[node];
        let state = &mut self.states[node];
        state.freezes += 1;
        if state.freezes > 1 {
            return false;
        }
        state.led_when_frozen = eyes::led_by(machine);
        machine.pause.pause();
        !state.down
    }

    fn thaw(&mut self, node: usize) -> bool {
        let state = &mut self.states[node];
        state.freezes = state.freezes.saturating_sub(1);
        if state.freezes > 0 {
            return false;
        }
        let led = std::mem::take(&mut state.led_when_frozen);
        if eyes::anybody_else_leads(&self.machines, node, &led) {
            counters::saw("a paused leader was deposed");
        }
        self.machines[node].pause.resume();
        true
    }

    fn set_delay(&self, node: usize) -> bool {
        let delay = self.states[node].delays.iter().max();
        let delay = delay.copied().unwrap_or_default();
        self.machines[node].disk.set_sync_delay(delay);
        true
    }

    fn fill(&mut self, node: usize) -> bool {
        self.states[node].fills += 1;
        let disk = &self.machines[node].disk;
        disk.set_capacity(disk.used_bytes());
        self.states[node].fills == 1
    }

    fn empty(&mut self, node: usize) -> bool {
        let state = &mut self.states[node];
        state.fills = state.fills.saturating_sub(1);
        if state.fills == 0 {
            let roomy = ana_env::memory::MemoryDiskOptions::default();
            self.machines[node].disk.set_capacity(roomy.capacity_bytes);
        }
        state.fills == 0
    }

    fn move_leader(&mut self, group: usize, to: usize) -> bool {
        let from = eyes::leader(&self.machines, group);
        let group = eyes::group_at(&self.machines, group);
        let (Some(from), Some(group)) = (from, group) else {
            return false;
        };
        let to = eyes::id_of(to);
        self.machines[from].inside.order(Order { group, to });
        true
    }
}
