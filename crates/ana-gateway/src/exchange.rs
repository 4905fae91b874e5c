//! What a connection is doing, as seen from its requests, and when that has gone on for too long.
//!
//! An exchange lasts from a request's complete head until the last of its answer was handed to the
//! socket (or to HTTP/2's flow control). Must stay true: an exchange ends when its guard is dropped, in
//! whatever way the request ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ana_env::time::{Instant, now};

/// The exchanges of one connection.
#[derive(Debug)]
pub(crate) struct Exchanges {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When each exchange under way began, in order.
    running: BTreeMap<u64, Instant>,
    begun: u64,
    /// When the last exchange ended, or the connection began.
    idle_since: Instant,
}

/// How long a connection may go without what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) first_request: Duration,
    pub(crate) idle: Duration,
    pub(crate) exchange: Duration,
}

/// Until when a connection is left alone, and what is wrong with it after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// No request has come.
    Idle(Instant),
    /// A request has not ended.
    Stuck(Instant),
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
        let mut state = self.lock();
        let number = state.begun;
        state.begun += 1;
        state.running.insert(number, now());
        Exchange {
            of: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn due(&self, patience: Patience) -> Due {
        let state = self.lock();
        match state.running.first_key_value() {
            Some((_, since)) => Due::Stuck(*since + patience.exchange),
            None if state.begun == 0 => Due::Idle(state.idle_since + patience.first_request),
            None => Due::Idle(state.idle_since + patience.idle),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One exchange; ends when dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    of: Arc<Exchanges>,
    number: u64,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.of.lock();
        state.running.remove(&self.number);
        state.idle_since = now();
    }
}

impl Due {
    pub(crate) fn at(self) -> Instant {
        match self {
            Self::Idle(at) | Self::Stuck(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_depends_on_what_the_connection_does() {
        let seconds = Duration::from_secs;
        let patience = Patience {
            first_request: seconds(10),
            idle: seconds(75),
            exchange: seconds(120),
        };
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
        drop(second);
        assert_eq!(exchanges.due(patience), Due::Idle(start + seconds(7 + 75)));
    }
}
