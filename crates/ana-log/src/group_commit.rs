//! Group commit: everything that waits becomes one write.
//!
//! A [`Batch`] keeps the order of the queue, so votes, truncations and entries reach the disk as
//! they were asked for. It can be encoded again at another place when the first try found no room.

use std::io;

use crate::frame::{Encoder, Record, Written};
use crate::index::SegmentIndex;
use crate::log::AppendDone;
use crate::segment::Base;
use crate::state::{Done, State, Write};
use crate::{EntryId, LogError};

/// Whom to tell when a batch is durable.
enum Ack {
    Append(AppendDone),
    Control(Done),
    /// Told once the keeper has also removed the files.
    Purge(Done),
}

/// The frames of a batch.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) records: Vec<Record>,
    /// Stamp of the last entry among them.
    pub(crate) stamp: Option<u64>,
    pub(crate) bytes: u64,
    /// Bytes of those that are entries.
    pub(crate) entry_bytes: u64,
}

impl Frames {
    fn push(&mut self, record: Record) {
        self.bytes += record.frame_bytes();
        self.records.push(record);
    }

    /// Entries and ranges they would add to an index.
    pub(crate) fn index_growth(&self) -> (usize, usize) {
        self.records
            .iter()
            .fold((0, 0), |(slots, ranges), record| match record {
                Record::Entry(entry) => (slots + 1, ranges + entry.marks.len()),
                _ => (slots, ranges),
            })
    }

    pub(crate) fn encode(&self, encoder: &mut Encoder) -> Vec<Written> {
        encoder.reserve(&self.records);
        let encode = |record| encoder.push(record);
        self.records.iter().map(encode).collect()
    }
}

/// Writes that are made durable together.
pub(crate) struct Batch {
    pub(crate) frames: Frames,
    acks: Vec<Ack>,
}

impl Batch {
    /// Takes what waits, up to `bytes_max` (one write is never split).
    pub(crate) fn gather(state: &mut State, bytes_max: usize) -> Option<Self> {
        let mut batch = Self {
            frames: Frames::default(),
            acks: Vec::new(),
        };
        while batch.frames.bytes < bytes_max as u64 {
            let Some(write) = state.queue.pop_front() else {
                break;
            };
            batch.add(write);
        }
        (!batch.acks.is_empty()).then_some(batch)
    }

    fn add(&mut self, write: Write) {
        let frames = &mut self.frames;
        let ack = match write {
            Write::Append {
                entries,
                stamp,
                done,
            } => {
                for record in entries.into_iter().map(Record::Entry) {
                    frames.entry_bytes += record.frame_bytes();
                    frames.push(record);
                }
                frames.stamp = Some(stamp);
                Ack::Append(done)
            }
            Write::Vote(vote, done) => {
                frames.push(Record::Vote(vote));
                Ack::Control(done)
            }
            Write::Truncate(keep, done) => {
                frames.push(Record::Truncate(keep));
                Ack::Control(done)
            }
            Write::Purge(id, done) => {
                frames.push(Record::Purge(id));
                Ack::Purge(done)
            }
        };
        self.acks.push(ack);
    }

    /// Tells everybody that it is durable. Answers those who also wait for the keeper.
    pub(crate) fn succeed(self) -> Vec<Done> {
        let mut purges = Vec::new();
        for ack in self.acks {
            match ack {
                Ack::Append(done) => done(Ok(())),
                Ack::Control(done) => tell(done, Ok(())),
                Ack::Purge(done) => purges.push(done),
            }
        }
        purges
    }

    /// Tells everybody that it failed.
    pub(crate) fn fail(self, error: impl Fn() -> LogError) {
        for ack in self.acks {
            match ack {
                Ack::Append(done) => done(Err::<(), io::Error>(error().into_io())),
                Ack::Control(done) | Ack::Purge(done) => tell(done, Err(error())),
            }
        }
    }
}

/// Answers a caller, who may have gone away meanwhile.
pub(crate) fn tell(done: Done, result: Result<(), LogError>) {
    if done.send(result).is_err() {
        tracing::debug!("nobody waits for this write any more");
    }
}

impl Base {
    /// What holds after `record`. An error says why it can not stand here.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), &'static str> {
        match record {
            Record::Entry(entry) => {
                let follows = |last: EntryId| last.index.checked_add(1) == Some(entry.id.index);
                if !self.last.is_none_or(follows) {
                    return Err("an entry does not follow the one before");
                }
                self.last = Some(entry.id);
            }
            Record::Vote(vote) => self.vote = Some(vote.clone()),
            Record::Truncate(keep) => {
                let held = |id: EntryId| self.last.is_some_and(|last| id.index <= last.index);
                if !keep.is_none_or(held) {
                    return Err("a truncation keeps more than there is");
                }
                self.last = *keep;
            }
            Record::Purge(id) => {
                self.purged = Some(*id);
                if self.last.is_none_or(|last| last.index <= id.index) {
                    self.last = Some(*id);
                }
            }
            Record::Committed(id) => self.committed = *id,
            Record::Footer(_) | Record::Settled => {}
        }
        Ok(())
    }
}

impl SegmentIndex {
    /// Notes a record that lies at `written`.
    pub(crate) fn apply(&mut self, record: &Record, written: &Written) {
        match record {
            Record::Entry(entry) => {
                let sums = written.mark_sums.iter().copied();
                let marks = entry.marks.iter().copied().zip(sums);
                let place = (written.at, written.len);
                self.push(entry.id, place, written.body_at(entry.marks.len()), marks);
            }
            Record::Truncate(keep) => self.truncate(keep.map_or(0, |id| id.index + 1)),
            Record::Purge(id) => self.purge(id.index),
            Record::Vote(_) | Record::Committed(_) | Record::Footer(_) | Record::Settled => {}
        }
    }
}
