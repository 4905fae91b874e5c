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

const CHECK_EVERY: Duration = Duration::from_millis(300);
const CHECK_MAX: Duration = Duration::from_secs(2);

/// Keeps the roster up to date for as long as it is polled.
#[expect(clippy::infinite_loop, reason = "it ends when its task is dropped")]
pub async fn keep_checking(env: Env, roster: Arc<Roster>) {
    let mut ticks = time::interval(CHECK_EVERY);
    loop {
        ticks.tick().await;
        let checks = roster.running().into_iter().map(|(id, api)| {
            let env = env.clone();
            let roster = &roster;
            async move { roster.checked(id, is_healthy(env, &api).await) }
        });
        join_all(checks).await;
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
