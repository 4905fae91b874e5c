//! Records, as a producer gives them and as a consumer gets them, and how they lie inside a sub-batch.
//!
//! Must stay true: [`codec`] is a format on disk and on the wire between nodes. Its bytes are never
//! re-encoded on their way from the leader's memory to a reader, and decoding copies nothing.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sequence::SequenceNumber;

/// One record of a producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Partition key, valid UTF-8 of 1 to 256 characters (the wire layer checks).
    pub partition_key: Bytes,
    /// The payload; may be empty.
    pub data: Bytes,
    /// Whether the stream's encryption was on when the record was put. The put was answered so, and a
    /// reader is told the same, whatever the stream's setting is by then.
    pub encrypted: bool,
}

impl Record {
    /// Bytes that count against limits and throughput: key and data.
    pub fn payload_bytes(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }
}

/// One record as it is read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// Its number, unique in the stream and increasing within the shard.
    pub sequence: SequenceNumber,
    /// When the leader accepted it, Unix milliseconds.
    pub arrival_ms: u64,
    /// Partition key, valid UTF-8.
    pub partition_key: Bytes,
    /// The payload.
    pub data: Bytes,
    /// Whether it was put while the stream's encryption was on.
    pub encrypted: bool,
}

/// The raw body of a sub-batch: `[u16 BE key length][u32 BE data length][key][data]`, repeated.
///
/// A key has at most 1,024 bytes, so the highest bit of its length is free: it is set on a record that
/// was put while the stream's encryption was on.
pub mod codec {
    use bytes::{Buf, BufMut, Bytes};

    use super::Record;

    /// Bytes before the key and data of each record.
    pub const HEADER_BYTES: usize = 6;
    /// The bit of the key's length that marks a record put under encryption.
    const ENCRYPTED: u16 = 1 << 15;

    /// Why a body cannot be decoded. Only corruption or a bug leads here.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum CodecError {
        /// The body ends inside a record.
        #[error("a record needs {needed} bytes, only {left} are left")]
        Truncated {
            /// Bytes the record claims.
            needed: usize,
            /// Bytes there are.
            left: usize,
        },
    }

    /// Bytes [`encode_into`] appends for `record`.
    pub fn encoded_len(record: &Record) -> usize {
        HEADER_BYTES + record.payload_bytes()
    }

    /// Appends `record` to `body`.
    ///
    /// # Panics
    /// If the key is longer than 32,767 bytes or the data than 4 GiB: the limits are far below.
    pub fn encode_into(body: &mut impl BufMut, record: &Record) {
        let key_len = u16::try_from(record.partition_key.len())
            .ok()
            .filter(|len| *len < ENCRYPTED)
            .expect("a partition key has at most 256 characters, hence 1024 bytes");
        let data_len = u32::try_from(record.data.len()).expect("a record has at most 10 MiB");
        let mark = if record.encrypted { ENCRYPTED } else { 0 };
        body.put_u16(key_len | mark);
        body.put_u32(data_len);
        body.put_slice(&record.partition_key);
        body.put_slice(&record.data);
    }

    /// The records of `body` in order, as slices of it. Ends after the first error.
    pub fn decode(body: Bytes) -> Records {
        Records { body }
    }

    /// Iterator of [`decode`].
    #[derive(Debug, Clone)]
    pub struct Records {
        body: Bytes,
    }

    impl Iterator for Records {
        type Item = Result<Record, CodecError>;

        fn next(&mut self) -> Option<Self::Item> {
            if self.body.is_empty() {
                return None;
            }
            let left = self.body.len();
            let truncated = |needed| CodecError::Truncated { needed, left };
            if left < HEADER_BYTES {
                self.body.clear();
                return Some(Err(truncated(HEADER_BYTES)));
            }
            let marked_len = self.body.get_u16();
            let encrypted = marked_len & ENCRYPTED != 0;
            let key_len = usize::from(marked_len & !ENCRYPTED);
            // A length that does not fit in usize (32-bit machines) cannot be there either.
            let data_len = usize::try_from(self.body.get_u32()).unwrap_or(usize::MAX);
            let needed = data_len.saturating_add(HEADER_BYTES + key_len);
            if needed > left {
                self.body.clear();
                return Some(Err(truncated(needed)));
            }
            let partition_key = self.body.split_to(key_len);
            let data = self.body.split_to(data_len);
            Some(Ok(Record {
                partition_key,
                data,
                encrypted,
            }))
        }
    }

    impl std::iter::FusedIterator for Records {}
}
