//! Damage hits what it says, and says when there is nothing to hit.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, TokioClock};
use ana_env::{Disk, Open, runtime};
use ana_log::{EntryId, Log, LogConfig, LogEntry};

use super::{Bit, FileKind, flip};

/// The log of a group with nine entries, a vote and a snapshot.
async fn fill(disk: &Arc<MemoryDisk>) {
    let shared: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    let config = LogConfig {
        settle_after: Duration::from_millis(1),
        ..LogConfig::default()
    };
    let dir = Path::new("/data/groups/7");
    let log = Log::open(shared, Arc::new(TokioClock::new(1)), dir, config).await;
    let log = log.expect("it opens");
    log.save_vote(vec![1, 2, 3].into()).await.expect("durable");
    for index in 1..=9 {
        let entry = LogEntry {
            id: EntryId {
                term: 1,
                node: 1,
                index,
            },
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
    let snapshot = vec![9; 50].into();
    log.save_snapshot(3, snapshot).await.expect("durable");
    log.shutdown().await;
}

fn disk() -> Arc<MemoryDisk> {
    let disk = Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(runtime::scope(1, fill(&disk)));
    disk
}

fn flipped(disk: &MemoryDisk, kind: FileKind, chance: u64) -> Bit {
    flip(disk, kind, chance).expect("there is such a place")
}

#[test]
fn a_flip_hits_what_it_says() {
    for (kind, name) in [
        (FileKind::Entries, "segment-"),
        (FileKind::Vote, "segment-"),
        (FileKind::Snapshot, "snapshot-"),
    ] {
        for chance in (0..20_u64).map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let disk = disk();
            let bit = flipped(&disk, kind, chance);
            assert!(bit.is_on(&disk), "{bit}");
            assert!(bit.to_string().contains(name), "{kind:?}: {bit}");
            let is_entry = bit.index.is_some_and(|index| (1..=9).contains(&index));
            assert_eq!(is_entry, kind == FileKind::Entries, "{kind:?}: {bit}");
        }
    }
    let empty = MemoryDisk::new(1, MemoryDiskOptions::default());
    assert!(flip(&empty, FileKind::Entries, 5).is_none());
}

#[test]
fn only_a_vote_is_replaced_by_a_later_segment() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    for (kind, is_replaced) in [(FileKind::Vote, true), (FileKind::Entries, false)] {
        let disk = disk();
        let bit = flipped(&disk, kind, 7);
        assert!(!bit.is_of_an_old_vote(&disk), "it is in the newest");
        let later = bit.path.with_file_name("segment-00000000000000ff");
        let made = runtime.block_on(disk.open(&later, Open::CREATE));
        made.expect("there is room");
        assert_eq!(bit.is_of_an_old_vote(&disk), is_replaced, "{kind:?}");
    }
}

#[test]
fn a_flip_is_gone_with_the_file_and_when_it_is_written_over() {
    let (damaged, lost) = (disk(), disk());
    let bit = flipped(&lost, FileKind::Snapshot, 7);
    lost.lose(&bit.path).expect("there");
    assert!(!bit.is_on(&lost));
    let bit = flipped(&damaged, FileKind::Snapshot, 7);
    let again = flipped(&damaged, FileKind::Snapshot, 7);
    assert!(again.is_on(&damaged) && !bit.is_on(&damaged));
}
