//! Pipelined appends: for each group one openraft append stream per connection.
//!
//! The sender numbers its sessions. Requests of one session go into one `append_stream`, and its
//! answers come out in the same order. The first answer that is not a match ends the session: all
//! that follows under its number is refused, until a higher number begins a new one.
//!
//! Must stay true: an answer is never given for a request later than one that has none; no frame
//! of one group waits for another group; per group at most `APPENDS_IN_FLIGHT_MAX` requests wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::{Frame, RefusalReason};
use ana_proto::raft::v1 as wire;
use ana_types::names::GroupId;
use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt, stream};
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use prost::Message;
use tokio::sync::mpsc;

use super::replica::ReplicaStopped;
use super::session::refusal;
use super::{GroupLookup, admits, heard_of};
use crate::convert;
use crate::peer::limits::{APPEND_BYTES_HELD_MAX, APPENDS_IN_FLIGHT_MAX};
use crate::types::TC;

/// The append sessions of one connection.
pub(super) struct AppendSessions {
    groups: Arc<dyn GroupLookup>,
    sessions: BTreeMap<GroupId, AppendSession>,
    outputs: SelectAll<BoxStream<'static, Output>>,
}

/// One answer of one group's stream, or its end.
pub(super) struct Output {
    group: GroupId,
    number: u64,
    answer: Option<Result<StreamAppendResult<TC>, ReplicaStopped>>,
}

/// The newest session of a group; an ended one is remembered by its number.
struct AppendSession {
    number: u64,
    open: Option<OpenSession>,
}

struct OpenSession {
    requests: mpsc::Sender<AppendEntriesRequest<TC>>,
    /// Said to the stream of requests, which openraft drains in a task of its own.
    closed: Closed,
    /// Requests without an answer, oldest first.
    pending: VecDeque<Pending>,
    bytes_pending: usize,
}

struct Pending {
    id: u64,
    bytes: usize,
}

/// Ends a stream of requests at once, whatever it still holds.
#[derive(Clone, Default)]
struct Closed(Arc<AtomicBool>);

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.closed.0.store(true, Ordering::Release);
    }
}

impl AppendSessions {
    pub(super) fn new(groups: Arc<dyn GroupLookup>) -> Self {
        Self {
            groups,
            sessions: BTreeMap::new(),
            outputs: SelectAll::new(),
        }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_idle(&self) -> bool {
        self.outputs.is_empty()
    }

    /// The next answer of any group.
    pub(super) async fn next(&mut self) -> Option<Output> {
        self.outputs.next().await
    }

    /// Takes one append; answers what can be answered at once.
    pub(super) fn take(&mut self, group: GroupId, id: u64, append: wire::Append) -> Vec<Frame> {
        // It wakes one that rests; appends may always be looked at.
        let _ = self.groups.heard(group, heard_of(&append));
        let number = append.session;
        let newest = self
            .sessions
            .get(&group)
            .map_or(0, |session| session.number);
        let mut frames = Vec::new();
        if number < newest {
            // A stream that the sender has already replaced; it must not disturb the new one.
            return vec![refuse(group, id, RefusalReason::SessionClosed)];
        }
        if number > newest {
            frames = self.end(group, RefusalReason::SessionClosed);
            match self.begin(group) {
                Ok(open) => {
                    self.sessions.insert(
                        group,
                        AppendSession {
                            number,
                            open: Some(open.0),
                        },
                    );
                    self.outputs.push(tagged(group, number, open.1));
                }
                Err(reason) => {
                    self.sessions
                        .insert(group, AppendSession { number, open: None });
                    frames.push(refuse(group, id, reason));
                    return frames;
                }
            }
        }
        if let Err(reason) = self.feed(group, id, append) {
            frames.extend(self.end(group, RefusalReason::SessionClosed));
            frames.push(refuse(group, id, reason));
        }
        frames
    }

    fn begin(&self, group: GroupId) -> Result<(OpenSession, Answers), RefusalReason> {
        let replica = self
            .groups
            .replica(group)
            .ok_or(RefusalReason::GroupAbsent)?;
        let (requests, mailbox) = mpsc::channel(APPENDS_IN_FLIGHT_MAX);
        let closed = Closed::default();
        let answers = replica.append_stream(until_closed(mailbox, closed.clone()).boxed());
        let open = OpenSession {
            requests,
            closed,
            pending: VecDeque::new(),
            bytes_pending: 0,
        };
        Ok((open, answers))
    }

    fn feed(&mut self, group: GroupId, id: u64, append: wire::Append) -> Result<(), RefusalReason> {
        let session = self.sessions.get_mut(&group);
        let open = session
            .and_then(|it| it.open.as_mut())
            .ok_or(RefusalReason::SessionClosed)?;
        if !admits(&*self.groups, group, &append) {
            return Err(RefusalReason::EntriesNotAdmitted);
        }
        let bytes = append.encoded_len();
        if open.bytes_pending + bytes > APPEND_BYTES_HELD_MAX {
            return Err(RefusalReason::Overloaded);
        }
        let request = convert::append_from_wire(append).map_err(|error| {
            tracing::error!(%group, %error, "append of a peer makes no sense");
            RefusalReason::Malformed
        })?;
        open.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => RefusalReason::Overloaded,
                mpsc::error::TrySendError::Closed(_) => RefusalReason::ReplicaStopped,
            })?;
        open.pending.push_back(Pending { id, bytes });
        open.bytes_pending += bytes;
        Ok(())
    }

    /// Turns one answer into frames; more than one when it ends the session.
    pub(super) fn settle(&mut self, output: Output) -> Vec<Frame> {
        let Output {
            group,
            number,
            answer,
        } = output;
        let session = self
            .sessions
            .get_mut(&group)
            .filter(|it| it.number == number);
        let Some(open) = session.and_then(|it| it.open.as_mut()) else {
            // An answer of a session that has ended; all its requests were refused then.
            return Vec::new();
        };
        let Some(Ok(answer)) = answer else {
            return self.end(group, RefusalReason::ReplicaStopped);
        };
        let mut frames = Vec::new();
        if let Some(oldest) = open.pending.pop_front() {
            open.bytes_pending -= oldest.bytes;
            let body = Body::AppendReply(convert::append_result_to_wire(&answer));
            frames.push(Frame {
                group: group.0,
                id: oldest.id,
                body: Some(body),
            });
        }
        if answer.is_err() {
            frames.extend(self.end(group, RefusalReason::SessionClosed));
        }
        frames
    }

    /// Ends the sessions of groups that are no longer on this node.
    pub(super) fn sweep(&mut self) -> Vec<Frame> {
        let open = self
            .sessions
            .iter()
            .filter(|(_, session)| session.open.is_some());
        let gone = open
            .map(|(group, _)| *group)
            .filter(|group| self.groups.replica(*group).is_none());
        let gone: Vec<GroupId> = gone.collect();
        gone.into_iter()
            .flat_map(|group| self.end(group, RefusalReason::GroupAbsent))
            .collect()
    }

    /// Ends a group's session, if it has one: refuses all that waits, oldest first.
    fn end(&mut self, group: GroupId, reason: RefusalReason) -> Vec<Frame> {
        let session = self.sessions.get_mut(&group);
        let Some(mut open) = session.and_then(|session| session.open.take()) else {
            return Vec::new();
        };
        let pending = std::mem::take(&mut open.pending);
        pending
            .into_iter()
            .map(|waiting| refuse(group, waiting.id, reason))
            .collect()
    }
}

type Answers = BoxStream<'static, Result<StreamAppendResult<TC>, ReplicaStopped>>;

fn refuse(group: GroupId, id: u64, reason: RefusalReason) -> Frame {
    Frame {
        group: group.0,
        id,
        body: Some(refusal(reason)),
    }
}

/// The answers with their group, and a mark at the end.
fn tagged(group: GroupId, number: u64, answers: Answers) -> BoxStream<'static, Output> {
    let end = stream::iter([None]);
    answers
        .map(Some)
        .chain(end)
        .map(move |answer| Output {
            group,
            number,
            answer,
        })
        .boxed()
}

fn until_closed(
    mut mailbox: mpsc::Receiver<AppendEntriesRequest<TC>>,
    closed: Closed,
) -> impl Stream<Item = AppendEntriesRequest<TC>> + Send + 'static {
    stream::poll_fn(move |cx| {
        mailbox
            .poll_recv(cx)
            .map(|next| next.filter(|_| !closed.0.load(Ordering::Acquire)))
    })
}
