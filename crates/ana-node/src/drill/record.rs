//! What a run of a drill leaves behind: one JSON document, from which every report is made.
//!
//! Must stay true:
//! - member names are part of the interface: members are added, never renamed;
//! - moments (`.._at_ms`, `at_ms`) are milliseconds from the moment the drill's clock started, which is when the
//!   first fault could fire; what was seen before it, while the steady state was watched, is negative (and in the file of
//!   events counted from when the start was expected, since it is not known yet);
//! - what was not measured is absent, never zero; a check that saw no data is `not_exercised`, never `held`.

mod broken;
mod consumer;
mod expectation;
mod fault;
mod load;
mod traffic;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::broken::{Acknowledgement, Broken, BrokenRecord};
pub use self::consumer::{ConsumerRow, PollGap};
pub use self::expectation::{Expectation, Judgement};
pub use self::fault::FaultRow;
pub use self::load::{Compared, LoadAudit, LoadCounts};
pub use self::traffic::{ApplicationSection, ClusterSection, ForeignConsumer, ForeignPuts};

/// The version of the document's form.
pub const FORMAT: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form: [`FORMAT`].
    pub format: u32,
    /// Identity of the run, and the name of its directory.
    pub id: String,
    /// The drill's name.
    pub drill: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The seed of its picks: the file's, the person's, or drawn.
    pub seed: u64,
    /// Version of the program that ran it.
    pub build: String,
    /// When it was started, milliseconds since 1970.
    pub started_at_ms: u64,
    /// From start to report, the steady state and the audits included.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, in a sentence; absent when it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The endpoint of the cluster.
    pub endpoint: String,
    /// When the last fault was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healed_at_ms: Option<i64>,
    /// What the runner's own load wrote, and what became of it; absent when the drill has no load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadCounts>,
    /// The replicas of the drill's streams, compared; absent when it did not come to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Compared>,
    /// What the checker looked at and found, anomaly by anomaly; empty when it did not come to that.
    #[serde(default)]
    pub anomalies: Vec<AnomalyRow>,
    /// One row per fault, in the order in which they fire.
    pub faults: Vec<FaultRow>,
    /// What was expected, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// The first invariant that broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_broken: Option<Broken>,
    /// The runner's own consumers.
    pub consumers: Vec<ConsumerRow>,
    /// Measurements over time.
    pub series: Vec<Series>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What became of the user's own puts, by the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSection>,
    /// How the user's own consumers behaved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationSection>,
    /// Things to know that are no verdict: a stream that was created, a pick that hit no leader.
    pub notes: Vec<String>,
    /// The command that repeats the run.
    pub again: String,
    /// The drill as it was run, as a file; absent in records of versions that kept it beside them alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// One promise of the log, as the checker judged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyRow {
    /// `A1` to `A20`.
    pub id: String,
    /// The promise.
    pub promise: String,
    /// Facts that were looked at; none is "not exercised".
    pub looked_at: u64,
    /// How often it was broken.
    pub found: u64,
    /// What was found, a few of them.
    pub findings: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every expectation held or was not exercised.
    Passed,
    /// An expectation did not hold.
    Broken,
    /// It was refused, or could not go on.
    CouldNotRun,
    /// A guard ended it.
    StoppedByGuard,
    /// A person ended it.
    StoppedByPerson,
}

impl Outcome {
    /// The word at the head of a report.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "PASS",
            Outcome::Broken => "BROKEN",
            Outcome::CouldNotRun => "COULD NOT RUN",
            Outcome::StoppedByGuard => "STOPPED BY GUARD",
            Outcome::StoppedByPerson => "STOPPED",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_ms: i64,
    /// What, with what belongs to it.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The drill went over to its next part.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// A fault was switched on.
    FaultFired {
        /// Its number in the file, from one.
        fault: usize,
        /// What it does.
        action: String,
        /// What it hit, in words; the fault's row has the members.
        pick: String,
    },
    /// A fault was taken away, or was over.
    FaultReverted {
        /// Its number in the file, from one.
        fault: usize,
        /// What it did.
        action: String,
    },
    /// A fault did not do what it should.
    FaultFailed {
        /// Its number in the file, from one.
        fault: usize,
        /// Why.
        why: String,
    },
    /// A shard, or with no shard the metadata group, is led by another node, or by nobody.
    LeaderChanged {
        /// `orders/shardId-000000000000`; absent for the metadata group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shard: Option<String>,
        /// Who led before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// Who leads now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
        /// The term now.
        term: u64,
    },
    /// A node is `up`, `down`, `paused` and so on.
    NodeState {
        /// The node.
        node: u64,
        /// Its zone.
        zone: String,
        /// Its state now.
        state: String,
    },
    /// A guard fired.
    GuardTripped {
        /// The check of the file.
        check: String,
        /// What was seen.
        found: String,
    },
    /// A person asked for the end.
    StopAsked {
        /// How: `ana drill stop`, Ctrl-C.
        how: String,
    },
    /// Figures, once a second: in the file of events alone, for whoever watches.
    Figures {
        /// Records acknowledged so far.
        acked: u64,
        /// The newest measurement of each metric, by its name in a drill file.
        values: BTreeMap<String, u64>,
    },
    /// A word for people.
    Note {
        /// The word.
        text: String,
    },
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The load begins, and what must hold first is watched.
    Steady,
    /// Faults fire.
    Faults,
    /// All faults are gone; what must hold after the healing is watched.
    Healing,
    /// The load has ended; everything is read back and compared.
    Audit,
    /// The report is there.
    Over,
}

impl Phase {
    /// What a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Phase::Steady => "watching the steady state",
            Phase::Faults => "faults",
            Phase::Healing => "healing",
            Phase::Audit => "reading everything back",
            Phase::Over => "over",
        }
    }
}

/// Measurements of one thing over time. A value stands until the next point; points that would repeat the value
/// before and after them are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The metric's name in a drill file: `put_success_rate`, `put_p99`; or `acked_per_second`.
    pub metric: String,
    /// The unit of the values.
    pub unit: SeriesUnit,
    /// Moment in milliseconds and value, ascending.
    pub points: Vec<(i64, u64)>,
}

/// Units of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesUnit {
    /// Thousandths of a percent: 100 000 is all.
    ThousandthsOfPercent,
    /// Microseconds.
    Micros,
    /// A number of things.
    Count,
}

#[cfg(test)]
mod record_test;
