//! Faults of the answers that clients get. The cluster itself is not touched: what is refused was not done.

use super::TargetKind::Requests;
use super::{Harm, Revert, Spec, given, optional, required, share, time};
use crate::error::DrillError;
use crate::fields::{Fields, one_of};
use crate::operation::Operation;
use crate::quantity::{Percent, Span};
use std::fmt;

/// A fault of the answers that clients get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiAction {
    /// Requests are refused as over the shard's limit.
    Throttle {
        /// How many.
        percent: Percent,
    },
    /// Requests are refused with an error.
    Error {
        /// The error.
        error: ApiError,
        /// How many.
        percent: Percent,
    },
    /// Answers are late.
    Latency {
        /// How late at least.
        delay: Span,
        /// How much later at most.
        jitter: Option<Span>,
        /// How many.
        percent: Percent,
    },
    /// Iterators are refused as expired.
    ExpiredIterator {
        /// How many.
        percent: Percent,
    },
    /// Some records of a `PutRecords` fail, and the others are stored.
    PartialPuts {
        /// How many records.
        percent: Percent,
    },
    /// Subscriptions are ended, once; the client subscribes again.
    DropSubscriptions,
    /// Descriptions of streams are old.
    StaleDescribe {
        /// How old.
        age: Span,
    },
}

macro_rules! errors {
    ($($name:ident = $status:literal,)*) => {
        /// An error that can be injected, by the name clients see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ApiError {
            $(#[doc = concat!("`", stringify!($name), "`, HTTP ", stringify!($status))] $name,)*
        }

        impl ApiError {
            /// All of them, by name.
            pub const ALL: &'static [(&'static str, ApiError)] =
                &[$((stringify!($name), ApiError::$name),)*];

            /// The name clients see.
            pub fn name(self) -> &'static str {
                match self {
                    $(ApiError::$name => stringify!($name),)*
                }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self {
                    $(ApiError::$name => $status,)*
                }
            }
        }
    };
}

errors! {
    AccessDeniedException = 400,
    ExpiredIteratorException = 400,
    InternalFailure = 500,
    InvalidArgumentException = 400,
    KMSThrottlingException = 400,
    LimitExceededException = 400,
    ProvisionedThroughputExceededException = 400,
    ResourceInUseException = 400,
    ResourceNotFoundException = 400,
    ServiceUnavailable = 503,
    ThrottlingException = 400,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

static THROTTLE: Spec = Spec {
    name: "api.throttle",
    about: "refuses requests with ProvisionedThroughputExceededException",
    parameters: &[required("percent", "25", "how many requests")],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};
static ERROR: Spec = Spec {
    name: "api.error",
    about: "refuses requests with an error",
    parameters: &[
        required(
            "error",
            "InternalFailure",
            "the error, by the name clients see",
        ),
        required("percent", "25", "how many requests"),
    ],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};
static LATENCY: Spec = Spec {
    name: "api.latency",
    about: "delays answers",
    parameters: &[
        required("delay", "200ms", "how late an answer is at least"),
        optional("jitter", "50ms", "how much later it may be; nothing"),
        required("percent", "50", "how many requests"),
    ],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};
static EXPIRED_ITERATOR: Spec = Spec {
    name: "api.expired_iterator",
    about: "refuses iterators with ExpiredIteratorException",
    parameters: &[required("percent", "25", "how many requests")],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};
static PARTIAL_PUTS: Spec = Spec {
    name: "api.partial_puts",
    about: "lets some records of each PutRecords fail",
    parameters: &[required("percent", "10", "how many records")],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};
static DROP_SUBSCRIPTIONS: Spec = Spec {
    name: "api.drop_subscriptions",
    about: "ends all subscriptions once",
    parameters: &[],
    takes: &[Requests],
    revert: Revert::Done,
    harm: Harm::Requests,
};
static STALE_DESCRIBE: Spec = Spec {
    name: "api.stale_describe",
    about: "answers descriptions of streams as they were a while ago",
    parameters: &[required("age", "30s", "how long ago")],
    takes: &[Requests],
    revert: Revert::Dropped,
    harm: Harm::Requests,
};

pub(super) static SPECS: &[&Spec] = &[
    &THROTTLE,
    &ERROR,
    &LATENCY,
    &EXPIRED_ITERATOR,
    &PARTIAL_PUTS,
    &DROP_SUBSCRIPTIONS,
    &STALE_DESCRIBE,
];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<ApiAction>, DrillError> {
    Ok(Some(match name {
        "api.throttle" => ApiAction::Throttle {
            percent: share(fields, "percent")?,
        },
        "api.error" => {
            let error: String = fields.required("error")?;
            let error = one_of("error", &error, ApiError::ALL);
            let error = error.map_err(|fault| fault.at(fields.place()))?;
            ApiAction::Error {
                error,
                percent: share(fields, "percent")?,
            }
        }
        "api.latency" => ApiAction::Latency {
            delay: time(fields, "delay")?,
            jitter: fields.optional("jitter")?,
            percent: share(fields, "percent")?,
        },
        "api.expired_iterator" => ApiAction::ExpiredIterator {
            percent: share(fields, "percent")?,
        },
        "api.partial_puts" => ApiAction::PartialPuts {
            percent: share(fields, "percent")?,
        },
        "api.drop_subscriptions" => ApiAction::DropSubscriptions,
        "api.stale_describe" => ApiAction::StaleDescribe {
            age: time(fields, "age")?,
        },
        _ => return Ok(None),
    }))
}

impl ApiAction {
    /// The operations that can get this fault from the service; all where empty.
    pub(super) fn operations(self) -> &'static [Operation] {
        match self {
            ApiAction::Throttle { .. } => &[
                Operation::GetRecords,
                Operation::GetShardIterator,
                Operation::PutRecord,
                Operation::PutRecords,
            ],
            ApiAction::Error {
                error: ApiError::ExpiredIteratorException,
                ..
            }
            | ApiAction::ExpiredIterator { .. } => &[Operation::GetRecords],
            ApiAction::PartialPuts { .. } => &[Operation::PutRecords],
            ApiAction::DropSubscriptions => &[Operation::SubscribeToShard],
            ApiAction::StaleDescribe { .. } => &[
                Operation::DescribeStream,
                Operation::DescribeStreamSummary,
                Operation::ListShards,
            ],
            ApiAction::Error { .. } | ApiAction::Latency { .. } => &[],
        }
    }

    pub(super) fn spec(self) -> &'static Spec {
        match self {
            ApiAction::Throttle { .. } => &THROTTLE,
            ApiAction::Error { .. } => &ERROR,
            ApiAction::Latency { .. } => &LATENCY,
            ApiAction::ExpiredIterator { .. } => &EXPIRED_ITERATOR,
            ApiAction::PartialPuts { .. } => &PARTIAL_PUTS,
            ApiAction::DropSubscriptions => &DROP_SUBSCRIPTIONS,
            ApiAction::StaleDescribe { .. } => &STALE_DESCRIBE,
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        match self {
            ApiAction::DropSubscriptions => {}
            ApiAction::Throttle { percent }
            | ApiAction::ExpiredIterator { percent }
            | ApiAction::PartialPuts { percent } => given(&mut all, "percent", Some(percent)),
            ApiAction::Error { error, percent } => {
                given(&mut all, "error", Some(error));
                given(&mut all, "percent", Some(percent));
            }
            ApiAction::Latency {
                delay,
                jitter,
                percent,
            } => {
                given(&mut all, "delay", Some(delay));
                given(&mut all, "jitter", jitter);
                given(&mut all, "percent", Some(percent));
            }
            ApiAction::StaleDescribe { age } => given(&mut all, "age", Some(age)),
        }
        all
    }
}
