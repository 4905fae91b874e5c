//! What a log promises when nothing goes wrong: order, bounds, restart.

use crate::common;

use ana_log::{Health, LogBounds, LogError};
use common::{all, append, append_later, entry, id, memory, open, run, vote};

#[test]
fn an_empty_log_holds_nothing() {
    run(1, async {
        let disk = memory(1);
        for _ in 0..3 {
            let log = open(&disk).await;
            assert_eq!(log.bounds(), LogBounds::default());
            assert_eq!(log.vote(), None);
            assert_eq!(log.committed(), None);
            assert_eq!(log.health(), Health::Ok);
            assert!(all(&log).await.is_empty());
            assert_eq!(log.entry_id(0).await.expect("readable"), None);
            assert_eq!(log.load_snapshot().await.expect("readable"), None);
            log.shutdown().await;
        }
    });
}

#[test]
fn entries_are_readable_at_once_and_after_a_restart() {
    run(2, async {
        let disk = memory(2);
        let log = open(&disk).await;
        let entries: Vec<_> = (1..=100).map(|index| entry(1, index, 700)).collect();
        let mut waits = Vec::new();
        for chunk in entries.chunks(7) {
            waits.push(append_later(&log, chunk.to_vec()).expect("appended"));
            let last = chunk.last().expect("not empty").id;
            assert_eq!(log.bounds().last, Some(last));
            assert_eq!(
                log.entry_id(last.index).await.expect("readable"),
                Some(last)
            );
        }
        assert_eq!(all(&log).await, entries);
        for wait in waits {
            wait.await.expect("answered").expect("durable");
        }
        assert_eq!(
            all(&log).await,
            entries,
            "from disk, the cache is smaller than that"
        );
        assert!(log.segments().len() > 2, "{:?}", log.segments());
        log.shutdown().await;
        let log = open(&disk).await;
        assert_eq!(all(&log).await, entries);
        assert_eq!(log.bounds().last, Some(id(1, 100)));
        for index in [1, 50, 100] {
            assert_eq!(
                log.entry_id(index).await.expect("readable"),
                Some(id(1, index))
            );
        }
        assert_eq!(log.entry_id(101).await.expect("readable"), None);
    });
}

#[test]
fn what_was_reported_durable_survives_a_crash() {
    run(3, async {
        let disk = memory(3);
        let mut expected = Vec::new();
        for round in 0..20_u64 {
            let log = open(&disk).await;
            assert_eq!(all(&log).await, expected, "round {round}");
            let next = expected.len() as u64 + 1;
            let entries: Vec<_> = (next..next + 5).map(|i| entry(round, i, 900)).collect();
            append(&log, entries.clone()).await.expect("durable");
            log.save_vote(vote(round)).await.expect("durable");
            assert_eq!(log.vote(), Some(vote(round)));
            expected.extend(entries);
            drop(log);
            disk.crash();
        }
        let log = open(&disk).await;
        assert_eq!(log.vote(), Some(vote(19)));
    });
}

#[test]
fn a_hole_or_an_overlap_is_refused() {
    run(4, async {
        let disk = memory(4);
        let log = open(&disk).await;
        append(&log, vec![entry(1, 5, 10), entry(1, 6, 10)])
            .await
            .expect("may begin anywhere");
        for got in [5, 6, 8] {
            let refused = append(&log, vec![entry(1, got, 10)]).await;
            let matches = matches!(refused, Err(LogError::NotConsecutive { expected: 7, got: g }) if g == got);
            assert!(matches, "{refused:?}");
        }
        let refused = append(&log, vec![entry(1, 7, 10), entry(1, 9, 10)]).await;
        assert!(matches!(
            refused,
            Err(LogError::NotConsecutive {
                expected: 8,
                got: 9
            })
        ));
        assert_eq!(all(&log).await.len(), 2);
    });
}

#[test]
fn truncation_is_seen_at_once_and_after_a_restart() {
    run(5, async {
        for cut in [0, 1, 7, 40, 99, 100, 150] {
            let disk = memory(5);
            let log = open(&disk).await;
            let entries: Vec<_> = (1..=100).map(|index| entry(1, index, 700)).collect();
            for few in entries.chunks(5) {
                append(&log, few.to_vec()).await.expect("durable");
            }
            let keep = (cut > 0).then_some(cut);
            log.truncate_after(keep).await.expect("truncated");
            let mut expected = entries.clone();
            expected.truncate(usize::try_from(cut).expect("small"));
            assert_eq!(all(&log).await, expected, "cut {cut}");
            assert_eq!(log.bounds().last, expected.last().map(|entry| entry.id));

            let next = expected.len() as u64 + 1;
            let more: Vec<_> = (next..next + 60)
                .map(|index| entry(2, index, 300))
                .collect();
            append(&log, more.clone()).await.expect("durable");
            expected.extend(more);
            assert_eq!(all(&log).await, expected, "cut {cut}");
            drop(log);
            disk.crash();
            let log = open(&disk).await;
            assert_eq!(all(&log).await, expected, "cut {cut}, after the crash");
        }
    });
}

#[test]
fn purge_survives_a_restart_even_beyond_the_last() {
    run(6, async {
        for upto in [1, 30, 77, 100, 250] {
            let disk = memory(6);
            let log = open(&disk).await;
            let entries: Vec<_> = (1..=100).map(|index| entry(1, index, 700)).collect();
            for few in entries.chunks(5) {
                append(&log, few.to_vec()).await.expect("durable");
            }
            let before = log.bytes();
            log.purge_upto(id(1, upto)).await.expect("purged");
            if upto >= 77 {
                assert!(log.bytes() < before / 2, "files go with their entries");
            }
            let last = id(1, upto.max(100));
            let bounds = LogBounds {
                purged: Some(id(1, upto)),
                last: Some(last),
            };
            let kept: Vec<_> = entries
                .into_iter()
                .filter(|entry| entry.id.index > upto)
                .collect();
            assert_eq!(log.bounds(), bounds);
            assert_eq!(all(&log).await, kept);
            assert_eq!(log.entry_id(upto).await.expect("readable"), None);
            drop(log);
            disk.crash();

            let log = open(&disk).await;
            assert_eq!(log.bounds(), bounds);
            assert_eq!(all(&log).await, kept);
            let next = entry(2, last.index + 1, 50);
            append(&log, vec![next.clone()])
                .await
                .expect("follows the purge");
            // Lower than before: nothing to do.
            log.purge_upto(id(1, 1)).await.expect("done long ago");
            log.truncate_after(Some(last.index))
                .await
                .expect("truncated");
            append(&log, vec![next.clone()]).await.expect("durable");
            log.truncate_after(None)
                .await
                .expect("all that is not purged");
            assert_eq!(log.bounds().last, Some(id(1, upto)));
            log.shutdown().await;
            let log = open(&disk).await;
            assert_eq!(log.bounds().last, Some(id(1, upto)));
            assert!(all(&log).await.is_empty());
        }
    });
}

#[test]
fn a_range_that_is_purged_is_empty_and_no_damage() {
    run(12, async {
        let disk = memory(12);
        let log = open(&disk).await;
        for few in (1..=100).collect::<Vec<_>>().chunks(5) {
            let few = few.iter().map(|index| entry(1, *index, 700)).collect();
            append(&log, few).await.expect("durable");
        }
        log.purge_upto(id(1, 30)).await.expect("purged");
        for (start, end) in [(0, 16), (1, 31), (30, 31)] {
            let got = log.read(start..end, 1 << 20).await.expect("readable");
            assert!(got.is_empty(), "{start}..{end}");
        }
        let got = log.read(20..33, 1 << 20).await.expect("readable");
        assert_eq!(got.first().map(|entry| entry.id.index), Some(31));
        assert_eq!(log.health(), Health::Ok);
    });
}

#[test]
fn committed_is_kept_and_never_beyond_the_last() {
    run(7, async {
        let disk = memory(7);
        let log = open(&disk).await;
        append(&log, (1..=10).map(|index| entry(1, index, 10)).collect())
            .await
            .expect("durable");
        log.save_committed(Some(id(1, 8))).await.expect("noted");
        assert_eq!(log.committed(), Some(id(1, 8)));
        log.shutdown().await;
        let log = open(&disk).await;
        assert_eq!(log.committed(), Some(id(1, 8)));
        log.truncate_after(Some(5)).await.expect("truncated");
        assert_eq!(log.committed(), Some(id(1, 5)));
        log.save_committed(None).await.expect("noted");
        append(&log, vec![entry(2, 6, 10)])
            .await
            .expect("carries the note along");
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).await.committed(), None);
    });
}

#[test]
fn reads_are_bounded_by_bytes_but_answer_at_least_one() {
    run(8, async {
        let disk = memory(8);
        let log = open(&disk).await;
        append(&log, (1..=100).map(|index| entry(1, index, 1000)).collect())
            .await
            .expect("durable");
        for (start, bytes, expected) in [(1, 0, 1), (1, 2500, 2), (96, 2500, 2), (100, 5000, 1)] {
            let got = log.read(start..200, bytes).await.expect("readable");
            assert_eq!(got.len(), expected, "{start} {bytes}");
            assert_eq!(got[0].id.index, start);
        }
        assert_eq!(log.read(10..12, 1 << 20).await.expect("readable").len(), 2);
        assert!(log.read(101..200, 10).await.expect("readable").is_empty());
        assert!(log.read(12..12, 10).await.expect("readable").is_empty());
    });
}

#[test]
fn a_closed_log_answers_closed() {
    run(9, async {
        let disk = memory(9);
        let log = open(&disk).await;
        let wait = append_later(&log, vec![entry(1, 1, 10)]).expect("queued");
        log.shutdown().await;
        wait.await
            .expect("answered")
            .expect("what was queued is carried out");
        assert!(matches!(
            log.save_vote(vote(1)).await,
            Err(LogError::Closed)
        ));
        assert!(matches!(
            append(&log, vec![entry(1, 2, 10)]).await,
            Err(LogError::Closed)
        ));
        assert!(matches!(log.repair_discard().await, Err(LogError::Closed)));
        assert_eq!(all(&log).await.len(), 1, "still readable");
    });
}

#[test]
fn entries_larger_than_a_segment_are_taken() {
    run(10, async {
        let disk = memory(10);
        let log = open(&disk).await;
        let entries: Vec<_> = (1..=6)
            .map(|index| entry(1, index, if index % 2 == 0 { 200_000 } else { 100 }))
            .collect();
        for entry in &entries {
            append(&log, vec![entry.clone()]).await.expect("durable");
        }
        drop(log);
        disk.crash();
        let log = open(&disk).await;
        assert_eq!(all(&log).await, entries);
        log.purge_upto(id(1, 5)).await.expect("purged");
        assert_eq!(all(&log).await, entries[5..]);
    });
}

#[test]
fn snapshots_replace_each_other() {
    run(11, async {
        let disk = memory(11);
        let log = open(&disk).await;
        for index in [3, 8, 20] {
            let data = bytes::Bytes::from(vec![7; index * 100]);
            log.save_snapshot(index as u64, data.clone())
                .await
                .expect("saved");
            assert_eq!(
                log.load_snapshot().await.expect("loaded"),
                Some((index as u64, data))
            );
        }
        drop(log);
        disk.crash();
        let log = open(&disk).await;
        let (index, data) = log
            .load_snapshot()
            .await
            .expect("loaded")
            .expect("there is one");
        assert_eq!((index, data.len()), (20, 2000));
    });
}
