//! Faults of the messages between nodes, carried out in each sender's transport.

use super::TargetKind::{Link, Nodes, Zones};
use super::{Harm, Revert, Spec, given, optional, required, share, time};
use crate::error::DrillError;
use crate::fields::Fields;
use crate::quantity::{Percent, Rate, Span};

/// A fault of the messages between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAction {
    /// Nothing passes, in neither direction.
    Drop,
    /// Nothing passes in one direction; what goes back arrives.
    OnewayDrop,
    /// Messages are late.
    Delay {
        /// How late at least.
        delay: Span,
        /// How much later at most.
        jitter: Option<Span>,
    },
    /// Some messages are lost.
    Loss {
        /// How many.
        percent: Percent,
    },
    /// The link carries little.
    Thin {
        /// How much.
        rate: Rate,
    },
    /// Connections are broken once.
    Reset,
    /// Nodes are cut off one after another, in an order of the seed, and let back in another order.
    Swizzle {
        /// The time between two of them.
        every: Span,
    },
}

pub(super) static DROP: Spec = Spec {
    name: "link.drop",
    about: "lets nothing pass in either direction",
    parameters: &[],
    takes: &[Link],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
pub(super) static ONEWAY_DROP: Spec = Spec {
    name: "link.oneway_drop",
    about: "lets nothing pass in one direction; what goes back arrives",
    parameters: &[],
    takes: &[Link],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static DELAY: Spec = Spec {
    name: "link.delay",
    about: "delays messages",
    parameters: &[
        required("delay", "50ms", "how late each message is at least"),
        optional("jitter", "20ms", "how much later it may be; nothing"),
    ],
    takes: &[Link],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static LOSS: Spec = Spec {
    name: "link.loss",
    about: "loses some messages",
    parameters: &[required("percent", "5", "how many are lost")],
    takes: &[Link],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static THIN: Spec = Spec {
    name: "link.thin",
    about: "lets only so many bytes pass each second",
    parameters: &[required("rate", "64KiB/s", "how many")],
    takes: &[Link],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static RESET: Spec = Spec {
    name: "link.reset",
    about: "breaks the connections once",
    parameters: &[],
    takes: &[Link],
    revert: Revert::Done,
    harm: Harm::Replicas,
};
static SWIZZLE: Spec = Spec {
    name: "link.swizzle",
    about: "cuts nodes off one after another and lets them back in another order",
    parameters: &[required("every", "2s", "the time between two of them")],
    takes: &[Nodes, Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};

pub(super) static SPECS: &[&Spec] = &[&DROP, &ONEWAY_DROP, &DELAY, &LOSS, &THIN, &RESET, &SWIZZLE];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<LinkAction>, DrillError> {
    Ok(Some(match name {
        "link.drop" => LinkAction::Drop,
        "link.oneway_drop" => LinkAction::OnewayDrop,
        "link.delay" => LinkAction::Delay {
            delay: time(fields, "delay")?,
            jitter: fields.optional("jitter")?,
        },
        "link.loss" => LinkAction::Loss {
            percent: share(fields, "percent")?,
        },
        "link.thin" => LinkAction::Thin {
            rate: fields.required("rate")?,
        },
        "link.reset" => LinkAction::Reset,
        "link.swizzle" => LinkAction::Swizzle {
            every: time(fields, "every")?,
        },
        _ => return Ok(None),
    }))
}

impl LinkAction {
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            LinkAction::Drop => &DROP,
            LinkAction::OnewayDrop => &ONEWAY_DROP,
            LinkAction::Delay { .. } => &DELAY,
            LinkAction::Loss { .. } => &LOSS,
            LinkAction::Thin { .. } => &THIN,
            LinkAction::Reset => &RESET,
            LinkAction::Swizzle { .. } => &SWIZZLE,
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        match self {
            LinkAction::Drop | LinkAction::OnewayDrop | LinkAction::Reset => {}
            LinkAction::Delay { delay, jitter } => {
                given(&mut all, "delay", Some(delay));
                given(&mut all, "jitter", jitter);
            }
            LinkAction::Loss { percent } => given(&mut all, "percent", Some(percent)),
            LinkAction::Thin { rate } => given(&mut all, "rate", Some(rate)),
            LinkAction::Swizzle { every } => given(&mut all, "every", Some(every)),
        }
        all
    }
}
