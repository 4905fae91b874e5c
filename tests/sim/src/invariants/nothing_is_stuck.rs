//! Once all faults are lifted, within a bound: every producer is acknowledged, every reshard ends, every replica
//! catches up, the whole stream can be read. Liveness, noted by the clients themselves.

use crate::oracle::Oracle;

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    if oracle.stuck.is_empty() {
        Ok(())
    } else {
        Err(oracle.stuck.join("; "))
    }
}
