//! One sequence number, one record, over all puts and all reads of all time; and nothing is read that nobody put.

use std::collections::BTreeMap;

use crate::oracle::{Oracle, Value};

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    let mut owners: BTreeMap<&str, &Value> = BTreeMap::new();
    let promised = oracle
        .promises
        .iter()
        .map(|(value, promise)| (promise.sequence.as_str(), value));
    let mut seen = Vec::new();
    for record in oracle.chains.iter().flatten().chain(&oracle.finally) {
        let Some(value) = &record.value else {
            return Err(format!("{} holds bytes nobody put", record.sequence));
        };
        let known = oracle.promises.contains_key(value) || oracle.unknown.contains(value);
        if !known {
            let why = if oracle.refused.contains(value) {
                "was refused"
            } else {
                "was never put"
            };
            return Err(format!("{} was read and {why}", value.text()));
        }
        seen.push((record.sequence.as_str(), value));
    }
    for (sequence, value) in promised.chain(seen) {
        let owner = owners.entry(sequence).or_insert(value);
        if *owner != value {
            return Err(format!(
                "{sequence} names {} and {}",
                owner.text(),
                value.text()
            ));
        }
    }
    let mut places: BTreeMap<&Value, &str> = BTreeMap::new();
    for record in &oracle.finally {
        let Some(value) = &record.value else { continue };
        if let Some(before) = places.insert(value, &record.sequence) {
            return Err(format!(
                "{} is stored twice, at {before} and {}; no client retried",
                value.text(),
                record.sequence
            ));
        }
    }
    Ok(())
}
