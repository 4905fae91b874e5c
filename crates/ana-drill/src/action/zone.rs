//! Faults of a whole zone.

use super::TargetKind::Zones;
use super::{Harm, Revert, Spec, given, optional, required, time};
use crate::error::DrillError;
use crate::fields::Fields;
use crate::quantity::Span;

/// A fault of a whole zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneAction {
    /// Every node of the zone is killed and kept down.
    Down,
    /// The zone's nodes hear each other, and nobody outside hears them.
    Isolate,
    /// Messages into and out of the zone are late.
    Slow {
        /// How late at least.
        delay: Span,
        /// How much later at most.
        jitter: Option<Span>,
    },
    /// Leaders are moved out of the zone and kept out, as an operator would who distrusts it.
    Shift,
}

static DOWN: Spec = Spec {
    name: "zone.down",
    about: "kills every node of the zone and keeps them down",
    parameters: &[],
    takes: &[Zones],
    revert: Revert::Started,
    harm: Harm::Replicas,
};
static ISOLATE: Spec = Spec {
    name: "zone.isolate",
    about: "cuts the zone off from the other zones; its nodes hear each other",
    parameters: &[],
    takes: &[Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static SLOW: Spec = Spec {
    name: "zone.slow",
    about: "delays messages into and out of the zone",
    parameters: &[
        required("delay", "50ms", "how late each message is at least"),
        optional("jitter", "20ms", "how much later it may be; nothing"),
    ],
    takes: &[Zones],
    revert: Revert::Dropped,
    harm: Harm::Replicas,
};
static SHIFT: Spec = Spec {
    name: "zone.shift",
    about: "moves leaders out of the zone and keeps them out",
    parameters: &[],
    takes: &[Zones],
    revert: Revert::Dropped,
    harm: Harm::Nothing,
};

pub(super) static SPECS: &[&Spec] = &[&DOWN, &ISOLATE, &SLOW, &SHIFT];

pub(super) fn read(name: &str, fields: &mut Fields) -> Result<Option<ZoneAction>, DrillError> {
    Ok(Some(match name {
        "zone.down" => ZoneAction::Down,
        "zone.isolate" => ZoneAction::Isolate,
        "zone.slow" => ZoneAction::Slow {
            delay: time(fields, "delay")?,
            jitter: fields.optional("jitter")?,
        },
        "zone.shift" => ZoneAction::Shift,
        _ => return Ok(None),
    }))
}

impl ZoneAction {
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            ZoneAction::Down => &DOWN,
            ZoneAction::Isolate => &ISOLATE,
            ZoneAction::Slow { .. } => &SLOW,
            ZoneAction::Shift => &SHIFT,
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if let ZoneAction::Slow { delay, jitter } = self {
            given(&mut all, "delay", Some(delay));
            given(&mut all, "jitter", jitter);
        }
        all
    }
}
