//! The segmented log of one group: records written once, read from where they were written.
//!
//! Everything a replica must not lose lies in one sequence of frames: log entries, votes,
//! truncations, purges. One writer task per log turns all that waits into one vectored write and
//! one `fdatasync` (group commit). The bytes on disk are described in `format.md`, and only
//! `frame.rs`, `segment.rs`, `index.rs` and `snapshot.rs` know them.
//!
//! What must stay true:
//! - nothing is reported durable before the `fdatasync` that covers it has returned;
//! - bytes are cut off only at the end of the last segment, and only when they can not have been
//!   synced; a bad checksum anywhere else makes the log [`Health::Corrupt`];
//! - after a failed `fdatasync` the log is [`Health::Failed`] until the process restarts.
//!
//! This crate knows neither Raft nor Kinesis: a key is a number, a payload is bytes.

mod config;
mod error;
mod record;
mod log;
mod state;
mod sync_times;
mod writer;
mod group_commit;
mod reader;
mod key_reader;
mod recovery;
mod scan;
mod repair;
mod retention;
mod snapshot;
mod segment;
mod index;
mod index_cache;
mod frame;
mod codec;
pub mod damage;

pub use config::LogConfig;
pub use error::{Health, LogError};
pub use log::{AppendDone, KeyBatch, KeyRead, Log, LogBounds, SegmentInfo};
pub use record::{EntryId, LogEntry, Mark};
pub use sync_times::SyncTimes;
