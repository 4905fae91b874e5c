//! Appends of one group to one replica, many in flight, answered in order.
//!
//! A pipeline is one append session on one connection. It ends with the first error, refusal,
//! conflict, or lost connection; openraft then starts the next one from what it knows.
//!
//! Must stay true: the first request is pulled before a connection is asked for (see `network`);
//! never more than `APPENDS_IN_FLIGHT_MAX` requests or, beyond one, `APPEND_BYTES_IN_FLIGHT_MAX`
//! bytes are unanswered; an answer is yielded only for the oldest request, and only when openraft
//! cannot take it for an answer to a much later one ([`overstated`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::{self, Instant};
use ana_proto::node::v1::frame::Body;
use ana_types::planted::{self, Bug};
use futures::{Stream, StreamExt, stream};
use openraft::RPCTypes;
use openraft::errors::RPCError;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use prost::Message;

use super::{PeerNetwork, bad_message, wrong_answer};
use crate::config::OVERSTATED_MAX;
use crate::convert;
use crate::peer::limits::{
    APPEND_ANSWER_MAX, APPEND_BYTES_IN_FLIGHT_MAX, APPENDS_IN_FLIGHT_MAX, BULK_SEND_MAX,
};
use crate::peer::link::{Lane, LinkError, OpenLink, PendingAnswer};
use crate::types::{LogId, TC};

type Item = Result<StreamAppendResult<TC>, RPCError<TC>>;

/// One append session.
pub(super) struct Pipeline<S> {
    network: PeerNetwork,
    input: S,
    input_ended: bool,
    /// Set by the first request.
    session: Option<(Arc<OpenLink>, u64)>,
    in_flight: VecDeque<InFlight>,
    bytes_in_flight: usize,
    ended: bool,
}

struct InFlight {
    asked: Asked,
    answer: PendingAnswer,
    bytes: usize,
    deadline: Instant,
}

/// What one request asked, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    /// The last entry that whoever accepts it has.
    last: Option<LogId>,
    /// Before it was sent.
    at: Instant,
}

/// How much later than `asked` openraft takes a request to be that it learns is accepted.
///
/// openraft knows an answer by the entry that it matches up to, and counts everything it has asked up to there as
/// answered: also a commit notice that came after the entries, has none of its own, and may never arrive. It then believes
/// that its leadership was confirmed when it sent that, and would read under a lease that nobody gave it: a leader that
/// stood still between the two is deposed by then.
fn overstated(asked: Asked, behind: impl Iterator<Item = Asked>) -> Duration {
    behind
        .take_while(|later| later.last <= asked.last)
        .last()
        .map_or(Duration::ZERO, |later| {
            later.at.saturating_duration_since(asked.at)
        })
}

enum Step {
    Answered(Result<Body, LinkError>),
    Pulled(Option<AppendEntriesRequest<TC>>),
}

impl<S> Pipeline<S>
where
    S: Stream<Item = AppendEntriesRequest<TC>> + Send + Unpin + 'static,
{
    pub(super) fn new(network: PeerNetwork, input: S) -> Self {
        Self {
            network,
            input,
            input_ended: false,
            session: None,
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            ended: false,
        }
    }

    /// The answers, in the order of the requests; ends after the first that is not a match.
    pub(super) fn into_stream(self) -> impl Stream<Item = Item> + Send + 'static {
        stream::unfold(self, |mut pipeline| async move {
            let item = pipeline.next().await?;
            Some((item, pipeline))
        })
    }

    async fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        let item = self.run().await;
        self.ended = !matches!(item, Some(Ok(Ok(_))));
        item
    }

    /// Sends and waits until there is something to tell; `None` when the input has ended and all
    /// is answered.
    async fn run(&mut self) -> Option<Item> {
        loop {
            match self.step().await? {
                Step::Answered(answer) => {
                    if let Some(item) = self.settle(answer) {
                        return Some(item);
                    }
                }
                Step::Pulled(None) => self.input_ended = true,
                Step::Pulled(Some(request)) => {
                    let asked = Asked {
                        last: convert::last_of(&request),
                        at: time::now(),
                    };
                    if let Err(error) = self.send(&request, asked).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Option<Step> {
        let has_room = self.in_flight.is_empty()
            || self.in_flight.len() < APPENDS_IN_FLIGHT_MAX
                && self.bytes_in_flight < APPEND_BYTES_IN_FLIGHT_MAX;
        let may_pull = has_room && !self.input_ended;
        let Some(oldest) = self.in_flight.front_mut() else {
            return if may_pull {
                Some(Step::Pulled(self.input.next().await))
            } else {
                None
            };
        };
        let answer = async {
            let answer = time::timeout_at(oldest.deadline, oldest.answer.wait()).await;
            answer.unwrap_or(Err(LinkError::TimedOut))
        };
        tokio::select! {
            biased;
            answer = answer => Some(Step::Answered(answer)),
            request = self.input.next(), if may_pull => Some(Step::Pulled(request)),
        }
    }

    async fn send(
        &mut self,
        request: &AppendEntriesRequest<TC>,
        asked: Asked,
    ) -> Result<(), RPCError<TC>> {
        let deadline = asked.at + BULK_SEND_MAX;
        let sent = self.send_by(request, asked, deadline).await;
        sent.unwrap_or_else(|error| {
            Err(self
                .network
                .rpc_error(&error, RPCTypes::AppendEntries, BULK_SEND_MAX))
        })
    }

    async fn send_by(
        &mut self,
        request: &AppendEntriesRequest<TC>,
        asked: Asked,
        deadline: Instant,
    ) -> Result<Result<(), RPCError<TC>>, LinkError> {
        let (link, number) = match &self.session {
            Some((link, number)) => (Arc::clone(link), *number),
            None => {
                let network = &self.network;
                let peer = network
                    .peers
                    .peer(network.target)
                    .ok_or(LinkError::NotReached)?;
                let link = peer.open(Lane::Bulk, deadline).await?;
                let number = link.new_session();
                self.session = Some((Arc::clone(&link), number));
                (link, number)
            }
        };
        let append = match convert::append_to_wire(request, number) {
            Ok(append) => append,
            Err(error) => return Ok(Err(bad_message(&error))),
        };
        let bytes = append.encoded_len();
        let answer = link
            .send(self.network.group, Body::Append(append), deadline)
            .await?;
        self.bytes_in_flight += bytes;
        let deadline = time::now() + APPEND_ANSWER_MAX;
        self.in_flight.push_back(InFlight {
            asked,
            answer,
            bytes,
            deadline,
        });
        Ok(Ok(()))
    }

    /// What openraft is told; nothing where the answer to a later request will say the same.
    fn settle(&mut self, answer: Result<Body, LinkError>) -> Option<Item> {
        let oldest = self.in_flight.pop_front()?;
        self.bytes_in_flight -= oldest.bytes;
        if answer.is_err() && planted::is(Bug::MinorityAck) {
            return Some(Ok(Ok(oldest.asked.last)));
        }
        let item = self.told(answer);
        let behind = self.in_flight.iter().map(|it| it.asked);
        let waits = matches!(item, Ok(Ok(_))) && overstated(oldest.asked, behind) > OVERSTATED_MAX;
        (!waits).then_some(item)
    }

    fn told(&self, answer: Result<Body, LinkError>) -> Item {
        match answer {
            Ok(Body::AppendReply(reply)) => {
                convert::append_result_from_wire(reply).map_err(|error| bad_message(&error))
            }
            Ok(_) => Err(wrong_answer()),
            Err(error) => {
                Err(self
                    .network
                    .rpc_error(&error, RPCTypes::AppendEntries, APPEND_ANSWER_MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ana_env::time::now;

    use super::*;
    use crate::types::LeaderId;

    #[test]
    fn an_answer_is_taken_for_that_of_the_last_request_up_to_the_same_entry() {
        let begun = now();
        let asked = |index: u64, after_ms| Asked {
            last: Some(LogId::new(
                LeaderId {
                    term: 1,
                    node_id: 1,
                },
                index,
            )),
            at: begun + Duration::from_millis(after_ms),
        };
        let table: &[(&[Asked], u64)] = &[
            (&[], 0),
            // More entries: openraft tells them apart.
            (&[asked(8, 900)], 0),
            (&[asked(8, 900), asked(8, 950)], 0),
            // A commit notice behind the entries, and two.
            (&[asked(7, 30)], 20),
            (&[asked(7, 30), asked(7, 900)], 890),
            (&[asked(7, 30), asked(8, 900), asked(8, 950)], 20),
        ];
        for (behind, overstated_ms) in table {
            let by = overstated(asked(7, 10), behind.iter().copied());
            assert_eq!(by, Duration::from_millis(*overstated_ms), "{behind:?}");
        }
    }
}
