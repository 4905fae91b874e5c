//! Reads by lease, while leaders change and clocks run at different speeds.
//!
//! A leader answers reads by itself as long as a majority has confirmed it lately, counted from the moment it *sent* what
//! they confirmed (`Group::read_barrier`, openraft's lease). Whoever confirmed it votes for nobody else for a while,
//! counted from the moment it *heard* of it. Each counts by its own clock. So the leader has to stop before the others
//! start, however their clocks differ:
//!
//! ```text
//!   lease / slowest clock  <=  patience / fastest clock
//! ```
//! Time passes in ticks; each clock shows a fixed number of its own units per tick, slow, right or fast. Terms, votes and
//! one value that is written over stand for all of Raft: what matters here is who serves what at the same moment.

use stateright::{Model, Property};
use std::array;

/// Nodes.
const NODES: usize = 3;
/// Units that a right clock shows per tick.
pub const UNITS_PER_TICK: u16 = 20;
/// How long a node that confirmed a leader votes for nobody else, units of its own clock: openraft's `election_timeout_max`.
pub const PATIENCE: u16 = 5 * UNITS_PER_TICK;
/// Leaders that there are in a run.
const TERMS_MAX: u8 = 2;
/// Writes.
const WRITES_MAX: u8 = 1;
/// Heartbeats of one leader that are under way.
const HEARTBEATS_MAX: usize = 1;

/// The rules that a search tries.
#[derive(Debug, Clone)]
pub struct Lease {
    /// How long a leader reads after it was confirmed, units of its own clock.
    pub lease: u16,
    /// Units that the slowest and the fastest clock show per tick.
    pub speeds: (u16, u16),
    /// Whether a node that starts again keeps out of votes as long as it may have confirmed a leader before.
    pub silent_after_start: bool,
    /// Whether a leader that hands leadership over stops reading before it does.
    pub stops_before_transfer: bool,
}

/// The rules of the product: `LEASE_PERCENT` of `ana-raft/src/group.rs`, clocks that differ by less than a tenth.
pub const AS_BUILT: Lease = Lease {
    lease: PATIENCE * 9 / 10,
    speeds: (19, 21),
    silent_after_start: true,
    stops_before_transfer: true,
};

/// A heartbeat, or its confirmation on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Heartbeat {
    to: usize,
    /// What will be left of the lease when it is confirmed now, by the leader's clock.
    left: u16,
    is_confirmed: bool,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    speed: u16,
    term: u8,
    /// Left of the time in which it votes for nobody.
    patience: u16,
    /// Whether it believes to lead.
    leads: bool,
    /// Left of the time in which it reads without asking.
    lease: u16,
    heartbeats: Vec<Heartbeat>,
    /// The newest write that it has applied.
    applied: u8,
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    nodes: [Node; NODES],
    /// The newest write that a leader has acknowledged.
    written: u8,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Time passes.
    Tick,
    /// A leader sends a heartbeat to a follower.
    Send(usize, usize),
    /// A follower hears it.
    Hear(usize, usize),
    /// The leader hears of that.
    Confirm(usize, usize),
    /// A message is lost.
    Lose(usize, usize),
    /// A node is elected by itself and another one.
    Elect(usize, usize),
    /// A leader hands leadership over: the second is elected by itself and the third, who does not wait.
    Transfer(usize, usize, usize),
    /// A leader writes: itself and another one store it.
    Write(usize, usize),
    /// A node starts again.
    Restart(usize),
}

/// An event, and what it makes of the world.
pub type Step = crate::explore::Step<Event, World>;

/// The property.
pub const NEVER_STALE: &str = "who reads by its lease has applied every write";

impl World {
    fn change(&self, node: usize, change: impl FnOnce(&mut Node)) -> Self {
        let mut next = self.clone();
        next.nodes.get_mut(node).map(change);
        next
    }

    fn tick(&self) -> Self {
        let mut next = self.clone();
        for node in &mut next.nodes {
            node.patience = node.patience.saturating_sub(node.speed);
            node.lease = node.lease.saturating_sub(node.speed);
            for heartbeat in &mut node.heartbeats {
                heartbeat.left = heartbeat.left.saturating_sub(node.speed);
            }
            // One that confirms nothing any more tells nothing either.
            node.heartbeats.retain(|it| it.left > 0);
        }
        next
    }

    /// `candidate` becomes the leader of the next term by the vote of `voter`.
    fn elect(&self, candidate: usize, voter: usize) -> Option<Self> {
        let (standing, voting) = (self.nodes.get(candidate)?, self.nodes.get(voter)?);
        let term = standing.term.max(voting.term) + 1;
        if term > TERMS_MAX || standing.applied < voting.applied {
            return None;
        }
        let step_down = |node: &mut Node| {
            node.term = term;
            node.leads = false;
            node.lease = 0;
            node.heartbeats.clear();
        };
        let next = self.change(voter, step_down).change(candidate, step_down);
        Some(next.change(candidate, |node| node.leads = true))
    }
}

impl Lease {
    fn of_leader(&self, world: &World, at: usize, events: &mut Vec<(Event, World)>) {
        let Some(leader) = world.nodes.get(at).filter(|it| it.leads) else {
            return;
        };
        for other in (0..NODES).filter(|it| *it != at) {
            let Some(follower) = world.nodes.get(other) else {
                continue;
            };
            let heartbeat = leader.heartbeats.iter().position(|it| it.to == other);
            // Nobody follows upon the last leader, so its lease is of no interest.
            if leader.term < TERMS_MAX && leader.heartbeats.len() < HEARTBEATS_MAX {
                let (to, left) = (other, self.lease);
                let sent = world.change(at, |it| {
                    it.heartbeats.push(Heartbeat {
                        to,
                        left,
                        is_confirmed: false,
                    });
                });
                events.push((Event::Send(at, other), sent));
            }
            if let Some(place) = heartbeat {
                Self::of_heartbeat(world, (at, other, place), events);
            }
            if follower.term <= leader.term && world.written < WRITES_MAX {
                let value = world.written + 1;
                let hear = |it: &mut Node| {
                    it.term = leader.term;
                    it.patience = PATIENCE;
                    it.leads = false;
                    it.applied = value;
                };
                let mut next = world.change(other, hear);
                next = next.change(at, |it| it.applied = value);
                next.written = value;
                events.push((Event::Write(at, other), next));
            }
            for voter in (0..NODES).filter(|it| *it != at && *it != other) {
                let stops = |it: &mut Node| {
                    if self.stops_before_transfer {
                        it.leads = false;
                        it.lease = 0;
                    }
                };
                let next = world.change(at, stops).elect(other, voter);
                events.extend(next.map(|next| (Event::Transfer(at, other, voter), next)));
            }
        }
    }

    fn of_heartbeat(
        world: &World,
        (at, other, place): (usize, usize, usize),
        events: &mut Vec<(Event, World)>,
    ) {
        let taken = world.change(at, |it| {
            it.heartbeats.remove(place);
        });
        events.push((Event::Lose(at, other), taken.clone()));
        let Some(leader) = world.nodes.get(at) else {
            return;
        };
        let (Some(heartbeat), Some(follower)) =
            (leader.heartbeats.get(place), world.nodes.get(other))
        else {
            return;
        };
        if heartbeat.is_confirmed {
            let confirmed = taken.change(at, |it| it.lease = it.lease.max(heartbeat.left));
            events.push((Event::Confirm(at, other), confirmed));
        } else if follower.term <= leader.term {
            let heard = world.change(other, |it| {
                it.term = leader.term;
                it.patience = PATIENCE;
                it.leads = false;
                it.lease = 0;
                it.heartbeats.clear();
            });
            let heard = heard.change(at, |it| {
                if let Some(heartbeat) = it.heartbeats.get_mut(place) {
                    heartbeat.is_confirmed = true;
                }
            });
            events.push((Event::Hear(at, other), heard));
        }
    }

    fn of_node(&self, world: &World, at: usize, events: &mut Vec<(Event, World)>) {
        let silence = if self.silent_after_start { PATIENCE } else { 0 };
        let restarted = world.change(at, |it| {
            it.patience = silence;
            it.leads = false;
            it.lease = 0;
            it.heartbeats.clear();
        });
        events.push((Event::Restart(at), restarted));
        let may_vote = |at: usize| {
            let node = world.nodes.get(at);
            // A leader that is confirmed refuses votes as well.
            node.is_some_and(|it| it.patience == 0 && !(it.leads && it.lease > 0))
        };
        for voter in (0..NODES).filter(|it| *it != at) {
            if may_vote(at) && may_vote(voter) {
                let next = world.elect(at, voter);
                events.extend(next.map(|next| (Event::Elect(at, voter), next)));
            }
        }
    }

    fn events(&self, world: &World) -> Vec<(Event, World)> {
        let mut events = vec![(Event::Tick, world.tick())];
        for at in 0..NODES {
            self.of_leader(world, at, &mut events);
            self.of_node(world, at, &mut events);
        }
        events.retain(|(_, next)| next != world);
        events
    }
}

impl Model for Lease {
    type State = World;
    type Action = Step;

    /// Node 0 leads and was confirmed by nobody yet; every mixture of the slowest and the fastest clocks.
    fn init_states(&self) -> Vec<World> {
        let (slow, fast) = self.speeds;
        let mut worlds = Vec::new();
        for mixture in 0..1_u8 << NODES {
            let speed = |node: usize| {
                if mixture & (1 << node) == 0 {
                    slow
                } else {
                    fast
                }
            };
            let nodes = array::from_fn(|node| Node {
                speed: speed(node),
                term: 1,
                patience: 0,
                leads: node == 0,
                lease: 0,
                heartbeats: Vec::new(),
                applied: 0,
            });
            worlds.push(World { nodes, written: 0 });
        }
        worlds
    }

    fn actions(&self, state: &World, actions: &mut Vec<Step>) {
        let events = self.events(state).into_iter();
        actions.extend(events.map(|(event, next)| Step { event, next }));
    }

    fn next_state(&self, _last_state: &World, action: Step) -> Option<World> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(NEVER_STALE, |_, world: &World| {
            let mut readers = world.nodes.iter().filter(|it| it.leads && it.lease > 0);
            readers.all(|it| it.applied == world.written)
        })]
    }
}
