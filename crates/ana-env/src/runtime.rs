//! Tasks, and the seeded randomness that follows them.
//!
//! openraft draws its election timeouts from a generator that lives in a task-local, and so does every task
//! it spawns. Hence the one rule: a node runs inside [`scope`], and spawns only by [`spawn`] or [`Tasks`].
//!
//! Danger: hyper and tonic spawn by themselves, without the task-local; a handler that can reach openraft
//! must be wrapped by [`Scopes::enter`].

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use openraft_rt::AsyncRuntime;
use rand::Rng as _;
use tokio::task::{AbortHandle, JoinError, JoinSet};

mod pausable;
mod pause;

pub use pausable::Pausable;
pub use pause::Pause;

/// The runtime of openraft and of everything else.
pub type Rt = openraft_rt::deterministic_rng::DeterministicRng<Pausable>;

/// Handle of a spawned task. Dropping it detaches the task: prefer [`Tasks`].
pub type JoinHandle<T> = tokio::task::JoinHandle<T>;

/// Runs `future` with randomness derived from `seed`: in production a random number, in a simulation the
/// run's. Everything in a process or a simulated node runs inside.
pub fn scope<F: Future>(seed: u64, future: F) -> impl Future<Output = F::Output> {
    Rt::scope(seed, future)
}

/// Spawns a task that inherits (a fork of) the current scope.
///
/// # Panics
/// Outside of [`scope`].
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Rt::spawn(future)
}

/// Runs blocking work on the blocking pool. Only the real seams may need it: in a simulation there are no
/// threads.
pub async fn spawn_blocking<T, F>(work: F) -> Result<T, JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work).await
}

/// A random number of the current scope.
///
/// # Panics
/// Outside of [`scope`].
pub fn random_u64() -> u64 {
    Rt::thread_rng().next_u64()
}

/// Gives scopes to futures that others will spawn without one.
#[derive(Debug, Clone)]
pub struct Scopes {
    next: Arc<AtomicU64>,
}

impl Scopes {
    /// A source of scopes seeded from the current one.
    ///
    /// # Panics
    /// Outside of [`scope`].
    pub fn fork() -> Scopes {
        Scopes {
            next: Arc::new(AtomicU64::new(random_u64())),
        }
    }

    /// `future` inside a scope of its own. May be called anywhere.
    pub fn enter<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        // An odd step walks through all 2^64 seeds; the generator mixes them before use.
        let seed = self
            .next
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        scope(seed, future)
    }
}

/// Owns tasks: when it goes, they go. No task of a node is outside of one of these.
#[derive(Debug, Default)]
pub struct Tasks {
    state: Mutex<TasksState>,
}

#[derive(Debug, Default)]
struct TasksState {
    set: JoinSet<()>,
    closed: bool,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Tasks {
        Tasks::default()
    }

    /// Spawns a task as [`spawn`] does. `None` after [`Tasks::join`] or [`Tasks::shutdown`] has begun; the
    /// future is dropped then.
    ///
    /// # Panics
    /// Outside of [`scope`].
    pub fn spawn<F>(&self, future: F) -> Option<AbortHandle>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let seed = random_u64();
        let mut state = self.lock();
        while let Some(done) = state.set.try_join_next() {
            report(done);
        }
        let future = Rt::scope(seed, future);
        (!state.closed).then(|| match Pause::current() {
            None => state.set.spawn(future),
            Some(pause) => state.set.spawn(pause.hold(future)),
        })
    }

    /// Tasks not yet finished, or not yet reaped.
    pub fn len(&self) -> usize {
        self.lock().set.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Aborts every task; does not wait for them and takes new ones.
    pub fn abort_all(&self) {
        self.lock().set.abort_all();
    }

    /// Takes no more tasks and waits until all have ended by themselves. If the wait is dropped, the tasks
    /// are aborted.
    pub async fn join(&self) {
        let mut set = self.close();
        while let Some(done) = set.join_next().await {
            report(done);
        }
    }

    /// Takes no more tasks, aborts all, and waits until they are gone.
    pub async fn shutdown(&self) {
        let mut set = self.close();
        set.abort_all();
        while let Some(done) = set.join_next().await {
            report(done);
        }
    }

    fn close(&self) -> JoinSet<()> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.set)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TasksState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic in a task is a bug; it is logged here because nobody awaits the handle.
fn report(done: Result<(), JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a task panicked");
    }
}
