//! Asks every running node how it is, again and again: often while one comes up, seldom while all is as it was.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ana_env::{Env, time};
use futures::future::join_all;
use http::{Method, StatusCode};

use super::roster::Roster;
use crate::client::access::Access;
use crate::client::endpoint::Endpoint;
use crate::client::{Client, Retry};

/// Pause between checks while every running node is well.
const CHECK_EVERY: Duration = Duration::from_millis(300);
/// And while one is not that has just been started, or was well a moment ago.
const CHECK_AGAIN: Duration = Duration::from_millis(25);
/// A node that is unwell for longer stays so for a while.
const FRESH: Duration = Duration::from_secs(10);
const CHECK_MAX: Duration = Duration::from_secs(2);

/// Keeps the roster up to date for as long as it is polled.
#[expect(clippy::infinite_loop, reason = "it ends when its task is dropped")]
pub async fn keep_checking(env: Env, roster: Arc<Roster>) {
    let mut pace = Pace::default();
    loop {
        let checks = roster.running().into_iter().map(|(id, api)| {
            let env = env.clone();
            let roster = &roster;
            async move {
                let is_well = is_healthy(env, &api).await;
                roster.checked(id, is_well);
                (id, is_well)
            }
        });
        let seen = join_all(checks).await;
        time::sleep(pace.after(env.clock.elapsed(), &seen)).await;
    }
}

/// How soon the nodes are asked again.
#[derive(Debug, Default)]
struct Pace {
    /// Since when a node that runs is unwell.
    unwell: BTreeMap<u64, Duration>,
}

impl Pace {
    /// The pause after what was seen at `now`.
    fn after(&mut self, now: Duration, seen: &[(u64, bool)]) -> Duration {
        let unwell = seen.iter().filter(|(_, is_well)| !is_well);
        let since = |id| (id, self.unwell.get(&id).copied().unwrap_or(now));
        self.unwell = unwell.map(|(id, _)| since(*id)).collect();
        let is_fresh = |since: &Duration| now.saturating_sub(*since) < FRESH;
        // Before the first node runs there is nothing to see.
        if seen.is_empty() || self.unwell.values().any(is_fresh) {
            return CHECK_AGAIN;
        }
        CHECK_EVERY
    }
}

async fn is_healthy(env: Env, api: &str) -> bool {
    let Ok(endpoint) = Endpoint::from_str(api) else {
        return false;
    };
    // Health is open to everybody, and `ana up` leaves plain HTTP on at its nodes.
    let client = Client::new(env, endpoint, Access::default()).with_retry(Retry::never());
    let answer = client.plain(Method::GET, "/_ana/health", CHECK_MAX).await;
    answer.is_ok_and(|answer| answer.status == StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;

    fn pauses(steps: &[(u64, &[(u64, bool)])]) -> Vec<Duration> {
        let mut pace = Pace::default();
        let after =
            |(at_s, seen): &(u64, &[(u64, bool)])| pace.after(Duration::from_secs(*at_s), seen);
        steps.iter().map(after).collect()
    }

    #[test]
    fn nodes_are_asked_often_for_a_while_after_one_became_unwell() {
        let (one, both) = ([(A, true), (B, false)], [(A, true), (B, true)]);
        let seen = pauses(&[
            (0, &[]),
            (1, &one),
            (2, &both),
            (100, &one),
            (109, &one),
            (110, &one),
            (500, &one),
        ]);
        let (often, seldom) = (CHECK_AGAIN, CHECK_EVERY);
        assert_eq!(seen, [often, often, seldom, often, often, seldom, seldom]);
    }

    #[test]
    fn a_node_that_was_gone_in_between_is_a_new_one() {
        let unwell = [(A, true), (B, false)];
        let seen = pauses(&[
            (0, &unwell),
            (60, &unwell),
            (61, &[(A, true)]),
            (62, &unwell),
        ]);
        assert_eq!(seen, [CHECK_AGAIN, CHECK_EVERY, CHECK_EVERY, CHECK_AGAIN]);
    }
}
