//! Which nodes run and which answer: written by supervisor and health checks, read by the front
//! door.
//!
//! A lock held for a few lines, never over an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ana_env::real::Relay;

use crate::config::MemberConfig;

/// A health check must fail this often in a row before a running node counts as not answering: a
/// busy machine answers late, and a late node is better than none.
const FAILURES_BELIEVED: u32 = 3;

/// A node that may take a connection.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The node.
    pub id: u64,
    /// Where it listens.
    pub api: String,
    /// How it is given a connection without connecting to it; none when it has to be connected to.
    pub relay: Option<Arc<Relay>>,
}

/// The nodes of a local cluster.
#[derive(Debug)]
pub struct Roster {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    nodes: BTreeMap<u64, Entry>,
    turn: usize,
}

#[derive(Debug)]
struct Entry {
    api: String,
    runs: bool,
    answers: bool,
    failures: u32,
    /// How connections are given to its process.
    relay: Option<Arc<Relay>>,
}

impl Entry {
    /// A node that does not run.
    fn of(node: &MemberConfig) -> Entry {
        Entry {
            api: node.api.clone(),
            runs: false,
            answers: false,
            failures: 0,
            relay: None,
        }
    }
}

impl Roster {
    /// All nodes of a plan, none of them running.
    pub fn new(nodes: &[MemberConfig]) -> Roster {
        let nodes = nodes.iter().map(|node| (node.id, Entry::of(node)));
        let nodes = nodes.collect();
        Roster {
            state: Mutex::new(State { nodes, turn: 0 }),
        }
    }

    /// A node more, which does not run.
    pub fn add(&self, node: &MemberConfig) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.nodes.entry(node.id).or_insert(Entry::of(node));
    }

    /// A node less.
    pub fn remove(&self, id: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.nodes.remove(&id);
    }

    /// The process of a node was started or has ended.
    pub fn runs(&self, id: u64, runs: bool) {
        self.with(id, |node| {
            node.runs = runs;
            node.answers = false;
            node.failures = 0;
            node.relay = None;
        });
    }

    /// The process that runs takes connections that others have accepted.
    pub fn takes_over_by(&self, id: u64, relay: Relay) {
        self.with(id, |node| node.relay = Some(Arc::new(relay)));
    }

    /// A health check of a node came back.
    pub fn checked(&self, id: u64, healthy: bool) {
        self.with(id, |node| {
            if healthy {
                node.failures = 0;
                node.answers = node.runs;
                return;
            }
            node.failures = node.failures.saturating_add(1);
            node.answers = node.answers && node.failures < FAILURES_BELIEVED;
        });
    }

    /// A connection to a node was refused: nobody listens there.
    pub fn refused(&self, id: u64) {
        self.with(id, |node| node.answers = false);
    }

    /// Whether a node's last health check was good.
    pub fn answers(&self, id: u64) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.nodes.get(&id).is_some_and(|node| node.answers)
    }

    /// Nodes whose process runs, with their addresses.
    pub fn running(&self) -> Vec<(u64, String)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let running = state.nodes.iter().filter(|(_, node)| node.runs);
        running.map(|(id, node)| (*id, node.api.clone())).collect()
    }

    /// Whom to try for a new connection, best first: those that answer, taking turns, then those
    /// that merely run.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pick = |state: &State, answers: bool| -> Vec<Candidate> {
            let nodes = state
                .nodes
                .iter()
                .filter(|(_, n)| n.runs && n.answers == answers);
            let candidate = |(id, node): (&u64, &Entry)| Candidate {
                id: *id,
                api: node.api.clone(),
                // One that does not answer yet may let what it was given wait for long.
                relay: node.relay.clone().filter(|_| answers),
            };
            nodes.map(candidate).collect()
        };
        let mut first = pick(&state, true);
        if !first.is_empty() {
            let turn = state.turn % first.len();
            first.rotate_left(turn);
        }
        state.turn = state.turn.wrapping_add(1);
        first.extend(pick(&state, false));
        first
    }

    fn with(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = state.nodes.get_mut(&id) {
            change(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let nodes: Vec<MemberConfig> = (1..=3)
            .map(|id| MemberConfig {
                id,
                zone: "a".to_owned(),
                api: format!("h:{id}"),
                peer: format!("h:1{id}"),
            })
            .collect();
        Roster::new(&nodes)
    }

    fn ids(roster: &Roster) -> Vec<u64> {
        roster.candidates().into_iter().map(|it| it.id).collect()
    }

    #[test]
    fn those_that_answer_take_turns_and_come_first() {
        let roster = roster();
        assert!(ids(&roster).is_empty(), "nothing runs");
        for id in 1..=3 {
            roster.runs(id, true);
        }
        assert_eq!(ids(&roster), [1, 2, 3], "running is better than nothing");
        roster.checked(2, true);
        roster.checked(3, true);
        let mut heads: Vec<u64> = (0..4).map(|_| ids(&roster)[0]).collect();
        heads.sort_unstable();
        assert_eq!(heads, [2, 2, 3, 3]);
        assert_eq!(ids(&roster)[2], 1);
    }

    #[test]
    fn a_dead_node_is_no_candidate_whatever_a_late_check_says() {
        let roster = roster();
        roster.runs(1, true);
        roster.checked(1, true);
        roster.runs(1, false);
        roster.checked(1, true);
        assert!(ids(&roster).is_empty());
        assert!(!roster.answers(1));
    }

    #[test]
    fn one_late_check_does_not_take_a_node_out() {
        let roster = roster();
        roster.runs(1, true);
        roster.checked(1, true);
        roster.checked(1, false);
        roster.checked(1, false);
        assert!(roster.answers(1));
        roster.checked(1, false);
        assert!(!roster.answers(1));
        roster.checked(1, true);
        assert!(roster.answers(1));
        roster.refused(1);
        assert!(!roster.answers(1));
    }
}
