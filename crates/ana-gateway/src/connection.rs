//! One connection: HTTP/1.1 or HTTP/2 by what the client begins with, and how long it may live.
//!
//! hyper parses and calls `request::answer` for every request; this file watches. Must stay true: a
//! connection ends by itself, however little the client does.

use std::sync::Arc;
use std::time::Duration;

use ana_env::Stream;
use ana_env::runtime::Tasks;
use ana_env::time::{now, sleep, sleep_until};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::sync::watch;

use crate::exchange::{Due, Exchanges, Patience};
use crate::listen::Shared;
use crate::request::answer;

/// How often a connection that is busy is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How long a connection that was asked to close may take for it.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Serves a connection until it ends, goes idle, gets stuck, or `stopping` says so.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    peer: Arc<str>,
    mut stopping: watch::Receiver<bool>,
) {
    let exchanges = Exchanges::new();
    let config = &shared.config;
    let patience = Patience {
        first_request: config.first_request_within,
        idle: config.idle_max,
        exchange: config.exchange_within,
    };
    let mut builder = auto::Builder::new(ScopedExecutor(Arc::clone(&shared.stream_tasks)));
    builder
        .http1()
        .max_buf_size(config.head_bytes_max)
        .header_read_timeout(None);
    builder
        .http2()
        .max_header_list_size(u32::try_from(config.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(config.streams_per_connection_max);
    let service = {
        let (shared, exchanges) = (Arc::clone(&shared), Arc::clone(&exchanges));
        let peer = Arc::clone(&peer);
        service_fn(move |request| {
            let exchanges = Arc::clone(&exchanges);
            answer(Arc::clone(&shared), Arc::clone(&peer), exchanges, request)
        })
    };
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let mut connection = std::pin::pin!(connection);
    loop {
        let due = exchanges.due(patience);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended with an error");
                }
                return;
            }
            () = stop_begun(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                // How long it may take is for the gateway to say: it drops this task.
                let ended = connection.await;
                tracing::debug!(%peer, ok = ended.is_ok(), "connection ended at shutdown");
                return;
            }
            () = sleep_until(due.at().min(now() + LOOK_EVERY)) => {}
        }
        match exchanges.due(patience) {
            due if due.at() > now() => {}
            Due::Idle(_) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => {
                        tracing::debug!(%peer, ok = ended.is_ok(), "idle connection closed");
                    }
                    () = sleep(CLOSE_WITHIN) => tracing::debug!(%peer, "idle connection dropped"),
                }
                return;
            }
            Due::Stuck(_) => {
                tracing::debug!(%peer, "connection dropped: a request did not end");
                return;
            }
        }
    }
}

/// Ready once the gateway stops; a gateway that is gone has stopped too.
async fn stop_begun(stopping: &mut watch::Receiver<bool>) {
    match stopping.wait_for(|stopping| *stopping).await {
        Ok(_) | Err(_) => {}
    }
}

/// Runs what hyper spawns (one task per HTTP/2 request) as tasks of the gateway, in its scope.
#[derive(Debug, Clone)]
struct ScopedExecutor(Arc<Tasks>);

impl<F> hyper::rt::Executor<F> for ScopedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, fut: F) {
        let spawned = self.0.spawn(async move {
            fut.await;
        });
        if spawned.is_none() {
            tracing::debug!("a request came after the end of the drain");
        }
    }
}
