//! A line keeps one connection to a peer: opened when somebody wants it, reopened after a pause.
//!
//! One task per line does all dialling, so that however many ask, a dead peer costs one attempt
//! per pause. Whoever asks waits for the next attempt's outcome, within his own bound.
//!
//! Must stay true: between two attempts lies at least `DIAL_PAUSE_MIN`, growing to
//! `DIAL_PAUSE_MAX` while connections fail or die young.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time::{self, Instant};
use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use super::connection::{DialError, within_dial};
use super::limits::{DIAL_PAUSE_MAX, DIAL_PAUSE_MIN, GOOD_CONNECTION};

/// Opens what a line keeps.
#[async_trait]
pub(crate) trait Opener: Send + 'static {
    /// What users of the line get.
    type Open: Send + Sync + 'static;

    /// Dials once. The life ends when the connection is no longer good; dropping it ends the
    /// connection.
    async fn open(&mut self) -> Result<(Arc<Self::Open>, Life), DialError>;

    /// For log lines.
    fn describe(&self) -> String;
}

/// Runs as long as a connection does.
pub(crate) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Nobody answered at the peer's address within the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("peer not reached")]
pub(crate) struct NotReached;

struct LineState<T> {
    /// Attempts that failed since the start.
    failures: u64,
    open: Option<Arc<T>>,
}

/// Users' half of a line.
pub(crate) struct Line<T> {
    state: watch::Receiver<LineState<T>>,
    wanted: Arc<Notify>,
}

impl<T> fmt::Debug for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Line")
            .field("open", &state.open.is_some())
            .field("failures", &state.failures)
            .finish()
    }
}

impl<T: Send + Sync + 'static> Line<T> {
    /// Starts the keeper in `tasks`; it dials when first asked.
    pub(crate) fn start(tasks: &Tasks, opener: impl Opener<Open = T>) -> Self {
        let (publish, state) = watch::channel(LineState {
            failures: 0,
            open: None,
        });
        let wanted = Arc::new(Notify::new());
        let keeper = keep(opener, publish, Arc::clone(&wanted));
        let _handle = tasks.spawn(keeper);
        Self { state, wanted }
    }

    /// The open connection; otherwise the outcome of the next attempt, waited for until `deadline`.
    pub(crate) async fn get(&self, deadline: Instant) -> Result<Arc<T>, NotReached> {
        self.get_other(None, deadline).await
    }

    /// As [`Line::get`], but not the one that the caller knows to be dead.
    pub(crate) async fn get_other(
        &self,
        dead: Option<&Arc<T>>,
        deadline: Instant,
    ) -> Result<Arc<T>, NotReached> {
        let alive = |state: &LineState<T>| {
            let open = state.open.as_ref();
            open.filter(|open| !dead.is_some_and(|dead| Arc::ptr_eq(open, dead)))
                .cloned()
        };
        let mut state = self.state.clone();
        let (open, failures_before) = {
            let now = state.borrow_and_update();
            (alive(&now), now.failures)
        };
        if let Some(open) = open {
            return Ok(open);
        }
        loop {
            // Said each time: the attempt may have won a connection that died at once.
            self.wanted.notify_one();
            match time::timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                // The keeper is gone, or the time is.
                Ok(Err(_)) | Err(_) => return Err(NotReached),
            }
            let (open, failures) = {
                let now = state.borrow_and_update();
                (alive(&now), now.failures)
            };
            match open {
                Some(open) => return Ok(open),
                None if failures > failures_before => return Err(NotReached),
                None => {}
            }
        }
    }
}

#[expect(
    clippy::infinite_loop,
    reason = "the keeper ends when its peer is dropped"
)]
async fn keep<O: Opener>(
    mut opener: O,
    publish: watch::Sender<LineState<O::Open>>,
    wanted: Arc<Notify>,
) {
    let mut pause = DIAL_PAUSE_MIN;
    let mut not_before = time::now();
    loop {
        wanted.notified().await;
        time::sleep_until(not_before).await;
        match within_dial(opener.open()).await {
            Ok((open, life)) => {
                tracing::debug!(line = opener.describe(), "peer reached");
                let opened_at = time::now();
                publish.send_modify(|state| state.open = Some(open));
                life.await;
                publish.send_modify(|state| state.open = None);
                tracing::debug!(line = opener.describe(), "peer lost");
                if opened_at.elapsed() >= GOOD_CONNECTION {
                    pause = DIAL_PAUSE_MIN;
                }
            }
            Err(error) => {
                tracing::debug!(line = opener.describe(), %error, "peer not reached");
                publish.send_modify(|state| state.failures += 1);
            }
        }
        not_before = time::now() + pause;
        pause = next_pause(pause);
    }
}

fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(DIAL_PAUSE_MAX)
}
