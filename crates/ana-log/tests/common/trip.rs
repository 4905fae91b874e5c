//! A disk that dies at a chosen call: the n-th call that changes something fails, before or after
//! it took effect, and so does every one that follows. Then the test cuts the power.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ana_env::{DirEntry, Disk, File, Open, Space};
use async_trait::async_trait;
use bytes::Bytes;

/// Counts down the calls that change something.
#[derive(Clone, Debug)]
pub(crate) struct Fuse {
    left: Arc<AtomicI64>,
    /// Whether the call that trips it still takes effect.
    effective: bool,
}

impl Fuse {
    pub(crate) fn new(calls: i64, effective: bool) -> Self {
        Self {
            left: Arc::new(AtomicI64::new(calls)),
            effective,
        }
    }

    /// Whether it has tripped.
    pub(crate) fn is_out(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// Carries out a call, or not.
    async fn pass<T>(&self, call: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 {
            return call.await;
        }
        if left == 0 && self.effective {
            drop(call.await);
        }
        Err(io::Error::other("the machine is going down"))
    }
}

#[derive(Debug)]
pub(crate) struct TripDisk {
    pub(crate) inner: Arc<dyn Disk>,
    pub(crate) fuse: Fuse,
    /// Lets directories forget: `sync_dir` does nothing.
    pub(crate) skip_sync_dir: bool,
}

#[async_trait]
impl Disk for TripDisk {
    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.fuse.pass(self.inner.create_dir_all(path)).await
    }
    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.skip_sync_dir {
            return Ok(());
        }
        self.fuse.pass(self.inner.sync_dir(path)).await
    }
    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path).await
    }
    async fn open(&self, path: &Path, open: Open) -> io::Result<Arc<dyn File>> {
        let opening = self.inner.open(path, open);
        let inner = if open.create {
            self.fuse.pass(opening).await?
        } else {
            opening.await?
        };
        Ok(Arc::new(TripFile {
            inner,
            fuse: self.fuse.clone(),
        }))
    }
    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fuse.pass(self.inner.rename(from, to)).await
    }
    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.fuse.pass(self.inner.remove_file(path)).await
    }
    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.fuse.pass(self.inner.remove_dir_all(path)).await
    }
    async fn space(&self, path: &Path) -> io::Result<Space> {
        self.inner.space(path).await
    }
}

#[derive(Debug)]
struct TripFile {
    inner: Arc<dyn File>,
    fuse: Fuse,
}

#[async_trait]
impl File for TripFile {
    async fn len(&self) -> io::Result<u64> {
        self.inner.len().await
    }
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.inner.read_at(offset, len).await
    }
    async fn write_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        self.fuse.pass(self.inner.write_at(offset, bufs)).await
    }
    async fn write_sync_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        // Two calls, so that the machine can go down between them.
        self.fuse.pass(self.inner.write_at(offset, bufs)).await?;
        self.fuse.pass(self.inner.sync()).await
    }
    async fn sync(&self) -> io::Result<()> {
        self.fuse.pass(self.inner.sync()).await
    }
    async fn allocate(&self, len: u64) -> io::Result<()> {
        self.fuse.pass(self.inner.allocate(len)).await
    }
    async fn truncate(&self, len: u64) -> io::Result<()> {
        self.fuse.pass(self.inner.truncate(len)).await
    }
}
