//! What a replica leaves behind on a node that it moves away from: the promises it had made.
//!
//! Its records go, but the group may come back to this node later, under the same id, with an empty log.
//! To the others it is the same member. One that was away all the while may still count on what this
//! node had voted for and confirmed: with an empty memory it would vote for a log that lacks what is
//! committed, or confirm entries of a leader that is none any more. So a small file stays:
//!
//! ```text
//!   left: its vote (term and candidate) and the last entry of its log
//! ```
//! A new replica in that directory begins with the vote, and until its log reaches as far as the old one did, it stands
//! in no election and votes only for those whose logs do. To all others it is as if it had never been away.
//!
//! Must stay true
//! - the file is durable before the first file of the log is removed; it goes only when a start has found that the log
//!   on the disk reaches as far, or with a log that is taken away on purpose (`rebuild`);
//! - where it is all that is there, it is everything that was ever promised here.

use std::io;
use std::path::Path;

use ana_env::Env;
use ana_env::disk::Disk;
use ana_log::{EntryId, Health, Log};
use serde::{Deserialize, Serialize};

use crate::entry::{seal, unseal};
use crate::error::GroupError;
use crate::group::Group;
use crate::marks;
use crate::open::make_dir;
use crate::status::GroupHealth;
use crate::types::LogId;

/// No log reaches as far.
const UNKNOWN: (u64, u64, u64) = (u64::MAX, u64::MAX, u64::MAX);
const LEFT_FILE: &str = "left";
const FRESH_FILE: &str = "left.unfinished";

/// What the replica had promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The files of the log may still be here, some or all: nothing in them counts any more.
    leaving: bool,
    /// As the log had it.
    vote: Option<Vec<u8>>,
    /// Term, leader and index of the last entry.
    last: Option<(u64, u64, u64)>,
}

impl Left {
    /// Reads the file of a group's directory.
    async fn load(env: &Env, dir: &Path) -> io::Result<Option<Self>> {
        let bytes = marks::read(&*env.disk, dir, LEFT_FILE).await?;
        Ok(bytes.map(|bytes| unseal(&bytes)).transpose()?)
    }

    /// Writes the file, durably; the old one or the new one is there at every moment.
    async fn save(&self, env: &Env, dir: &Path) -> io::Result<()> {
        marks::replace(&*env.disk, dir, FRESH_FILE, LEFT_FILE, seal(self)?).await
    }

    /// Whether the log of somebody who asks for a vote reaches as far as the one that left: that one would vote.
    pub(crate) fn is_met_by(&self, last: Option<&LogId>) -> bool {
        self.last <= last.map(|id| (id.leader_id.term, id.leader_id.node_id, id.index))
    }

    /// Whether a log reaches as far as the one that left.
    pub(crate) fn is_reached_by(&self, log: &Log) -> bool {
        self.last <= reach(log)
    }
}

/// The last entry of a log, cut off or not.
fn reach(log: &Log) -> Option<(u64, u64, u64)> {
    let bounds = log.bounds();
    let plain = |id: EntryId| (id.term, id.node, id.index);
    bounds.last.max(bounds.purged).map(plain)
}

/// Before a log is opened: the files of one that has left go.
pub(crate) async fn prepare(env: &Env, dir: &Path) -> io::Result<Option<Left>> {
    let Some(mut left) = Left::load(env, dir).await? else {
        return Ok(None);
    };
    if left.leaving {
        clear(env, dir).await?;
        left.leaving = false;
        left.save(env, dir).await?;
    }
    Ok(Some(left))
}

/// After a log is opened and before it is used: it begins with the promises of the one that left, or
/// has reached them. What is left to be reached is returned.
pub(crate) async fn restore(
    env: &Env,
    dir: &Path,
    left: Left,
    log: &Log,
) -> io::Result<Option<Left>> {
    if matches!(log.health(), Health::Corrupt { .. }) {
        return Ok(Some(left));
    }
    if let (None, Some(vote)) = (log.vote(), &left.vote) {
        let vote = vote.clone().into();
        log.save_vote(vote).await.map_err(io::Error::other)?;
    }
    if !left.is_reached_by(log) {
        return Ok(Some(left));
    }
    marks::remove(&*env.disk, dir, LEFT_FILE).await?;
    Ok(None)
}

/// Removes everything but the file that stays.
async fn clear(env: &Env, dir: &Path) -> io::Result<()> {
    for entry in env.disk.list(dir).await? {
        if entry.name != LEFT_FILE {
            env.disk.remove_file(&dir.join(&entry.name)).await?;
        }
    }
    env.disk.sync_dir(dir).await
}

/// Whether the replica that left can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It can: what it had promised is known.
    Clean,
    /// It must not: its log was damaged, so nobody knows what it had promised.
    Unknown,
}

impl Group {
    /// Ends this replica and removes its files, all but its promises. Only because a committed entry
    /// says that it has left this node.
    ///
    /// # Errors
    /// When the files cannot be written or removed; repeating it goes on where it stopped.
    pub async fn leave(&self) -> Result<Departure, GroupError> {
        let inner = &self.inner;
        let io = |source| GroupError::Io {
            group: inner.id,
            source,
        };
        // Damaged, wiped away, or begun anew after that and no voter since.
        let is_known = !matches!(
            self.health(),
            GroupHealth::Corrupt { .. } | GroupHealth::Rejoining
        );
        self.stop().await;
        let reached = reach(&inner.log);
        let left = Left {
            leaving: true,
            vote: inner.log.vote().map(|vote| vote.to_vec()),
            last: if is_known {
                // What an earlier one had promised counts until it is reached.
                let owed = inner.owed.as_ref().and_then(|owed| owed.last);
                reached.max(owed)
            } else {
                Some(UNKNOWN)
            },
        };
        left.save(&inner.env, &inner.dir).await.map_err(io)?;
        clear(&inner.env, &inner.dir).await.map_err(io)?;
        Ok(if is_known {
            Departure::Clean
        } else {
            Departure::Unknown
        })
    }
}

/// How the replica of a group's directory has left, when it has; none when it is still there. In a node that is
/// `rebuilt`, one that is missing was taken away, and what it had promised with it: that is noted, durably.
pub(crate) async fn departure(
    env: &Env,
    dir: &Path,
    rebuilt: bool,
) -> io::Result<Option<Departure>> {
    if has_replica(&*env.disk, dir).await? {
        return Ok(None);
    }
    Ok(Some(match Left::load(env, dir).await? {
        Some(left) if left.last == Some(UNKNOWN) => Departure::Unknown,
        None if rebuilt => {
            let left = Left {
                leaving: false,
                vote: None,
                last: Some(UNKNOWN),
            };
            make_dir(&*env.disk, dir).await?;
            left.save(env, dir).await?;
            Departure::Unknown
        }
        Some(_) | None => Departure::Clean,
    }))
}

/// Whether a group's directory holds a replica: anything but what one that has left leaves behind.
pub(crate) async fn has_replica(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    match disk.list(dir).await {
        Ok(entries) => Ok(entries.iter().any(|entry| entry.name != LEFT_FILE)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes a group's directory away, but for what a replica that is not there any more has left behind. Says whether
/// anything stays. The file goes first where there is a replica: it is older than what that one has promised, and must
/// not be all that a cut leaves of it.
pub(crate) async fn strip(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    if !has_replica(disk, dir).await? {
        let stays = !disk.list(dir).await?.is_empty();
        if !stays {
            disk.remove_dir_all(dir).await?;
        }
        return Ok(stays);
    }
    match disk.remove_file(&dir.join(LEFT_FILE)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.sync_dir(dir).await?;
    disk.remove_dir_all(dir).await?;
    Ok(false)
}
