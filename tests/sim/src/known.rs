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
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "power cut soon after the first start",
    found: "two of three nodes came back without any group: `groups` in the data directory had not been made durable",
    plan: first_start,
}];

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
