//! Disks that are full, fail or are slow; and the bounds of the queue.

use crate::common;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_env::memory::MemoryDisk;
use ana_env::{Disk, Open, time};
use ana_log::{Health, Log, LogConfig, LogError};
use bytes::Bytes;
use common::{DIR, all, append, append_later, entry, id, memory, open, run, small, try_open, vote};

#[test]
fn a_failed_sync_ends_all_writing() {
    run(1, async {
        let disk = memory(1);
        let log = open(&disk).await;
        append(&log, vec![entry(1, 1, 100)]).await.expect("durable");
        log.save_vote(vote(1)).await.expect("durable");
        disk.fail_next_sync(1);
        let first = append_later(&log, vec![entry(1, 2, 100)]).expect("queued");
        let second = append_later(&log, vec![entry(1, 3, 100)]).expect("queued");
        assert!(first.await.expect("answered").is_err());
        assert!(second.await.expect("answered").is_err());
        assert!(matches!(log.health(), Health::Failed { .. }));
        // The disk works again, but nobody knows what it holds.
        assert!(matches!(
            append(&log, vec![entry(1, 4, 1)]).await,
            Err(LogError::Failed { .. })
        ));
        assert!(matches!(
            log.save_vote(vote(2)).await,
            Err(LogError::Failed { .. })
        ));
        assert!(matches!(
            log.truncate_after(None).await,
            Err(LogError::Failed { .. })
        ));
        assert!(matches!(
            log.purge_upto(id(1, 1)).await,
            Err(LogError::Failed { .. })
        ));
        let saved = log.save_snapshot(1, Bytes::new()).await;
        assert!(matches!(saved, Err(LogError::Failed { .. })));
        assert!(matches!(
            log.repair_discard().await,
            Err(LogError::NotCorrupt)
        ));
        assert_eq!(
            log.read(1..2, 1000).await.expect("readable")[0],
            entry(1, 1, 100)
        );
        log.shutdown().await;
        disk.crash();
        let log = open(&disk).await;
        assert_eq!(log.health(), Health::Ok);
        assert_eq!(log.vote(), Some(vote(1)));
        assert_eq!(all(&log).await[0], entry(1, 1, 100));
    });
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_written_again() {
    // The kernel forgets that pages are dirty when their write fails, so that a later sync of the
    // next process succeeds without having written them.
    for seed in 0..20 {
        run(seed, async {
            let disk = memory(seed);
            let log = open(&disk).await;
            append(&log, vec![entry(1, 1, 3000)])
                .await
                .expect("durable");
            disk.fail_next_sync(1);
            append(&log, vec![entry(1, 2, 3000)])
                .await
                .expect_err("the sync fails");
            drop(log);
            let log = open(&disk).await;
            let shown = all(&log).await;
            drop(log);
            disk.crash();
            let log = open(&disk).await;
            assert_eq!(all(&log).await, shown, "seed {seed}: what was shown stays");
        });
    }
}

#[test]
fn a_failed_sync_of_the_directory_ends_all_writing() {
    run(2, async {
        let disk = memory(2);
        let log = open(&disk).await;
        disk.fail_next_sync_dir(1);
        let mut failed = false;
        for index in 1..=60 {
            failed |= append(&log, vec![entry(1, index, 1000)]).await.is_err();
            if failed {
                break;
            }
        }
        assert!(failed, "the next segment needs its directory entry");
        assert!(
            matches!(log.health(), Health::Failed { .. }),
            "{:?}",
            log.health()
        );
    });
}

/// Fills a file outside of the log, so that the disk has this much left.
async fn leave(disk: &MemoryDisk, free: u64) {
    let path = Path::new("/data/other");
    let file = disk.open(path, Open::CREATE).await.expect("opens");
    file.truncate(0).await.expect("gives back");
    let space = disk.space(Path::new("/data")).await.expect("known");
    file.allocate(space.free_bytes - free)
        .await
        .expect("there is room");
}

async fn wait_for(log: &Log, health: Health) {
    for _ in 0..100 {
        if log.health() == health {
            return;
        }
        time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(log.health(), health);
}

#[test]
fn above_the_limit_entries_are_refused_and_the_rest_goes_on() {
    run(3, async {
        let disk = memory(3);
        disk.set_capacity(1 << 20);
        let log = open(&disk).await;
        for index in 1..=50 {
            append(&log, vec![entry(1, index, 1000)])
                .await
                .expect("durable");
        }
        leave(&disk, 90 << 10).await;
        time::sleep(Duration::from_secs(1)).await;
        append(&log, vec![entry(1, 51, 10)])
            .await
            .expect("makes the log look at the disk");
        wait_for(&log, Health::Full).await;
        let refused = append(&log, vec![entry(1, 52, 9000)]).await;
        assert!(matches!(refused, Err(LogError::Full)), "{refused:?}");
        append(&log, vec![entry(1, 52, 100)])
            .await
            .expect("small ones pass");
        log.save_vote(vote(4)).await.expect("votes pass");
        log.truncate_after(Some(50))
            .await
            .expect("truncations pass");
        log.save_snapshot(30, Bytes::from(vec![1; 1000]))
            .await
            .expect("snapshots pass");
        log.purge_upto(id(1, 30)).await.expect("purges pass");
        assert_eq!(log.health(), Health::Full, "still too little room");
        leave(&disk, 300 << 10).await;
        wait_for(&log, Health::Ok).await;
        append(&log, vec![entry(2, 51, 9000)])
            .await
            .expect("healed without a restart");
    });
}

#[test]
fn without_room_for_the_next_segment_votes_and_purges_still_pass() {
    run(4, async {
        let disk = memory(4);
        let config = LogConfig {
            full_at_permille: 1000,
            spare_segments: 0,
            ..small()
        };
        let log = try_open(&disk, config.clone()).await.expect("opens");
        for index in 1..=150 {
            append(&log, vec![entry(1, index, 1000)])
                .await
                .expect("durable");
        }
        leave(&disk, 0).await;
        let mut index = 151;
        while log.health() == Health::Ok {
            append(&log, vec![entry(1, index, 1000)])
                .await
                .expect("what is accepted is kept");
            time::sleep(Duration::from_millis(10)).await;
            index += 1;
            assert!(index < 190, "noticed before the segment is full");
        }
        assert_eq!(log.health(), Health::Full);
        for number in 0..20 {
            log.save_vote(vote(number)).await.expect("votes pass");
        }
        let last = log.bounds().last.expect("not empty");
        append(&log, vec![entry(1, last.index + 1, 200)])
            .await
            .expect("the trim command passes");
        log.save_snapshot(130, Bytes::from(vec![1; 5000]))
            .await
            .expect("takes the reserve");
        log.purge_upto(id(1, 130)).await.expect("purges pass");
        wait_for(&log, Health::Ok).await;
        let last = log.bounds().last.expect("not empty");
        append(&log, vec![entry(1, last.index + 1, 1000)])
            .await
            .expect("healed");
        let held = all(&log).await;
        assert_eq!(held.first().map(|entry| entry.id.index), Some(131));
        drop(log);
        disk.crash();
        let log = try_open(&disk, config).await.expect("opens");
        assert_eq!(all(&log).await, held);
        assert_eq!(log.vote(), Some(vote(19)));
    });
}

#[test]
fn accepted_entries_wait_for_room_rather_than_fail() {
    run(5, async {
        let disk = memory(5);
        let log = open(&disk).await;
        append(&log, vec![entry(1, 1, 100)]).await.expect("durable");
        disk.fail_writes(Some(ErrorKind::StorageFull));
        let mut waiting = append_later(&log, vec![entry(1, 2, 500)]).expect("accepted");
        let early = time::timeout(Duration::from_secs(5), &mut waiting).await;
        assert!(early.is_err(), "neither done nor failed");
        assert_eq!(log.health(), Health::Full);
        let refused = append(&log, vec![entry(1, 3, 10)]).await;
        assert!(
            matches!(refused, Err(LogError::Full)),
            "nothing passes a waiting write"
        );
        disk.fail_writes(None);
        waiting.await.expect("answered").expect("durable");
        wait_for(&log, Health::Ok).await;
        append(&log, vec![entry(1, 3, 10)]).await.expect("durable");
        drop(log);
        disk.crash();
        assert_eq!(all(&open(&disk).await).await.len(), 3);
    });
}

#[test]
fn closing_does_not_wait_for_room() {
    run(6, async {
        let disk = memory(6);
        let log = open(&disk).await;
        disk.fail_writes(Some(ErrorKind::StorageFull));
        let waiting = append_later(&log, vec![entry(1, 1, 500)]).expect("accepted");
        time::sleep(Duration::from_secs(1)).await;
        log.shutdown().await;
        assert!(waiting.await.expect("answered").is_err());
    });
}

#[test]
fn a_purge_that_meets_the_end_is_answered() {
    run(12, async {
        let disk = memory(12);
        let log = Arc::new(open(&disk).await);
        for index in 1..=60 {
            append(&log, vec![entry(1, index, 900)])
                .await
                .expect("durable");
        }
        let purging = Arc::clone(&log);
        let purge = ana_env::runtime::spawn(async move { purging.purge_upto(id(1, 50)).await });
        tokio::task::yield_now().await;
        log.shutdown().await;
        let answer = time::timeout(Duration::from_secs(10), purge).await;
        answer
            .expect("answered")
            .expect("no panic")
            .expect("it was queued before the end");
    });
}

#[test]
fn the_queue_is_bounded() {
    run(7, async {
        let disk = memory(7);
        let config = LogConfig {
            queue_max: 10,
            ..small()
        };
        let log = try_open(&disk, config).await.expect("opens");
        let mut waits = Vec::new();
        for index in 1..=10 {
            waits.push(append_later(&log, vec![entry(1, index, 10)]).expect("queued"));
        }
        let refused = append_later(&log, vec![entry(1, 11, 10)]);
        assert!(matches!(refused, Err(LogError::Busy)));
        for wait in waits {
            wait.await.expect("answered").expect("durable");
        }
        append(&log, vec![entry(1, 11, 10)])
            .await
            .expect("there is room again");
    });
}

#[test]
fn what_waits_is_written_together() {
    run(8, async {
        let disk = memory(8);
        let log = open(&disk).await;
        let start = time::now();
        let waits: Vec<_> = (1..=50)
            .map(|index| append_later(&log, vec![entry(1, index, 100)]).expect("queued"))
            .collect();
        log.save_vote(vote(1)).await.expect("durable");
        for wait in waits {
            wait.await.expect("answered").expect("durable");
        }
        // One sync takes at most a millisecond on this disk.
        assert!(
            start.elapsed() < Duration::from_millis(3),
            "{:?}",
            start.elapsed()
        );
    });
}

#[test]
fn unfit_entries_and_votes_are_refused() {
    run(9, async {
        let disk = memory(9);
        let log = open(&disk).await;
        let mut outside = common::marked(1, 1, 100, &[(1, 1)]);
        let mut marks = outside.marks.to_vec();
        marks[0].len = 101;
        outside.marks = marks.into();
        let refused = append(&log, vec![outside]).await;
        assert!(matches!(refused, Err(LogError::Unfit { index: 1 })));
        let refused = log.save_vote(Bytes::from(vec![0; 5000])).await;
        assert!(matches!(refused, Err(LogError::Unfit { .. })));
        assert_eq!(log.health(), Health::Ok);
    });
}

#[test]
fn purged_segments_are_recycled_and_their_old_frames_stay_dead() {
    run(10, async {
        let disk = memory(10);
        let log = open(&disk).await;
        let mut next = 1;
        let mut recycled = false;
        for round in 0..6_u64 {
            for _ in 0..100 {
                append(&log, vec![entry(round, next, 900)])
                    .await
                    .expect("durable");
                next += 1;
            }
            log.purge_upto(id(round, next - 5)).await.expect("purged");
            let files = disk.list(Path::new(DIR)).await.expect("lists");
            recycled |= files.iter().any(|file| file.name.starts_with("spare-"));
        }
        assert!(recycled);
        let used = disk.used_bytes();
        assert!(used < 8 * (32 << 10), "{used} bytes stay in use");
        let held = all(&log).await;
        for seed in 0..10 {
            let _ = seed;
            append(&log, vec![entry(9, next, 50)])
                .await
                .expect("durable");
            next += 1;
        }
        drop(log);
        disk.crash();
        let log = open(&disk).await;
        assert_eq!(log.health(), Health::Ok);
        let found = all(&log).await;
        assert_eq!(found[..held.len()], held[..]);
        assert_eq!(found.len(), held.len() + 10);
    });
}

#[test]
fn a_segment_is_not_recycled_under_a_reader() {
    run(11, async {
        let disk = memory(11);
        let log = Arc::new(open(&disk).await);
        for index in 1..=150 {
            append(&log, vec![entry(1, index, 900)])
                .await
                .expect("durable");
        }
        let mut readers = Vec::new();
        for start in 1..=30_u64 {
            let log = Arc::clone(&log);
            readers.push(ana_env::runtime::spawn(async move {
                for round in 0..50 {
                    let got = log
                        .read(start..start + 60, 1 << 20)
                        .await
                        .expect("never corrupt");
                    for found in got {
                        let index = found.id.index;
                        assert_eq!(found, entry(1, index, 900), "round {round}");
                    }
                    time::sleep(Duration::from_micros(100)).await;
                }
            }));
        }
        for upto in (10..140).step_by(10) {
            log.purge_upto(id(1, upto)).await.expect("purged");
            let next = log.bounds().last.expect("not empty").index + 1;
            for index in next..next + 20 {
                append(&log, vec![entry(1, index, 900)])
                    .await
                    .expect("durable");
            }
        }
        for reader in readers {
            reader.await.expect("no reader failed");
        }
        assert_eq!(log.health(), Health::Ok);
    });
}
