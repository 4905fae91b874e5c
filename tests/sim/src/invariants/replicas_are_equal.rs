//! After the faults, all replicas of a group hold the same log, entry for entry (Raft: log matching, state machine
//! safety).

use std::collections::BTreeMap;

use crate::oracle::{Oracle, ReplicaSeen};

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    let mut first: BTreeMap<u64, &ReplicaSeen> = BTreeMap::new();
    // A replica that lags is told as stuck; what it holds is a part that cannot be compared.
    for replica in oracle.replicas.iter().filter(|it| it.is_whole()) {
        let other = *first.entry(replica.group).or_insert(replica);
        if (other.from, other.upto, &other.digest) != (replica.from, replica.upto, &replica.digest)
        {
            return Err(format!("{other:?} and {replica:?} differ"));
        }
    }
    Ok(())
}
