//! The gateway as a whole: it accepts connections, bounds their number, and ends them.

use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time::{sleep, timeout};
use ana_env::{Clock, Listener, Rng};
use tokio::sync::{Semaphore, watch};

use crate::body::BodyBudget;
use crate::config::GatewayConfig;
use crate::connection;
use crate::service::{AdminHandler, Service};

/// How long the gateway waits after an accept failed (no free file descriptor, for instance).
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// The front door of one node.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: GatewayConfig,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) admin: Arc<dyn AdminHandler>,
    pub(crate) budget: BodyBudget,
    /// Requests of HTTP/2 connections; they end after the connections.
    pub(crate) stream_tasks: Arc<Tasks>,
    /// A place for each TLS handshake under way.
    pub(crate) handshakes: Semaphore,
    /// A place for each subscription.
    pub(crate) subscriptions: Arc<Semaphore>,
    /// True once the gateway ends.
    pub(crate) stop: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway that hands requests to `service` and paths under `/_ana/` to `admin`.
    pub fn new(
        rng: Arc<dyn Rng>,
        clock: Arc<dyn Clock>,
        config: GatewayConfig,
        service: Arc<dyn Service>,
        admin: Arc<dyn AdminHandler>,
    ) -> Self {
        let budget = BodyBudget::new(config.body_budget_bytes);
        let stream_tasks = Arc::new(Tasks::new());
        let places = |max: usize| Semaphore::new(max.min(Semaphore::MAX_PERMITS));
        let handshakes = places(config.handshakes_max);
        let subscriptions = Arc::new(places(config.subscriptions_max));
        Self {
            shared: Arc::new(Shared {
                config,
                rng,
                clock,
                service,
                admin,
                budget,
                stream_tasks,
                handshakes,
                subscriptions,
                stop: watch::Sender::new(false),
            }),
        }
    }

    /// Serves until `shutdown` is ready, then lets requests in flight end within
    /// [`GatewayConfig::drain_within`] and drops the others.
    ///
    /// # Panics
    /// Outside of [`ana_env::runtime::scope`].
    pub async fn serve(self, mut listener: Box<dyn Listener>, shutdown: impl Future<Output = ()>) {
        let shared = self.shared;
        let places = Arc::new(Semaphore::new(shared.config.connections_max));
        let connections = Tasks::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(AFTER_ACCEPT_ERROR).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::debug!(%peer, "connection refused: as many as allowed are open");
                continue;
            };
            let stopping = shared.stop.subscribe();
            let serving = connection::serve(Arc::clone(&shared), stream, peer.into(), stopping);
            connections.spawn(async move {
                serving.await;
                drop(place);
            });
        }
        drop(listener);
        shared.stop.send_replace(true);
        if timeout(shared.config.drain_within, connections.join())
            .await
            .is_err()
        {
            tracing::debug!("requests were still in flight at the end of the drain");
        }
        shared.stream_tasks.shutdown().await;
    }
}
