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
use ana_log::{Health, Log};
use bytes::Bytes;

use crate::marks;

const DAMAGED_FILE: &str = "damaged";
/// What a mark says whose text was lost.
const UNREADABLE: &str = "found by an earlier start";

/// Notes what is damaged, durably.
pub(crate) async fn save(disk: &dyn Disk, dir: &Path, what: &str) -> io::Result<()> {
    let text = Bytes::copy_from_slice(what.as_bytes());
    marks::write(disk, dir, DAMAGED_FILE, text).await
}

/// Removes the mark; one that is not there is no error.
pub(crate) async fn clear(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match marks::remove(disk, dir, DAMAGED_FILE).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
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
    let text = marks::read(disk, dir, DAMAGED_FILE).await?;
    Ok(text.map(|text| match String::from_utf8_lossy(&text) {
        torn if torn.is_empty() => UNREADABLE.to_owned(),
        what => what.into_owned(),
    }))
}
