//! A file system in memory that forgets like a real one.
//!
//! It keeps two pictures of everything: what programs see now, and what would be there after a crash. A sync
//! moves operations from the list of pending ones into the second picture; it takes (simulated) time, so that
//! there is always something unsynced to lose.
//! ```text
//!            write            sync begins        sync ends
//! now      ---+-------------------+-------------------+----->
//! pending       [op]               [op]            moved
//! durable  -------------------------------------------+----->
//! ```
//! On [`MemoryDisk::crash`] every pending operation survives or not by the seed, a write also in part
//! (`crash.rs`). A failed sync is as bad as on Linux: what it covered may or may not be durable, and no later
//! sync will tell.
//!
//! Must stay true: the same seed and the same calls in the same order give the same bytes, times and errors.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::disk::{DirEntry, Disk, File, Open, Space};
use crate::time;

mod content;
mod crash;
mod tree;

pub use content::FileImage;

use tree::{Ino, Tree};

/// Every file as it is at one moment; two are equal if all bytes are.
pub type DiskImage = BTreeMap<PathBuf, FileImage>;

/// How much of an unsynced write survives a crash in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// A prefix of its pieces, as if the device wrote in order.
    Prefix,
    /// Any of its pieces, as devices and page caches really do.
    AnyPieces,
}

/// Settings of a [`MemoryDisk`].
#[derive(Debug, Clone, Copy)]
pub struct MemoryDiskOptions {
    /// Bytes the disk holds, reserved ones included.
    pub capacity_bytes: u64,
    /// The least time a sync takes. The runtime's timers round up to whole milliseconds.
    pub sync_min: Duration,
    /// The greatest time a sync takes.
    pub sync_max: Duration,
    /// A write is torn only at multiples of this many bytes in the file.
    pub tear_bytes: u64,
    /// Which parts of a torn write survive.
    pub tear: Tear,
}

impl Default for MemoryDiskOptions {
    fn default() -> MemoryDiskOptions {
        MemoryDiskOptions {
            capacity_bytes: 16 << 30,
            sync_min: Duration::from_micros(500),
            sync_max: Duration::from_millis(4),
            tear_bytes: 512,
            tear: Tear::Prefix,
        }
    }
}

/// The disk of one simulated machine. It outlives the node that uses it: keep a clone, crash it, start the
/// node again on it. Clones share the disk.
#[derive(Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    options: MemoryDiskOptions,
    rng: crash::Lottery,
    tree: Tree,
    /// Counts crashes: handles and syncs of an earlier life fail.
    life: u64,
    /// The next operation's number; a sync covers those below the number it saw when it began.
    next_op: u64,
    file_syncs_to_fail: u32,
    dir_syncs_to_fail: u32,
    write_fault: Option<io::ErrorKind>,
    sync_delay: Duration,
}

impl MemoryDisk {
    /// An empty disk. All its choices follow from `seed`.
    pub fn new(seed: u64, options: MemoryDiskOptions) -> MemoryDisk {
        assert!(options.tear_bytes > 0, "a piece has at least one byte");
        assert!(
            options.sync_min <= options.sync_max,
            "the latencies are a range"
        );
        let state = State {
            options,
            rng: crash::Lottery::new(seed),
            tree: Tree::new(),
            life: 0,
            next_op: 0,
            file_syncs_to_fail: 0,
            dir_syncs_to_fail: 0,
            write_fault: None,
            sync_delay: Duration::ZERO,
        };
        MemoryDisk {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The power fails and comes back: what was not synced survives wholly, partly or not, and every handle
    /// opened before is dead. Drop the node first.
    pub fn crash(&self) {
        let mut state = self.lock();
        let state = &mut *state;
        state.life += 1;
        state.tree.crash(&mut state.rng, &state.options);
    }

    /// The next `count` syncs of files fail.
    pub fn fail_next_sync(&self, count: u32) {
        self.lock().file_syncs_to_fail = count;
    }

    /// The next `count` syncs of directories fail.
    pub fn fail_next_sync_dir(&self, count: u32) {
        self.lock().dir_syncs_to_fail = count;
    }

    /// From now on every write, allocation and truncation fails with `kind`; `None` ends it.
    pub fn fail_writes(&self, kind: Option<io::ErrorKind>) {
        self.lock().write_fault = kind;
    }

    /// Changes the capacity; it may be less than what is used.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().options.capacity_bytes = bytes;
    }

    /// Changes how unsynced writes are torn.
    pub fn set_tear(&self, tear: Tear) {
        self.lock().options.tear = tear;
    }

    /// Changes how fine unsynced writes are torn: at multiples of `bytes`.
    pub fn set_tear_bytes(&self, bytes: u64) {
        assert!(bytes > 0, "a piece has at least one byte");
        self.lock().options.tear_bytes = bytes;
    }

    /// From now on every sync takes so much longer than it did at first.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.lock().sync_delay = delay;
    }

    /// The medium loses a file, or a directory with all in it, for good. Open handles can go on using a file.
    pub fn lose(&self, path: &Path) -> io::Result<()> {
        self.lock().tree.lose(path)
    }

    /// The medium loses one bit (chosen by the seed) of the byte at `offset` of file `path`, for good.
    pub fn flip_bit(&self, path: &Path, offset: u64) -> io::Result<()> {
        let mut state = self.lock();
        let bit = 1u8 << state.rng.below(8);
        let id = state.tree.find_file(path)?;
        state.tree.file_mut(id).flip(offset, bit)
    }

    /// All files as programs see them.
    pub fn snapshot(&self) -> DiskImage {
        self.lock().tree.image(tree::View::Now)
    }

    /// All files as a crash that loses everything pending would leave them.
    pub fn snapshot_durable(&self) -> DiskImage {
        self.lock().tree.image(tree::View::Durable)
    }

    /// Bytes in use, reserved ones included.
    pub fn used_bytes(&self) -> u64 {
        self.lock().tree.used_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as a sync takes; returns what the sync covers and in which life it began.
    async fn begin_sync(&self) -> (u64, u64) {
        let (covered, life, latency) = {
            let mut state = self.lock();
            let (min, max) = (state.options.sync_min, state.options.sync_max);
            let latency = state.rng.duration(min, max) + state.sync_delay;
            (state.next_op, state.life, latency)
        };
        time::sleep(latency).await;
        (covered, life)
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryDisk")
            .field("options", &state.options)
            .field("life", &state.life)
            .field("used_bytes", &state.tree.used_bytes())
            .finish_non_exhaustive()
    }
}

impl State {
    fn op(&mut self) -> u64 {
        let op = self.next_op;
        self.next_op += 1;
        op
    }

    fn check_life(&self, life: u64) -> io::Result<()> {
        if self.life == life {
            Ok(())
        } else {
            Err(crashed())
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        self.write_fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Fails with `StorageFull` if file `id` may not grow to `needed` bytes of room.
    fn check_room(&self, id: Ino, needed: u64) -> io::Result<()> {
        let now = self.tree.file(id).used_bytes();
        let more = needed.saturating_sub(now);
        let used = self.tree.used_bytes();
        if more > 0 && used.saturating_add(more) > self.options.capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[async_trait]
impl Disk for MemoryDisk {
    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let op = state.op();
        state.tree.create_dir_all(path, op)
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let id = self.lock().tree.find_dir(path)?;
        let (covered, life) = self.begin_sync().await;
        let mut state = self.lock();
        let state = &mut *state;
        state.check_life(life)?;
        if state.dir_syncs_to_fail > 0 {
            state.dir_syncs_to_fail -= 1;
            state.tree.sync_dir_failed(id, covered, &mut state.rng);
            return Err(io_error());
        }
        state.tree.sync_dir(id, covered);
        Ok(())
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.lock().tree.list(path)
    }

    async fn open(&self, path: &Path, open: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.lock();
        let op = state.op();
        let id = state.tree.open(path, open.create, op)?;
        let (disk, life) = (self.clone(), state.life);
        Ok(Arc::new(MemoryFile {
            disk,
            id,
            life,
            write: open.write,
        }))
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let op = state.op();
        state.tree.rename(from, to, op)
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let op = state.op();
        state.tree.remove_file(path, op)
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let op = state.op();
        state.tree.remove_dir_all(path, op)
    }

    async fn space(&self, path: &Path) -> io::Result<Space> {
        let state = self.lock();
        state.tree.find(path)?;
        let total_bytes = state.options.capacity_bytes;
        Ok(Space {
            free_bytes: total_bytes.saturating_sub(state.tree.used_bytes()),
            total_bytes,
        })
    }
}

/// A handle; it dies with the life it was opened in.
struct MemoryFile {
    disk: MemoryDisk,
    id: Ino,
    life: u64,
    write: bool,
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFile")
            .field("id", &self.id)
            .field("life", &self.life)
            .field("write", &self.write)
            .finish_non_exhaustive()
    }
}

impl MemoryFile {
    fn live(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        state.check_life(self.life)?;
        Ok(state)
    }

    fn live_to_write(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.live()?;
        if !self.write {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.check_writable()?;
        Ok(state)
    }

    fn write(&self, offset: u64, bufs: &[Bytes]) -> io::Result<()> {
        let mut state = self.live_to_write()?;
        let data: Bytes = match bufs {
            [one] => one.clone(),
            many => many.concat().into(),
        };
        if data.is_empty() {
            return Ok(());
        }
        let end = content::end_of(offset, data.len())?;
        state.check_room(self.id, end)?;
        let op = state.op();
        state.tree.file_mut(self.id).write(op, offset, data);
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.life == self.life {
            state.tree.close(self.id);
        }
    }
}

#[async_trait]
impl File for MemoryFile {
    async fn len(&self) -> io::Result<u64> {
        Ok(self.live()?.tree.file(self.id).len())
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.live()?.tree.file(self.id).read(offset, len)
    }

    async fn write_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        self.write(offset, &bufs)
    }

    async fn write_sync_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        self.write(offset, &bufs)?;
        self.sync().await
    }

    async fn sync(&self) -> io::Result<()> {
        drop(self.live()?);
        let (covered, life) = self.disk.begin_sync().await;
        let mut state = self.disk.lock();
        let state = &mut *state;
        state.check_life(life)?;
        let file = state.tree.file_mut(self.id);
        if state.file_syncs_to_fail > 0 {
            state.file_syncs_to_fail -= 1;
            file.sync_failed(covered, &mut state.rng, &state.options);
            return Err(io_error());
        }
        file.sync(covered);
        Ok(())
    }

    async fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.live_to_write()?;
        state.check_room(self.id, len)?;
        let op = state.op();
        state.tree.file_mut(self.id).allocate(op, len);
        Ok(())
    }

    async fn truncate(&self, len: u64) -> io::Result<()> {
        let mut state = self.live_to_write()?;
        let op = state.op();
        state.tree.file_mut(self.id).truncate(op, len);
        Ok(())
    }
}

fn crashed() -> io::Error {
    io::Error::other("the machine crashed since the file was opened")
}

/// EIO.
fn io_error() -> io::Error {
    io::Error::other("simulated input/output error")
}

#[cfg(test)]
mod disk_test;
#[cfg(test)]
mod model_test;
