//! The mark of a replica whose log is damaged, in the group's directory from when its repair begins until the log was
//! set aside.
//!
//! Damage that is met while reading may not show at the next start. The leader may have taken the replica out of the
//! members by then: one that starts again and takes itself for sound would stay out for good, because nobody but itself
//! asks for it to be let in again.
//!
//! Must stay true: the mark is durable before a leader is asked to take the replica out.

use std::io;
use std::path::Path;

use ana_env::Disk;
use ana_env::disk::Open;
use ana_log::{Health, Log};
use bytes::Bytes;

const DAMAGED_FILE: &str = "damaged";
/// What a mark says whose text was lost.
const UNREADABLE: &str = "found by an earlier start";

/// Notes what is damaged, durably.
pub(crate) async fn save(disk: &dyn Disk, dir: &Path, what: &str) -> io::Result<()> {
    let file = disk.open(&dir.join(DAMAGED_FILE), Open::CREATE).await?;
    file.truncate(0).await?;
    let text = Bytes::copy_from_slice(what.as_bytes());
    file.write_sync_at(0, vec![text]).await?;
    disk.sync_dir(dir).await
}

/// Removes the mark; one that is not there is no error.
pub(crate) async fn clear(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match disk.remove_file(&dir.join(DAMAGED_FILE)).await {
        Ok(()) => disk.sync_dir(dir).await,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes a log that was opened for as damaged as it was when its repair began. `rejoins`: the repair had come so far that
/// the log was to be set aside.
pub(crate) async fn recall(
    disk: &dyn Disk,
    dir: &Path,
    log: &Log,
    rejoins: bool,
) -> io::Result<()> {
    let Some(what) = load(disk, dir).await? else {
        return Ok(());
    };
    let bounds = log.bounds();
    let is_new = bounds.last.is_none() && bounds.purged.is_none();
    if rejoins && is_new {
        // The start before ended between the two.
        return clear(disk, dir).await;
    }
    if !matches!(log.health(), Health::Corrupt { .. }) {
        log.declare_corrupt(what);
    }
    Ok(())
}

async fn load(disk: &dyn Disk, dir: &Path) -> io::Result<Option<String>> {
    let file = match disk.open(&dir.join(DAMAGED_FILE), Open::READ).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len().await?).map_err(io::Error::other)?;
    let text = file.read_at(0, len).await?;
    let what = String::from_utf8_lossy(&text).into_owned();
    Ok(Some(if what.is_empty() {
        UNREADABLE.to_owned()
    } else {
        what
    }))
}
