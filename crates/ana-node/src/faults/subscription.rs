//! A session of SubscribeToShard that a fault may end early.
//!
//! Must stay true: a fault draws once for each session it meets, however many events there are; a session ends
//! between two events, so that its reader misses nothing when it subscribes again.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_env::time::{self, Instant};
use ana_gateway::Events;
use ana_types::StreamName;
use ana_wire::{Fault, Operation, SubscribeToShardEvent};
use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::board::{ApiFault, Board};
use super::effect::ApiAction;

/// `events` until they end, or a fault of `board` ends them.
pub(super) fn watched(events: Events, board: Board, stream: Option<StreamName>) -> Events {
    let session = Session {
        changes: board.changes(),
        events,
        board,
        stream,
        begun: time::now(),
        drawn: BTreeMap::new(),
    };
    Box::pin(stream::unfold(session, next))
}

struct Session {
    events: Events,
    board: Board,
    changes: watch::Receiver<u64>,
    stream: Option<StreamName>,
    begun: Instant,
    /// Whether a fault hit this session, by its serial number.
    drawn: BTreeMap<u64, bool>,
}

type Item = Result<SubscribeToShardEvent, Fault>;

async fn next(mut session: Session) -> Option<(Item, Session)> {
    loop {
        let end = session.end();
        let ended = async {
            match end {
                Some(at) => time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended => return None,
            changed = session.changes.changed() => {
                // The board is ours: it goes on telling for as long as we ask.
                tracing::trace!(told = changed.is_ok(), "a session looks at the faults");
            }
            item = session.events.next() => return item.map(|item| (item, session)),
        }
    }
}

impl Session {
    /// When the faults that are on now end this session; none when they do not.
    fn end(&mut self) -> Option<Instant> {
        let faults = self.board.on_operation(Operation::SubscribeToShard);
        self.drawn
            .retain(|serial, _| faults.iter().any(|fault| fault.serial == *serial));
        let ages = faults.iter().filter_map(|fault| self.age_at_end(fault));
        let age = ages.min()?;
        Some(self.begun + age)
    }

    /// At which age `fault` ends this session, if it hits it.
    fn age_at_end(&mut self, fault: &ApiFault) -> Option<Duration> {
        let ApiAction::DropSubscription { after } = fault.effect.action else {
            return None;
        };
        if !fault.effect.takes(self.stream.as_ref()) {
            return None;
        }
        let percent = fault.effect.percent;
        let drawn = self.drawn.entry(fault.serial);
        let hit = *drawn.or_insert_with(|| self.board.draw(percent));
        hit.then_some(after)
    }
}

#[cfg(test)]
mod subscription_test;
