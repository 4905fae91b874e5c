//! Why a drill was not taken: where, and what is wrong there.

use crate::action::TargetKind;
use crate::check::CheckError;
use crate::near::offer;
use crate::operation::Operation;
use crate::quantity::{QuantityError, Span};
use crate::targets::TargetError;
use ana_types::{ArnError, NameError};

/// A fault in a file, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct DrillError {
    /// Where: `the file`, `step 2 (api.error)`, `[load]`.
    pub place: String,
    /// What is wrong.
    pub fault: Box<Fault>,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not TOML at all.
    #[error("this is not TOML: {0}")]
    NotToml(Box<toml::de::Error>),
    /// Not JSON at all.
    #[error("this is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// A key that nothing reads.
    #[error("unknown key `{key}`{}", offer(*.near))]
    UnknownKey {
        /// The key.
        key: String,
        /// The one that was probably meant.
        near: Option<&'static str>,
    },
    /// A key that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value of the wrong kind.
    #[error("`{key}` is {found}, and should be {expected}")]
    WrongKind {
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A quantity that does not read.
    #[error("`{key}`: {error}")]
    Quantity {
        /// The key.
        key: String,
        /// Why not.
        error: QuantityError,
    },
    /// A name that does not read.
    #[error("`{key}`: {error}")]
    Name {
        /// The key.
        key: String,
        /// Why not.
        error: NameError,
    },
    /// A word that is not one of those it may be.
    #[error("`{key}`: {found:?} is not one of {}{}", .known.join(", "), offer(*.near))]
    NotOneOf {
        /// The key.
        key: String,
        /// What stands there.
        found: String,
        /// All that may stand there.
        known: Vec<&'static str>,
        /// The one that was probably meant.
        near: Option<&'static str>,
    },
    /// A number outside its bounds.
    #[error("`{key}` is {found}, and should lie between {least} and {most}")]
    OutOfBounds {
        /// The key.
        key: String,
        /// The number found.
        found: String,
        /// The least allowed.
        least: u64,
        /// The greatest allowed.
        most: u64,
    },
    /// A quantity of nothing where something must happen.
    #[error("`{0}` is nothing, and should be something")]
    Nothing(String),
    /// A time beyond what is allowed.
    #[error("`{key}` is {found}, and at most {most} is allowed")]
    TooLong {
        /// The key.
        key: &'static str,
        /// The time found.
        found: Span,
        /// The longest allowed.
        most: Span,
    },
    /// A list with too few or too many entries.
    #[error("`{key}` has {found} entries, and should have {least} to {most}")]
    Entries {
        /// The key.
        key: &'static str,
        /// How many there are.
        found: usize,
        /// The least allowed.
        least: usize,
        /// The most allowed.
        most: usize,
    },
    /// The name of the drill.
    #[error("{0:?} is not the name of a drill: it is 1 to 64 characters of a-z, 0-9 and -")]
    DrillName(String),
    /// An action that does not exist.
    #[error("there is no action {name:?}{}", offer(*.near))]
    NoSuchAction {
        /// The name found.
        name: String,
        /// The one that was probably meant.
        near: Option<&'static str>,
    },
    /// A target that does not read.
    #[error("`on`: {0}")]
    Target(TargetError),
    /// A target the action cannot be aimed at.
    #[error("{action} cannot be aimed at {found}: it takes {}", kinds(.takes))]
    WrongTarget {
        /// The action.
        action: &'static str,
        /// What the target is.
        found: TargetKind,
        /// What the action takes.
        takes: &'static [TargetKind],
    },
    /// A link in the wrong number of directions.
    #[error("{action} needs a link written with `{arrow}`; for the other kind there is {other}")]
    WrongWay {
        /// The action.
        action: &'static str,
        /// The arrow it needs.
        arrow: &'static str,
        /// The action for the other arrow.
        other: &'static str,
    },
    /// A leader can only be moved for one shard.
    #[error("{action} needs `leader of STREAM/SHARD`")]
    NotALeader {
        /// The action.
        action: &'static str,
    },
    /// An operation that never gives this fault.
    #[error("{action} does not concern {operation}: it concerns {}", operations(.concerns))]
    WrongOperation {
        /// The action.
        action: &'static str,
        /// The operation the target names.
        operation: Operation,
        /// The operations it concerns.
        concerns: &'static [Operation],
    },
    /// A lasting fault without its time.
    #[error("{0} needs `for`: every lasting fault has an end")]
    ForMissing(&'static str),
    /// Something done once cannot last.
    #[error("{0} is done once and takes no `for`")]
    ForRefused(&'static str),
    /// Both a load and what is to be watched instead.
    #[error(
        "a drill has a [load] of its own or looks at what your application does: leave out [load] or [watch]"
    )]
    LoadAndWatch,
    /// Exactly one of several keys must be there.
    #[error("exactly one of {} must be there", .0.join(", "))]
    ExactlyOne(&'static [&'static str]),
    /// At least one of several keys must be there.
    #[error("at least one of {} must be there", .0.join(", "))]
    AtLeastOne(&'static [&'static str]),
    /// A check that does not read.
    #[error("{text:?}: {error}")]
    Check {
        /// The check as it stands in the file.
        text: String,
        /// Why not.
        error: CheckError,
    },
    /// A check that says nothing where it stands.
    #[error("{text:?} cannot stand here: {why}")]
    CheckOutOfPlace {
        /// The check.
        text: String,
        /// Why not.
        why: &'static str,
    },
    /// A FIS template that cannot be carried over.
    #[error(transparent)]
    Fis(FisFault),
}

/// Why a FIS template cannot be carried over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FisFault {
    /// An action of another service.
    #[error(
        "{0:?} is not an action on Kinesis: it is aws:fis:wait, aws:fis:inject-api-{{internal,throttle,unavailable}}-error or aws:kinesis:stream-{{provisioned-throughput,expired-iterator}}-exception"
    )]
    NoSuchAction(String),
    /// Not an ISO 8601 duration of hours, minutes and seconds.
    #[error("{0:?} is not a duration like PT5M or PT1H30M")]
    Duration(String),
    /// A duration the service refuses.
    #[error("{found} is out of bounds: a duration lies between {least} and {most}")]
    DurationBounds {
        /// What was asked.
        found: Span,
        /// The least allowed.
        least: Span,
        /// The greatest allowed.
        most: Span,
    },
    /// A target name that no target has.
    #[error("there is no target {0:?}")]
    NoSuchTarget(String),
    /// Not exactly one target.
    #[error("an action here has exactly one target")]
    OneTarget,
    /// A target under the key of another kind.
    #[error("the target stands under {key:?}, and should under {expected}")]
    TargetKey {
        /// The key found.
        key: String,
        /// The key of its kind.
        expected: &'static str,
    },
    /// Nothing but waiting.
    #[error("the actions only wait: there is no fault")]
    OnlyWaits,
    /// A resource type with no meaning here.
    #[error("resource type {0:?} is not one of aws:kinesis:stream, aws:iam:role")]
    ResourceType(String),
    /// Neither or both of ARNs and tags.
    #[error("a target has either resourceArns or resourceTags")]
    ArnsOrTags,
    /// Roles are named by ARN: the cluster has no role with tags.
    #[error("roles are taken by ARN and with selectionMode ALL only")]
    Roles,
    /// Not ALL, COUNT(n) or PERCENT(n).
    #[error("selectionMode {0:?} is not ALL, COUNT(n) or PERCENT(n)")]
    SelectionMode(String),
    /// Filters and parameters of targets have no meaning for a stream.
    #[error("a target with {0} cannot be carried over")]
    Narrowed(&'static str),
    /// Not a stream's ARN.
    #[error("{arn:?}: {error}")]
    Arn {
        /// The text.
        arn: String,
        /// Why not.
        error: ArnError,
    },
    /// Not a role's ARN.
    #[error("{0:?} is not the ARN of a role")]
    RoleArn(String),
    /// Another service's requests are not ours to fail.
    #[error("service {0:?} is not kinesis")]
    Service(String),
    /// An operation that does not exist.
    #[error("there is no operation {name:?}{}", offer(*.near))]
    NoSuchOperation {
        /// The name found.
        name: String,
        /// The one that was probably meant.
        near: Option<&'static str>,
    },
    /// An action after one that does not exist.
    #[error("startAfter names {0:?}, and there is no such action")]
    NoSuchPredecessor(String),
    /// Actions that wait for each other.
    #[error("startAfter goes round in a circle through {0:?}")]
    Circle(String),
    /// A step after which the start would be beyond what a drill can say.
    #[error("the actions one after another take longer than {0}")]
    TooLong(Span),
}

impl Fault {
    /// The fault at a place.
    pub(crate) fn at(self, place: impl Into<String>) -> DrillError {
        DrillError {
            place: place.into(),
            fault: Box::new(self),
        }
    }
}

impl FisFault {
    /// The fault at a place.
    pub(crate) fn at(self, place: impl Into<String>) -> DrillError {
        Fault::Fis(self).at(place)
    }
}

fn kinds(kinds: &[TargetKind]) -> String {
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    kinds.join(" or ")
}

fn operations(all: &[Operation]) -> String {
    let names: Vec<&str> = all.iter().map(|each| each.name()).collect();
    names.join(", ")
}
