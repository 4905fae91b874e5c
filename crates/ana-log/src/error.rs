//! What can go wrong with a log, and what state it is in.

use std::io;

/// Whether a log may be written, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Everything works.
    Ok,
    /// The disk is nearly full: entries are refused, votes, truncations and purges go on. Heals by
    /// itself when space returns.
    Full,
    /// Bytes that were once synced can not be verified. Nothing is written any more, and the
    /// replica must neither vote nor lead until [`crate::Log::repair_discard`].
    Corrupt {
        /// File and position of the first damage found.
        what: String,
    },
    /// A write or an `fdatasync` failed. Nothing is written any more by this process: what the
    /// disk holds is known only after a restart.
    Failed {
        /// The failed call and its error.
        why: String,
    },
}

/// Why an operation on the log was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A call to the disk failed.
    #[error("{operation}: {source}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The error of the disk.
        #[source]
        source: io::Error,
    },
    /// The disk is nearly full, and the write is not one of those that still pass.
    #[error("the disk is full")]
    Full,
    /// Too many writes wait for the disk.
    #[error("too many writes are waiting")]
    Busy,
    /// See [`Health::Corrupt`].
    #[error("the log is corrupt: {what}")]
    Corrupt {
        /// File and position of the damage.
        what: String,
    },
    /// See [`Health::Failed`].
    #[error("the log can not be written any more: {why}")]
    Failed {
        /// The failed call and its error.
        why: String,
    },
    /// The log was shut down.
    #[error("the log is closed")]
    Closed,
    /// An entry does not follow the last one. Nothing was appended.
    #[error("entry {got} does not follow: expected {expected}")]
    NotConsecutive {
        /// Index that would follow the last entry.
        expected: u64,
        /// Index that was given.
        got: u64,
    },
    /// An entry, a vote or a mark is larger than the format allows, or a mark lies outside of its
    /// payload. Nothing was appended.
    #[error("entry {index} does not fit the format")]
    Unfit {
        /// Index of the entry, 0 for a vote.
        index: u64,
    },
    /// `repair_discard` on a log that is not corrupt.
    #[error("the log is not corrupt")]
    NotCorrupt,
}

impl LogError {
    /// Names the operation an IO error came from.
    pub(crate) fn io(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, source }
    }

    /// The error as callers of `std::io` want it: kinds are kept, a full disk is `StorageFull`.
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Io { source, .. } => source.kind(),
            Self::Full => io::ErrorKind::StorageFull,
            Self::Busy => io::ErrorKind::WouldBlock,
            Self::Corrupt { .. } => io::ErrorKind::InvalidData,
            Self::Failed { .. } | Self::Closed => io::ErrorKind::BrokenPipe,
            Self::NotConsecutive { .. } | Self::Unfit { .. } | Self::NotCorrupt => {
                io::ErrorKind::InvalidInput
            }
        };
        io::Error::new(kind, self)
    }
}
