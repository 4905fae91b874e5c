//! At most one node calls itself leader of a group in a term (Raft: election safety).

use crate::oracle::Oracle;

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    for ((group, term), leaders) in &oracle.leaders {
        if leaders.len() > 1 {
            return Err(format!("group {group} term {term} had leaders {leaders:?}"));
        }
    }
    Ok(())
}
