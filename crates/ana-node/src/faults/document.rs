//! A fault as it is told and asked for: one JSON object, the same both ways, so that what is listed can be posted
//! again to renew it.
//!
//! Member names are part of the interface: members are added, never renamed.

use std::time::Duration;

use ana_env::time::Instant;
use serde::{Deserialize, Serialize};

use super::board::Fault;
use super::effect::{ApiAction, ApiEffect, DiskEffect, Effect, FaultId, LinkAction, LinkEffect};

/// One fault of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultDocument {
    /// Its name.
    pub id: String,
    /// `api.throttle`, `disk.slow` and so on.
    pub kind: String,
    /// How long it lasts from now on, milliseconds.
    pub lease_ms: u64,
    /// Only requests that name this stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Only this operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many requests, entries or sessions, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// Name of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long requests, the disk or the bytes of a link are held up, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How much longer than that at most, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u64>,
    /// How many bytes pass in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// How far apart connections break on average, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// At which age subscriptions are dropped, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// How much longer each sync of the disk takes, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsync_ms: Option<u64>,
    /// How much longer each write to the disk takes, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_ms: Option<u64>,
    /// How much longer each read of the disk takes, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_ms: Option<u64>,
    /// How fast the time of day runs wrong, in parts per million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<i64>,
    /// How far the time of day jumps, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<i64>,
    /// The node at the other end of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<u64>,
    /// `out`, `in` or `both`, seen from the node that holds the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

/// A fault and the node that holds it, as a status tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultEntry {
    /// The node.
    pub on_node: u64,
    /// The fault.
    #[serde(flatten)]
    pub fault: FaultDocument,
}

impl FaultDocument {
    /// What a fault looks like at `now`.
    pub fn of(fault: &Fault, now: Instant) -> FaultDocument {
        let left = fault.until.saturating_duration_since(now);
        FaultDocument::new(&fault.id, &fault.effect, left)
    }

    /// A fault that lasts for `lease`.
    pub fn new(id: &FaultId, effect: &Effect, lease: Duration) -> FaultDocument {
        let mut document = FaultDocument {
            id: id.to_string(),
            kind: effect.kind().name().to_owned(),
            lease_ms: ms(lease),
            ..FaultDocument::default()
        };
        match effect {
            Effect::Api(api) => document.tell_api(api),
            Effect::Disk(disk) => document.tell_disk(disk),
            Effect::ClockJump { offset_ms } => document.offset_ms = Some(*offset_ms),
            Effect::ClockDrift { ppm } => document.drift_ppm = Some(i64::from(*ppm)),
            Effect::Link(link) => document.tell_link(link),
        }
        document
    }

    fn tell_api(&mut self, api: &ApiEffect) {
        self.stream = api.stream.as_ref().map(ToString::to_string);
        self.operation = api.operation.map(|operation| operation.name().to_owned());
        self.percent = Some(u64::from(api.percent));
        match api.action {
            ApiAction::Error(kind) => self.error = Some(kind.name().to_owned()),
            ApiAction::Latency { delay, jitter } => {
                self.delay_ms = Some(ms(delay));
                self.jitter_ms = some_ms(jitter);
            }
            ApiAction::DropSubscription { after } => self.after_ms = Some(ms(after)),
            ApiAction::Throttle | ApiAction::ExpiredIterator | ApiAction::PartialPut => {}
        }
    }

    fn tell_disk(&mut self, disk: &DiskEffect) {
        match *disk {
            // Said as it was asked for: one time for both is `delay_ms`.
            DiskEffect::Slow { write, fsync, read } if write == fsync && read.is_zero() => {
                self.delay_ms = Some(ms(write));
            }
            DiskEffect::Slow { write, fsync, read } => {
                self.write_ms = some_ms(write);
                self.fsync_ms = some_ms(fsync);
                self.read_ms = some_ms(read);
            }
            DiskEffect::Full => {}
            DiskEffect::FsyncError { percent } => {
                self.percent = Some(u64::from(percent)).filter(|percent| *percent < 100);
            }
        }
    }

    fn tell_link(&mut self, link: &LinkEffect) {
        self.node = Some(link.node.0);
        self.way = Some(link.way.name().to_owned());
        match link.action {
            LinkAction::Cut => {}
            LinkAction::Delay { delay, jitter } => {
                self.delay_ms = Some(ms(delay));
                self.jitter_ms = some_ms(jitter);
            }
            LinkAction::Loss { percent } => self.percent = Some(u64::from(percent)),
            LinkAction::Thin { bytes_per_second } => {
                self.bytes_per_second = Some(bytes_per_second.get());
            }
            LinkAction::Reset { every } => {
                self.way = None;
                self.every_ms = every.map(ms);
            }
        }
    }

    /// Its parameters as a person reads them; empty when it has none.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.error.clone());
        words.extend(self.stream.iter().map(|stream| format!("stream {stream}")));
        words.extend(
            self.operation
                .iter()
                .map(|operation| format!("op {operation}")),
        );
        words.extend(self.percent.iter().map(|percent| format!("{percent} %")));
        let times = [
            ("delay", self.delay_ms),
            ("jitter", self.jitter_ms),
            ("write", self.write_ms),
            ("fsync", self.fsync_ms),
            ("read", self.read_ms),
            ("every", self.every_ms),
            ("after", self.after_ms),
        ];
        words.extend(times.iter().filter_map(|(what, ms)| {
            let ms = (*ms)?;
            Some(format!("{what} {ms} ms"))
        }));
        let rate = self.bytes_per_second.iter();
        words.extend(rate.map(|rate| format!("{rate} B/s")));
        let offset = self.offset_ms.iter();
        words.extend(offset.map(|offset| format!("by {offset} ms")));
        let drift = self.drift_ppm.iter();
        words.extend(drift.map(|ppm| format!("by {ppm} ppm")));
        if let Some(node) = self.node {
            words.push(match self.way.as_deref() {
                Some("out") => format!("to node {node}"),
                Some("in") => format!("from node {node}"),
                _ => format!("to and from node {node}"),
            });
        }
        words.join(", ")
    }
}

fn some_ms(duration: Duration) -> Option<u64> {
    Some(ms(duration)).filter(|ms| *ms > 0)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
