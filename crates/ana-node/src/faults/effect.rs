//! What a fault does: typed and checked, whoever asked for it and however.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use ana_types::{NodeId, StreamName};
use ana_wire::{FaultKind, Operation};

use super::ID_CHARS_MAX;

mod kind;

pub use kind::{Family, Kind};

/// A fault's name: 1 to [`ID_CHARS_MAX`] characters of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(String);

impl FaultId {
    /// Checks a text; `None` when it is not a name.
    pub fn new(text: &str) -> Option<FaultId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let good = !text.is_empty() && text.len() <= ID_CHARS_MAX && text.chars().all(allowed);
        good.then(|| FaultId(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Something at the door for clients.
    Api(ApiEffect),
    /// Something of the disk.
    Disk(DiskEffect),
    /// The time of day is off by so many milliseconds.
    ClockJump {
        /// Never 0.
        offset_ms: i64,
    },
    /// The time of day runs wrong.
    ClockDrift {
        /// Microseconds gained in each second, lost with a minus; never 0.
        ppm: i32,
    },
    /// Something of the bytes between this node and another.
    Link(LinkEffect),
}

/// A fault of the API and the requests it is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiEffect {
    /// What happens.
    pub action: ApiAction,
    /// Only requests that name this stream.
    pub stream: Option<StreamName>,
    /// Only this operation.
    pub operation: Option<Operation>,
    /// How many of them, 1 to 100.
    pub percent: u8,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiAction {
    /// It is throttled.
    Throttle,
    /// It is refused so.
    Error(FaultKind),
    /// It waits, then it is carried out.
    Latency {
        /// For how long.
        delay: Duration,
        /// By a random time up to this on top.
        jitter: Duration,
    },
    /// Its iterator is called expired.
    ExpiredIterator,
    /// Some of its entries are throttled, the others carried out.
    PartialPut,
    /// It begins, and ends early.
    DropSubscription {
        /// At this age.
        after: Duration,
    },
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskEffect {
    /// It is slow.
    Slow {
        /// Each write takes so much longer.
        write: Duration,
        /// Each sync takes so much longer.
        fsync: Duration,
        /// Each read takes so much longer.
        read: Duration,
    },
    /// It has no room.
    Full,
    /// It cannot sync.
    FsyncError {
        /// How often of a hundred times, 1 to 100.
        percent: u8,
    },
}

/// What is wrong with the bytes between this node and another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEffect {
    /// What happens.
    pub action: LinkAction,
    /// The other node.
    pub node: NodeId,
    /// Where it is, as this node dials it.
    pub address: String,
    /// Which bytes; both ways where connections are broken.
    pub way: Way,
}

/// What happens to the bytes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAction {
    /// They are held back.
    Cut,
    /// They are late.
    Delay {
        /// By so much at least.
        delay: Duration,
        /// By a random time up to this on top.
        jitter: Duration,
    },
    /// Some are lost and sent again.
    Loss {
        /// How many pieces of a hundred, 1 to 100.
        percent: u8,
    },
    /// Few pass in a second.
    Thin {
        /// How many.
        bytes_per_second: NonZeroU64,
    },
    /// The connections they go by break.
    Reset {
        /// Again and again, so far apart on average; none: those there are, once.
        every: Option<Duration>,
    },
}

/// A way between this node and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From this node to the other.
    Out,
    /// From the other to this node.
    In,
    /// Both.
    Both,
}

impl Way {
    /// The names, as they are asked for.
    pub const NAMES: [(&str, Way); 3] = [("out", Way::Out), ("in", Way::In), ("both", Way::Both)];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Way::Out => "out",
            Way::In => "in",
            Way::Both => "both",
        }
    }
}

impl Effect {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Effect::Api(api) => match api.action {
                ApiAction::Throttle => Kind::ApiThrottle,
                ApiAction::Error(_) => Kind::ApiError,
                ApiAction::Latency { .. } => Kind::ApiLatency,
                ApiAction::ExpiredIterator => Kind::ApiExpiredIterator,
                ApiAction::PartialPut => Kind::ApiPartialPut,
                ApiAction::DropSubscription { .. } => Kind::ApiDropSubscription,
            },
            Effect::Disk(DiskEffect::Slow { .. }) => Kind::DiskSlow,
            Effect::Disk(DiskEffect::Full) => Kind::DiskFull,
            Effect::Disk(DiskEffect::FsyncError { .. }) => Kind::DiskFsyncError,
            Effect::ClockJump { .. } => Kind::ClockJump,
            Effect::ClockDrift { .. } => Kind::ClockDrift,
            Effect::Link(link) => match link.action {
                LinkAction::Cut => Kind::LinkCut,
                LinkAction::Delay { .. } => Kind::LinkDelay,
                LinkAction::Loss { .. } => Kind::LinkLoss,
                LinkAction::Thin { .. } => Kind::LinkThin,
                LinkAction::Reset { .. } => Kind::LinkReset,
            },
        }
    }

    /// The effect on requests of `operation`, if it has any.
    pub(super) fn on_operation(&self, operation: Operation) -> Option<&ApiEffect> {
        let Effect::Api(api) = self else {
            return None;
        };
        let reaches = self
            .kind()
            .operations()
            .is_none_or(|reached| reached.contains(&operation));
        let wanted = api.operation.is_none_or(|only| only == operation);
        (reaches && wanted).then_some(api)
    }
}

impl ApiEffect {
    /// Whether it is meant for requests that name `stream`.
    pub(super) fn takes(&self, stream: Option<&StreamName>) -> bool {
        self.stream.is_none() || self.stream.as_ref() == stream
    }

    /// The error with which it refuses a whole request, if it does.
    pub(super) fn refusal(&self) -> Option<FaultKind> {
        match self.action {
            ApiAction::Throttle => Some(FaultKind::ProvisionedThroughputExceeded),
            ApiAction::ExpiredIterator => Some(FaultKind::ExpiredIterator),
            ApiAction::Error(kind) => Some(kind),
            ApiAction::Latency { .. }
            | ApiAction::PartialPut
            | ApiAction::DropSubscription { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(action: ApiAction, operation: Option<Operation>) -> Effect {
        Effect::Api(ApiEffect {
            action,
            stream: None,
            operation,
            percent: 100,
        })
    }

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
            let on_the_command_line = clap::ValueEnum::to_possible_value(&kind);
            let name = on_the_command_line.expect("no kind is hidden");
            assert_eq!(name.get_name(), kind.name());
        }
        assert_eq!(Kind::of_name("api"), None);
    }

    #[test]
    fn ids_are_short_and_plain() {
        for good in ["a", "api.throttle-3f_2A", &"x".repeat(ID_CHARS_MAX)] {
            assert_eq!(
                FaultId::new(good).map(|id| id.to_string()),
                Some(good.to_owned())
            );
        }
        for bad in ["", "a b", "a/b", "é", &"x".repeat(ID_CHARS_MAX + 1)] {
            assert_eq!(FaultId::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_action_reaches_its_operations_and_no_others() {
        use Operation as O;
        let latency = ApiAction::Latency {
            delay: Duration::from_secs(1),
            jitter: Duration::ZERO,
        };
        let cases = [
            (ApiAction::Throttle, None, O::PutRecord, true),
            (ApiAction::Throttle, None, O::DescribeStream, false),
            (
                ApiAction::Throttle,
                Some(O::PutRecord),
                O::GetRecords,
                false,
            ),
            (ApiAction::ExpiredIterator, None, O::GetRecords, true),
            (ApiAction::ExpiredIterator, None, O::GetShardIterator, false),
            (ApiAction::PartialPut, None, O::PutRecord, false),
            (latency, None, O::ListStreams, true),
            (latency, Some(O::ListShards), O::ListStreams, false),
        ];
        for (action, only, operation, reached) in cases {
            let effect = effect(action, only);
            assert_eq!(
                effect.on_operation(operation).is_some(),
                reached,
                "{effect:?} {operation:?}"
            );
        }
        let disk = Effect::Disk(DiskEffect::Full);
        assert_eq!(disk.on_operation(O::PutRecord), None);
    }

    #[test]
    fn a_filter_by_stream_leaves_requests_without_one_alone() {
        let orders = StreamName::new("orders").expect("a name");
        let other = StreamName::new("other").expect("a name");
        let Effect::Api(mut api) = effect(ApiAction::Throttle, None) else {
            unreachable!("made as one of the API");
        };
        assert!(api.takes(None) && api.takes(Some(&other)));
        api.stream = Some(orders.clone());
        assert!(api.takes(Some(&orders)));
        assert!(!api.takes(Some(&other)) && !api.takes(None));
    }
}
