//! The same log on the file system of the machine.

use crate::common;

use std::path::Path;
use std::sync::Arc;

use ana_env::real::{RealClock, RealDisk};
use ana_env::runtime;
use ana_log::{Health, Log, LogConfig};
use common::model::Model;
use common::{all, append, append_later, id, marked, small, vote};

fn run_for_real<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(runtime::scope(7, test))
}

async fn open(dir: &Path) -> Log {
    let config = LogConfig {
        full_at_permille: 1000,
        ..small()
    };
    let clock = Arc::new(RealClock::new());
    Log::open(Arc::new(RealDisk), clock, dir, config)
        .await
        .expect("opens")
}

#[test]
fn a_life_on_a_real_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("groups").join("1");
    run_for_real(async {
        let mut model = Model::default();
        let log = open(&dir).await;
        let mut waits = Vec::new();
        for index in 1..=300 {
            let entry = marked(1, index, 700, &[(0, index), (1, index)]);
            model.append(entry.clone());
            waits.push(append_later(&log, vec![entry]).expect("queued"));
        }
        for wait in waits {
            wait.await.expect("answered").expect("durable");
        }
        log.save_vote(vote(1)).await.expect("durable");
        model.vote = Some(vote(1));
        log.truncate_after(Some(280)).await.expect("durable");
        model.truncate(Some(280));
        log.purge_upto(id(1, 150)).await.expect("durable");
        model.purge(id(1, 150));
        model.check_reads(&log, 2).await;
        drop(log);

        for _ in 0..3 {
            let log = open(&dir).await;
            assert_eq!(log.health(), Health::Ok);
            assert_eq!(Model::of(&log).await, model);
            model.check_reads(&log, 2).await;
            let next = model.next_index();
            for index in next..next + 50 {
                let entry = marked(2, index, 700, &[(1, index)]);
                model.append(entry.clone());
                append(&log, vec![entry]).await.expect("durable");
            }
            log.save_snapshot(next, vec![3; 5000].into())
                .await
                .expect("durable");
            log.purge_upto(id(2, next + 20)).await.expect("durable");
            model.purge(id(2, next + 20));
            log.shutdown().await;
        }
        let log = open(&dir).await;
        assert_eq!(all(&log).await, model.entries);
        let names: Vec<_> = std::fs::read_dir(&dir).expect("is there").collect();
        assert!(names.len() < 8, "purged segments are gone: {names:?}");
    });
}

#[test]
fn readers_and_the_writer_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    run_for_real(async {
        let log = Arc::new(open(dir.path()).await);
        let mut readers = Vec::new();
        for _ in 0..4 {
            let log = Arc::clone(&log);
            readers.push(runtime::spawn(async move {
                let mut next = 1;
                while next <= 1500 {
                    let got = log.read(next..u64::MAX, 20_000).await.expect("readable");
                    for entry in &got {
                        assert!(entry.id.index >= next);
                        assert_eq!(
                            *entry,
                            marked(1, entry.id.index, 400, &[(0, entry.id.index)])
                        );
                        next = entry.id.index + 1;
                    }
                    if got.is_empty() {
                        tokio::task::yield_now().await;
                    }
                }
            }));
        }
        for index in 1..=1500 {
            let entry = marked(1, index, 400, &[(0, index)]);
            let wait = append_later(&log, vec![entry]).expect("queued");
            if index % 20 == 0 {
                wait.await.expect("answered").expect("durable");
            }
            if index % 200 == 0 {
                log.purge_upto(id(1, index - 150)).await.expect("durable");
            }
        }
        for reader in readers {
            reader.await.expect("no reader failed");
        }
        assert_eq!(log.health(), Health::Ok);
    });
}
