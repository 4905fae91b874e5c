//! Asks one node: itself by a plain call, another through `Peers::call`.
//!
//! Must stay true: [`Attempt::Lost`] is the only outcome after which the work may have been done without our knowing,
//! besides a leader's own word that it does not know.

use std::time::Duration;

use ana_env::time::timeout;
use ana_raft::{CallError, RemoteFault};
use ana_types::NodeId;
use bytes::Bytes;

use crate::context::Context;
use crate::error::Decline;
use crate::messages::answer_from_body;
use crate::server::Work;

/// What came of asking one node.
#[derive(Debug)]
pub(crate) enum Attempt<A> {
    /// Done.
    Done(A),
    /// The node says why not.
    Declined(Decline),
    /// The node never had the question.
    NotReached,
    /// The node had it, and no answer came.
    Lost,
}

/// Asks `node` to do `work`. `body` keeps the encoded form between attempts.
pub(crate) async fn ask<W: Work>(
    context: &Context,
    node: NodeId,
    work: &W,
    body: &mut Option<Bytes>,
    within: Duration,
) -> Attempt<W::Answer> {
    if node == context.config.this.id {
        // Boxed: the work reaches down into consensus, and every operation's future would carry it.
        return match timeout(within, Box::pin(work.work(context))).await {
            Ok(Ok(answer)) => Attempt::Done(answer),
            Ok(Err(decline)) => Attempt::Declined(decline),
            Err(_elapsed) => Attempt::Lost,
        };
    }
    let body = body.get_or_insert_with(|| work.to_body()).clone();
    if body.len() > W::BYTES_MAX {
        tracing::error!(
            kind = W::KIND,
            bytes = body.len(),
            "a message exceeds its bound"
        );
        return Attempt::NotReached;
    }
    let called = if W::ANSWER_IS_SMALL {
        context.peers.call_small(node, W::KIND, body, within).await
    } else {
        context.peers.call(node, W::KIND, body, within).await
    };
    match called {
        Ok(answer) => decode::<W>(node, answer),
        Err(error) => classify(&error, node, W::KIND),
    }
}

fn decode<W: Work>(node: NodeId, answer: Bytes) -> Attempt<W::Answer> {
    match answer_from_body(answer) {
        Ok(Ok(answer)) => Attempt::Done(answer),
        Ok(Err(decline)) => Attempt::Declined(decline),
        Err(error) => {
            tracing::error!(%node, kind = W::KIND, %error, "an answer does not decode");
            Attempt::Lost
        }
    }
}

fn classify<A>(error: &CallError, node: NodeId, kind: u32) -> Attempt<A> {
    match error {
        CallError::Unreachable => Attempt::NotReached,
        CallError::TimedOut => Attempt::Lost,
        CallError::Remote(RemoteFault::Overloaded) => Attempt::Declined(Decline::Overloaded),
        CallError::Remote(RemoteFault::UnknownKind | RemoteFault::Malformed) => {
            tracing::error!(%node, kind, %error, "a peer does not understand us");
            Attempt::NotReached
        }
        // It may have stopped or failed in the middle of the work, or its answer may not fit.
        CallError::Remote(
            RemoteFault::Stopping | RemoteFault::Failed { .. } | RemoteFault::TooLarge,
        ) => Attempt::Lost,
    }
}
