//! What a connection is doing, as seen from its requests, and when that has gone on for too long.
//!
//! An exchange lasts from a request's complete head until the last of its answer was handed to the
//! socket (or to HTTP/2's flow control). A subscription may last as long as it likes while it waits
//! for events, but not while a frame waits for its reader. Must stay true: an exchange ends when its
//! guard is dropped, in whatever way the request ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{Instant, now};
use tokio::sync::Notify;

tokio::task_local! {
    /// Ends the HTTP/2 stream whose task this is, and leaves the other streams of the connection alone.
    pub(crate) static CUT: Arc<Notify>;
}

/// The exchanges of one connection.
#[derive(Debug)]
pub(crate) struct Exchanges {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    running: BTreeMap<u64, Running>,
    begun: u64,
    /// When the last exchange ended, or the connection began.
    idle_since: Instant,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    awaits: Awaits,
    /// Ends this exchange alone; `None` on HTTP/1.1, where it is all of the connection.
    cut: Option<Arc<Notify>>,
}

/// What an exchange waits for.
#[derive(Debug, Clone, Copy)]
enum Awaits {
    /// The service, or the rest of the request.
    Answer,
    /// The reader of an answer, who was handed a piece of it then.
    Taker(Instant),
    /// The next event; nobody is to blame.
    Event,
    /// The reader of a subscription, who was handed a piece of a frame then.
    Reader(Instant),
}

/// How long a connection may go without what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) first_request: Duration,
    pub(crate) idle: Duration,
    pub(crate) exchange: Duration,
    pub(crate) taker: Duration,
    pub(crate) reader: Duration,
}

/// Until when a connection is left alone, and what is wrong with it after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// No request has come.
    Idle(Instant),
    /// A request has not ended, or a reader has not read.
    Stuck(Instant),
    /// Subscriptions wait for events: no end in sight, and none needed.
    Never,
}

impl Exchanges {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            running: BTreeMap::new(),
            begun: 0,
            idle_since: now(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Exchange {
        let cut = CUT.try_with(Arc::clone).ok();
        let mut state = self.lock();
        let number = state.begun;
        state.begun += 1;
        let running = Running {
            since: now(),
            awaits: Awaits::Answer,
            cut,
        };
        state.running.insert(number, running);
        Exchange {
            of: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn due(&self, patience: Patience) -> Due {
        let state = self.lock();
        if state.running.is_empty() {
            let within = if state.begun == 0 {
                patience.first_request
            } else {
                patience.idle
            };
            return Due::Idle(state.idle_since + within);
        }
        let ends = state.running.values();
        let first = ends.filter_map(|each| each.until(patience)).min();
        first.map_or(Due::Never, Due::Stuck)
    }

    /// Ends the exchanges that are stuck. False when that cannot be done without ending the connection.
    pub(crate) fn cut_stuck(&self, patience: Patience) -> bool {
        let (mut state, time) = (self.lock(), now());
        let mut all_cut = true;
        // What is cut is no longer counted, though its task may take a moment to be dropped.
        state.running.retain(|_, each| {
            let is_stuck = each.until(patience).is_some_and(|end| end <= time);
            match &each.cut {
                Some(cut) if is_stuck => cut.notify_one(),
                _ => {
                    all_cut &= !is_stuck;
                    return true;
                }
            }
            false
        });
        state.idle_since = time;
        all_cut
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn until(&self, patience: Patience) -> Option<Instant> {
        let end = self.since + patience.exchange;
        match self.awaits {
            Awaits::Answer => Some(end),
            Awaits::Taker(since) => Some(end.min(since + patience.taker)),
            Awaits::Reader(since) => Some(since + patience.reader),
            Awaits::Event => None,
        }
    }
}

/// One exchange; ends when dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    of: Arc<Exchanges>,
    number: u64,
}

impl Exchange {
    /// The answer is there, or a piece of it was handed on; its reader asks for the next one when it has room.
    pub(crate) fn awaits_taker(&self) {
        self.set(Awaits::Taker(now()));
    }

    /// The reader has taken all there is; the next event has not come yet.
    pub(crate) fn awaits_event(&self) {
        self.set(Awaits::Event);
    }

    /// A piece was handed on; the reader asks for the next one when it has room.
    pub(crate) fn awaits_reader(&self) {
        self.set(Awaits::Reader(now()));
    }

    fn set(&self, awaits: Awaits) {
        if let Some(running) = self.of.lock().running.get_mut(&self.number) {
            running.awaits = awaits;
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.running.remove(&self.number);
        state.idle_since = now();
    }
}

impl Due {
    /// `None` when there is nothing to wait for.
    pub(crate) fn at(self) -> Option<Instant> {
        match self {
            Self::Idle(at) | Self::Stuck(at) => Some(at),
            Self::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn patience() -> Patience {
        Patience {
            first_request: seconds(10),
            idle: seconds(75),
            exchange: seconds(120),
            taker: seconds(20),
            reader: seconds(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_depends_on_what_the_connection_does() {
        let patience = patience();
        let exchanges = Exchanges::new();
        let start = now();
        assert_eq!(exchanges.due(patience), Due::Idle(start + seconds(10)));
        tokio::time::advance(seconds(5)).await;
        let first = exchanges.begin();
        tokio::time::advance(seconds(1)).await;
        let second = exchanges.begin();
        assert_eq!(exchanges.due(patience), Due::Stuck(start + seconds(125)));
        drop(first);
        assert_eq!(exchanges.due(patience), Due::Stuck(start + seconds(126)));
        tokio::time::advance(seconds(1)).await;
        second.awaits_taker();
        assert_eq!(exchanges.due(patience), Due::Stuck(start + seconds(7 + 20)));
        tokio::time::advance(seconds(1)).await;
        drop(second);
        assert_eq!(exchanges.due(patience), Due::Idle(start + seconds(8 + 75)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_may_wait_for_events_but_not_for_its_reader() {
        let patience = patience();
        let exchanges = Exchanges::new();
        let cut = Arc::new(Notify::new());
        let subscription = CUT.sync_scope(Arc::clone(&cut), || exchanges.begin());
        subscription.awaits_event();
        assert_eq!(exchanges.due(patience), Due::Never);
        tokio::time::advance(seconds(1000)).await;
        assert!(exchanges.cut_stuck(patience), "nothing is stuck");
        subscription.awaits_reader();
        let handed = now();
        assert_eq!(exchanges.due(patience), Due::Stuck(handed + seconds(60)));
        let call = exchanges.begin();
        tokio::time::advance(seconds(60)).await;
        assert!(exchanges.cut_stuck(patience), "the subscription alone");
        cut.notified().await;
        drop(subscription);
        assert_eq!(exchanges.due(patience), Due::Stuck(handed + seconds(120)));
        tokio::time::advance(seconds(60)).await;
        assert!(
            !exchanges.cut_stuck(patience),
            "it has the connection for itself"
        );
        drop(call);
    }
}
