//! A disk that is slow, full or broken when switched so.
//!
//! It cannot un-write: a crash that loses data is the business of [`crate::memory::MemoryDisk`] or of a real
//! power cut.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::plan::FaultPlan;
use crate::disk::{DirEntry, Disk, File, Open, Space};

/// Another disk with the plan's faults; files opened before a switch feel it too.
#[derive(Debug)]
pub struct FaultDisk {
    inner: Arc<dyn Disk>,
    plan: FaultPlan,
}

impl FaultDisk {
    /// Puts `plan` around `inner`.
    pub fn new(inner: Arc<dyn Disk>, plan: FaultPlan) -> FaultDisk {
        FaultDisk { inner, plan }
    }
}

#[async_trait]
impl Disk for FaultDisk {
    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.plan.disk_delay().await;
        // A full disk only refuses what is not there yet.
        if self.plan.disk().full && self.inner.list(path).await.is_err() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.create_dir_all(path).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        before_sync(&self.plan).await?;
        self.inner.sync_dir(path).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path).await
    }

    async fn open(&self, path: &Path, open: Open) -> io::Result<Arc<dyn File>> {
        let full = open.create && self.plan.disk().full;
        let open = Open {
            create: open.create && !full,
            ..open
        };
        let inner = match self.inner.open(path, open).await {
            Err(error) if full && error.kind() == io::ErrorKind::NotFound => {
                return Err(io::ErrorKind::StorageFull.into());
            }
            opened => opened?,
        };
        Ok(Arc::new(FaultFile {
            inner,
            plan: self.plan.clone(),
        }))
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to).await
    }

    async fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path).await
    }

    async fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_dir_all(path).await
    }

    async fn space(&self, path: &Path) -> io::Result<Space> {
        let space = self.inner.space(path).await?;
        let free_bytes = if self.plan.disk().full {
            0
        } else {
            space.free_bytes
        };
        Ok(Space {
            free_bytes,
            ..space
        })
    }
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    plan: FaultPlan,
}

impl FaultFile {
    /// A full disk still takes what lies within the file, which the log has reserved.
    async fn before_write(&self, end: u64) -> io::Result<()> {
        self.plan.disk_delay().await;
        if self.plan.disk().full && end > self.inner.len().await? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[async_trait]
impl File for FaultFile {
    async fn len(&self) -> io::Result<u64> {
        self.inner.len().await
    }

    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        if self.plan.disk().fail_reads {
            return Err(injected());
        }
        self.inner.read_at(offset, len).await
    }

    async fn write_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        self.before_write(end_of(offset, &bufs)).await?;
        self.inner.write_at(offset, bufs).await
    }

    async fn write_sync_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        self.before_write(end_of(offset, &bufs)).await?;
        if self.plan.disk().fail_syncs {
            self.inner.write_at(offset, bufs).await?;
            return Err(injected());
        }
        self.inner.write_sync_at(offset, bufs).await
    }

    async fn sync(&self) -> io::Result<()> {
        before_sync(&self.plan).await?;
        self.inner.sync().await
    }

    async fn allocate(&self, len: u64) -> io::Result<()> {
        self.before_write(len).await?;
        self.inner.allocate(len).await
    }

    async fn truncate(&self, len: u64) -> io::Result<()> {
        self.inner.truncate(len).await
    }
}

/// Where a write ends.
fn end_of(offset: u64, bufs: &[Bytes]) -> u64 {
    bufs.iter().fold(offset, |end, buf| {
        end.saturating_add(u64::try_from(buf.len()).unwrap_or(u64::MAX))
    })
}

async fn before_sync(plan: &FaultPlan) -> io::Result<()> {
    plan.disk_delay().await;
    if plan.disk().fail_syncs {
        return Err(injected());
    }
    Ok(())
}

fn injected() -> io::Error {
    io::Error::other("injected input/output error")
}
