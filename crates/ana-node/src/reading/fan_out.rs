//! One shard, read as a registered consumer: pushed by SubscribeToShard, subscribed again when a session ends.
//!
//! Must stay true: a new subscription goes on right after the last event handed over, so that no record is given twice
//! and none is left out.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use tokio::sync::mpsc;

use super::shard::{Event, TIPS_BELIEVED};
use super::{Batch, Until};
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::StartAt;
use crate::client::subscription::{Pushed, Subscription};

/// The service takes one call a second for each consumer and shard.
const SUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);
/// Given up after so long without an event: longer than a fail-over and the five seconds in which an earlier
/// subscription keeps a new one out.
const WITHOUT_EVENT_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct FanOutReader {
    pub(super) client: Arc<Client>,
    pub(super) consumer_arn: String,
    pub(super) shard: String,
    pub(super) until: Until,
    pub(super) events: mpsc::Sender<Event>,
}

/// How far a reading has come.
#[derive(Debug)]
struct Progress {
    position: StartAt,
    /// Events in a row that said there is nothing more.
    tips: u32,
    /// When the last event came, by the monotonic clock.
    last_event: Duration,
}

/// What an event means for the reading.
enum Then {
    GoOn,
    /// This is the last thing to tell; nothing when nobody listens any more.
    End(Option<Event>),
}

impl FanOutReader {
    /// Reads until the end, the tip, a lasting failure, or until nobody listens any more.
    pub(super) async fn run(self, start: StartAt) {
        let last = match self.read(start).await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => Event::Failed(error),
        };
        if self.events.send(last).await.is_err() {
            // The follower was dropped: nobody wants to know.
        }
    }

    async fn read(&self, start: StartAt) -> Result<Option<Event>, ClientError> {
        let mut progress = Progress {
            position: start,
            tips: 0,
            last_event: self.client.env().clock.elapsed(),
        };
        loop {
            let began = self.client.env().clock.elapsed();
            let ended = match self.subscribe(&mut progress.position).await {
                Ok(subscription) => self.receive(subscription, &mut progress).await?,
                // Too early after another subscription, or the consumer is not ready yet: both pass.
                Err(error) if is_in_use(&error) || error.is_worth_a_retry() => Ended::Badly(error),
                Err(error) => return Err(error),
            };
            match ended {
                Ended::Done(last) => return Ok(last),
                Ended::Cleanly => {
                    // Sessions last minutes: one that ends at once must not make us ask in a circle.
                    let now = self.client.env().clock.elapsed();
                    if now.saturating_sub(began) < SUBSCRIBE_PAUSE {
                        time::sleep(SUBSCRIBE_PAUSE).await;
                    }
                }
                Ended::Badly(error) => {
                    let now = self.client.env().clock.elapsed();
                    if now.saturating_sub(progress.last_event) > WITHOUT_EVENT_MAX {
                        return Err(error);
                    }
                    time::sleep(SUBSCRIBE_PAUSE).await;
                }
            }
        }
    }

    /// A subscription from `position`, where the next one goes on if it ends before an event came.
    async fn subscribe(&self, position: &mut StartAt) -> Result<Subscription, ClientError> {
        let before = self.client.env().clock.now_ms();
        let subscription = self
            .client
            .subscribe(&self.consumer_arn, &self.shard, position)
            .await?;
        position.hold_latest(before);
        Ok(subscription)
    }

    async fn receive(
        &self,
        mut subscription: Subscription,
        progress: &mut Progress,
    ) -> Result<Ended, ClientError> {
        loop {
            let pushed = match subscription.next().await {
                Ok(Some(pushed)) => pushed,
                Ok(None) => return Ok(Ended::Cleanly),
                // Somebody else reads as this consumer: taking it back would go on for ever.
                Err(error) if is_in_use(&error) => return Err(error),
                Err(error) if error.is_worth_a_retry() => return Ok(Ended::Badly(error)),
                Err(error) => return Err(error),
            };
            progress.last_event = self.client.env().clock.elapsed();
            if let Then::End(last) = self.hand_over(pushed, progress).await {
                return Ok(Ended::Done(last));
            }
        }
    }

    async fn hand_over(&self, pushed: Pushed, progress: &mut Progress) -> Then {
        let Pushed {
            records,
            continuation_sequence_number,
            millis_behind_latest,
            child_shards,
        } = pushed;
        let caught_up = records.is_empty() && millis_behind_latest == 0;
        if !records.is_empty() {
            let batch = Batch {
                shard: self.shard.clone(),
                records,
            };
            if self.events.send(Event::Records(batch)).await.is_err() {
                return Then::End(None);
            }
        }
        let Some(continuation) = continuation_sequence_number else {
            return Then::End(Some(Event::End {
                shard: self.shard.clone(),
                children: child_shards,
            }));
        };
        progress.position = StartAt::AfterSequence(continuation);
        progress.tips = if caught_up { progress.tips + 1 } else { 0 };
        if self.until == Until::Tip && progress.tips >= TIPS_BELIEVED {
            return Then::End(Some(Event::Tip));
        }
        Then::GoOn
    }
}

/// How a subscription ended.
enum Ended {
    /// By the service, as every session does.
    Cleanly,
    /// By a failure that may pass.
    Badly(ClientError),
    /// There is no more to read; the last thing to tell.
    Done(Option<Event>),
}

fn is_in_use(error: &ClientError) -> bool {
    error.kind() == Some("ResourceInUseException")
}
