//! A node whose data were taken away, to be filled again from the others under its old id.
//!
//! Its logs and votes are gone, so it no longer knows what it promised. An empty replica must not be mistaken for a
//! new one: it would vote a second time in a term, and deny entries that it had confirmed. Hence marks, each durable
//! before the next step:
//!
//! ```text
//!   1 `wipe`     in the node's directory: everything else in it is to go, and may be half gone
//!   2 `rebuild`  in its place: everything is gone
//!   3 `lost`     in the directory of each group that is opened then: this replica was here before. It does not run,
//!                does not vote, and is repaired like a damaged one (see `repair`), which ends with this mark gone
//!   4 no mark    when every replica of the node is whole again
//! ```
//! Must stay true
//! - with `rebuild`, a group whose directory is empty was lost, never new. One that moves away without ever having been
//!   opened leaves a `left` that says so (see `left`), because it may come back when the mark is gone;
//! - what replicas that had moved away before have left behind stays: it is all that they had promised, and nobody
//!   repairs what is not there;
//! - only [`mark`] begins this: a directory that is empty for another reason is that of a new node, and a node that
//!   lost its folder must come back under a new id.

use std::io;
use std::path::Path;

use ana_env::Disk;
use bytes::Bytes;

use crate::config::GROUPS_DIR;
use crate::{left, marks};

/// Everything else in the directory is to go.
const WIPE_FILE: &str = "wipe";
/// Replicas that are missing were lost.
const REBUILD_FILE: &str = "rebuild";
/// A replica that was lost.
const LOST_FILE: &str = "lost";

/// What a lost replica says of itself.
pub(crate) const LOST: &str = "the node was wiped, and what this replica promised went with it";

/// Begins a wipe of the directory of a node that does not run. Its data are lost from here on.
///
/// # Errors
/// When the mark cannot be made durable; then nothing was lost.
pub async fn mark(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    marks::write(disk, data_dir, WIPE_FILE, Bytes::new()).await
}

/// Whether a wipe was begun and not finished.
///
/// # Errors
/// When the directory cannot be read.
pub async fn is_marked(disk: &dyn Disk, data_dir: &Path) -> io::Result<bool> {
    marks::is_there(disk, data_dir, WIPE_FILE).await
}

/// Does what a mark asks for: removes what the directory of a node that does not run holds, but files of the names
/// `spared` and what replicas that had moved away have left behind. Says whether there was a mark. Repeating it goes on where it stopped.
///
/// # Errors
/// When something cannot be removed; the mark stays then.
pub async fn wipe(disk: &dyn Disk, data_dir: &Path, spared: &[&str]) -> io::Result<bool> {
    if !is_marked(disk, data_dir).await? {
        return Ok(false);
    }
    for entry in disk.list(data_dir).await? {
        if entry.name == WIPE_FILE || spared.contains(&entry.name.as_str()) {
            continue;
        }
        let path = data_dir.join(&entry.name);
        if entry.is_dir && entry.name == GROUPS_DIR {
            strip_groups(disk, &path).await?;
        } else if entry.is_dir {
            disk.remove_dir_all(&path).await?;
        } else {
            disk.remove_file(&path).await?;
        }
    }
    disk.sync_dir(data_dir).await?;
    let (from, to) = (data_dir.join(WIPE_FILE), data_dir.join(REBUILD_FILE));
    disk.rename(&from, &to).await?;
    disk.sync_dir(data_dir).await?;
    Ok(true)
}

/// Takes the replicas of a node away.
async fn strip_groups(disk: &dyn Disk, groups_dir: &Path) -> io::Result<()> {
    let mut something_stays = false;
    for entry in disk.list(groups_dir).await? {
        let path = groups_dir.join(&entry.name);
        if entry.is_dir {
            something_stays |= left::strip(disk, &path).await?;
        } else {
            disk.remove_file(&path).await?;
        }
    }
    if something_stays {
        return disk.sync_dir(groups_dir).await;
    }
    disk.remove_dir_all(groups_dir).await
}

/// Whether replicas that are missing in the directory of a node were lost.
///
/// # Errors
/// When the directory cannot be read.
pub async fn is_under_way(disk: &dyn Disk, data_dir: &Path) -> io::Result<bool> {
    marks::is_there(disk, data_dir, REBUILD_FILE).await
}

/// Every replica is whole again: one that is missing from now on is new.
pub(crate) async fn end(disk: &dyn Disk, data_dir: &Path) -> io::Result<()> {
    marks::remove(disk, data_dir, REBUILD_FILE).await
}

/// Notes that the replica of this directory was lost.
pub(crate) async fn mark_lost(disk: &dyn Disk, group_dir: &Path) -> io::Result<()> {
    marks::write(disk, group_dir, LOST_FILE, Bytes::new()).await
}

/// Whether the replica of this directory was lost, and has not begun anew.
pub(crate) async fn is_lost(disk: &dyn Disk, group_dir: &Path) -> io::Result<bool> {
    marks::is_there(disk, group_dir, LOST_FILE).await
}

/// The replica begins anew; another mark says from where on it may vote.
pub(crate) async fn clear_lost(disk: &dyn Disk, group_dir: &Path) -> io::Result<()> {
    marks::remove(disk, group_dir, LOST_FILE).await
}
