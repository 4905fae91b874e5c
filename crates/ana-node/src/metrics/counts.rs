//! What is counted of one stream, and how an answer changes it. Bytes are those of data and partition keys, as the
//! shard's limits count them.

use std::collections::BTreeMap;

use ana_types::{ConsumerName, ShardIndex, StoredRecord};

use super::Room;

/// What became of one record that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// Acknowledged.
    Stored {
        /// Its shard.
        shard: ShardIndex,
        /// Data and partition key.
        bytes: u64,
    },
    /// Refused because of its shard's rate.
    Throttled {
        /// Its shard.
        shard: ShardIndex,
    },
    /// Not acknowledged for another reason.
    Failed,
}

/// What became of one read, or what one event carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// Records were given.
    Given {
        /// How many.
        records: u64,
        /// Their data and partition keys.
        bytes: u64,
        /// How far the reader is behind.
        behind_ms: u64,
    },
    /// Refused because of the shard's rate.
    Throttled,
}

impl ReadOutcome {
    /// The outcome of an answer with these records.
    pub fn given(records: &[StoredRecord], behind_ms: u64) -> ReadOutcome {
        let size = |record: &StoredRecord| bytes_of(&record.partition_key, &record.data);
        ReadOutcome::Given {
            records: count_of(records.len()),
            bytes: records.iter().map(size).sum(),
            behind_ms,
        }
    }
}

/// Data and partition key of one record.
pub(crate) fn bytes_of(partition_key: &[u8], data: &[u8]) -> u64 {
    count_of(partition_key.len()) + count_of(data.len())
}

fn count_of(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StreamCounts {
    pub(super) incoming_bytes: u64,
    pub(super) incoming_records: u64,
    pub(super) write_throttled: u64,
    pub(super) read_throttled: u64,
    pub(super) iterator_age_ms: Option<u64>,
    pub(super) put_record: PutRecordCounts,
    pub(super) put_records: PutRecordsCounts,
    pub(super) get_records: ReadCounts,
    pub(super) shards: BTreeMap<ShardIndex, ShardCounts>,
    pub(super) consumers: BTreeMap<ConsumerName, ConsumerCounts>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PutRecordCounts {
    pub(super) bytes: u64,
    pub(super) success: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PutRecordsCounts {
    pub(super) bytes: u64,
    /// Requests with at least one record stored.
    pub(super) success: u64,
    pub(super) total_records: u64,
    pub(super) successful_records: u64,
    pub(super) failed_records: u64,
    pub(super) throttled_records: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReadCounts {
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) success: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShardCounts {
    pub(super) incoming_bytes: u64,
    pub(super) incoming_records: u64,
    pub(super) outgoing_bytes: u64,
    pub(super) outgoing_records: u64,
    pub(super) write_throttled: u64,
    pub(super) read_throttled: u64,
    pub(super) iterator_age_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConsumerCounts {
    pub(super) subscriptions: u64,
    pub(super) rate_exceeded: u64,
    pub(super) behind_ms: Option<u64>,
    pub(super) events: ReadCounts,
}

impl ReadCounts {
    fn add(&mut self, records: u64, bytes: u64) {
        self.success += 1;
        self.records += records;
        self.bytes += bytes;
    }
}

impl StreamCounts {
    pub(super) fn put_record(&mut self, outcome: PutOutcome, room: &mut Room<'_>) {
        if let PutOutcome::Stored { bytes, .. } = outcome {
            self.put_record.success += 1;
            self.put_record.bytes += bytes;
        }
        self.put(outcome, room);
    }

    pub(super) fn put_records(
        &mut self,
        outcomes: impl Iterator<Item = PutOutcome>,
        room: &mut Room<'_>,
    ) {
        let mut any_stored = false;
        for outcome in outcomes {
            self.put_records.total_records += 1;
            match outcome {
                PutOutcome::Stored { bytes, .. } => {
                    any_stored = true;
                    self.put_records.successful_records += 1;
                    self.put_records.bytes += bytes;
                }
                PutOutcome::Throttled { .. } => self.put_records.throttled_records += 1,
                PutOutcome::Failed => self.put_records.failed_records += 1,
            }
            self.put(outcome, room);
        }
        self.put_records.success += u64::from(any_stored);
    }

    fn put(&mut self, outcome: PutOutcome, room: &mut Room<'_>) {
        match outcome {
            PutOutcome::Stored { shard, bytes } => {
                self.incoming_records += 1;
                self.incoming_bytes += bytes;
                if let Some(counts) = room.shard(&mut self.shards, shard) {
                    counts.incoming_records += 1;
                    counts.incoming_bytes += bytes;
                }
            }
            PutOutcome::Throttled { shard } => {
                self.write_throttled += 1;
                if let Some(counts) = room.shard(&mut self.shards, shard) {
                    counts.write_throttled += 1;
                }
            }
            PutOutcome::Failed => {}
        }
    }

    pub(super) fn get_records(
        &mut self,
        shard: ShardIndex,
        outcome: ReadOutcome,
        room: &mut Room<'_>,
    ) {
        let counts = room.shard(&mut self.shards, shard);
        match outcome {
            ReadOutcome::Given {
                records,
                bytes,
                behind_ms,
            } => {
                self.get_records.add(records, bytes);
                self.iterator_age_ms = Some(behind_ms);
                if let Some(counts) = counts {
                    counts.outgoing_records += records;
                    counts.outgoing_bytes += bytes;
                    counts.iterator_age_ms = Some(behind_ms);
                }
            }
            ReadOutcome::Throttled => {
                self.read_throttled += 1;
                if let Some(counts) = counts {
                    counts.read_throttled += 1;
                }
            }
        }
    }

    pub(super) fn subscribed(
        &mut self,
        consumer: &ConsumerName,
        accepted: bool,
        room: &mut Room<'_>,
    ) {
        if let Some(counts) = room.consumer(&mut self.consumers, consumer) {
            counts.subscriptions += u64::from(accepted);
            counts.rate_exceeded += u64::from(!accepted);
        }
    }

    pub(super) fn pushed(
        &mut self,
        consumer: &ConsumerName,
        shard: ShardIndex,
        event: ReadOutcome,
        room: &mut Room<'_>,
    ) {
        let ReadOutcome::Given {
            records,
            bytes,
            behind_ms,
        } = event
        else {
            return;
        };
        if let Some(counts) = room.consumer(&mut self.consumers, consumer) {
            counts.events.add(records, bytes);
            counts.behind_ms = Some(behind_ms);
        }
        if let Some(counts) = room.shard(&mut self.shards, shard) {
            counts.outgoing_records += records;
            counts.outgoing_bytes += bytes;
        }
    }
}
