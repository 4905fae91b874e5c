//! The vocabulary of Anabranch: names, ARNs, shards, hash keys, sequence numbers, records, limits and
//! domain errors.
//!
//! Must stay true:
//! - No IO, no clock, no randomness, no async: every function here is a function of its arguments.
//! - The serde encodings of these types are written to disk and sent between nodes, so a changed field
//!   order or variant order is a change of format.
//!
//! Reading order is the order of the modules below.

pub mod names;
pub mod arn;
pub mod hash_key;
pub mod shard;
pub mod sequence;
pub mod record;
pub mod stream;
pub mod consumer;
pub mod settings;
pub mod limits;
pub mod error;
pub mod planted;

pub use arn::{ArnError, StreamArn, stream_arn};
pub use consumer::{ConsumerArn, ConsumerName, ConsumerStatus};
pub use error::{
    ConsumerError, IteratorKind, KinesisError, LimitKind, ProvisionedOperation, ScalingError,
    SettingError, ShardFilterKind, SubscriptionError,
};
pub use hash_key::{HashKey, HashRange};
pub use names::{AccountId, GroupId, NameError, NodeId, Region, StreamKey, StreamName, Zone};
pub use record::{Record, StoredRecord};
pub use sequence::{
    AnySequence, MAX_RECORDS_PER_SUB_BATCH, Position, SequenceError, SequenceNumber,
};
pub use settings::{CommitmentStatus, EncryptionType, ShardLevelMetric};
pub use shard::ShardIndex;
pub use stream::{ShardClosed, ShardInfo, StreamMode, StreamStatus};
