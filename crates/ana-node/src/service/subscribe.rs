//! Subscriptions to shards: the router's events as a stream that is made only as fast as it is polled.

use ana_router::ops::{self, SubscriptionEvent};
use ana_router::{Router, Subscription};
use ana_types::{KinesisError, SubscriptionError};
use ana_wire::{ChildShard, Fault, SubscribeToShardEvent, SubscribeToShardInput};
use futures::{Stream, stream};

use super::noted::Pushes;
use crate::metrics::{Metrics, ReadOutcome};

pub(super) async fn subscribe(
    router: &Router,
    metrics: &Metrics,
    input: SubscribeToShardInput,
) -> Result<Subscription, KinesisError> {
    let subscription = router.subscribe(request(input)).await;
    match &subscription {
        Ok(it) => metrics.subscribed(it.stream(), it.consumer(), true),
        Err(KinesisError::Subscription(SubscriptionError::TooOften {
            stream, consumer, ..
        })) => metrics.subscribed(stream, consumer, false),
        Err(_) => {}
    }
    subscription
}

/// Judges a request with `DryRun`, and has no effect on a subscription that there is.
pub(super) async fn would_subscribe(
    router: &Router,
    input: SubscribeToShardInput,
) -> Result<(), KinesisError> {
    router.would_subscribe(request(input)).await
}

fn request(input: SubscribeToShardInput) -> ops::Subscribe {
    ops::Subscribe {
        consumer_arn: input.consumer_arn,
        shard_id: input.shard_id,
        kind: input.kind,
        sequence: input.sequence_number,
        timestamp_ms: input.timestamp_ms,
    }
}

/// The events until the session ends; an error is the last item.
pub(super) fn events(
    subscription: Subscription,
    (metrics, pushes): (Metrics, Pushes),
    fault: impl Fn(&KinesisError) -> Fault + Send + 'static,
) -> impl Stream<Item = Result<SubscribeToShardEvent, Fault>> + Send {
    let state = (subscription, metrics, pushes, fault);
    stream::unfold(
        state,
        |(mut subscription, metrics, mut pushes, fault)| async {
            let from = subscription.position();
            // After an error or the end there is nothing more: the subscription says so itself.
            let item = match subscription.next().await {
                Ok(event) => {
                    let event = event?;
                    count(&metrics, &subscription, &event);
                    pushes.made(&subscription, from, &event);
                    Ok(to_wire(event))
                }
                Err(error) => {
                    tracing::debug!(%error, "a subscription ends");
                    Err(fault(&error))
                }
            };
            Some((item, (subscription, metrics, pushes, fault)))
        },
    )
}

fn count(metrics: &Metrics, of: &Subscription, event: &SubscriptionEvent) {
    let outcome = ReadOutcome::given(&event.records, event.millis_behind);
    metrics.pushed(of.stream(), of.consumer(), of.shard(), outcome);
}

fn to_wire(event: SubscriptionEvent) -> SubscribeToShardEvent {
    let children = event.children.into_iter().map(|child| ChildShard {
        shard: child.shard,
        parents: child.parents,
        range: child.range,
    });
    SubscribeToShardEvent {
        records: event.records,
        continuation: event.continuation,
        millis_behind_latest: event.millis_behind,
        child_shards: children.collect(),
    }
}
