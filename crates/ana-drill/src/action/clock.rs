//! Faults of what a node takes for the time of day. Its timers keep running right.

use super::TargetKind::{Nodes, Zones};
use super::{Harm, Revert, Spec, required};
use crate::error::DrillError;
use crate::fields::Fields;
use crate::quantity::{Drift, Offset};

/// A fault of a node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockAction {
    /// The clock is wrong by a fixed step, and right again afterwards.
    Jump {
        /// The step.
        by: Offset,
    },
    /// The clock runs wrong, further each second, and is right again afterwards.
    Drift {
        /// How fast.
        by: Drift,
    },
}

static JUMP: Spec = Spec {
    name: "clock.jump",
    about: "sets the clock wrong by a fixed step",
    parameters: &[required("by", "-30s", "the step, back with a minus sign")],
    takes: &[Nodes, Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static DRIFT: Spec = Spec {
    name: "clock.drift",
    about: "lets the clock run wrong, further each second",
    parameters: &[required(
        "by",
        "+500ppm",
        "how fast, slow with a minus sign",
    )],
    takes: &[Nodes, Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};

pub(super) static SPECS: &[&Spec] = &[&JUMP, &DRIFT];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<ClockAction>, DrillError> {
    Ok(Some(match name {
        "clock.jump" => ClockAction::Jump {
            by: fields.required("by")?,
        },
        "clock.drift" => ClockAction::Drift {
            by: fields.required("by")?,
        },
        _ => return Ok(None),
    }))
}

impl ClockAction {
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            ClockAction::Jump { .. } => &JUMP,
            ClockAction::Drift { .. } => &DRIFT,
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        match self {
            ClockAction::Jump { by } => vec![("by", by.to_string())],
            ClockAction::Drift { by } => vec![("by", by.to_string())],
        }
    }
}
