//! The snapshot file: what a replica starts from when the entries before it are purged.
//!
//! `snapshot-<index>` appears under its name only when it is complete and synced, and the one
//! before is removed only after that. A snapshot that does not verify makes the log corrupt: the
//! entries it stood for are gone, and an older one is no substitute.

use std::io;
use std::path::Path;

use ana_env::Open;
use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};

use crate::codec::{Put, Take};
use crate::segment::{FileName, UNFINISHED_SUFFIX, classify, snapshot_name};
use crate::state::Shared;
use crate::{Health, LogError, retention};

const MAGIC: &[u8; 8] = b"ANASNAP1";
/// Magic, index, length.
const HEAD_BYTES: usize = 24;
const SUM_BYTES: usize = 4;

pub(crate) async fn save(shared: &Shared, index: u64, data: Bytes) -> Result<(), LogError> {
    let _one_at_a_time = shared.snapshots.lock().await;
    let refusal = shared.state().refusal();
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let mut result = write(shared, index, &data).await;
    if is_full(&result) {
        let _no_other_takes_it = shared.allocation.lock().await;
        let released = retention::release_reserve(shared).await;
        if released.map_err(LogError::io("releasing the reserve"))? {
            result = write(shared, index, &data).await;
        }
    }
    match result {
        Ok(()) => Ok(()),
        Err(_) if is_full(&result) => Err(LogError::Full),
        Err(error) => {
            let why = format!("writing snapshot {index}: {error}");
            let mut state = shared.state();
            if state.verdict == Health::Ok {
                tracing::error!(dir = %shared.dir.display(), %why, "the log can not be written any more");
                shared.judge(&mut state, Health::Failed { why: why.clone() });
            }
            Err(LogError::Failed { why })
        }
    }
}

fn is_full<T>(result: &io::Result<T>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
}

async fn write(shared: &Shared, index: u64, data: &Bytes) -> io::Result<()> {
    let (disk, dir) = (&shared.disk, &shared.dir);
    let name = snapshot_name(index);
    let unfinished = dir.join(format!("{name}{UNFINISHED_SUFFIX}"));
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.put_raw(MAGIC);
    head.put_64(index);
    head.put_64(data.len() as u64);
    let sum = crc32c_append(crc32c(&head), data).to_le_bytes().to_vec();
    let file = disk.open(&unfinished, Open::CREATE).await?;
    file.truncate(0).await?;
    let pieces = vec![head.into(), data.clone(), sum.into()];
    if let Err(error) = file.write_sync_at(0, pieces).await {
        if let Err(left) = disk.remove_file(&unfinished).await {
            tracing::warn!(path = %unfinished.display(), %left, "an unfinished file could not be removed");
        }
        return Err(error);
    }
    disk.rename(&unfinished, &dir.join(&name)).await?;
    disk.sync_dir(dir).await?;
    let mut others = false;
    for entry in disk.list(dir).await? {
        if matches!(classify(&entry.name), FileName::Snapshot(other) if other != index) {
            disk.remove_file(&dir.join(&entry.name)).await?;
            others = true;
        }
    }
    // Otherwise one with a higher index could come back and count as the newest.
    if others {
        disk.sync_dir(dir).await?;
    }
    Ok(())
}

/// The newest snapshot; damage makes the log corrupt.
pub(crate) async fn load(shared: &Shared) -> Result<Option<(u64, Bytes)>, LogError> {
    let _one_at_a_time = shared.snapshots.lock().await;
    let list = shared.disk.list(&shared.dir).await;
    let indexes = list.map_err(LogError::io("listing the directory"))?;
    let newest = indexes
        .iter()
        .filter_map(|entry| match classify(&entry.name) {
            FileName::Snapshot(index) => Some(index),
            _ => None,
        });
    let Some(index) = newest.max() else {
        return Ok(None);
    };
    let path = shared.dir.join(snapshot_name(index));
    let read = read(shared, &path, index)
        .await
        .map_err(LogError::io("reading a snapshot"))?;
    match read {
        Some(data) => Ok(Some((index, data))),
        None => Err(shared.corrupt(damage(index))),
    }
}

fn damage(index: u64) -> String {
    format!("snapshot {index} does not verify")
}

/// Looks at the newest of these snapshots; the inner error names the damage.
pub(crate) async fn verify_newest(
    shared: &Shared,
    indexes: &[u64],
) -> Result<Result<(), String>, LogError> {
    let Some(index) = indexes.iter().copied().max() else {
        return Ok(Ok(()));
    };
    let path = shared.dir.join(snapshot_name(index));
    let read = read(shared, &path, index)
        .await
        .map_err(LogError::io("reading a snapshot"))?;
    Ok(read.map(|_| ()).ok_or_else(|| damage(index)))
}

/// The data in a snapshot file; `None` if it does not verify.
async fn read(shared: &Shared, path: &Path, index: u64) -> io::Result<Option<Bytes>> {
    let file = shared.disk.open(path, Open::READ).await?;
    let Ok(len) = usize::try_from(file.len().await?) else {
        return Ok(None);
    };
    let bytes = file.read_at(0, len).await?;
    Ok(verify(&bytes, index))
}

fn verify(bytes: &Bytes, index: u64) -> Option<Bytes> {
    let mut fields = Take(bytes);
    let magic = fields.raw(MAGIC.len())?;
    let (at, len) = (fields.u64()?, usize::try_from(fields.u64()?).ok()?);
    let whole = HEAD_BYTES.checked_add(len)?.checked_add(SUM_BYTES)?;
    if magic != MAGIC || at != index || bytes.len() != whole {
        return None;
    }
    let (body, sum) = bytes.split_at_checked(HEAD_BYTES + len)?;
    (crc32c(body).to_le_bytes() == sum).then(|| bytes.slice(HEAD_BYTES..HEAD_BYTES + len))
}
