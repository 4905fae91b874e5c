//! What a disk loses although it was synced: bits and files. On one machine of a run only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ana_env::memory::{DiskImage, FileImage, MemoryDisk};

use crate::fault::{FileKind, Lost};
use crate::machine::Machine;

/// A header and its padding.
const HEADER_BYTES: u64 = 4096;
/// The checksum and the fields of a header lie in here; what follows is padding.
const HEADER_USED_BYTES: u64 = 128;

/// Flips one bit; false if there is no such file.
pub(super) fn flip(disk: &MemoryDisk, kind: FileKind, place: u64) -> bool {
    let image = disk.snapshot();
    let files: Vec<(&PathBuf, &FileImage)> = match kind {
        FileKind::Sealed => segments(&image, |newest| !newest),
        FileKind::Active => segments(&image, |newest| newest),
        FileKind::Header => segments(&image, |_| true),
        FileKind::Snapshot => named(&image, "snapshot-"),
    };
    let Some((path, file)) = pick(&files, place) else {
        return false;
    };
    let used = used_bytes(file);
    let range = match kind {
        FileKind::Sealed => HEADER_BYTES..used,
        // The last frames may be such that nothing vouches for them yet.
        FileKind::Active => HEADER_BYTES..HEADER_BYTES + used.saturating_sub(HEADER_BYTES) / 2,
        FileKind::Header => 0..HEADER_USED_BYTES,
        FileKind::Snapshot => 0..used,
    };
    let Some(width) = range.end.checked_sub(range.start).filter(|it| *it > 0) else {
        return false;
    };
    let offset = range.start + (place >> 16) % width;
    crate::trace::note(&format!("bit flip in {} at {offset}", path.display()));
    disk.flip_bit(path, offset).is_ok()
}

/// Loses a file of the machine, which is down; false if there is no such file.
pub(super) fn lose(machine: &Machine, lost: Lost, place: u64) -> bool {
    let image = machine.disk.snapshot();
    let files = match lost {
        Lost::Checkpoints => {
            machine.checkpoints.clear();
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

/// Bytes up to the last that is not zero.
fn used_bytes(file: &FileImage) -> u64 {
    let len = usize::try_from(file.len()).unwrap_or(usize::MAX);
    let bytes = file.read(0, len).unwrap_or_default();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |at| at as u64 + 1)
}

#[cfg(test)]
#[path = "damage/damage_test.rs"]
mod damage_test;
