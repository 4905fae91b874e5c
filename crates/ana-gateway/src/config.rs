//! Every bound of the front door, in one place.

use std::time::Duration;

use ana_types::limits::REQUEST_BODY_BYTES_MAX;

use crate::auth::Authentication;
use crate::tls::Tls;

/// Bounds and choices of one gateway. The defaults are those of production.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Connections at a time; a further one is closed at once. Bounds open files, and memory: an idle one costs some
    /// 20 KiB.
    pub connections_max: usize,
    /// Longest body of a request, bytes; a longer one is answered with 413. 10 MiB of data are 13.4
    /// MiB of base64, and keys and punctuation come on top.
    pub body_bytes_max: usize,
    /// Longest body under `/_ana/`, bytes.
    pub admin_body_bytes_max: usize,
    /// Bodies in memory at a time, bytes over all connections; beyond it requests are answered with
    /// 503.
    pub body_budget_bytes: usize,
    /// How much of a body that is too long is read and thrown away, bytes, so that the client gets to
    /// read the 413 instead of a reset.
    pub discard_bytes_max: usize,
    /// From the connection to the end of its first request's head.
    pub first_request_within: Duration,
    /// From the end of one request to the end of the next one's head. Longer than the 60 s after which
    /// SDKs close idle connections themselves, so that they seldom write into one we are closing.
    pub idle_max: Duration,
    /// From the end of a request's head to the end of its body.
    pub body_within: Duration,
    /// From the end of a request's head until its answer is handed to the socket.
    pub exchange_within: Duration,
    /// How long the reader of an answer may take for a piece of it (256 KiB at most) that was handed to it: one that
    /// reads slowly gets all of it, one that does not read at all is cut off.
    pub answer_stalls_max: Duration,
    /// How long the reader of a subscription may take for a piece of a frame (64 KiB at most) that was handed to
    /// it; its subscription is cut off then. A record processor that works on a batch for half a minute is no dead one.
    pub reader_stalls_max: Duration,
    /// Subscriptions at a time over all connections; each holds one event at most, and a further one is answered
    /// with 503.
    pub subscriptions_max: usize,
    /// From the first byte of a TLS connection to the end of its handshake.
    pub handshake_within: Duration,
    /// Handshakes at a time; a further one is refused. They cost the most of all that a stranger can ask for.
    pub handshakes_max: usize,
    /// How long requests in flight may go on after a shutdown has begun.
    pub drain_within: Duration,
    /// Longest head of a request, bytes.
    pub head_bytes_max: usize,
    /// HTTP/2 requests at a time on one connection. High: the Kinesis Client Library opens one per
    /// shard and reports a low value as timeouts.
    pub streams_per_connection_max: u32,
    /// Who may call.
    pub authentication: Authentication,
    /// The certificate, where TLS is spoken on the port.
    pub tls: Option<Tls>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            body_bytes_max: REQUEST_BODY_BYTES_MAX,
            admin_body_bytes_max: 1024 * 1024,
            body_budget_bytes: 1024 * 1024 * 1024,
            discard_bytes_max: 64 * 1024 * 1024,
            first_request_within: Duration::from_secs(10),
            idle_max: Duration::from_secs(75),
            body_within: Duration::from_secs(30),
            exchange_within: Duration::from_secs(120),
            answer_stalls_max: Duration::from_secs(20),
            reader_stalls_max: Duration::from_secs(60),
            subscriptions_max: 16_384,
            handshake_within: Duration::from_secs(10),
            handshakes_max: 1024,
            drain_within: Duration::from_secs(5),
            head_bytes_max: 64 * 1024,
            streams_per_connection_max: 10_000,
            authentication: Authentication::Off,
            tls: None,
        }
    }
}
