//! Asks every running node how it is, again and again.

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
/// And while one is not: it has just been started, mostly.
const CHECK_AGAIN: Duration = Duration::from_millis(25);
const CHECK_MAX: Duration = Duration::from_secs(2);

/// Keeps the roster up to date for as long as it is polled.
#[expect(clippy::infinite_loop, reason = "it ends when its task is dropped")]
pub async fn keep_checking(env: Env, roster: Arc<Roster>) {
    loop {
        let checks = roster.running().into_iter().map(|(id, api)| {
            let env = env.clone();
            let roster = &roster;
            async move {
                let is_well = is_healthy(env, &api).await;
                roster.checked(id, is_well);
                is_well
            }
        });
        let seen = join_all(checks).await;
        // Before the first node runs there is nothing to see.
        let are_well = !seen.is_empty() && seen.into_iter().all(|is_well| is_well);
        time::sleep(if are_well { CHECK_EVERY } else { CHECK_AGAIN }).await;
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
