//! Every acknowledged record is in the final read, in its shard, under its sequence number, unless its retention was
//! over. Source: the product's first promise; anomalies "lost write" and "per-record results match each record's fate".

use std::collections::BTreeMap;

use crate::oracle::{Oracle, Seen};

/// Records this close to the end of their retention may be there or not: the horizon moves while we read.
const HORIZON_SLACK_MS: u64 = 2000;

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    let finally: BTreeMap<_, &Seen> = oracle
        .finally
        .iter()
        .filter_map(|seen| seen.value.as_ref().map(|value| (value, seen)))
        .collect();
    let judged = oracle
        .promises
        .iter()
        .filter(|(_, promise)| oracle.was_read(&promise.shard));
    for (value, promise) in judged {
        let expired = promise.sent_ms + oracle.retention_ms <= oracle.read_ms + HORIZON_SLACK_MS;
        match finally.get(value) {
            None if expired => {}
            None => {
                return Err(format!(
                    "{} was acknowledged at {} and is lost: {promise:?}",
                    value.text(),
                    promise.answered_ms
                ));
            }
            Some(seen) if seen.shard != promise.shard || seen.sequence != promise.sequence => {
                return Err(format!(
                    "{} was promised {promise:?} and lies at {seen:?}",
                    value.text()
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
