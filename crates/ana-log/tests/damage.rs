//! Damaged files: torn tails are cut exactly, anything else is noticed and never served.

use crate::common;

use std::path::Path;

use ana_env::memory::SeededRng;
use ana_env::{Disk, Rng};
use ana_log::damage::{Part, Place, flip, places, tear};
use ana_log::{Health, Log, LogEntry, LogError};
use bytes::Bytes;
use common::image::{Image, disk_of, image};
use common::model::Model;
use common::{DIR, append, entry, id, marked, memory, open, run, vote};

/// A log of several segments with a vote, a truncation, a purge and a snapshot; closed in order.
async fn rich_image() -> (Image, Model) {
    let disk = memory(1);
    let log = open(&disk).await;
    log.save_vote(vote(1)).await.expect("durable");
    for index in 1..=70 {
        let entry = marked(1, index, 800, &[(0, index * 10), (1, index * 10)]);
        append(&log, vec![entry]).await.expect("durable");
    }
    log.truncate_after(Some(66)).await.expect("durable");
    append(&log, vec![marked(2, 67, 500, &[(1, 700)])])
        .await
        .expect("durable");
    log.save_snapshot(12, Bytes::from_static(b"the state as of entry 12"))
        .await
        .expect("durable");
    log.purge_upto(id(1, 12)).await.expect("durable");
    log.save_vote(vote(2)).await.expect("durable");
    let model = Model::of(&log).await;
    log.shutdown().await;
    let image = image(&disk).await;
    let segments = image
        .keys()
        .filter(|name| name.starts_with("segment-"))
        .count();
    assert!(segments >= 3, "{:?}", image.keys());
    (image, model)
}

fn newest_segment(image: &Image) -> String {
    let mut names = image.keys().filter(|name| name.starts_with("segment-"));
    names.next_back().expect("there is one").clone()
}

/// Position behind the last byte that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything is as it was.
    Unharmed,
    Noticed,
}

/// Opens a damaged log and reads everything there is to read.
async fn examine(image: &Image, expected: &Model, what: &str) -> Outcome {
    let disk = disk_of(image).await;
    let log = open(&disk).await;
    if log.health() == Health::Ok {
        let read_all = read_everything(&log, expected).await;
        if log.health() == Health::Ok {
            read_all.expect("a healthy log reads");
            let (index, data) = log.load_snapshot().await.expect("loads").expect("is there");
            assert_eq!(
                (index, &data[..]),
                (12, &b"the state as of entry 12"[..]),
                "{what}"
            );
            assert_eq!(log.bounds().last, expected.last, "{what}");
            assert_eq!(log.bounds().purged, expected.purged, "{what}");
            assert_eq!(log.vote(), expected.vote, "{what}");
            return Outcome::Unharmed;
        }
    }
    let corrupt = matches!(log.health(), Health::Corrupt { .. });
    assert!(corrupt, "{what}: {:?}", log.health());
    let refused = log.save_vote(vote(9)).await;
    assert!(
        matches!(refused, Err(LogError::Corrupt { .. })),
        "{what}: votes are refused"
    );
    let next = log.bounds().last.map_or(1, |last| last.index + 1);
    let refused = append(&log, vec![entry(9, next, 10)]).await;
    assert!(
        matches!(refused, Err(LogError::Corrupt { .. })),
        "{what}: entries are refused"
    );
    Outcome::Noticed
}

/// Compares all entries, and all ranges of a key; an error is the log's.
async fn read_everything(log: &Log, expected: &Model) -> Result<(), LogError> {
    let mut got: Vec<LogEntry> = Vec::new();
    loop {
        let next = got.last().map_or(0, |entry| entry.id.index + 1);
        let more = log.read(next..u64::MAX, 10_000).await?;
        if more.is_empty() {
            break;
        }
        got.extend(more);
    }
    assert_eq!(got, expected.entries, "what is served is right");
    let mut next = 0;
    loop {
        let read = log.read_key(1, next, u64::MAX, 5000).await?;
        for batch in &read.batches {
            let entry = expected
                .entries
                .iter()
                .find(|entry| entry.id.index == batch.index);
            let entry = entry.expect("exists");
            let range = batch.mark.offset as usize..(batch.mark.offset + batch.mark.len) as usize;
            assert_eq!(
                batch.body,
                entry.payload.slice(range),
                "what is served is right"
            );
        }
        if read.batches.is_empty() {
            return Ok(());
        }
        next = read.next_index;
    }
}

#[test]
fn every_flipped_bit_is_harmless_or_noticed() {
    run(1, async {
        let (image, expected) = rich_image().await;
        assert_eq!(examine(&image, &expected, "whole").await, Outcome::Unharmed);
        for (name, bytes) in &image {
            let mut noticed = 0;
            let mut tried = 0;
            // A prime step, so that all fields of all frames get their turn.
            for at in (0..used(bytes)).step_by(37) {
                let mut damaged = image.clone();
                damaged.get_mut(name).expect("is there")[at] ^= 1 << (at % 8);
                let what = format!("{name} at {at}");
                noticed += u32::from(examine(&damaged, &expected, &what).await == Outcome::Noticed);
                tried += 1;
            }
            if name.starts_with("segment-") || name.starts_with("snapshot-") {
                assert!(noticed > 0, "{name}");
            }
            // Not noticed: the unused rest of a header's page, zeros behind a frame, spare files,
            // what was truncated, and a flip in the very last mark.
            println!("{name}: {noticed} of {tried} flips noticed");
        }
    });
}

#[test]
fn files_that_are_cut_short_or_gone_are_noticed() {
    run(2, async {
        let (image, expected) = rich_image().await;
        let newest = newest_segment(&image);
        for (name, bytes) in &image {
            let essential = name.starts_with("segment-") || name.starts_with("snapshot-");
            if !essential {
                continue;
            }
            for len in [0, 8, 3000, used(bytes) / 2, used(bytes) * 9 / 10] {
                if len >= used(bytes) {
                    continue;
                }
                let mut damaged = image.clone();
                damaged.get_mut(name).expect("is there").truncate(len);
                let what = format!("{name} cut to {len}");
                let outcome = examine(&damaged, &expected, &what);
                // A cut in the newest segment can not be told from writes that never came.
                if *name == newest && len > 4096 {
                    continue;
                }
                assert_eq!(outcome.await, Outcome::Noticed, "{what}");
            }
            if *name != newest && name.starts_with("segment-") {
                let mut damaged = image.clone();
                damaged.remove(name);
                let what = format!("{name} gone");
                assert_eq!(
                    examine(&damaged, &expected, &what).await,
                    Outcome::Noticed,
                    "{what}"
                );
            }
        }
        let mut damaged = image.clone();
        damaged.retain(|name, _| !name.starts_with("segment-"));
        assert_eq!(
            examine(&damaged, &expected, "all segments gone").await,
            Outcome::Noticed
        );
    });
}

/// A log whose last batch has several frames, without anything behind it.
async fn image_with_fresh_batch() -> (Image, Model, Vec<LogEntry>) {
    let disk = memory(3);
    let log = open(&disk).await;
    append(&log, (1..=3).map(|index| entry(1, index, 100)).collect())
        .await
        .expect("durable");
    log.save_vote(vote(1)).await.expect("durable");
    let before = Model::of(&log).await;
    let batch: Vec<_> = (4..=8)
        .map(|index| marked(1, index, 90, &[(0, index)]))
        .collect();
    append(&log, batch.clone()).await.expect("durable");
    drop(log);
    (image(&disk).await, before, batch)
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_exactly() {
    run(3, async {
        let (image, before, batch) = image_with_fresh_batch().await;
        let name = newest_segment(&image);
        let whole = &image[&name];
        let end = used(whole).next_multiple_of(8);
        // Five frames with one mark and 90 bytes each: 56 + 28 + 90, padded to 176.
        let start = end - 5 * 176;
        for cut in start..=end {
            for fill in [None, Some(0), Some(0xab)] {
                let mut torn = image.clone();
                let bytes = torn.get_mut(&name).expect("is there");
                match fill {
                    None => bytes.truncate(cut),
                    Some(fill) => bytes[cut..end].fill(fill),
                }
                let disk = disk_of(&torn).await;
                let log = open(&disk).await;
                let what = format!("cut at {cut} fill {fill:?}");
                assert_eq!(log.health(), Health::Ok, "{what}");
                let got = Model::of(&log).await;
                let survived = got.entries.len() - before.entries.len();
                // The two bytes behind a frame's payload say nothing, and the filling may be the
                // right byte by chance.
                let (frames, rest) = ((cut - start) / 176, (cut - start) % 176);
                let padding_lost = fill.is_some() && rest >= 174;
                let most = frames + usize::from(fill.is_some());
                let least = frames + usize::from(padding_lost);
                assert!(
                    (least..=most).contains(&survived),
                    "{what}: {survived} frames"
                );
                assert_eq!(got.entries[..3], before.entries[..], "{what}");
                assert_eq!(got.entries[3..], batch[..survived], "{what}");
                assert_eq!(got.vote, before.vote, "{what}");
                // It goes on from there, and what was cut off does not come back.
                let next = entry(2, got.next_index(), 60);
                append(&log, vec![next.clone()]).await.expect("durable");
                drop(log);
                disk.crash();
                let log = open(&disk).await;
                assert_eq!(log.health(), Health::Ok, "{what}");
                let again = Model::of(&log).await;
                assert_eq!(again.entries.last(), Some(&next), "{what}");
                assert_eq!(again.entries.len(), got.entries.len() + 1, "{what}");
            }
        }
    });
}

#[test]
fn a_hole_in_the_last_batch_is_torn_but_one_before_it_is_damage() {
    run(4, async {
        let (image, before, batch) = image_with_fresh_batch().await;
        let name = newest_segment(&image);
        let end = used(&image[&name]).next_multiple_of(8);
        for (frame, cut) in (0..5).map(|frame| (frame, end - (5 - frame) * 176)) {
            let mut torn = image.clone();
            torn.get_mut(&name).expect("is there")[cut..cut + 176].fill(0);
            let disk = disk_of(&torn).await;
            let log = open(&disk).await;
            assert_eq!(log.health(), Health::Ok, "hole at frame {frame}");
            let got = Model::of(&log).await;
            assert_eq!(got.entries[3..], batch[..frame], "hole at frame {frame}");
        }
        // The vote before the batch was synced before the batch was written.
        let mut damaged = image.clone();
        let at = end - 5 * 176 - 64;
        damaged.get_mut(&name).expect("is there")[at..at + 8].fill(0);
        let disk = disk_of(&damaged).await;
        let log = open(&disk).await;
        assert!(
            matches!(log.health(), Health::Corrupt { .. }),
            "{:?}",
            log.health()
        );
        assert_eq!(Model::of(&log).await.entries, before.entries[..3]);
    });
}

#[test]
fn an_idle_log_vouches_for_its_last_batch() {
    run(5, async {
        for settled in [false, true] {
            let disk = memory(5);
            let log = open(&disk).await;
            append(&log, vec![entry(1, 1, 300)]).await.expect("durable");
            if settled {
                ana_env::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            drop(log);
            let mut image = image(&disk).await;
            let bytes = image.get_mut("segment-0000000000000001").expect("is there");
            bytes[4096 + 100] ^= 1;
            let log = open(&disk_of(&image).await).await;
            let noticed = matches!(log.health(), Health::Corrupt { .. });
            assert_eq!(noticed, settled);
        }
    });
}

#[test]
fn damage_met_while_reading_stops_all_writing() {
    run(6, async {
        let (image, expected) = rich_image().await;
        let mut names = image.keys().filter(|name| name.starts_with("segment-"));
        let oldest = names.next().expect("is there").clone();
        let disk = disk_of(&image).await;
        let log = open(&disk).await;
        let path = Path::new(DIR).join(&oldest);
        // Somewhere in the last entries of the oldest segment, which are still wanted.
        let summary = log.segments()[0];
        disk.flip_bit(&path, summary.bytes - 4000).expect("flips");
        let error = read_everything(&log, &expected)
            .await
            .expect_err("the bit matters");
        assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
        assert!(matches!(log.health(), Health::Corrupt { .. }));
        assert!(matches!(
            log.save_vote(vote(3)).await,
            Err(LogError::Corrupt { .. })
        ));
        assert_eq!(log.vote(), Some(vote(2)));
    });
}

#[test]
fn repair_keeps_the_vote_and_begins_empty() {
    run(7, async {
        let (image, _) = rich_image().await;
        let mut damaged = image.clone();
        let newest = newest_segment(&image);
        damaged.get_mut(&newest).expect("is there")[4096 + 90] ^= 4;
        let disk = disk_of(&damaged).await;
        let log = open(&disk).await;
        assert!(matches!(log.health(), Health::Corrupt { .. }));
        log.repair_discard().await.expect("repairs");
        assert_eq!(log.health(), Health::Ok);
        assert_eq!(log.bounds(), ana_log::LogBounds::default());
        assert_eq!(log.vote(), Some(vote(2)), "found behind the damage");
        assert!(
            log.load_snapshot().await.expect("loads").is_some(),
            "it verifies"
        );
        assert!(matches!(
            log.repair_discard().await,
            Err(LogError::NotCorrupt)
        ));
        log.purge_upto(id(1, 12))
            .await
            .expect("as after a snapshot");
        append(&log, vec![entry(3, 13, 100)])
            .await
            .expect("durable");
        drop(log);
        disk.crash();
        let log = open(&disk).await;
        assert_eq!(log.health(), Health::Ok);
        assert_eq!(common::all(&log).await, vec![entry(3, 13, 100)]);
        assert_eq!(log.vote(), Some(vote(2)));
        let names = disk.list(Path::new(DIR)).await.expect("lists");
        let aside = names
            .iter()
            .filter(|entry| entry.name.starts_with("corrupt-"))
            .count();
        assert!(aside >= 3, "{names:?}");
    });
}

#[test]
fn a_damaged_snapshot_makes_the_log_corrupt_and_is_set_aside() {
    run(8, async {
        let (image, _) = rich_image().await;
        let name = image
            .keys()
            .find(|name| name.starts_with("snapshot-"))
            .expect("is there");
        let mut damaged = image.clone();
        damaged.get_mut(name).expect("is there")[30] ^= 1;
        let disk = disk_of(&damaged).await;
        let log = open(&disk).await;
        assert!(matches!(log.health(), Health::Corrupt { .. }));
        let loaded = log.load_snapshot().await;
        assert!(matches!(loaded, Err(LogError::Corrupt { .. })));
        log.repair_discard().await.expect("repairs");
        assert_eq!(log.load_snapshot().await.expect("loads"), None);
        assert_eq!(log.vote(), Some(vote(2)));
        drop(log);
        disk.crash();
        assert_eq!(open(&disk).await.health(), Health::Ok);
    });
}

#[test]
fn a_repair_cut_off_at_any_call_keeps_the_vote() {
    use common::trip::{Fuse, TripDisk};
    use std::sync::Arc;

    run(9, async {
        let (image, _) = rich_image().await;
        let mut damaged = image.clone();
        let newest = newest_segment(&image);
        damaged.get_mut(&newest).expect("is there")[4096 + 90] ^= 4;
        for calls in 0.. {
            let disk = disk_of(&damaged).await;
            let fuse = Fuse::new(i64::from(calls), calls % 2 == 0);
            let trip: Arc<dyn Disk> = Arc::new(TripDisk {
                inner: Arc::new(disk.clone()),
                fuse: fuse.clone(),
                skip_sync_dir: false,
            });
            if let Ok(log) = common::try_open(&trip, common::small()).await {
                let repaired = log.repair_discard().await;
                assert_eq!(repaired.is_ok(), !fuse.is_out(), "{repaired:?}");
            }
            disk.crash();
            let log = open(&disk).await;
            assert_eq!(log.vote(), Some(vote(2)), "cut off after {calls} calls");
            match log.health() {
                Health::Corrupt { .. } => log.repair_discard().await.expect("repairs"),
                health => assert_eq!(health, Health::Ok),
            }
            assert_eq!(log.bounds(), ana_log::LogBounds::default());
            assert_eq!(log.vote(), Some(vote(2)));
            if !fuse.is_out() {
                assert!(calls > 5);
                break;
            }
        }
    });
}

/// Damage on purpose is done where it has to be noticed: every place, several bits of each.
#[test]
fn a_bit_that_is_flipped_on_purpose_is_noticed_wherever_it_is() {
    run(7, async {
        let (image, model) = rich_image().await;
        let rng = SeededRng::new(7);
        for (part, least) in [(Part::Entries, 30), (Part::Vote, 1), (Part::Snapshot, 1)] {
            let disk = disk_of(&image).await;
            let found = places(&disk, Path::new(DIR), part).await.expect("read");
            assert!(found.len() >= least, "{part:?}: {}", found.len());
            let newest = Path::new(DIR).join(newest_segment(&image));
            let closed = found.iter().all(|place| place.path != newest);
            assert_eq!(closed, part != Part::Vote, "{part:?}");
            for place in found {
                for _ in 0..3 {
                    flip_one(&image, &model, &place, &rng).await;
                }
            }
        }
    });
}

async fn flip_one(image: &Image, model: &Model, place: &Place, rng: &dyn Rng) {
    let disk = disk_of(image).await;
    let (at, bit) = flip(&disk, place, rng).await.expect("flipped");
    let what = format!("{place:?} at {at} bit {bit}");
    let damaged = common::image::image(&disk).await;
    assert_ne!(&damaged, image, "{what}");
    assert_eq!(
        examine(&damaged, model, &what).await,
        Outcome::Noticed,
        "{what}"
    );
}

/// A write that was cut short on purpose is cut off, and nothing else is.
#[test]
fn a_write_that_is_torn_on_purpose_costs_nothing_that_was_confirmed() {
    run(8, async {
        let (image, model) = rich_image().await;
        let rng = SeededRng::new(8);
        for bytes in [1, 8, 55, 56, 57, 100, 512, 3000] {
            let disk = disk_of(&image).await;
            let torn = tear(&disk, Path::new(DIR), bytes, &rng)
                .await
                .expect("torn");
            let torn = torn.expect("there is room");
            assert_eq!(torn.len, bytes as u64);
            let damaged = common::image::image(&disk).await;
            assert_ne!(damaged, image);
            let outcome = examine(&damaged, &model, &format!("{torn:?}")).await;
            assert_eq!(outcome, Outcome::Unharmed);
        }
        let disk = disk_of(&image).await;
        let none = tear(&disk, Path::new(DIR), 1 << 20, &rng)
            .await
            .expect("read");
        assert_eq!(none, None, "no room");
    });
}

/// A log that was never closed has an end that nothing vouches for: damage there would look like a write cut short,
/// and is not done.
#[test]
fn the_end_of_a_log_is_damaged_only_where_something_vouches_for_it() {
    run(9, async {
        let disk = memory(9);
        let log = open(&disk).await;
        for index in 1..=3 {
            append(&log, vec![entry(1, index, 100)])
                .await
                .expect("durable");
        }
        let found = places(&disk, Path::new(DIR), Part::Entries)
            .await
            .expect("read");
        // The third says that the first two were synced, and nothing says it of the third.
        assert_eq!(found.len(), 2, "{found:?}");
        log.shutdown().await;
        let found = places(&disk, Path::new(DIR), Part::Entries)
            .await
            .expect("read");
        assert_eq!(found.len(), 3, "closed in order: {found:?}");
    });
}
