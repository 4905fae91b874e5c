//! A disk that is slow, full or broken when switched so.
//!
//! It cannot un-write: a crash that loses data is the business of [`crate::memory::MemoryDisk`] or of a real
//! power cut.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::plan::{DiskFaults, FaultPlan};
use crate::disk::{DirEntry, Disk, File, Open, Space};
use crate::rng::Rng;

/// Another disk with the plan's faults; files opened before a switch feel it too.
#[derive(Debug)]
pub struct FaultDisk {
    inner: Arc<dyn Disk>,
    faults: Faults,
}

#[derive(Debug, Clone)]
struct Faults {
    plan: FaultPlan,
    rng: Arc<dyn Rng>,
}

impl Faults {
    fn now(&self) -> DiskFaults {
        self.plan.disk()
    }

    async fn before_sync(&self) -> io::Result<()> {
        self.plan.disk_delay(|it| it.sync_delay).await;
        self.sync_fails()
    }

    fn sync_fails(&self) -> io::Result<()> {
        let percent = self.now().fail_syncs_percent;
        if percent > 0 && self.rng.next_u64() % 100 < u64::from(percent) {
            return Err(injected());
        }
        Ok(())
    }
}

impl FaultDisk {
    /// Puts `plan` around `inner`; `rng` decides which calls a random fault hits.
    pub fn new(inner: Arc<dyn Disk>, plan: FaultPlan, rng: Arc<dyn Rng>) -> FaultDisk {
        let faults = Faults { plan, rng };
        FaultDisk { inner, faults }
    }
}

#[async_trait]
impl Disk for FaultDisk {
    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.faults.plan.disk_delay(|it| it.write_delay).await;
        // A full disk only refuses what is not there yet.
        if self.faults.now().full && self.inner.list(path).await.is_err() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.create_dir_all(path).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faults.before_sync().await?;
        self.inner.sync_dir(path).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path).await
    }

    async fn open(&self, path: &Path, open: Open) -> io::Result<Arc<dyn File>> {
        let full = open.create && self.faults.now().full;
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
            faults: self.faults.clone(),
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
        let free_bytes = if self.faults.now().full {
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
    faults: Faults,
}

impl FaultFile {
    /// A full disk still takes what lies within the file, which the log has reserved.
    async fn before_write(&self, end: u64, delay: fn(&DiskFaults) -> Duration) -> io::Result<()> {
        self.faults.plan.disk_delay(delay).await;
        if self.faults.now().full && end > self.inner.len().await? {
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
        self.faults.plan.disk_delay(|it| it.read_delay).await;
        if self.faults.now().fail_reads {
            return Err(injected());
        }
        self.inner.read_at(offset, len).await
    }

    async fn write_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        let end = end_of(offset, &bufs);
        self.before_write(end, |it| it.write_delay).await?;
        self.inner.write_at(offset, bufs).await
    }

    async fn write_sync_at(&self, offset: u64, bufs: Vec<Bytes>) -> io::Result<()> {
        let end = end_of(offset, &bufs);
        self.before_write(end, |it| it.write_delay.max(it.sync_delay))
            .await?;
        if let Err(error) = self.faults.sync_fails() {
            self.inner.write_at(offset, bufs).await?;
            return Err(error);
        }
        self.inner.write_sync_at(offset, bufs).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.faults.before_sync().await?;
        self.inner.sync().await
    }

    async fn allocate(&self, len: u64) -> io::Result<()> {
        self.before_write(len, |it| it.write_delay).await?;
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

fn injected() -> io::Error {
    io::Error::other("injected input/output error")
}
