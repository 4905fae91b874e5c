//! Tasks are owned, and randomness follows the seed through every spawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ana_env::memory::{SeededRng, TokioClock};
use ana_env::runtime::{self, Scopes, Tasks};
use ana_env::{Clock, Rng, time};

/// Counts how many are alive.
#[derive(Debug)]
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn new(count: &Arc<AtomicU32>) -> Alive {
        count.fetch_add(1, Ordering::Relaxed);
        Alive(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn for_ever(count: &Arc<AtomicU32>) -> impl Future<Output = ()> + Send + 'static + use<> {
    let alive = Alive::new(count);
    async move {
        std::future::pending::<()>().await;
        drop(alive);
    }
}

#[tokio::test(start_paused = true)]
async fn the_seed_decides_in_every_task() {
    async fn draw() -> Vec<u64> {
        let scopes = Scopes::fork();
        let child = runtime::spawn(async {
            let grandchild = runtime::spawn(async { runtime::random_u64() });
            (runtime::random_u64(), grandchild.await.expect("no panic"))
        });
        // As hyper would: without the task-local.
        #[expect(clippy::disallowed_methods, reason = "the foreign spawn under test")]
        let foreign = tokio::spawn(scopes.enter(async { runtime::random_u64() }));
        let (first, second) = child.await.expect("no panic");
        vec![
            runtime::random_u64(),
            first,
            second,
            foreign.await.expect("no panic"),
        ]
    }
    let first = runtime::scope(7, draw()).await;
    assert_eq!(first, runtime::scope(7, draw()).await);
    let other = runtime::scope(8, draw()).await;
    assert!(first.iter().all(|number| !other.contains(number)));
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
}

#[tokio::test(start_paused = true)]
async fn tasks_end_with_their_owner() {
    runtime::scope(1, async {
        let count = Arc::new(AtomicU32::new(0));
        let tasks = Tasks::new();
        tasks.spawn(for_ever(&count)).expect("open");
        tasks.spawn(for_ever(&count)).expect("open");
        assert_eq!((tasks.len(), count.load(Ordering::Relaxed)), (2, 2));
        drop(tasks);
        time::sleep(Duration::from_millis(1)).await;
        assert_eq!(count.load(Ordering::Relaxed), 0);

        let tasks = Tasks::new();
        tasks.spawn(for_ever(&count)).expect("open");
        tasks.shutdown().await;
        assert_eq!(count.load(Ordering::Relaxed), 0);
        assert!(tasks.spawn(for_ever(&count)).is_none());
        assert_eq!(
            count.load(Ordering::Relaxed),
            0,
            "a refused future is dropped"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn joining_waits_and_reaps() {
    runtime::scope(1, async {
        let tasks = Tasks::new();
        let count = Arc::new(AtomicU32::new(0));
        for i in 0..100 {
            let alive = Alive::new(&count);
            tasks.spawn(async move {
                time::sleep(Duration::from_millis(1)).await;
                drop(alive);
            });
            if i % 10 == 9 {
                time::sleep(Duration::from_millis(2)).await;
            }
        }
        assert_eq!(
            tasks.len(),
            10,
            "finished tasks are reaped when the next one comes"
        );
        tasks.spawn(async { panic!("reported, not propagated") });
        tasks.join().await;
        assert!(tasks.is_empty());
        assert_eq!(count.load(Ordering::Relaxed), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn seeded_seams_repeat() {
    let clock = TokioClock::new(1_000);
    time::sleep(Duration::from_millis(250)).await;
    assert_eq!(
        (clock.now_ms(), clock.elapsed()),
        (1_250, Duration::from_millis(250))
    );
    time::timeout(Duration::from_secs(1), std::future::pending::<()>())
        .await
        .expect_err("elapsed");
    assert_eq!(clock.now_ms(), 2_250);

    let (first, second) = (SeededRng::new(5), SeededRng::new(5));
    let mut bytes = [[0; 20]; 2];
    assert_eq!(first.next_u64(), second.next_u64());
    first.fill(&mut bytes[0]);
    second.fill(&mut bytes[1]);
    assert_eq!(bytes[0], bytes[1]);
    assert_ne!(first.next_u64(), SeededRng::new(6).next_u64());
}
