//! The acknowledged records of one key lie in the order they were put, also across splits and merges; sequence numbers
//! and arrival times only grow in a shard. Parents are read before their children.

use std::collections::BTreeMap;

use crate::oracle::Oracle;

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for seen in &oracle.finally {
        let Some(value) = seen
            .value
            .as_ref()
            .filter(|value| oracle.promises.contains_key(*value))
        else {
            continue;
        };
        if let Some(before) = last
            .insert(&value.key, value.counter)
            .filter(|before| *before >= value.counter)
        {
            return Err(format!(
                "{} comes after counter {before} of the same key",
                value.text()
            ));
        }
    }
    let mut previous: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    for seen in &oracle.finally {
        let before = previous.insert(&seen.shard, (&seen.sequence, seen.arrival_ms));
        if let Some((sequence, arrival_ms)) = before
            && (sequence >= seen.sequence.as_str() || arrival_ms > seen.arrival_ms)
        {
            return Err(format!(
                "{sequence} at {arrival_ms} is followed by {} at {}",
                seen.sequence, seen.arrival_ms
            ));
        }
    }
    Ok(())
}
