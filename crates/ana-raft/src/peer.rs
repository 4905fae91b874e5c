//! Everything that connects this node to one other: three streams and a connection for large calls.
//!
//! Four TCP connections, so that neither a full pipe of appends nor a large answer to a call
//! delays a vote, a heartbeat or a small call. Each is dialled when first needed and again when lost, by its
//! [`mod@line`]; silence is found out by HTTP/2 pings (`limits`).
//!
//! Must stay true: every wait here has a bound; dropping a [`Peer`] ends all its tasks and with
//! them every pending answer.

pub mod limits;
pub(crate) mod connection;
pub(crate) mod line;
pub(crate) mod link;
pub(crate) mod call_line;

use std::sync::Arc;
use std::time::Duration;

use ana_env::runtime::Tasks;
use ana_env::time::{self, Instant};
use ana_proto::node::v1::frame::Body;
use ana_types::names::GroupId;
use bytes::Bytes;

use self::call_line::CallLine;
use self::connection::Dialer;
use self::limits::SMALL_CALL_BYTES;
use self::line::Line;
use self::link::{Lane, LinkError, LinkOpener, OpenLink};
use crate::peers::CallError;

/// One other node, at one address.
#[derive(Debug)]
pub(crate) struct Peer {
    address: Arc<str>,
    bulk: Line<OpenLink>,
    control: Line<OpenLink>,
    calls: CallLine,
    tasks: Tasks,
}

impl Peer {
    /// Starts the lines; nothing is dialled yet.
    ///
    /// # Panics
    /// Outside of `ana_env::runtime::scope`.
    pub(crate) fn start(dialer: &Dialer) -> Self {
        let tasks = Tasks::new();
        let link = |lane| {
            Line::start(
                &tasks,
                LinkOpener {
                    dialer: dialer.clone(),
                    lane,
                },
            )
        };
        Self {
            address: Arc::clone(&dialer.address),
            bulk: link(Lane::Bulk),
            control: link(Lane::Control),
            calls: CallLine::start(&tasks, dialer),
            tasks,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The open stream of a lane; waits for one attempt until `deadline`.
    pub(crate) async fn open(
        &self,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Arc<OpenLink>, LinkError> {
        let line = match lane {
            Lane::Bulk => &self.bulk,
            Lane::Control => &self.control,
            Lane::Calls => self.calls.small(),
        };
        Ok(line.get(deadline).await?)
    }

    /// One request and its answer, `within` altogether.
    pub(crate) async fn ask(
        &self,
        lane: Lane,
        group: GroupId,
        body: Body,
        within: Duration,
    ) -> Result<Body, LinkError> {
        let deadline = time::now() + within;
        let link = self.open(lane, deadline).await?;
        link.ask(group, body, deadline).await
    }

    /// One call of the router.
    pub(crate) async fn call(
        &self,
        kind: u32,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        self.calls.call(kind, body, within).await
    }

    /// One call of the router whose answer is small; as [`Self::call`], but cheaper when the question is small, too.
    pub(crate) async fn call_small(
        &self,
        kind: u32,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        if body.len() > SMALL_CALL_BYTES {
            return self.calls.call(kind, body, within).await;
        }
        self.calls.call_small(kind, body, within).await
    }

    /// Ends all connections and waits until they are gone.
    pub(crate) async fn shutdown(&self) {
        self.tasks.shutdown().await;
    }
}
