//! One file per promise. Each check names the promise and says what broke it.

use crate::oracle::Oracle;

mod acknowledged_is_kept;
mod sequence_is_unique;
mod order_per_key;
mod reads_are_final;
mod replicas_are_equal;
mod ranges_tile;
mod nothing_is_stuck;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub promise: &'static str,
    pub what: String,
}

type Check = fn(&Oracle) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("acknowledged is kept", acknowledged_is_kept::check),
    (
        "a sequence number names one record",
        sequence_is_unique::check,
    ),
    ("order per key", order_per_key::check),
    ("what was read stays", reads_are_final::check),
    ("replicas are equal", replicas_are_equal::check),
    ("open shards tile the key space", ranges_tile::check),
    ("nothing is stuck after the faults", nothing_is_stuck::check),
];

/// All broken promises of a finished run.
#[must_use]
pub fn check(oracle: &Oracle) -> Vec<Broken> {
    let broken = |(promise, check): &(&'static str, Check)| {
        check(oracle).err().map(|what| Broken { promise, what })
    };
    CHECKS.iter().filter_map(broken).collect()
}
