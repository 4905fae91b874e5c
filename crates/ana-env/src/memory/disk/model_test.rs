//! Random programs against a second, naive model: no byte is ever what it cannot be.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::MemoryDisk;
use super::disk_test::{create, disk, durable_file, read_all, run};
use crate::time;

/// One step of a program.
#[derive(Debug, Clone)]
enum Step {
    Write { offset: u16, len: u16, byte: u8 },
    Truncate { len: u16 },
    Allocate { len: u16 },
    Sync,
    FailedSync,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u16..9000, 0u16..5000, 1u8..)
            .prop_map(|(offset, len, byte)| Step::Write { offset, len, byte }),
        1 => (0u16..9000).prop_map(|len| Step::Truncate { len }),
        1 => (0u16..20000).prop_map(|len| Step::Allocate { len }),
        3 => Just(Step::Sync),
        1 => Just(Step::FailedSync),
        2 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..40)
}

/// A second, naive model: for each byte what it is now and all it may be after a crash.
#[derive(Default)]
struct Naive {
    now: Vec<u8>,
    /// What was made since the last good sync, as pictures of the whole file after each step.
    may_be: Vec<BTreeSet<u8>>,
    len_may_be: BTreeSet<usize>,
}

impl Naive {
    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.now);
        self.len_may_be.insert(self.now.len());
        if self.may_be.len() < self.now.len() {
            self.may_be.resize(self.now.len(), BTreeSet::from([0]));
        }
        for (at, may_be) in self.may_be.iter_mut().enumerate() {
            // Bytes that are cut off may come back as zeros.
            may_be.insert(self.now.get(at).copied().unwrap_or(0));
        }
    }

    fn settle(&mut self, bytes: Vec<u8>) {
        self.len_may_be = BTreeSet::from([bytes.len()]);
        self.may_be = bytes.iter().map(|b| BTreeSet::from([*b])).collect();
        self.now = bytes;
    }
}

async fn play(seed: u64, steps: &[Step]) -> (MemoryDisk, Duration) {
    let start = time::now();
    let disk = disk(seed);
    let mut file = durable_file(&disk, "/f", b"").await;
    let mut naive = Naive::default();
    naive.settle(vec![]);
    // After a failed sync even a good one leaves the old possibilities open.
    let mut in_doubt = false;
    for step in steps {
        match *step {
            Step::Write { offset, len, byte } => {
                let (offset, len) = (usize::from(offset), usize::from(len));
                let parts = vec![vec![byte; len / 2].into(), vec![byte; len - len / 2].into()];
                file.write_at(offset.try_into().expect("small"), parts)
                    .await
                    .expect("written");
                naive.change(|now| {
                    if len > 0 {
                        now.resize(now.len().max(offset + len), 0);
                        now[offset..offset + len].fill(byte);
                    }
                });
            }
            Step::Truncate { len } => {
                file.truncate(u64::from(len)).await.expect("cut");
                naive.change(|now| now.resize(usize::from(len), 0));
            }
            Step::Allocate { len } => {
                file.allocate(u64::from(len)).await.expect("room");
                naive.change(|now| now.resize(now.len().max(usize::from(len)), 0));
            }
            Step::Sync => {
                file.sync().await.expect("synced");
                if !in_doubt {
                    let now = naive.now.clone();
                    naive.settle(now);
                }
            }
            Step::FailedSync => {
                disk.fail_next_sync(1);
                file.sync().await.expect_err("EIO");
                in_doubt = true;
            }
            Step::Crash => {
                disk.crash();
                let bytes = read_all(&disk, "/f").await.expect("durable");
                assert!(bytes.len() <= naive.len_may_be.last().copied().unwrap_or(0));
                if !in_doubt && naive.len_may_be.len() == 1 {
                    assert_eq!(Some(&bytes.len()), naive.len_may_be.first());
                }
                for (at, byte) in bytes.iter().enumerate() {
                    assert!(naive.may_be[at].contains(byte), "byte {at} is {byte}");
                }
                naive.settle(bytes);
                in_doubt = false;
                file = create(&disk, "/f").await;
            }
        }
        assert_eq!(read_all(&disk, "/f").await.expect("there"), naive.now);
    }
    (disk, time::now() - start)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bytes_are_what_they_may_be_and_the_seed_decides(seed: u64, steps in steps()) {
        let (first, first_took) = run(play(seed, &steps));
        let (second, second_took) = run(play(seed, &steps));
        prop_assert_eq!(first_took, second_took);
        prop_assert_eq!(first.snapshot(), second.snapshot());
        prop_assert_eq!(first.snapshot_durable(), second.snapshot_durable());
    }
}
