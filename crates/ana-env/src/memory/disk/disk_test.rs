//! What the memory disk forgets, and what it must never forget.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{MemoryDisk, MemoryDiskOptions, Tear};
use crate::disk::{Disk, File, Open};
use crate::time;

const SEEDS: std::ops::Range<u64> = 0..200;

pub(super) fn disk(seed: u64) -> MemoryDisk {
    MemoryDisk::new(seed, MemoryDiskOptions::default())
}

/// A runtime with simulated time, per seed.
pub(super) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

pub(super) async fn create(disk: &MemoryDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), Open::CREATE)
        .await
        .expect("created")
}

pub(super) async fn durable_file(disk: &MemoryDisk, path: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = create(disk, path).await;
    file.write_sync_at(0, vec![Bytes::copy_from_slice(bytes)])
        .await
        .expect("written");
    disk.sync_dir(Path::new("/")).await.expect("synced");
    file
}

pub(super) async fn read_all(disk: &MemoryDisk, path: &str) -> Option<Vec<u8>> {
    let file = match disk.open(Path::new(path), Open::READ).await {
        Ok(file) => file,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            return None;
        }
    };
    let len = usize::try_from(file.len().await.expect("alive")).expect("small");
    Some(file.read_at(0, len).await.expect("read").to_vec())
}

#[test]
fn an_unsynced_write_survives_wholly_partly_or_not() {
    for tear in [Tear::Prefix, Tear::AnyPieces] {
        let (mut whole, mut torn, mut lost) = (0, 0, 0);
        for seed in SEEDS {
            run(async {
                let disk = disk(seed);
                disk.set_tear(tear);
                let file = durable_file(&disk, "/f", &[1; 3000]).await;
                // From byte 700 on: the first piece ends at 1024, the others are 512 long.
                file.write_at(700, vec![vec![2; 2000].into()])
                    .await
                    .expect("written");
                disk.crash();
                let bytes = read_all(&disk, "/f").await.expect("durable");
                assert_eq!(bytes.len(), 3000);
                assert!(
                    bytes[..700].iter().chain(&bytes[2700..]).all(|b| *b == 1),
                    "seed {seed}"
                );
                let pieces = [700..1024, 1024..1536, 1536..2048, 2048..2560, 2560..2700];
                let survived: Vec<bool> = pieces
                    .map(|piece| {
                        let values: BTreeSet<u8> = bytes[piece].iter().copied().collect();
                        assert_eq!(values.len(), 1, "seed {seed}: torn inside a piece");
                        values.contains(&2)
                    })
                    .to_vec();
                match survived.iter().filter(|s| **s).count() {
                    0 => lost += 1,
                    5 => whole += 1,
                    _ => torn += 1,
                }
                if tear == Tear::Prefix {
                    assert!(
                        survived.is_sorted_by(|a, b| a >= b),
                        "seed {seed}: no prefix"
                    );
                }
            });
        }
        assert!(
            whole > 40 && torn > 30 && lost > 40,
            "{tear:?}: {whole} {torn} {lost}"
        );
    }
}

#[test]
fn a_lost_write_may_leave_zeros() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            let file = durable_file(&disk, "/f", b"").await;
            file.write_at(0, vec![Bytes::from_static(b"data")])
                .await
                .expect("written");
            disk.crash();
            outcomes.insert(read_all(&disk, "/f").await.expect("durable"));
        });
    }
    let expected: BTreeSet<Vec<u8>> = [vec![], vec![0; 4], b"data".to_vec()].into();
    assert_eq!(outcomes, expected);
}

#[test]
fn a_synced_write_survives() {
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            let file = durable_file(&disk, "/f", b"one").await;
            file.write_at(3, vec![Bytes::from_static(b"two")])
                .await
                .expect("written");
            file.sync().await.expect("synced");
            disk.crash();
            disk.crash();
            assert_eq!(read_all(&disk, "/f").await.expect("durable"), b"onetwo");
        });
    }
}

#[test]
fn a_write_during_a_sync_is_not_covered_by_it() {
    let mut second_lost = false;
    for seed in SEEDS {
        run(async {
            // Timers count whole milliseconds: the sync must outlast one for certain.
            let (sync_min, sync_max) = (Duration::from_millis(10), Duration::from_millis(20));
            let options = MemoryDiskOptions {
                sync_min,
                sync_max,
                ..Default::default()
            };
            let disk = MemoryDisk::new(seed, options);
            let file = durable_file(&disk, "/f", b"--").await;
            file.write_at(0, vec![Bytes::from_static(b"1")])
                .await
                .expect("written");
            let late = async {
                time::sleep(Duration::from_millis(5)).await;
                file.write_at(1, vec![Bytes::from_static(b"2")])
                    .await
                    .expect("written");
            };
            let (synced, ()) = futures::join!(file.sync(), late);
            synced.expect("synced");
            disk.crash();
            let bytes = read_all(&disk, "/f").await.expect("durable");
            assert_eq!(bytes[0], b'1', "seed {seed}: a synced byte is lost");
            second_lost |= bytes[1] != b'2';
        });
    }
    assert!(second_lost);
}

#[test]
fn a_sync_takes_time_and_fails_across_a_crash() {
    run(async {
        let disk = disk(7);
        let file = create(&disk, "/f").await;
        file.write_at(0, vec![Bytes::from_static(b"x")])
            .await
            .expect("written");
        let before = time::now();
        let crash = async {
            time::sleep(Duration::from_micros(100)).await;
            disk.crash();
        };
        let (synced, ()) = futures::join!(file.sync(), crash);
        assert!(synced.is_err());
        let took = time::now() - before;
        assert!(
            took >= Duration::from_micros(500) && took <= Duration::from_millis(5),
            "{took:?}"
        );
        // The old handle is dead in every way, a new one is not.
        assert!(file.len().await.is_err() && file.read_at(0, 0).await.is_err());
        assert!(file.write_at(0, vec![]).await.is_err() && file.truncate(0).await.is_err());
        create(&disk, "/f")
            .await
            .write_sync_at(0, vec![])
            .await
            .expect("a new life");
    });
}

#[test]
fn an_entry_is_durable_only_after_sync_dir() {
    let mut seen = BTreeSet::new();
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            disk.create_dir_all(Path::new("/d")).await.expect("created");
            disk.sync_dir(Path::new("/")).await.expect("synced");
            for path in ["/d/kept", "/d/risky"] {
                create(&disk, path)
                    .await
                    .write_sync_at(0, vec![])
                    .await
                    .expect("written");
                if path == "/d/kept" {
                    disk.sync_dir(Path::new("/d")).await.expect("synced");
                }
            }
            disk.crash();
            let entries = disk.list(Path::new("/d")).await.expect("durable");
            let names: Vec<_> = entries.into_iter().map(|e| e.name).collect();
            assert_eq!(names[0], "kept", "seed {seed}");
            seen.insert(names.len());
        });
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));
}

#[test]
fn a_rename_is_all_or_nothing() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            durable_file(&disk, "/name", b"old").await;
            durable_file(&disk, "/name.tmp", b"new").await;
            disk.rename(Path::new("/name.tmp"), Path::new("/name"))
                .await
                .expect("renamed");
            assert_eq!(read_all(&disk, "/name").await.expect("there"), b"new");
            disk.crash();
            let found = (
                read_all(&disk, "/name").await,
                read_all(&disk, "/name.tmp").await,
            );
            outcomes.insert(found.clone());
            if found.1.is_some() {
                disk.rename(Path::new("/name.tmp"), Path::new("/name"))
                    .await
                    .expect("renamed");
            }
            disk.sync_dir(Path::new("/")).await.expect("synced");
            disk.crash();
            assert_eq!(
                read_all(&disk, "/name").await.expect("there"),
                b"new",
                "seed {seed}"
            );
        });
    }
    let not_done = (Some(b"old".to_vec()), Some(b"new".to_vec()));
    assert_eq!(
        outcomes,
        BTreeSet::from([not_done, (Some(b"new".to_vec()), None)])
    );
}

#[test]
fn removed_files_may_come_back_and_directories_in_part() {
    let mut seen = BTreeSet::new();
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            disk.create_dir_all(Path::new("/d")).await.expect("created");
            durable_file(&disk, "/d/a", b"a").await;
            durable_file(&disk, "/d/b", b"b").await;
            disk.sync_dir(Path::new("/d")).await.expect("synced");
            disk.remove_dir_all(Path::new("/d")).await.expect("removed");
            assert_eq!(disk.list(Path::new("/")).await.expect("root"), vec![]);
            disk.crash();
            seen.insert(disk.list(Path::new("/d")).await.map(|d| d.len()).ok());
        });
    }
    assert_eq!(seen, BTreeSet::from([None, Some(0), Some(1), Some(2)]));
}

#[test]
fn after_a_failed_sync_a_good_one_proves_nothing() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            let file = durable_file(&disk, "/f", b"old").await;
            disk.fail_next_sync(1);
            file.write_sync_at(0, vec![Bytes::from_static(b"new")])
                .await
                .expect_err("EIO");
            file.sync().await.expect("the second seems good");
            assert_eq!(read_all(&disk, "/f").await.expect("there"), b"new");
            disk.crash();
            outcomes.insert(read_all(&disk, "/f").await.expect("durable"));
        });
    }
    assert_eq!(outcomes, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));

    let entry_lost = SEEDS.filter(|seed| {
        run(async {
            let disk = disk(*seed);
            create(&disk, "/f").await;
            disk.fail_next_sync_dir(1);
            disk.sync_dir(Path::new("/")).await.expect_err("EIO");
            disk.sync_dir(Path::new("/"))
                .await
                .expect("the second seems good");
            disk.crash();
            read_all(&disk, "/f").await.is_none()
        })
    });
    assert!((60..140).contains(&entry_lost.count()));
}

#[test]
fn room_is_counted_with_what_is_reserved() {
    run(async {
        const MIB: u64 = 1 << 20;
        let disk = MemoryDisk::new(
            1,
            MemoryDiskOptions {
                capacity_bytes: MIB,
                ..Default::default()
            },
        );
        let root = Path::new("/");
        let file = create(&disk, "/f").await;
        file.allocate(MIB + 1).await.expect_err("too much");
        assert_eq!(file.len().await.expect("alive"), 0);
        file.allocate(MIB / 2).await.expect("fits");
        assert_eq!(disk.space(root).await.expect("space").free_bytes, MIB / 2);
        assert_eq!(
            file.read_at(MIB / 2 - 3, 3).await.expect("zeros")[..],
            [0; 3]
        );

        let other = create(&disk, "/g").await;
        let half: Bytes = vec![1; usize::try_from(MIB / 2).expect("small")].into();
        other
            .write_at(0, vec![half.clone()])
            .await
            .expect("fits exactly");
        let error = other
            .write_at(MIB / 2, vec![half.clone()])
            .await
            .expect_err("full");
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        file.write_at(0, vec![half])
            .await
            .expect("reserved room is still there");

        // An open file keeps its room after it is removed.
        disk.remove_file(Path::new("/g")).await.expect("removed");
        assert_eq!(disk.space(root).await.expect("space").free_bytes, 0);
        drop(other);
        assert_eq!(disk.space(root).await.expect("space").free_bytes, MIB / 2);
        file.truncate(0).await.expect("cut");
        assert_eq!(disk.used_bytes(), 0);
        disk.set_capacity(0);
        assert_eq!(
            file.allocate(1).await.expect_err("full").kind(),
            ErrorKind::StorageFull
        );
    });
}

#[test]
fn faults_are_switched() {
    run(async {
        let disk = disk(3);
        let file = durable_file(&disk, "/f", b"\0\0\0").await;
        disk.fail_writes(Some(ErrorKind::ReadOnlyFilesystem));
        let error = file
            .write_at(0, vec![Bytes::from_static(b"x")])
            .await
            .expect_err("fault");
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
        file.allocate(9).await.expect_err("fault");
        file.truncate(0).await.expect_err("fault");
        disk.fail_writes(None);

        disk.flip_bit(Path::new("/f"), 1).expect("flipped");
        disk.crash();
        let bytes = read_all(&disk, "/f").await.expect("durable");
        assert_eq!((bytes[0], bytes[1].count_ones(), bytes[2]), (0, 1, 0));
        disk.flip_bit(Path::new("/f"), 3).expect_err("no such byte");
    });
}

#[test]
fn what_the_medium_loses_comes_back_by_no_crash() {
    for seed in SEEDS {
        run(async {
            let disk = disk(seed);
            disk.create_dir_all(Path::new("/d")).await.expect("made");
            let durable = durable_file(&disk, "/d/durable", b"1").await;
            disk.sync_dir(Path::new("/d")).await.expect("synced");
            let pending = create(&disk, "/d/pending").await;
            disk.rename(Path::new("/d/durable"), Path::new("/d/renamed"))
                .await
                .expect("renamed");
            for path in ["/d/renamed", "/d/pending"] {
                disk.lose(Path::new(path)).expect("was there");
            }
            assert_eq!(disk.list(Path::new("/d")).await.expect("listed"), []);
            assert_eq!(durable.read_at(0, 1).await.expect("open"), "1");
            drop((durable, pending));
            disk.crash();
            assert_eq!(disk.list(Path::new("/d")).await.expect("listed"), []);
        });
    }
}

#[test]
fn a_slow_disk_takes_its_time_for_every_sync() {
    run(async {
        let disk = disk(1);
        let file = create(&disk, "/slow").await;
        let slow = Duration::from_millis(300);
        disk.set_sync_delay(slow);
        let began = time::now();
        file.sync().await.expect("synced");
        assert!(began.elapsed() >= slow);
        disk.set_sync_delay(Duration::ZERO);
        let began = time::now();
        file.sync().await.expect("synced");
        assert!(began.elapsed() < slow);
    });
}
