//! What a disk loses although it was synced: bits and files. On one machine of a run only.
//!
//! Must stay true: a bit that flips is one that somebody has to notice, never padding or what a log has cut off
//! (`ana_log::damage` knows).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ana_env::Disk as _;
use ana_env::memory::{DiskImage, FileImage, MemoryDisk};
use ana_log::damage::{self, Part, Place};
use ana_raft::{Group, GroupHealth};
use ana_types::GroupId;

use crate::fault::{FileKind, Lost};
use crate::machine::{DATA_DIR, Machine};

/// Bytes on both sides of a flipped bit by which it is known again.
const AROUND_BYTES: u64 = 16;

/// A bit that has flipped, by what stands around it since.
#[derive(Debug)]
pub(super) struct Bit {
    kind: FileKind,
    path: PathBuf,
    /// Index of the entry that it is in, if it is in one.
    index: Option<u64>,
    from: u64,
    around: Vec<u8>,
}

impl Bit {
    /// Whether it is there still: nobody has removed the file, or written that part of it again.
    pub(super) fn is_on(&self, disk: &MemoryDisk) -> bool {
        let image = disk.snapshot();
        let file = image.iter().find(|(path, _)| **path == self.path);
        let now = file.and_then(|(_, file)| file.read(self.from, self.around.len()).ok());
        now.is_some_and(|now| now[..] == self.around[..])
    }

    /// Whether it is in a vote that counts no more: the segments behind it begin with a later one.
    pub(super) fn is_of_an_old_vote(&self, disk: &MemoryDisk) -> bool {
        self.kind == FileKind::Vote
            && segments(&disk.snapshot(), |newest| newest)
                .iter()
                .any(|(path, _)| path.parent() == self.path.parent() && **path > self.path)
    }

    /// Whether it is in an entry that its log has cut off since, or had when it flipped: only in memory then, as the
    /// disk still had it.
    pub(super) fn is_cut_off(&self, machine: &Machine) -> bool {
        let group = self.group(machine);
        let purged_index = group.and_then(|group| group.status().purged_index);
        self.index.is_some_and(|index| Some(index) <= purged_index)
    }

    /// Whether the replica that it belongs to knows that it is damaged, and waits for its repair.
    pub(super) fn is_known_to(&self, machine: &Machine) -> bool {
        let health = self.group(machine).map(|group| group.health());
        matches!(
            health,
            Some(GroupHealth::Corrupt { .. } | GroupHealth::Rejoining)
        )
    }

    fn group(&self, machine: &Machine) -> Option<Group> {
        let group = self.path.parent()?.file_name()?.to_str()?.parse().ok()?;
        machine.inside.groups()?.get(GroupId(group))
    }
}

impl fmt::Display for Bit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind {}", self.path.display(), self.from)
    }
}

/// Flips one bit; none if there is nothing of the kind that somebody would have to notice.
pub(super) fn flip(disk: &MemoryDisk, kind: FileKind, chance: u64) -> Option<Bit> {
    let places = places(disk, kind).ok()?;
    let places: Vec<&Place> = places.iter().collect();
    let place = pick(&places, chance)?;
    let offset = place.at + (chance >> 16) % place.len.max(1);
    crate::trace::note(&format!("bit flip in {} at {offset}", place.path.display()));
    disk.flip_bit(&place.path, offset).ok()?;
    let image = disk.snapshot();
    let (path, file) = image.iter().find(|(path, _)| **path == place.path)?;
    let from = offset.saturating_sub(AROUND_BYTES);
    let len = usize::try_from((offset + AROUND_BYTES).min(file.len()) - from).ok()?;
    Some(Bit {
        kind,
        path: path.clone(),
        index: place.index,
        from,
        around: file.read(from, len).ok()?.to_vec(),
    })
}

/// Where such a bit is, in the logs of all groups.
fn places(disk: &MemoryDisk, kind: FileKind) -> io::Result<Vec<Place>> {
    let part = match kind {
        FileKind::Entries => Part::Entries,
        FileKind::Vote => Part::Vote,
        FileKind::Snapshot => Part::Snapshot,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let groups = Path::new(DATA_DIR).join("groups");
        let mut places = Vec::new();
        for group in disk.list(&groups).await? {
            places.extend(damage::places(disk, &groups.join(&group.name), part).await?);
        }
        Ok(places)
    })
}

/// Loses a file of the machine, which is down; false if there is no such file.
pub(super) fn lose(machine: &Machine, lost: Lost, place: u64) -> bool {
    let image = machine.disk.snapshot();
    let files = match lost {
        Lost::Checkpoints => {
            machine.checkpoints.clear();
            return true;
        }
        Lost::Everything => {
            machine.checkpoints.clear();
            machine.inside.wipe();
            return true;
        }
        Lost::Sealed => segments(&image, |newest| !newest),
        Lost::Snapshot => named(&image, "snapshot-"),
    };
    let Some((path, _)) = pick(&files, place) else {
        return false;
    };
    crate::trace::note(&format!("{} is lost", path.display()));
    machine.disk.lose(path).is_ok()
}

fn pick<T: Copy>(all: &[T], place: u64) -> Option<T> {
    let at = usize::try_from(place % (all.len() as u64).max(1)).ok()?;
    all.get(at).copied()
}

fn named<'a>(image: &'a DiskImage, prefix: &str) -> Vec<(&'a PathBuf, &'a FileImage)> {
    let is = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        // What is being written under another name is not one yet.
        name.is_some_and(|name| name.starts_with(prefix) && !name.contains('.'))
    };
    image.iter().filter(|(path, _)| is(path)).collect()
}

/// Segments of all groups, by whether they are the newest of theirs.
fn segments(image: &DiskImage, wanted: impl Fn(bool) -> bool) -> Vec<(&PathBuf, &FileImage)> {
    let all = named(image, "segment-");
    let newest: BTreeMap<_, _> = all.iter().map(|(path, _)| (path.parent(), *path)).collect();
    let is_newest = |path: &PathBuf| newest.get(&path.parent()) == Some(&path);
    all.into_iter()
        .filter(|(path, _)| wanted(is_newest(path)))
        .collect()
}

#[cfg(test)]
#[path = "damage/damage_test.rs"]
mod damage_test;
