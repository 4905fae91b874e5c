//! The log as openraft wants it: a thin cover over [`ana_log::Log`].
//!
//! Must stay true: nothing is kept here. Entries, votes, truncations and purges go to the log in
//! the order openraft gives them, and the log keeps that order on disk; `append` answers when the
//! entries are readable and calls back when they are durable.
//!
//! Danger: an error from `append`, `save_vote`, `truncate_after` or `purge` ends the replica. A
//! disk that is merely nearly full is therefore refused earlier, by the leader before it proposes
//! and by a follower before it accepts.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use ana_log::{Log, LogError};
use futures::stream::{self, Stream, TryStreamExt};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};

use crate::config::APPEND_BYTES_MAX;
use crate::entry;
use crate::error::EntryError;
use crate::types::{Entry, LogId, TC, Vote};

/// The writing half.
#[derive(Debug, Clone)]
pub struct LogStore {
    log: Arc<Log>,
}

/// The reading half; any number of them.
#[derive(Debug, Clone)]
pub struct LogReader {
    log: Arc<Log>,
}

impl LogStore {
    /// Covers a log that is open and sound.
    #[must_use]
    pub fn new(log: Arc<Log>) -> Self {
        Self { log }
    }
}

impl RaftLogStorage<TC> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TC>> {
        let bounds = self.log.bounds();
        Ok(LogState {
            last_purged_log_id: bounds.purged.as_ref().map(entry::log_id),
            last_log_id: bounds.last.or(bounds.purged).as_ref().map(entry::log_id),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader {
            log: Arc::clone(&self.log),
        }
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = entry::encode_vote(vote)?;
        self.log.save_vote(bytes).await.map_err(LogError::into_io)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let id = committed.as_ref().map(entry::entry_id);
        self.log.save_committed(id).await.map_err(LogError::into_io)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.log.committed().as_ref().map(entry::log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TC>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries = entries
            .into_iter()
            .map(|e| entry::to_log(&e))
            .collect::<Result<Vec<_>, EntryError>>()?;
        self.log
            .append(
                entries,
                Box::new(move |result| callback.io_completed(result)),
            )
            .map_err(LogError::into_io)
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        self.log
            .truncate_after(last_log_id.map(|id| id.index))
            .await
            .map_err(LogError::into_io)
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.log
            .purge_upto(entry::entry_id(&log_id))
            .await
            .map_err(LogError::into_io)
    }
}

impl LogReader {
    /// What the log holds of `range`, as a half-open range.
    fn clamp(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        let bounds = self.log.bounds();
        let first = bounds.purged.map_or(0, |id| id.index + 1);
        let end = bounds.last.map_or(first, |id| id.index + 1);
        let from = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let upto = match range.end_bound() {
            Bound::Included(&end) => end.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => u64::MAX,
        };
        from.max(first)..upto.min(end)
    }
}

/// Entries of `range` in pieces of at most [`APPEND_BYTES_MAX`], so that a long catch-up does not
/// lie in memory at once. Absence is tolerated at the beginning only.
fn pieces(log: Arc<Log>, range: Range<u64>) -> impl Stream<Item = io::Result<Vec<Entry>>> + Send {
    let first = range.start;
    stream::try_unfold((log, range), move |(log, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let piece = read_piece(&log, range.clone()).await?;
        let (Some(head), Some(tail)) = (piece.first(), piece.last()) else {
            return Err(hole(range.start));
        };
        if head.log_id.index != range.start && range.start != first {
            return Err(hole(range.start));
        }
        let next = tail.log_id.index + 1;
        Ok(Some((piece, (log, next..range.end))))
    })
}

async fn read_piece(log: &Log, range: Range<u64>) -> io::Result<Vec<Entry>> {
    let stored = log
        .read(range, APPEND_BYTES_MAX)
        .await
        .map_err(LogError::into_io)?;
    let entries = stored
        .into_iter()
        .map(entry::from_log)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(entries)
}

fn hole(index: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("entry {index} is missing from the log"),
    )
}

impl RaftLogReader<TC> for LogReader {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let range = self.clamp(&range);
        pieces(Arc::clone(&self.log), range).try_concat().await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        if start >= end {
            return Ok(Vec::new());
        }
        let entries = read_piece(&self.log, start..end).await?;
        match entries.first() {
            Some(head) if head.log_id.index == start => Ok(entries),
            _ => Err(hole(start)),
        }
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let range = self.clamp(&range);
        Box::pin(
            pieces(Arc::clone(&self.log), range)
                .map_ok(|piece| stream::iter(piece.into_iter().map(Ok)))
                .try_flatten(),
        )
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self
            .log
            .vote()
            .map(|bytes| entry::decode_vote(&bytes))
            .transpose()?)
    }
}
