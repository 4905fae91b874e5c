//! What a subscription reads, by the metadata: a consumer, its stream, and a shard of that.
//!
//! Must stay true: a consumer is one registration of its name, told apart by its creation time.

use ana_state::Metadata;
use ana_state::meta::StreamState;
use ana_types::{
    ConsumerArn, ConsumerError, ConsumerStatus, GroupId, KinesisError, ShardIndex, StreamKey,
    StreamName, StreamStatus,
};

use super::leases::ConsumerKey;
use crate::config::RouterConfig;
use crate::context::{Context, Deadline};
use crate::router::Answer;

/// A registered consumer.
#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub(super) arn: String,
    pub(super) key: ConsumerKey,
    pub(super) stream: StreamName,
    pub(super) stream_key: StreamKey,
}

/// What a subscription reads.
#[derive(Debug, Clone)]
pub(super) struct Place {
    arn: String,
    pub(super) consumer: ConsumerKey,
    pub(super) stream: StreamName,
    pub(super) key: StreamKey,
    pub(super) shard: ShardIndex,
    pub(super) group: GroupId,
    pub(super) retention_ms: u64,
}

/// The ACTIVE consumer that an ARN names.
///
/// # Errors
/// `ArnNotFound`, `NotActive`.
pub(super) async fn consumer(context: &Context, arn: &str, deadline: Deadline) -> Answer<Consumer> {
    let not_found = || {
        KinesisError::from(ConsumerError::ArnNotFound {
            arn: arn.to_owned(),
        })
    };
    let parsed: ConsumerArn = arn.parse().map_err(|_not_one| not_found())?;
    let config = &context.config;
    if parsed.stream.account != config.account || parsed.stream.region != config.region {
        return Err(not_found());
    }
    let look = |meta: &Metadata| find(meta, &parsed, arn);
    match context.look(look)? {
        Ok(found) => Ok(found),
        // This node may not have heard of it yet, or not that it is ACTIVE.
        Err(_early) => context.look_now(deadline, look).await?,
    }
}

fn find(meta: &Metadata, arn: &ConsumerArn, text: &str) -> Answer<Consumer> {
    let not_found = || {
        KinesisError::from(ConsumerError::ArnNotFound {
            arn: text.to_owned(),
        })
    };
    let stream = meta.stream(&arn.stream.name).ok_or_else(not_found)?;
    let consumer = stream
        .consumers
        .get(&arn.name)
        .filter(|it| it.created_s() == arn.created_s)
        .ok_or_else(not_found)?;
    if consumer.status != ConsumerStatus::Active {
        return Err(ConsumerError::NotActive {
            consumer: consumer.name.clone(),
            stream: stream.name.clone(),
            status: consumer.status,
        }
        .into());
    }
    Ok(Consumer {
        arn: text.to_owned(),
        key: ConsumerKey {
            name: consumer.name.clone(),
            created_ms: consumer.created_ms,
        },
        stream: stream.name.clone(),
        stream_key: stream.key,
    })
}

/// Where a shard is that was just found to exist in the stream of that name.
pub(super) fn shard(
    context: &Context,
    consumer: Consumer,
    stream: StreamKey,
    shard: ShardIndex,
) -> Answer<Place> {
    let found = context.look(|meta| {
        // A stream made again under the name has none of the old one's consumers.
        let state = meta
            .stream_by_key(stream)
            .filter(|it| it.key == consumer.stream_key)?;
        let group = state.shard(shard)?.group;
        Some((group, context.config.retention_ms(state)))
    })?;
    let Some((group, retention_ms)) = found else {
        return Err(KinesisError::ShardDoesNotExist {
            shard,
            stream: consumer.stream,
        });
    };
    Ok(Place {
        arn: consumer.arn,
        consumer: consumer.key,
        stream: consumer.stream,
        key: stream,
        shard,
        group,
        retention_ms,
    })
}

/// What to say when the group's leader has no such shard: it is gone, or about to be opened.
pub(super) async fn no_shard(context: &Context, place: &Place, deadline: Deadline) -> KinesisError {
    let look = |meta: &Metadata| place.retention_ms(&context.config, meta);
    match context.look_now(deadline, look).await {
        Ok(Ok(_there)) => KinesisError::Unavailable {
            why: format!("{} of {} is being opened", place.shard, place.stream),
        },
        Ok(Err(gone)) | Err(gone) => gone,
    }
}

impl Place {
    /// How long records are served; the error says what is gone.
    pub(super) fn retention_ms(&self, config: &RouterConfig, meta: &Metadata) -> Answer<u64> {
        let is_served = |stream: &&StreamState| stream.status != StreamStatus::Deleting;
        let stream = meta
            .stream_by_key(self.key)
            .filter(is_served)
            .ok_or_else(|| KinesisError::StreamNotFound {
                stream: self.stream.clone(),
            })?;
        let is_registered = stream.consumers.get(&self.consumer.name).is_some_and(|it| {
            it.created_ms == self.consumer.created_ms && it.status != ConsumerStatus::Deleting
        });
        if !is_registered {
            let arn = self.arn.clone();
            return Err(ConsumerError::ArnNotFound { arn }.into());
        }
        if stream.shard(self.shard).is_none() {
            return Err(KinesisError::ShardDoesNotExist {
                shard: self.shard,
                stream: self.stream.clone(),
            });
        }
        Ok(config.retention_ms(stream))
    }
}
