//! A digest of a range of a replica's log, by which two replicas are compared entry for entry.
//!
//! Read in pieces: the memory used does not depend on the range.

use ana_log::{Log, LogEntry, LogError};
use md5::{Digest as _, Md5};

/// Payload read at once.
const PIECE_BYTES: usize = 4 << 20;

/// The digest of some entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest {
    /// Entries that were there.
    pub(super) entries: u64,
    /// MD5 over their identities, marks and payloads, in order.
    pub(super) hex: String,
}

/// The digest of the entries `from..=upto` that are held.
pub(super) async fn of_log(log: &Log, from: u64, upto: u64) -> Result<Digest, LogError> {
    let mut hash = Md5::new();
    let mut entries = 0;
    let mut next = from;
    let end = upto.saturating_add(1);
    while next < end {
        let piece = log.read(next..end, PIECE_BYTES).await?;
        let Some(last) = piece.last() else { break };
        next = last.id.index.saturating_add(1);
        for entry in &piece {
            push(&mut hash, entry);
            entries += 1;
        }
    }
    let hex = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Digest { entries, hex })
}

fn push(hash: &mut Md5, entry: &LogEntry) {
    for number in [
        entry.id.term,
        entry.id.node,
        entry.id.index,
        u64::from(entry.kind),
    ] {
        hash.update(number.to_be_bytes());
    }
    for mark in entry.marks.iter() {
        for number in [mark.key, mark.count, mark.offset, mark.len] {
            hash.update(number.to_be_bytes());
        }
        hash.update(mark.time_ms.to_be_bytes());
    }
    let len = u64::try_from(entry.payload.len()).unwrap_or(u64::MAX);
    hash.update(len.to_be_bytes());
    hash.update(&entry.payload);
}
