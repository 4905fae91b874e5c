//! The seam of the disk.
//!
//! What is durable, and when:
//! ```text
//! bytes and length of a file   after File::sync or write_sync_at of THAT file (any handle)
//! an entry of a directory      (a created, renamed or removed file or directory) after sync_dir of it
//! everything else              may survive a crash wholly, partly, or not
//! ```
//! Danger: after a failed sync nobody knows what is on disk, and a second sync that succeeds proves nothing.
//! Whoever gets an error from a sync must stop writing to that file.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Its name, without the directory.
    pub name: String,
    /// Bytes in the file; 0 for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// How to open a file. Reading is always possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    /// Create an empty file if there is none.
    pub create: bool,
    /// Whether the handle may write.
    pub write: bool,
}

impl Open {
    /// An existing file, to read.
    pub const READ: Open = Open {
        create: false,
        write: false,
    };
    /// An existing file, to read and write.
    pub const WRITE: Open = Open {
        create: false,
        write: true,
    };
    /// A file to read and write, created empty if absent.
    pub const CREATE: Open = Open {
        create: true,
        write: true,
    };
}

/// Room on the file system of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes an unprivileged process may still use.
    pub free_bytes: u64,
    /// Bytes that are used and bytes that may be: as `df` counts, without what is kept back for root.
    pub total_bytes: u64,
}

/// A file system. Kinds of error are those of `std::io`: `NotFound`, `StorageFull` and so on.
///
/// Dropping the future of a call does not undo it and does not mean it will not happen.
#[async_trait]
pub trait Disk: Send + Sync + Debug {
    /// Creates `path` and what is missing above. Each created entry is durable after [`Disk::sync_dir`] of
    /// its own parent.
    async fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of directory `path` durable.
    async fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// The entries of directory `path`, sorted by name.
    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Opens the file `path`.
    async fn open(&self, path: &Path, open: Open) -> io::Result<Arc<dyn File>>;

    /// Moves a file or directory; a file at `to` is replaced. Open handles stay with their file.
    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Open handles can go on using it.
    async fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all in it.
    async fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Room on the file system of `path`, which must exist.
    async fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file. Offsets and lengths are bytes. Calls on one file are ordered only if awaited in turn.
#[expect(
    clippy::len_without_is_empty,
    reason = "asking a disk is never that cheap"
)]
#[async_trait]
pub trait File: Send + Sync + Debug {
    /// Bytes in the file.
    async fn len(&self) -> io::Result<u64>;

    /// Exactly `len` bytes from `offset`, or `UnexpectedEof`.
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes>;

    /// Writes all of `bufs` from `offset` on, as one vectored write where the system allows. After an error
    /// any part may have been written.
    async fn write_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()>;

    /// [`File::write_at`], then [`File::sync`], in one hop to the blocking pool.
    async fn write_sync_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()>;

    /// Makes the bytes and the length durable (fdatasync).
    async fn sync(&self) -> io::Result<()>;

    /// Reserves room for the first `len` bytes and extends the file with zeros if it is shorter, so that
    /// writes below `len` cannot run out of room. `StorageFull` if there is none. Not durable before sync.
    async fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts or extends (with zeros, unreserved) the file to `len`.
    async fn truncate(&self, len: u64) -> io::Result<()>;
}
