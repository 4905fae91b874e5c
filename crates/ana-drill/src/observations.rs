//! What a drill saw: measurements in time, and audits at its end. Plain data that the runner fills.
//!
//! Must stay true: samples of a metric stand in the order of their moments, whatever order they were
//! recorded in.

use crate::quantity::{Percent, Span};
use std::collections::BTreeMap;
use std::fmt;

/// The unit of a metric's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a percent.
    Percent,
    /// Microseconds.
    Time,
    /// A number of things.
    Count,
}

macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind {
            $($(#[$doc])* $name,)*
        }

        impl $kind {
            /// All of them, by name.
            pub const ALL: &'static [(&'static str, $kind)] = &[$(($text, $kind::$name),)*];

            /// The name in a file.
            pub fn name(self) -> &'static str {
                match self {
                    $($kind::$name => $text,)*
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// Something that is measured again and again while a drill runs.
    Metric {
        /// Puts that were acknowledged, of those answered in the last second.
        PutSuccessRate = "put_success_rate",
        /// Gets that were answered well, of those answered in the last second.
        GetSuccessRate = "get_success_rate",
        /// How long no put has been acknowledged by now, retries and all.
        PutUnavailable = "put_unavailable",
        /// How long no get has been answered well by now.
        GetUnavailable = "get_unavailable",
        /// The time between two acknowledged puts to one shard.
        WriteGap = "write_gap",
        /// The time between two answered gets of one shard.
        ReadGap = "read_gap",
        /// The 99th percentile of the time a put takes.
        PutP99 = "put_p99",
        /// The 99th percentile of the time a get takes.
        GetP99 = "get_p99",
        /// How far the slowest consumer is behind the newest record.
        ConsumerLag = "consumer_lag",
        /// Acknowledged records that were looked for and not found.
        AckedLost = "acked_lost",
        /// Records that a consumer was given twice.
        Duplicates = "duplicates",
        /// Changes of a shard's leader so far.
        LeaderChanges = "leader_changes",
        /// Open shards that take no writes now.
        ShardsUnwritable = "shards_unwritable",
        /// Shards with fewer replicas up to date than they have voters.
        ShardsUnderReplicated = "shards_under_replicated",
    }
}

named! {
    /// A property of the whole run that an audit decides.
    Flag {
        /// Every acknowledged record is in the final log.
        NoAckedRecordLost = "no_acked_record_lost",
        /// No sequence number was given to two records.
        NoDuplicateSequence = "no_duplicate_sequence",
        /// Records of one key that were put one after another stand in that order.
        OrderPerKeyKept = "order_per_key_kept",
        /// Every replica of a shard holds the same bytes.
        ReplicasIdentical = "replicas_identical",
        /// No consumer of the user's own passed over a record.
        NoRecordSkipped = "no_record_skipped",
        /// No consumer of the user's own was given again what it certainly had.
        NoRecordReadTwice = "no_record_read_twice",
        /// No consumer of the user's own began again before what it certainly had.
        CheckpointNeverBack = "checkpoint_never_back",
    }
}

impl Metric {
    /// The unit of its numbers.
    pub fn unit(self) -> Unit {
        match self {
            Metric::PutSuccessRate | Metric::GetSuccessRate => Unit::Percent,
            Metric::PutUnavailable
            | Metric::GetUnavailable
            | Metric::WriteGap
            | Metric::ReadGap
            | Metric::PutP99
            | Metric::GetP99
            | Metric::ConsumerLag => Unit::Time,
            Metric::AckedLost
            | Metric::Duplicates
            | Metric::LeaderChanges
            | Metric::ShardsUnwritable
            | Metric::ShardsUnderReplicated => Unit::Count,
        }
    }
}

/// A number with its unit, for printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The number, in the unit's smallest parts.
    pub value: u64,
    /// The unit.
    pub unit: Unit,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Time => Span::from_micros(self.value).fmt(f),
            Unit::Count => self.value.fmt(f),
            Unit::Percent => {
                let share = u32::try_from(self.value)
                    .ok()
                    .and_then(Percent::from_thousandths);
                share.unwrap_or(Percent::ALL).fmt(f)
            }
        }
    }
}

/// A measurement. It stands until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When, counted from the start of the drill.
    pub at: Span,
    /// The number, in the smallest parts of the metric's unit.
    pub value: u64,
}

/// What an audit looked at, and the first thing it found wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// Records, keys or replicas that were looked at.
    pub looked_at: u64,
    /// The first one that was wrong, in words.
    pub wrong: Option<String>,
}

/// Everything a drill saw until `now`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observations {
    /// The present moment, counted from the start of the drill.
    pub now: Span,
    /// When the last fault was taken away, once it was.
    pub healed_at: Option<Span>,
    series: BTreeMap<Metric, Vec<Sample>>,
    audits: BTreeMap<Flag, Audit>,
}

impl Observations {
    /// Nothing seen yet at `now`.
    pub fn until(now: Span, healed_at: Option<Span>) -> Observations {
        Observations {
            now,
            healed_at,
            ..Observations::default()
        }
    }

    /// Adds a measurement, also a late one.
    pub fn record(&mut self, metric: Metric, at: Span, value: u64) {
        let series = self.series.entry(metric).or_default();
        let place = series.partition_point(|each| each.at <= at);
        series.insert(place, Sample { at, value });
        self.now = self.now.max(at);
    }

    /// Adds what an audit saw. Several audits of one flag add up; the first fault stays.
    pub fn audit(&mut self, flag: Flag, seen: Audit) {
        let audit = self.audits.entry(flag).or_default();
        audit.looked_at = audit.looked_at.saturating_add(seen.looked_at);
        audit.wrong = audit.wrong.take().or(seen.wrong);
    }

    /// The measurements of a metric in order.
    pub fn series(&self, metric: Metric) -> &[Sample] {
        self.series.get(&metric).map_or(&[], Vec::as_slice)
    }

    /// What the audits of a flag saw.
    pub fn audited(&self, flag: Flag) -> Audit {
        self.audits.get(&flag).cloned().unwrap_or_default()
    }
}
