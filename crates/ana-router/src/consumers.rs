//! Registered consumers: register, deregister, describe, list; and the end of CREATING and DELETING.
//!
//! Must stay true:
//! - an ARN means one registration: one of an earlier registration of the name finds nothing;
//! - reads come after a barrier, so that what one node acknowledged another node shows.

use std::ops::Bound;

use ana_state::meta::{ConsumerCommand, ConsumerState, StreamState};
use ana_state::{MetaCommand, MetaReply};
use ana_types::limits::LIST_CONSUMERS_PAGE;
use ana_types::{
    ConsumerArn, ConsumerError, ConsumerName, ConsumerStatus, KinesisError, StreamArn, StreamKey,
    StreamName,
};

use crate::config::RouterConfig;
use crate::context::{Context, Deadline};
use crate::ops::{
    ConsumerListPosition, ConsumerPage, ConsumerRef, ConsumerView, ListConsumers, RegisterConsumer,
};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{self, carry_out, page_size};

/// A consumer as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) stream: StreamName,
    pub(crate) consumer: ConsumerName,
    /// The second of its creation, when it was named by its ARN.
    pub(crate) created_s: Option<u64>,
}

/// The parts of a consumer's ARN of this account and region; none when it is not one.
pub(crate) fn parse_arn(config: &RouterConfig, arn: &str) -> Option<ConsumerArn> {
    let parsed: ConsumerArn = arn.parse().ok()?;
    let stream = &parsed.stream;
    (stream.account == config.account && stream.region == config.region).then_some(parsed)
}

/// What a reference means. Needs no metadata.
fn resolve(config: &RouterConfig, given: &ConsumerRef) -> Answer<Named> {
    let stream = given
        .stream_arn
        .as_deref()
        .map(|arn| shard_map::name_of_arn(config, arn))
        .transpose()?;
    let name = given.consumer_name.as_deref().map(name_of).transpose()?;
    let Some(arn) = given.consumer_arn.as_deref() else {
        return match (stream, name) {
            (Some(stream), Some(consumer)) => Ok(Named {
                stream,
                consumer,
                created_s: None,
            }),
            _ => Err(ConsumerError::NotAddressed.into()),
        };
    };
    let parsed = parse_arn(config, arn).ok_or_else(|| ConsumerError::ArnNotFound {
        arn: arn.to_owned(),
    })?;
    let agree =
        stream.is_none_or(|it| it == parsed.stream.name) && name.is_none_or(|it| it == parsed.name);
    if !agree {
        return Err(ConsumerError::AddressesDiffer.into());
    }
    Ok(Named {
        stream: parsed.stream.name,
        consumer: parsed.name,
        created_s: Some(parsed.created_s),
    })
}

fn name_of(name: &str) -> Answer<ConsumerName> {
    // The front door has checked the pattern; whatever comes past it is our mistake, not the client's.
    ConsumerName::new(name).map_err(|error| KinesisError::Internal {
        why: format!("a consumer name: {error}"),
    })
}

fn stream_arn(config: &RouterConfig, stream: &StreamName) -> StreamArn {
    StreamArn {
        region: config.region.clone(),
        account: config.account.clone(),
        name: stream.clone(),
    }
}

fn view(config: &RouterConfig, stream: &StreamName, consumer: &ConsumerState) -> ConsumerView {
    let stream = stream_arn(config, stream);
    let stream_arn = stream.to_string();
    let arn = ConsumerArn {
        stream,
        name: consumer.name.clone(),
        created_s: consumer.created_s(),
    };
    ConsumerView {
        name: consumer.name.clone(),
        arn: arn.to_string(),
        status: consumer.status,
        created_ms: consumer.created_ms,
        stream_arn,
    }
}

/// RegisterStreamConsumer.
pub(crate) async fn register(context: &Context, request: RegisterConsumer) -> Answer<ConsumerView> {
    let stream = shard_map::name_of_arn(&context.config, &request.stream_arn)?;
    let consumer = name_of(&request.consumer_name)?;
    let command = MetaCommand::Consumer(ConsumerCommand::Register {
        stream: stream.clone(),
        consumer: consumer.clone(),
        tags: request.tags,
        now_ms: context.now_ms(),
    });
    match context.command(command, context.deadline()).await? {
        MetaReply::Consumer { created_ms } => {
            let registered = ConsumerState {
                name: consumer,
                created_ms,
                status: ConsumerStatus::Creating,
                since_ms: created_ms,
                tags: std::collections::BTreeMap::new(),
                policy: None,
            };
            Ok(view(&context.config, &stream, &registered))
        }
        other => Err(KinesisError::Internal {
            why: format!("the answer to a registration: {other:?}"),
        }),
    }
}

/// DeregisterStreamConsumer.
pub(crate) async fn deregister(context: &Context, request: ConsumerRef) -> Answer<()> {
    let Named {
        stream,
        consumer,
        created_s,
    } = resolve(&context.config, &request)?;
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::Consumer(ConsumerCommand::Deregister {
            stream,
            consumer,
            created_s,
            now_ms,
        }),
    )
    .await
}

/// DescribeStreamConsumer.
pub(crate) async fn describe(context: &Context, request: ConsumerRef) -> Answer<ConsumerView> {
    let named = resolve(&context.config, &request)?;
    look_at(context, &named, |stream, consumer| {
        view(&context.config, &stream.name, consumer)
    })
    .await
}

/// Looks at a consumer as of now.
pub(crate) async fn look_at<R>(
    context: &Context,
    named: &Named,
    question: impl FnOnce(&StreamState, &ConsumerState) -> R,
) -> Answer<R> {
    let Named {
        stream,
        consumer,
        created_s,
    } = named;
    context
        .look_now(context.deadline(), |meta| {
            let state = meta
                .stream(stream)
                .ok_or_else(|| KinesisError::StreamNotFound {
                    stream: stream.clone(),
                })?;
            let found = state
                .consumers
                .get(consumer)
                .filter(|it| created_s.is_none_or(|second| second == it.created_s()))
                .ok_or_else(|| ConsumerError::NotFound {
                    consumer: consumer.clone(),
                    stream: stream.clone(),
                })?;
            Ok(question(state, found))
        })
        .await?
}

/// ListStreamConsumers.
pub(crate) async fn list(context: &Context, request: ListConsumers) -> Answer<ConsumerPage> {
    let name = shard_map::name_of_arn(&context.config, &request.stream_arn)?;
    let page_size = page_size(request.max_results, LIST_CONSUMERS_PAGE);
    let deadline = context.deadline();
    if let Some(position) = request.position {
        let page = context
            .look_now(deadline, |meta| {
                let stream = meta.stream_by_key(position.stream)?;
                let after = Some(&position.after);
                (stream.name == name).then(|| page(&context.config, stream, after, page_size))
            })
            .await?;
        // A token of a stream that is gone, or of another one, leads nowhere.
        return page.ok_or(KinesisError::InvalidToken);
    }
    context
        .look_now(deadline, |meta| {
            let stream = streams::to_be_listed(meta, &name, request.stream_created_ms)?;
            Ok(page(&context.config, stream, None, page_size))
        })
        .await?
}

fn page(
    config: &RouterConfig,
    stream: &StreamState,
    after: Option<&ConsumerName>,
    page_size: usize,
) -> ConsumerPage {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut found = stream
        .consumers
        .range::<ConsumerName, _>((from, Bound::Unbounded))
        .map(|(_, consumer)| view(config, &stream.name, consumer));
    let consumers: Vec<ConsumerView> = found.by_ref().take(page_size).collect();
    let more = found.next().is_some();
    let next = consumers
        .last()
        .filter(|_| more)
        .map(|last| ConsumerListPosition {
            stream: stream.key,
            after: last.name.clone(),
        });
    ConsumerPage { consumers, next }
}

/// A consumer that the driver has something to do for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) stream: StreamKey,
    pub(crate) consumer: ConsumerName,
    /// Says which registration of the name is meant.
    pub(crate) created_ms: u64,
}

/// Every consumer whose status is to pass.
pub(crate) fn changes(stream: &StreamState) -> impl Iterator<Item = Change> {
    let pending = stream.consumers.values().filter(|it| it.is_pending());
    pending.map(|it| Change {
        stream: stream.key,
        consumer: it.name.clone(),
        created_ms: it.created_ms,
    })
}

impl Change {
    /// What the consumer shows, and since when; none when nothing is left to be done.
    pub(crate) fn shown(&self, context: &Context) -> Answer<Option<(ConsumerStatus, u64)>> {
        context.look(|meta| {
            let stream = meta.stream_by_key(self.stream)?;
            let state = stream.consumers.get(&self.consumer)?;
            let meant = state.created_ms == self.created_ms && state.is_pending();
            meant.then_some((state.status, state.since_ms))
        })
    }

    /// Takes the step that ends a status.
    pub(crate) async fn finish(
        self,
        context: &Context,
        status: ConsumerStatus,
        deadline: Deadline,
    ) -> Answer<()> {
        let Self {
            stream: key,
            consumer,
            created_ms,
        } = self;
        let command = match status {
            ConsumerStatus::Creating => ConsumerCommand::Activate {
                key,
                consumer,
                created_ms,
                now_ms: context.now_ms(),
            },
            ConsumerStatus::Deleting => ConsumerCommand::Remove {
                key,
                consumer,
                created_ms,
            },
            ConsumerStatus::Active => return Ok(()),
        };
        context
            .command_again(MetaCommand::Consumer(command), deadline)
            .await?;
        Ok(())
    }
}
