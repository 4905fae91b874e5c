//! The one address of a local cluster: it gives connections to live nodes.
//!
//! ```text
//!   accept -> first bytes -> "GET|POST /_ana/supervisor/", the paths of FIS -> answered here
//!                         \-> a node that answers, in turn -> the socket itself is given to its process
//!                          \-> one that takes no sockets -> bytes both ways until both sides have ended
//!                           \-> no live node: 503 here, or the end of a TLS connection
//! ```
//! Bytes that pass through a proxy cost a seventh of the machine's time where many small puts are under way, and more
//! where much is read.
//!
//! Must stay true:
//! - a connection belongs to one node from its first byte to its last: nothing is ever sent twice,
//!   so a failed request is the client's to repeat;
//! - only a node that took none of the client's bytes is exchanged for the next one;
//! - connections are bounded, and each wait for a first byte is.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ana_drill::fis::api::request::{METHODS, PATHS, is_path};
use ana_env::real::{Arrival, Doorway};
use ana_env::runtime::Tasks;
use ana_env::{Env, Stream, time};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::sync::{Notify, Semaphore};

use super::roster::{Candidate, Roster};
use super::supervisor_api::{PREFIX, SupervisorApi};
use crate::fis::Fis;

/// Connections at once that were not given away; each costs two descriptors and two small buffers.
const CONNECTIONS_MAX: usize = 4096;
/// SDKs open connections ahead of their first request; one that stays silent longer is closed.
const FIRST_BYTES_MAX: Duration = Duration::from_secs(75);
/// A node on this machine takes a connection at once or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// An answer of our own is written, and the request read, within this.
const OWN_ANSWER_MAX: Duration = Duration::from_secs(30);
/// A request that is refused is read up to this, so that its sender reads the answer.
const REFUSED_BODY_MAX: usize = 16 << 20;
/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const FIRST_READ_BYTES: usize = 16 << 10;
/// More than the longest path that is answered here.
const FIRST_PEEK_BYTES: usize = 64;
/// The first byte of a TLS connection; whatever follows is between the client and a node.
const TLS_HANDSHAKE: u8 = 0x16;

/// The proxy.
#[derive(Debug, Clone)]
pub struct FrontDoor {
    env: Env,
    roster: Arc<Roster>,
    own: SupervisorApi,
    fis: Option<Fis>,
}

/// Who answers a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Supervisor,
    Node,
}

impl FrontDoor {
    /// A proxy to the nodes of `roster` that answers for the supervisor itself.
    pub fn new(env: Env, roster: Arc<Roster>, own: SupervisorApi) -> FrontDoor {
        FrontDoor {
            env,
            roster,
            own,
            fis: None,
        }
    }

    /// Answers requests of FIS as well.
    #[must_use]
    pub fn with_fis(mut self, fis: Fis) -> FrontDoor {
        self.fis = Some(fis);
        self
    }

    /// Serves connections for as long as it is polled; dropping it closes them.
    #[expect(clippy::infinite_loop, reason = "it ends when its task is dropped")]
    pub async fn serve(self, doorway: Doorway) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let tasks = Tasks::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let arrival = match doorway.accept().await {
                Ok(arrival) => arrival,
                Err(error) => {
                    tracing::warn!(%error, "the front door cannot accept");
                    time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let door = self.clone();
            tasks.spawn(async move {
                let _place = place;
                if let Err(error) = door.connection(arrival).await {
                    tracing::debug!(%error, "a connection ended early");
                }
            });
        }
    }

    async fn connection(&self, arrival: Arrival) -> io::Result<()> {
        let mut seen = [0; FIRST_PEEK_BYTES];
        let seen = match time::timeout(FIRST_BYTES_MAX, arrival.peek(&mut seen)).await {
            Ok(seen) => seen?,
            Err(_silent) => return Ok(()),
        };
        // Once for each connection: asking takes a turn.
        let candidates = (choose(seen) == Some(Choice::Node)).then(|| self.roster.candidates());
        if self.give(&arrival, candidates.as_deref().unwrap_or_default()) {
            return Ok(());
        }
        self.serve_here(arrival.into_stream(), candidates).await
    }

    /// Gives the socket to a node that answers; says whether one took it.
    fn give(&self, arrival: &Arrival, candidates: &[Candidate]) -> bool {
        candidates.iter().any(|node| {
            let Some(relay) = &node.relay else {
                return false;
            };
            match relay.give(arrival) {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!(%error, node = node.id, "a node takes no connection");
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        self.roster.refused(node.id);
                    }
                    false
                }
            }
        })
    }

    /// Passes bytes on to a node, or answers. Without candidates the first bytes have not decided yet.
    async fn serve_here(
        &self,
        mut client: Stream,
        candidates: Option<Vec<Candidate>>,
    ) -> io::Result<()> {
        let mut first = Vec::new();
        let choosing = read_until_chosen(&mut client, &mut first);
        let choice = match time::timeout(FIRST_BYTES_MAX, choosing).await {
            Ok(choice) => choice?,
            Err(_silent) => return Ok(()),
        };
        let Some(choice) = choice else { return Ok(()) };
        if choice == Choice::Node {
            for candidate in candidates.unwrap_or_else(|| self.roster.candidates()) {
                let connecting = self.env.net.connect(&candidate.api);
                let Ok(Ok(mut node)) = time::timeout(CONNECT_MAX, connecting).await else {
                    self.roster.refused(candidate.id);
                    continue;
                };
                node.write_all(&first).await?;
                copy_bidirectional(&mut client, &mut node).await?;
                return Ok(());
            }
        }
        if first.first() == Some(&TLS_HANDSHAKE) {
            // We have no certificate to say so with; SDKs try again after a closed connection as after a 503.
            return Ok(());
        }
        self.answer_here(client, first).await
    }

    /// Serves one request of the connection ourselves, whatever HTTP it speaks.
    async fn answer_here(&self, client: Stream, first: Vec<u8>) -> io::Result<()> {
        let (read, write) = tokio::io::split(client);
        let replayed = tokio::io::join(io::Cursor::new(first).chain(read), write);
        let answered = Arc::new(Notify::new());
        let service = {
            let (own, fis) = (self.own.clone(), self.fis.clone());
            let answered = Arc::clone(&answered);
            let clock = Arc::clone(&self.env.clock);
            service_fn(move |request| {
                let now_ms = clock.now_ms();
                own_answer(
                    (own.clone(), fis.clone()),
                    Arc::clone(&answered),
                    now_ms,
                    request,
                )
            })
        };
        let server = auto::Builder::new(TokioExecutor::new());
        let connection = server.serve_connection(TokioIo::new(replayed), service);
        tokio::pin!(connection);
        let serve = async {
            tokio::select! {
                biased;
                served = connection.as_mut() => return served,
                // One answer each: the next connection may find a live node.
                () = answered.notified() => connection.as_mut().graceful_shutdown(),
            }
            connection.as_mut().await
        };
        match time::timeout(OWN_ANSWER_MAX, serve).await {
            Ok(Err(error)) => Err(io::Error::other(error)),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }
}

async fn own_answer(
    (own, fis): (SupervisorApi, Option<Fis>),
    answered: Arc<Notify>,
    now_ms: u64,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // An unread request would make the kernel reset the connection before the answer is read.
    let body = match Limited::new(body, REFUSED_BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::debug!(%error, "a request was cut off or too large to read to its end");
            Bytes::new()
        }
    };
    let path = head.uri.path();
    if let Some(fis) = fis.filter(|_| is_path(path)) {
        let mut response = fis.answer(&head, body, now_ms).await;
        if head.version <= http::Version::HTTP_11 {
            // Clients that keep connections must know that this one ends.
            let close = http::HeaderValue::from_static("close");
            response.headers_mut().insert("connection", close);
        }
        answered.notify_one();
        return Ok(response);
    }
    let (status, body) = own.answer(&head, &body, now_ms).await;
    answered.notify_one();
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    let kind = if path.starts_with("/_ana/") {
        "application/json"
    } else {
        "application/x-amz-json-1.1"
    };
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static(kind));
    Ok(response)
}

/// Reads until it is clear who answers; `None` when the client went away before.
async fn read_until_chosen(client: &mut Stream, first: &mut Vec<u8>) -> io::Result<Option<Choice>> {
    loop {
        let mut piece = vec![0; FIRST_READ_BYTES];
        let count = client.read(&mut piece).await?;
        if count == 0 {
            return Ok((!first.is_empty()).then_some(Choice::Node));
        }
        first.extend(piece.into_iter().take(count));
        if let Some(choice) = choose(first) {
            return Ok(Some(choice));
        }
    }
}

/// Decides by the first bytes; `None` when they are too few.
fn choose(first: &[u8]) -> Option<Choice> {
    let mut undecided = false;
    let supervised = ["GET ", "POST "].map(|method| format!("{method}{PREFIX}"));
    let of_fis = METHODS
        .iter()
        .flat_map(|method| PATHS.iter().map(move |path| format!("{method} {path}")));
    for start in supervised.into_iter().chain(of_fis) {
        if first.starts_with(start.as_bytes()) {
            return Some(Choice::Supervisor);
        }
        undecided |= start.as_bytes().starts_with(first);
    }
    (!undecided).then_some(Choice::Node)
}

#[cfg(test)]
mod front_door_test;
