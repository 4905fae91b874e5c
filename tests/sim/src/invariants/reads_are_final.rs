//! What a reader saw while faults went on is what the stream holds in the end, without a gap inside its chain: no
//! dirty read, no skipped record.

use std::collections::BTreeMap;

use crate::oracle::{Oracle, Seen};

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    let mut finally: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for seen in &oracle.finally {
        finally.entry(&seen.shard).or_default().push(seen);
    }
    for chain in &oracle.chains {
        let Some(first) = chain.first().filter(|first| oracle.was_read(&first.shard)) else {
            continue;
        };
        let stored = finally
            .get(first.shard.as_str())
            .map_or(&[][..], Vec::as_slice);
        // What expired since is gone from the front; the rest must match, record for record.
        let oldest = stored.first().map(|seen| seen.sequence.as_str());
        let mut expected = stored
            .iter()
            .skip_while(|seen| seen.sequence < first.sequence);
        for seen in chain
            .iter()
            .filter(|seen| oldest.is_some_and(|oldest| seen.sequence.as_str() >= oldest))
        {
            match expected.next() {
                Some(stored) if *stored == seen => {}
                other => {
                    return Err(format!(
                        "a reader saw {seen:?}, the stream holds {other:?} there"
                    ));
                }
            }
        }
    }
    Ok(())
}
