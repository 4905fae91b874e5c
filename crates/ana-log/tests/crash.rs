//! Power cuts at every call to the disk, against a model.
//!
//! The rule: after a crash the log is what it was after some prefix of the operations, one that
//! includes every operation that was reported durable; entries count one by one.

use crate::common;

use std::sync::Arc;

use ana_env::Disk;
use ana_env::memory::{MemoryDisk, Tear};
use ana_log::{Health, Log, LogEntry};
use bytes::Bytes;
use common::model::Model;
use common::trip::{Fuse, TripDisk};
use common::{append_later, id, marked, memory, run, small, try_open};

/// A small generator; the seed of a failing run is in its message.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 17) % end
    }
}

const KEYS: u32 = 3;

/// A history of states, and how far it is known to be durable.
struct History {
    states: Vec<Model>,
    durable: usize,
    snapshot: Option<(u64, Bytes)>,
    snapshot_tried: Option<(u64, Bytes)>,
    term: u64,
    /// Everything reported so far was durable, so time stamps may go on from there.
    clock: u64,
}

impl History {
    fn now(&self) -> &Model {
        self.states.last().expect("there is always one")
    }

    fn change(&mut self, change: impl FnOnce(&mut Model)) {
        let mut next = self.now().clone();
        change(&mut next);
        self.states.push(next);
    }

    fn durable_now(&mut self) {
        self.durable = self.states.len() - 1;
    }
}

fn new_entry(history: &mut History, dice: &mut Dice) -> LogEntry {
    let index = history.now().next_index();
    let len = 1 + usize::try_from(dice.below(900)).expect("small");
    let mut keys = Vec::new();
    for key in 0..KEYS {
        if dice.below(3) == 0 {
            history.clock += dice.below(5);
            keys.push((key, history.clock));
        }
    }
    marked(history.term, index, len.max(keys.len()), &keys)
}

/// One operation. `false` once the disk is gone.
async fn operate(log: &Log, history: &mut History, dice: &mut Dice) -> bool {
    match dice.below(20) {
        0..=11 => {
            let mut waits = Vec::new();
            for _ in 0..=dice.below(3) {
                let mut entries = Vec::new();
                for _ in 0..=dice.below(6) {
                    let entry = new_entry(history, dice);
                    entries.push(entry.clone());
                    history.change(|model| model.append(entry));
                }
                match append_later(log, entries) {
                    Ok(wait) => waits.push((wait, history.states.len() - 1)),
                    Err(_) => return false,
                }
            }
            for (wait, state) in waits {
                match wait.await {
                    Ok(Ok(())) => history.durable = history.durable.max(state),
                    _ => return false,
                }
            }
            true
        }
        12..=14 => {
            let vote = Bytes::from(format!("{}", dice.below(1 << 40)));
            history.change(|model| model.vote = Some(vote.clone()));
            finish(log.save_vote(vote).await.is_ok(), history)
        }
        15 | 16 => {
            let held = history.now().entries.len() as u64;
            let purged = history.now().purged.map_or(0, |id| id.index);
            let keep = (dice.below(4) > 0).then(|| purged + dice.below(held + 3));
            history.term += 1;
            history.change(|model| model.truncate(keep));
            finish(log.truncate_after(keep).await.is_ok(), history)
        }
        17 | 18 => {
            let model = history.now();
            let beyond = dice.below(12) == 0;
            let at = usize::try_from(dice.below(model.entries.len() as u64 + 1)).expect("small");
            let target = match model.entries.get(at) {
                Some(entry) if !beyond => entry.id,
                _ if beyond => id(history.term, model.next_index() + dice.below(9)),
                _ => return true,
            };
            history.change(|model| model.purge(target));
            finish(log.purge_upto(target).await.is_ok(), history)
        }
        _ => {
            let index = history.now().next_index();
            let data = Bytes::from(vec![7; usize::try_from(dice.below(3000)).expect("small")]);
            history.snapshot_tried = Some((index, data.clone()));
            let saved = log.save_snapshot(index, data).await.is_ok();
            if saved {
                history.snapshot = history.snapshot_tried.clone();
            }
            saved
        }
    }
}

fn finish(done: bool, history: &mut History) -> bool {
    if done {
        history.durable_now();
    }
    done
}

fn brief(model: &Model) -> String {
    let (purged, last, vote) = (model.purged, model.last, &model.vote);
    let entries = model.entries.len();
    format!("purged {purged:?} last {last:?} vote {vote:?} {entries} entries")
}

/// Opens the log after a crash and finds out where in the history it is.
async fn recover(disk: &Arc<dyn Disk>, history: &mut History, seed: u64) -> Option<Log> {
    let log = try_open(disk, small()).await.ok()?;
    assert_eq!(log.health(), Health::Ok, "seed {seed}");
    let found = Model::of(&log).await;
    let allowed = &history.states[history.durable..];
    let first = &allowed[0];
    assert!(
        allowed.contains(&found),
        "seed {seed}: not in the history: {}; durable: {}, and {} states later",
        brief(&found),
        brief(first),
        allowed.len() - 1
    );
    let snapshot = log.load_snapshot().await.expect("readable");
    let known = snapshot == history.snapshot || snapshot == history.snapshot_tried;
    let index = snapshot.as_ref().map(|(index, _)| index);
    assert!(known, "seed {seed}: {index:?}");
    history.snapshot = snapshot;
    found.check_reads(&log, KEYS).await;
    history.states = vec![found];
    history.durable = 0;
    history.term += 1;
    Some(log)
}

/// Lives through `rounds` crashes.
async fn live(seed: u64, rounds: u64, fuse_max: u64) {
    let disk = memory(seed);
    if seed % 2 == 1 {
        disk.set_tear(Tear::AnyPieces);
    }
    let mut dice = Dice(seed);
    let mut history = fresh();
    for _ in 0..rounds {
        let calls = i64::try_from(1 + dice.below(fuse_max)).expect("small");
        let fuse = Fuse::new(calls, dice.below(2) == 0);
        let trip = trip(&disk, &fuse, false);
        if let Some(log) = recover(&trip, &mut history, seed).await {
            while operate(&log, &mut history, &mut dice).await {
                if dice.below(8) == 0 {
                    history.now().clone().check_reads(&log, KEYS).await;
                }
                if dice.below(200) == 0 {
                    log.shutdown().await;
                    break;
                }
            }
        }
        disk.crash();
    }
    let plain: Arc<dyn Disk> = Arc::new(disk.clone());
    recover(&plain, &mut history, seed)
        .await
        .expect("opens on a disk that works");
}

fn fresh() -> History {
    History {
        states: vec![Model::default()],
        durable: 0,
        snapshot: None,
        snapshot_tried: None,
        term: 1,
        clock: 1,
    }
}

fn trip(disk: &MemoryDisk, fuse: &Fuse, skip_sync_dir: bool) -> Arc<dyn Disk> {
    Arc::new(TripDisk {
        inner: Arc::new(disk.clone()),
        fuse: fuse.clone(),
        skip_sync_dir,
    })
}

#[test]
fn many_lives_of_random_operations() {
    // More of them: ANA_LOG_SEEDS=2000 cargo test -p ana-log --test crash
    let seeds = option_env!("ANA_LOG_SEEDS").and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(25) {
        run(seed, live(seed, 12, 150));
    }
}

#[test]
fn the_same_operations_cut_off_at_every_call() {
    for effective in [false, true] {
        for calls in 0.. {
            let done = run(1, async {
                let disk = memory(u64::try_from(calls).expect("positive"));
                disk.set_tear(if calls % 2 == 0 {
                    Tear::AnyPieces
                } else {
                    Tear::Prefix
                });
                let fuse = Fuse::new(calls, effective);
                let mut history = fresh();
                let mut dice = Dice(99);
                if let Some(log) = recover(&trip(&disk, &fuse, false), &mut history, 99).await {
                    for _ in 0..40 {
                        if !operate(&log, &mut history, &mut dice).await {
                            break;
                        }
                    }
                }
                disk.crash();
                let plain: Arc<dyn Disk> = Arc::new(disk.clone());
                recover(&plain, &mut history, 99)
                    .await
                    .expect("opens on a disk that works");
                !fuse.is_out()
            });
            if done {
                assert!(calls > 100, "the operations reached the disk");
                break;
            }
        }
    }
}

#[test]
fn a_log_whose_directory_is_never_synced_is_lost() {
    // The mutation that shows that the tests above would notice a missing sync of the directory.
    let mut lost = 0;
    for seed in 0..20 {
        run(seed, async {
            let disk = memory(seed);
            let fuse = Fuse::new(i64::MAX, true);
            let log = try_open(&trip(&disk, &fuse, true), small())
                .await
                .expect("opens");
            for index in 1..=60 {
                common::append(&log, vec![marked(1, index, 900, &[])])
                    .await
                    .expect("said durable");
            }
            drop(log);
            disk.crash();
            let log = common::open(&disk).await;
            let whole = log.health() == Health::Ok && log.bounds().last == Some(id(1, 60));
            lost += u32::from(!whole);
        });
    }
    assert!(lost > 5, "{lost} of 20");
}
