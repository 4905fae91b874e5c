//! Scenarios that once found a bug, written out: seeds mean nothing across versions of turmoil, rand or openraft.
//!
//! A red seed becomes a scenario here when its bug is mended: the shape and the faults of its plan, and what it found.

use std::time::Duration;

use crate::fault::{Fault, Who};
use crate::plan::Plan;

/// One scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// What was wrong.
    pub found: &'static str,
    pub plan: fn() -> Plan,
}

/// All of them, oldest first.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "power cut soon after the first start",
        found: "two of three nodes came back without any group: `groups` in the data directory had not been made durable",
        plan: first_start,
    },
    Scenario {
        name: "a leader that stood still is asked to read",
        found: "it served a read under a lease that nobody had given: the answer to an append from before the pause was taken \
                for one to the commit notice it sent after it",
        plan: read_after_a_pause,
    },
];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Three nodes, three shards, nothing else: what a scenario changes stands in it.
fn calm(seed: u64) -> Plan {
    Plan {
        seed,
        nodes: 3,
        shards: 3,
        producers: 3,
        reshard: false,
        trim: false,
        torn_anywhere: false,
        latency_max: ms(11),
        safety: ms(6000),
        pair: None,
        victim: 0,
        faults: Vec::new(),
    }
}

fn read_after_a_pause() -> Plan {
    Plan {
        shards: 1,
        producers: 2,
        reshard: true,
        trim: true,
        torn_anywhere: true,
        latency_max: ms(3),
        safety: ms(12_000),
        victim: 2,
        faults: vec![
            (
                ms(1051),
                Fault::Pause {
                    who: Who::Leader(1),
                    lasts: ms(2422),
                },
            ),
            (
                ms(2878),
                Fault::Isolate {
                    who: Who::Node(0),
                    lasts: ms(875),
                },
            ),
        ],
        ..calm(1053)
    }
}

fn first_start() -> Plan {
    Plan {
        faults: vec![
            (
                ms(560),
                Fault::Power {
                    who: Who::Node(2),
                    down: ms(1852),
                },
            ),
            (ms(2048), Fault::PowerAll { down: ms(1025) }),
            (ms(3481), Fault::PowerAll { down: ms(914) }),
        ],
        ..calm(44)
    }
}
