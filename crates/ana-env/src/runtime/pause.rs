//! Stopping everything a simulated machine does, as SIGSTOP stops a process.
//!
//! While paused, no task of the machine is polled; time goes on, timers run out unseen, and what arrives waits.
//! After [`Pause::resume`] all of it is noticed at once. A sync that the disk was asked for counts as done no
//! earlier than that, because the task that waits for it does.
//!
//! Must stay true: a task spawned by a pausable task, by any of our ways to spawn, is pausable with it; where
//! nothing is pausable (every real process), spawning costs one look and polling costs nothing.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

thread_local! {
    /// The pause of the task that is being polled.
    static CURRENT: RefCell<Option<Pause>> = const { RefCell::new(None) };
}

/// A switch that stops and continues the tasks under it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Pause {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    /// Tasks that were to be polled meanwhile, in that order.
    parked: Vec<Waker>,
}

impl Pause {
    /// A switch that lets tasks run.
    pub fn new() -> Pause {
        Pause::default()
    }

    /// Stops the tasks before they are next polled.
    pub fn pause(&self) {
        self.lock().paused = true;
    }

    /// Lets them go on, in the order in which they would have run.
    pub fn resume(&self) {
        let parked = {
            let mut state = self.lock();
            state.paused = false;
            std::mem::take(&mut state.parked)
        };
        for waker in parked {
            waker.wake();
        }
    }

    /// Whether the tasks are stopped.
    pub fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// `future` under this switch, and with it every task that it spawns.
    pub fn hold<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Held {
            pause: self.clone(),
            inner: Box::pin(future),
        }
    }

    /// The switch of the task that is being polled.
    pub(super) fn current() -> Option<Pause> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Whether a task may run; if not, it is polled again when it may.
    fn admits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if state.paused {
            state.parked.push(cx.waker().clone());
        }
        !state.paused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Held<F> {
    pause: Pause,
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Held<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.pause.admits(cx) {
            return Poll::Pending;
        }
        let _entered = Entered::new(self.pause.clone());
        self.inner.as_mut().poll(cx)
    }
}

/// Puts back what was current, also after a panic.
struct Entered {
    before: Option<Pause>,
}

impl Entered {
    fn new(pause: Pause) -> Entered {
        let before = CURRENT.replace(Some(pause));
        Entered { before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::runtime::{self, Tasks};
    use crate::time::sleep;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(runtime::scope(1, future))
    }

    /// Counts each 10 ms, in tasks spawned in each of our ways below the root.
    async fn count_in_three_tasks(counts: Arc<[AtomicU64; 3]>) {
        let count = |which: usize| {
            let counts = Arc::clone(&counts);
            async move {
                for _ in 0..1000 {
                    sleep(Duration::from_millis(10)).await;
                    counts[which].fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let tasks = Tasks::new();
        tasks.spawn(count(0)).expect("open");
        let by_openraft = <runtime::Rt as openraft_rt::AsyncRuntime>::spawn(count(1));
        count(2).await;
        by_openraft.abort();
    }

    #[test]
    fn nothing_below_runs_while_paused_and_all_of_it_afterwards() {
        run(async {
            let counts: Arc<[AtomicU64; 3]> = Arc::default();
            let now =
                || -> Vec<u64> { counts.iter().map(|it| it.load(Ordering::Relaxed)).collect() };
            let pause = Pause::new();
            let all = runtime::spawn(pause.hold(count_in_three_tasks(Arc::clone(&counts))));
            sleep(Duration::from_millis(105)).await;
            assert_eq!(now(), [10, 10, 10]);
            pause.pause();
            assert!(pause.is_paused());
            sleep(Duration::from_secs(1)).await;
            assert_eq!(now(), [10, 10, 10]);
            pause.resume();
            // The timer that ran out meanwhile is noticed at once, the next one runs from now.
            sleep(Duration::from_millis(95)).await;
            assert_eq!(now(), [20, 20, 20]);
            all.abort();
        });
    }

    #[test]
    fn a_task_outside_is_not_held() {
        run(async {
            let pause = Pause::new();
            pause.pause();
            let held = runtime::spawn(pause.hold(async {}));
            runtime::spawn(async {}).await.expect("ends");
            assert!(!held.is_finished());
            pause.resume();
            held.await.expect("ends");
        });
    }
}
