//! What may be done to the files of a node that is down: taken away, damaged, torn.
//!
//! Must stay true: which bytes are hit is drawn from the seed that was given, and told.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ana_env::memory::SeededRng;
use ana_env::{Disk, Rng};
use ana_log::damage::{self, Part, Place};
use ana_raft::rebuild;

use super::lock::LOCK_FILE;

/// What a wipe leaves in the directory of a node: the lock, and whose directory it is.
pub const SPARED: &[&str] = &[LOCK_FILE, ana_router::identity::FILE];
/// Bytes of a write that is cut short at most.
pub const TORN_BYTES_MAX: u64 = 4 << 20;
/// Directories below that of the checkpoints that are looked into.
const DEPTH_MAX: usize = 4;

/// What may be done to the files of a node that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddle {
    /// Take all of them away. The node is filled again from the others.
    Wipe,
    /// Turn one bit over.
    FlipBit {
        /// In which kind of file.
        file: DamagedFile,
        /// Decides which.
        seed: u64,
    },
    /// Leave a write that was cut short behind the end of each log.
    TearTail {
        /// How many bytes of it are there.
        bytes: u64,
        /// Decides which.
        seed: u64,
    },
}

/// A kind of file that a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DamagedFile {
    /// Entries of a log: in a closed segment where there is one.
    Log,
    /// A vote.
    Vote,
    /// A snapshot.
    Snapshot,
    /// The checkpoints, which only make starts fast.
    Checkpoint,
}

impl DamagedFile {
    /// The names, as they are asked for.
    pub const NAMES: [(&str, DamagedFile); 4] = [
        ("log", DamagedFile::Log),
        ("vote", DamagedFile::Vote),
        ("snapshot", DamagedFile::Snapshot),
        ("checkpoint", DamagedFile::Checkpoint),
    ];

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<DamagedFile> {
        let found = DamagedFile::NAMES.into_iter().find(|(it, _)| *it == name);
        found.map(|(_, file)| file)
    }
}

impl fmt::Display for DamagedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DamagedFile::NAMES.into_iter().find(|(_, it)| it == self);
        f.pad(name.map_or("", |(name, _)| name))
    }
}

impl Meddle {
    /// Does it to the directory of a node that is down; says what was done.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn carry_out(self, disk: &dyn Disk, node: u64, dir: &Path) -> Result<String, String> {
        let done = match self {
            Meddle::Wipe => wipe(disk, dir).await,
            Meddle::FlipBit { file, seed } => flip(disk, dir, file, seed).await,
            Meddle::TearTail { bytes, seed } => tear(disk, dir, bytes, seed).await,
        };
        match done {
            Ok(Some(what)) => Ok(format!("node {node}: {what}")),
            Ok(None) => Err(format!(
                "node {node} has nothing of the kind that could be damaged"
            )),
            Err(error) => Err(format!(
                "the files of node {node} cannot be changed: {error}"
            )),
        }
    }
}

async fn wipe(disk: &dyn Disk, dir: &Path) -> io::Result<Option<String>> {
    rebuild::mark(disk, dir).await?;
    rebuild::wipe(disk, dir, SPARED).await?;
    Ok(Some("all data are gone".to_owned()))
}

/// The directories of the groups below that of a node, by their numbers.
async fn groups(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let groups = dir.join("groups");
    let entries = match disk.list(&groups).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut ids: Vec<u64> = entries
        .iter()
        .filter(|entry| entry.is_dir)
        .filter_map(|entry| entry.name.parse().ok())
        .collect();
    ids.sort_unstable();
    Ok(ids.iter().map(|id| groups.join(id.to_string())).collect())
}

async fn flip(
    disk: &dyn Disk,
    dir: &Path,
    file: DamagedFile,
    seed: u64,
) -> io::Result<Option<String>> {
    let part = match file {
        DamagedFile::Log => Some(Part::Entries),
        DamagedFile::Vote => Some(Part::Vote),
        DamagedFile::Snapshot => Some(Part::Snapshot),
        DamagedFile::Checkpoint => None,
    };
    let mut places = Vec::new();
    match part {
        Some(part) => {
            for group in groups(disk, dir).await? {
                places.extend(damage::places(disk, &group, part).await?);
            }
        }
        None => places.extend(checkpoints(disk, dir).await?),
    }
    let rng = SeededRng::new(seed);
    let Some(place) = draw(&places, &rng) else {
        return Ok(None);
    };
    let (at, bit) = damage::flip(disk, place, &rng).await?;
    let name = name_in(dir, &place.path);
    Ok(Some(format!(
        "bit {bit} of byte {at} of {name} is turned over"
    )))
}

fn draw<'a>(places: &'a [Place], rng: &dyn Rng) -> Option<&'a Place> {
    let count = u64::try_from(places.len())
        .ok()
        .filter(|count| *count > 0)?;
    let drawn = usize::try_from(rng.next_u64() % count).ok()?;
    places.get(drawn)
}

/// The files of the checkpoints, which are not ours: any of their bytes.
async fn checkpoints(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Place>> {
    let mut open = vec![(dir.join("checkpoints"), 0)];
    let mut places = Vec::new();
    while let Some((dir, depth)) = open.pop() {
        let entries = match disk.list(&dir).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = dir.join(&entry.name);
            if entry.is_dir && depth < DEPTH_MAX {
                open.push((path, depth + 1));
            } else if !entry.is_dir && entry.len > 0 {
                places.push(Place {
                    path,
                    at: 0,
                    len: entry.len,
                    index: None,
                });
            }
        }
    }
    places.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(places)
}

async fn tear(disk: &dyn Disk, dir: &Path, bytes: u64, seed: u64) -> io::Result<Option<String>> {
    let rng = SeededRng::new(seed);
    let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
    let mut torn = Vec::new();
    for group in groups(disk, dir).await? {
        let place = damage::tear(disk, &group, bytes, &rng).await?;
        torn.extend(place.map(|place| format!("{} at {}", name_in(dir, &place.path), place.at)));
    }
    let what = || {
        format!(
            "a write was cut short after {bytes} bytes in {}",
            torn.join(", ")
        )
    };
    Ok((!torn.is_empty()).then(what))
}

/// A file by its name below the directory of its node.
fn name_in(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ana_env::memory::{MemoryDisk, MemoryDiskOptions, TokioClock};
    use ana_env::{Open, runtime};
    use ana_log::{EntryId, Health, Log, LogConfig, LogEntry};
    use std::sync::Arc;

    use super::*;

    /// Two groups with some entries, a vote and a snapshot each, closed in order, and a checkpoint.
    async fn node() -> Arc<dyn Disk> {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default()));
        for group in [7_u64, 30] {
            let log = open(&disk, group).await;
            log.save_vote(vec![1, 2, 3].into()).await.expect("durable");
            for index in 1..=9 {
                let id = EntryId {
                    term: 1,
                    node: 1,
                    index,
                };
                let entry = LogEntry {
                    id,
                    kind: 0,
                    marks: Arc::from([]),
                    payload: vec![7; 100].into(),
                };
                let (done, durable) = tokio::sync::oneshot::channel();
                let tell = move |result: io::Result<()>| {
                    done.send(result.is_ok()).expect("somebody waits");
                };
                log.append(vec![entry], Box::new(tell)).expect("room");
                assert!(durable.await.expect("answered"));
            }
            log.save_snapshot(3, vec![9; 50].into())
                .await
                .expect("durable");
            log.shutdown().await;
        }
        let checkpoints = Path::new("/node-1/checkpoints");
        disk.create_dir_all(checkpoints).await.expect("room");
        let file = disk.open(&checkpoints.join("db"), Open::CREATE).await;
        let file = file.expect("room");
        file.write_at(0, vec![vec![5; 64].into()])
            .await
            .expect("room");
        disk
    }

    async fn open(disk: &Arc<dyn Disk>, group: u64) -> Log {
        let dir = format!("/node-1/groups/{group}");
        let clock = Arc::new(TokioClock::new(1));
        let config = LogConfig {
            settle_after: Duration::from_millis(1),
            ..LogConfig::default()
        };
        let log = Log::open(Arc::clone(disk), clock, Path::new(&dir), config).await;
        log.expect("it opens")
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        runtime
            .expect("a runtime")
            .block_on(runtime::scope(1, test));
    }

    /// Whether a log of the node has noticed damage, when it is opened or read.
    async fn is_noticed(disk: &Arc<dyn Disk>) -> bool {
        let mut noticed = false;
        for group in [7, 30] {
            let log = open(disk, group).await;
            let read = log.read(1..10, usize::MAX).await;
            let snapshot = log.load_snapshot().await;
            noticed |= read.is_err() || snapshot.is_err();
            noticed |= matches!(log.health(), Health::Corrupt { .. });
            log.shutdown().await;
        }
        noticed
    }

    #[test]
    fn each_kind_of_file_is_damaged_by_a_seed_and_noticed() {
        run(async {
            let dir = Path::new("/node-1");
            for (name, file) in DamagedFile::NAMES {
                let (mut said, mut hit) = (Vec::new(), Vec::new());
                for seed in [1, 1, 2, 3, 4, 5] {
                    let disk = node().await;
                    let flip = Meddle::FlipBit { file, seed };
                    let done = flip.carry_out(&*disk, 1, dir).await.expect("damaged");
                    assert!(done.starts_with("node 1: bit "), "{done}");
                    let noticed = is_noticed(&disk).await;
                    // What can be rebuilt has its own checksums.
                    assert_eq!(noticed, name != "checkpoint", "{done}");
                    hit.push(done.contains("groups/30/"));
                    said.push(done);
                }
                assert_eq!(said[0], said[1], "the seed decides");
                assert_ne!(said[0], said[2]);
                let spread = hit.iter().any(|it| *it) && !hit.iter().all(|it| *it);
                assert_eq!(
                    spread,
                    name != "checkpoint",
                    "every group may be hit: {said:?}"
                );
            }
        });
    }

    #[test]
    fn torn_writes_are_cut_off_and_nothing_is_said_to_be_damaged_where_nothing_is() {
        run(async {
            let dir = Path::new("/node-1");
            let disk = node().await;
            let tear = Meddle::TearTail {
                bytes: 300,
                seed: 1,
            };
            let done = tear.carry_out(&*disk, 1, dir).await.expect("torn");
            assert!(
                done.contains("groups/7/") && done.contains("groups/30/"),
                "{done}"
            );
            assert!(!is_noticed(&disk).await, "{done}");

            let wiped = Meddle::Wipe.carry_out(&*disk, 1, dir).await;
            assert_eq!(wiped, Ok("node 1: all data are gone".to_owned()));
            for file in [
                DamagedFile::Log,
                DamagedFile::Snapshot,
                DamagedFile::Checkpoint,
            ] {
                let flip = Meddle::FlipBit { file, seed: 1 };
                let none = flip.carry_out(&*disk, 1, dir).await;
                assert!(none.expect_err("nothing is there").contains("has nothing"));
            }
        });
    }
}
