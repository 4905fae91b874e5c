//! The clients of a run: a setup, producers, a reader, a resharder, a monitor, and at the end an auditor.
//!
//! They talk to random nodes over the simulated network as AWS clients do, and write what they learn in the oracle.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_check::history::ControlCall;
use ana_env::time::sleep;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use crate::http::{Answer, aws};
use crate::oracle::{Oracle, ShardSeen, now};
use crate::plan::Plan;
use crate::world::api;

pub mod audit;
pub mod monitor;
pub mod producer;
pub mod reader;
pub mod resharder;

/// The stream of every run.
pub const STREAM: &str = "river";

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    Starting = 0,
    Faults = 1,
    Healing = 2,
    Audit = 3,
}

/// What all clients of a run share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub plan: Arc<Plan>,
    phase: Arc<AtomicU8>,
    working: Arc<AtomicU8>,
    oracle: Arc<Mutex<Oracle>>,
}

impl Shared {
    #[must_use]
    pub fn new(plan: Plan) -> Shared {
        let oracle = Oracle::new(crate::world::retention_ms(&plan));
        Shared {
            plan: Arc::new(plan),
            phase: Arc::new(AtomicU8::new(0)),
            working: Arc::new(AtomicU8::new(0)),
            oracle: Arc::new(Mutex::new(oracle)),
        }
    }

    /// The oracle, for a few lines; never over an await.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Faults,
            2 => Phase::Healing,
            _ => Phase::Audit,
        }
    }

    pub fn enter(&self, phase: Phase) {
        crate::trace::note(&format!("phase {phase:?}"));
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Waits until the run stands at `phase` or later.
    pub async fn wait(&self, phase: Phase) {
        while self.phase() < phase {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clients that have not yet finished their part.
    #[must_use]
    pub fn working(&self) -> u8 {
        self.working.load(Ordering::Relaxed)
    }

    pub fn begin_work(&self) {
        self.working.fetch_add(1, Ordering::Relaxed);
    }

    pub fn end_work(&self) {
        self.working.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn stuck(&self, what: String) {
        crate::trace::note(&what);
        self.oracle().history.stuck(what);
    }

    /// Dice of one client.
    #[must_use]
    pub fn dice(&self, part: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.plan.derive(part))
    }

    /// A random node's address.
    pub fn any_node(&self, dice: &mut ChaCha8Rng) -> String {
        api(dice.random_range(0..self.plan.nodes))
    }
}

/// Creates the stream and waits until it is ACTIVE; then the faults may begin.
pub async fn setup(shared: Shared) -> turmoil::Result {
    let mut dice = shared.dice(10);
    let request = json!({"StreamName": STREAM, "ShardCount": shared.plan.shards});
    loop {
        let asked = now();
        let answer = aws(&shared.any_node(&mut dice), "CreateStream", &request).await;
        let call = ControlCall::Create {
            shards: shared.plan.shards,
        };
        shared.oracle().controlled("setup", asked, call, &answer);
        match answer {
            Answer::Ok(_) => break,
            Answer::Refused(_, kind, _) if kind == "ResourceInUseException" => break,
            Answer::Refused(..) | Answer::Unknown(_) => sleep(Duration::from_millis(100)).await,
        }
    }
    while status(&shared, &mut dice).await.as_deref() != Some("ACTIVE") {
        sleep(Duration::from_millis(50)).await;
    }
    shared.enter(Phase::Faults);
    Ok(())
}

/// The stream's status, if a node tells it.
pub async fn status(shared: &Shared, dice: &mut ChaCha8Rng) -> Option<String> {
    let answer = aws(
        &shared.any_node(dice),
        "DescribeStreamSummary",
        &json!({"StreamName": STREAM}),
    )
    .await;
    let Answer::Ok(answer) = answer else {
        return None;
    };
    answer["StreamDescriptionSummary"]["StreamStatus"]
        .as_str()
        .map(str::to_owned)
}

/// The stream's shards, if a node lists them.
pub async fn listing(shared: &Shared, dice: &mut ChaCha8Rng) -> Option<Vec<ShardSeen>> {
    let asked = now();
    let request = json!({"StreamName": STREAM});
    let answer = aws(&shared.any_node(dice), "ListShards", &request).await;
    let mut oracle = shared.oracle();
    oracle.controlled("lister", asked, ControlCall::List, &answer);
    match answer {
        Answer::Ok(answer) => {
            let shards = answer["Shards"].as_array()?.iter();
            let shards: Vec<ShardSeen> = shards.filter_map(shard).collect();
            oracle.listed(asked, &shards);
            Some(shards)
        }
        Answer::Refused(..) | Answer::Unknown(_) => None,
    }
}

fn shard(shard: &Json) -> Option<ShardSeen> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let key = |name: &str| shard["HashKeyRange"][name].as_str()?.parse().ok();
    Some(ShardSeen {
        id: text(&shard["ShardId"])?,
        parents: [&shard["ParentShardId"], &shard["AdjacentParentShardId"]]
            .into_iter()
            .filter_map(text)
            .collect(),
        start: key("StartingHashKey")?,
        end: key("EndingHashKey")?,
        open: shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null(),
    })
}
