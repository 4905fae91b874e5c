//! One connection: TLS or not, HTTP/1.1 or HTTP/2 by what the client begins with, and how long it may live.
//!
//! hyper parses and calls `request::answer` for every request; this file watches. Must stay true: a
//! connection ends by itself, however little the client does.

use std::sync::Arc;
use std::time::Duration;

use ana_env::Stream;
use ana_env::runtime::Tasks;
use ana_env::time::{Instant, now, sleep, sleep_until};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::sync::{Notify, watch};

use crate::config::GatewayConfig;
use crate::exchange::{CUT, Due, Exchanges, Patience};
use crate::listen::Shared;
use crate::noise::{Gauge, Heard, Noise};
use crate::request::{Connection, answer};

/// How often a connection that is busy is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// A reader that stalls is found out after this part of its time at the latest.
const LOOKS_PER_STALL: u32 = 4;

/// How long a connection that was asked to close may take for it.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Resets of HTTP/2 streams that were not yet answered, at a time: a client that opens streams only to reset them
/// ("rapid reset") is cut off beyond it. As hyper and h2 have it; named so that no update changes it unseen.
const EARLY_RESETS_MAX: usize = 20;

/// Streams that we had to reset for errors of the client, over a connection's life; it is cut off beyond it.
const ERROR_RESETS_MAX: usize = 1024;

/// Serves a connection until it ends, goes idle, gets stuck, or `stopping` says so.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    peer: Arc<str>,
    mut stopping: watch::Receiver<bool>,
) {
    let exchanges = Exchanges::new();
    let noise = Arc::new(Noise::default());
    let patience = patience(&shared.config);
    let Some(stream) = open(&shared, stream, &mut stopping).await else {
        return;
    };
    let builder = builder(&shared.config, Arc::clone(&shared.stream_tasks));
    let service = {
        let of = Connection {
            peer: Arc::clone(&peer),
            exchanges: Arc::clone(&exchanges),
            noise: Arc::clone(&noise),
        };
        let shared = Arc::clone(&shared);
        service_fn(move |request| answer(Arc::clone(&shared), of.clone(), request))
    };
    let mut gauge = Gauge::new(Arc::clone(&noise));
    let connection = builder
        .serve_connection(TokioIo::new(Heard::new(stream, noise)), service)
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
            () = sleep_until(next_look(due, patience)) => {}
        }
        if gauge.is_too_much() {
            tracing::debug!(%peer, "connection dropped: it sent too much that belongs to no request");
            return;
        }
        match exchanges.due(patience) {
            Due::Never => {}
            Due::Idle(at) | Due::Stuck(at) if at > now() => {}
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
            Due::Stuck(_) if exchanges.cut_stuck(patience) => {
                tracing::debug!(%peer, "streams reset: requests did not end or readers did not read");
            }
            Due::Stuck(_) => {
                tracing::debug!(%peer, "connection dropped: a request did not end or its reader did not read");
                return;
            }
        }
    }
}

/// The stream that HTTP is spoken on: as it is, or what TLS makes of it. None when it ends before.
async fn open(
    shared: &Shared,
    stream: Stream,
    stopping: &mut watch::Receiver<bool>,
) -> Option<Stream> {
    let config = &shared.config;
    let Some(tls) = &config.tls else {
        return Some(stream);
    };
    let within = (config.first_request_within, config.handshake_within);
    tokio::select! {
        opened = tls.open(stream, &shared.handshakes, within) => opened,
        () = stop_begun(stopping) => None,
    }
}

fn patience(config: &GatewayConfig) -> Patience {
    Patience {
        first_request: config.first_request_within,
        idle: config.idle_max,
        exchange: config.exchange_within,
        taker: config.answer_stalls_max,
        reader: config.reader_stalls_max,
    }
}

/// How HTTP is spoken, and its bounds.
fn builder(config: &GatewayConfig, tasks: Arc<Tasks>) -> auto::Builder<ScopedExecutor> {
    let mut builder = auto::Builder::new(ScopedExecutor(tasks));
    builder
        .http1()
        .max_buf_size(config.head_bytes_max)
        .header_read_timeout(None);
    builder
        .http2()
        .max_header_list_size(u32::try_from(config.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(config.streams_per_connection_max)
        .max_pending_accept_reset_streams(EARLY_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX);
    builder
}

/// When to look at a connection again: while we wait, its requests may begin to wait for something else.
fn next_look(due: Due, patience: Patience) -> Instant {
    let stall = patience.taker.min(patience.reader / LOOKS_PER_STALL);
    let soon = now() + LOOK_EVERY.min(stall);
    due.at().map_or(soon, |at| at.min(soon))
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
        let cut = Arc::new(Notify::new());
        let stream = CUT.scope(Arc::clone(&cut), fut);
        let spawned = self.0.spawn(async move {
            // Dropping hyper's future resets the stream and frees what was buffered for it.
            tokio::select! {
                _ = stream => {}
                () = cut.notified() => {}
            }
        });
        if spawned.is_none() {
            tracing::debug!("a request came after the end of the drain");
        }
    }
}
