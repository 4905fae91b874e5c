//! What the checker has to say: for each anomaly how much it looked at and what it found.
//!
//! Must stay true: the texts of [`Anomaly::id`] and the member names of the JSON are read by programs and stay.

use std::fmt;

use serde::{Serialize, Serializer};

/// One kind of broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Anomaly {
    /// A1: an acknowledged record is not there.
    LostWrite = 1,
    /// A2: a record is there that nobody put, or whose put was refused.
    Phantom,
    /// A3: a record was read and then vanished.
    DirtyRead,
    /// A4: one sequence number names two records, or one record has two.
    SequenceReuse,
    /// A5: more copies than attempts explain.
    Duplicate,
    /// A6: a later put has a smaller sequence number.
    SendOrder,
    /// A7: a reader went back or skipped.
    PollOrder,
    /// A8: a reader at the tip did not see what was acknowledged before.
    StaleRead,
    /// A9: a record's own result does not match its fate.
    RecordResult,
    /// A10: two leaders at once.
    SplitBrain,
    /// A11: what a replica had committed changed.
    CommittedTruncation,
    /// A12: replicas differ after everything.
    ReplicaDivergence,
    /// A13: something did not get on again after the faults.
    Stuck,
    /// A14: a zero or empty value stands where a real one must.
    Sentinel,
    /// A15: splits and merges out of order.
    ReshardOrder,
    /// A16: retention or iterators not kept.
    Retention,
    /// A17: arrival times go back, or reading by time misses.
    ArrivalTime,
    /// A18: no order of control-plane operations explains their answers.
    ControlOrder,
    /// A19: something deleted came back.
    Resurrection,
    /// A20: two live subscriptions, or a gap between two.
    FanOut,
}

impl Anomaly {
    /// All, in order.
    pub const ALL: [Anomaly; 20] = [
        Anomaly::LostWrite,
        Anomaly::Phantom,
        Anomaly::DirtyRead,
        Anomaly::SequenceReuse,
        Anomaly::Duplicate,
        Anomaly::SendOrder,
        Anomaly::PollOrder,
        Anomaly::StaleRead,
        Anomaly::RecordResult,
        Anomaly::SplitBrain,
        Anomaly::CommittedTruncation,
        Anomaly::ReplicaDivergence,
        Anomaly::Stuck,
        Anomaly::Sentinel,
        Anomaly::ReshardOrder,
        Anomaly::Retention,
        Anomaly::ArrivalTime,
        Anomaly::ControlOrder,
        Anomaly::Resurrection,
        Anomaly::FanOut,
    ];

    /// `A1` to `A20`.
    pub fn id(self) -> &'static str {
        self.words().0
    }

    /// The promise, as a person says it.
    pub fn promise(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Anomaly::LostWrite => ("A1", "what was acknowledged is there"),
            Anomaly::Phantom => ("A2", "nothing is there that was not put"),
            Anomaly::DirtyRead => ("A3", "what was read stays"),
            Anomaly::SequenceReuse => ("A4", "a sequence number names one record"),
            Anomaly::Duplicate => ("A5", "no copies without a retry"),
            Anomaly::SendOrder => ("A6", "later puts have greater sequence numbers"),
            Anomaly::PollOrder => ("A7", "readers go forward and skip nothing"),
            Anomaly::StaleRead => ("A8", "the tip holds what was acknowledged before"),
            Anomaly::RecordResult => ("A9", "each record's result is its fate"),
            Anomaly::SplitBrain => ("A10", "one leader at a time"),
            Anomaly::CommittedTruncation => ("A11", "what is committed never changes"),
            Anomaly::ReplicaDivergence => ("A12", "replicas are equal"),
            Anomaly::Stuck => ("A13", "everything gets on after the faults"),
            Anomaly::Sentinel => ("A14", "no zero stands for a value"),
            Anomaly::ReshardOrder => ("A15", "splits and merges keep range and order"),
            Anomaly::Retention => ("A16", "retention and iterators are kept"),
            Anomaly::ArrivalTime => ("A17", "arrival times only grow"),
            Anomaly::ControlOrder => ("A18", "operations have one order"),
            Anomaly::Resurrection => ("A19", "what is deleted stays deleted"),
            Anomaly::FanOut => ("A20", "one subscription at a time, without a gap"),
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Serialize for Anomaly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// Findings kept of each anomaly; all are counted.
pub const FINDINGS_MAX: usize = 5;

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, in one sentence with everything that is known of it.
    pub what: String,
    /// The records it is about: value, key, shard, sequence number, who acknowledged it and when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordTold>,
}

/// A record as a finding names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordTold {
    /// Producer and counter; "nobody's" if it is none of the history's.
    pub value: String,
    /// Partition key, if its put is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The shard it was acknowledged in or read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The sequence number it was acknowledged with or read at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// `acknowledged`, `refused`, `unknown`; nothing if its put is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The node that was asked to put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it was put, microseconds of the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<u64>,
    /// When that was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_us: Option<u64>,
}

impl fmt::Display for RecordTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)?;
        if let (Some(shard), Some(sequence)) = (&self.shard, &self.sequence) {
            write!(f, " at {shard} {sequence}")?;
        }
        if let Some(outcome) = self.outcome {
            write!(f, ", {outcome}")?;
        }
        if let Some(node) = &self.node {
            write!(f, " by {node}")?;
        }
        if let Some(sent) = self.sent_us {
            write!(f, ", sent {}", Moment(sent))?;
        }
        if let Some(answered) = self.answered_us {
            write!(f, ", answered {}", Moment(answered))?;
        }
        Ok(())
    }
}

/// Microseconds as people read them.
pub(crate) struct Moment(pub(crate) u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000, self.0 / 1000 % 1000)
    }
}

/// What was found under one anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Which.
    #[serde(rename = "id")]
    pub anomaly: Anomaly,
    /// The promise.
    pub promise: &'static str,
    /// How many facts were compared; 0 says that it was not exercised.
    pub looked_at: u64,
    /// How often it was broken.
    pub found: u64,
    /// The first few.
    pub findings: Vec<Finding>,
    /// Why it could not be decided, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
}

impl Judgement {
    pub(crate) fn new(anomaly: Anomaly) -> Judgement {
        Judgement {
            anomaly,
            promise: anomaly.promise(),
            looked_at: 0,
            found: 0,
            findings: Vec::new(),
            undecided: None,
        }
    }

    /// Whether there was something to look at.
    pub fn is_exercised(&self) -> bool {
        self.looked_at > 0
    }

    pub(crate) fn looked(&mut self, facts: usize) {
        self.looked_at = self
            .looked_at
            .saturating_add(u64::try_from(facts).unwrap_or(u64::MAX));
    }

    /// Counts a finding; it is worded only if it is kept.
    pub(crate) fn found(&mut self, finding: impl FnOnce() -> Finding) {
        self.found += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding());
        }
    }

    fn join(&mut self, other: Judgement) {
        self.looked_at = self.looked_at.saturating_add(other.looked_at);
        self.found = self.found.saturating_add(other.found);
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        self.findings.extend(other.findings.into_iter().take(room));
        self.undecided = self.undecided.take().or(other.undecided);
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.found > 0 {
            "BROKEN"
        } else if self.undecided.is_some() {
            "undecided"
        } else if self.looked_at > 0 {
            "kept"
        } else {
            "not exercised"
        };
        write!(f, "{:<4}{:<44}{state}", self.anomaly, self.promise)?;
        if self.looked_at > 0 {
            write!(f, ", {} looked at", self.looked_at)?;
        }
        if self.found > 0 {
            write!(f, ", {} found", self.found)?;
        }
        if let Some(why) = &self.undecided {
            write!(f, ": {why}")?;
        }
        for finding in &self.findings {
            write!(f, "\n      {}", finding.what)?;
            for record in &finding.records {
                write!(f, "\n        {record}")?;
            }
        }
        Ok(())
    }
}

/// Counts that are no judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records certainly refused.
    pub refused: u64,
    /// Records whose fate no answer told.
    pub unknown: u64,
    /// Of the refused and unknown, how many are there.
    pub unacknowledged_found: u64,
    /// Copies beyond the first that attempts without an answer explain.
    pub retried_duplicates: u64,
    /// Records of the last read.
    pub read: u64,
    /// Of those, how many no producer of the history made.
    pub foreign: u64,
    /// Records that readers saw while the run went on.
    pub polled: u64,
}

/// What the checker has to say of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// One for each anomaly, A1 to A20.
    pub judgements: Vec<Judgement>,
    /// Counts.
    pub figures: Figures,
    /// Comparisons and records looked at: what the verdict cost.
    pub work: u64,
}

impl Verdict {
    /// Whether nothing was found. What was not exercised is not clean, it is unknown: see [`Judgement::is_exercised`].
    pub fn is_clean(&self) -> bool {
        self.judgements.iter().all(|judgement| judgement.found == 0)
    }

    /// The judgement of one anomaly.
    ///
    /// # Panics
    /// If the verdict was put together by hand and lacks it.
    pub fn of(&self, anomaly: Anomaly) -> &Judgement {
        self.judgements
            .iter()
            .find(|judgement| judgement.anomaly == anomaly)
            .expect("a verdict has all anomalies")
    }

    /// How often one anomaly was found.
    pub fn found(&self, anomaly: Anomaly) -> u64 {
        self.of(anomaly).found
    }

    /// The anomalies that were found.
    pub fn broken(&self) -> impl Iterator<Item = &Judgement> {
        self.judgements
            .iter()
            .filter(|judgement| judgement.found > 0)
    }

    /// The verdict of two histories together, of two streams for example.
    #[must_use]
    pub fn join(mut self, other: Verdict) -> Verdict {
        for (mine, theirs) in self.judgements.iter_mut().zip(other.judgements) {
            mine.join(theirs);
        }
        let (mine, theirs) = (&mut self.figures, other.figures);
        mine.acknowledged += theirs.acknowledged;
        mine.refused += theirs.refused;
        mine.unknown += theirs.unknown;
        mine.unacknowledged_found += theirs.unacknowledged_found;
        mine.retried_duplicates += theirs.retried_duplicates;
        mine.read += theirs.read;
        mine.foreign += theirs.foreign;
        mine.polled += theirs.polled;
        self.work = self.work.saturating_add(other.work);
        self
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        writeln!(
            f,
            "{} acknowledged, {} refused, {} unknown ({} of those two are there), {} read, {} polled",
            figures.acknowledged,
            figures.refused,
            figures.unknown,
            figures.unacknowledged_found,
            figures.read,
            figures.polled
        )?;
        for judgement in &self.judgements {
            writeln!(f, "{judgement}")?;
        }
        Ok(())
    }
}
