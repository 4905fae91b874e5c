//! Registered consumers: register, deregister, describe, list.

use ana_router::{Router, ops};
use ana_types::KinesisError;
use ana_wire::{
    ConsumerFacts, ConsumerTarget, DeregisterStreamConsumerInput, DescribeStreamConsumerInput,
    DescribeStreamConsumerOutput, ListStreamConsumersInput, ListStreamConsumersOutput,
    RegisterStreamConsumerInput, RegisterStreamConsumerOutput, Response,
};

use super::tokens::Tokens;

fn facts(view: ops::ConsumerView) -> ConsumerFacts {
    ConsumerFacts {
        name: view.name.to_string(),
        arn: view.arn,
        status: view.status,
        created_ms: view.created_ms,
    }
}

fn consumer_ref(target: ConsumerTarget) -> ops::ConsumerRef {
    ops::ConsumerRef {
        stream_arn: target.stream_arn,
        consumer_name: target.consumer_name,
        consumer_arn: target.consumer_arn,
    }
}

pub(super) async fn register_stream_consumer(
    router: &Router,
    input: RegisterStreamConsumerInput,
) -> Result<Response, KinesisError> {
    let request = ops::RegisterConsumer {
        stream_arn: input.stream_arn,
        consumer_name: input.consumer_name,
        tags: input.tags,
    };
    let consumer = router.register_stream_consumer(request).await?;
    Ok(Response::RegisterStreamConsumer(
        RegisterStreamConsumerOutput {
            consumer: facts(consumer),
        },
    ))
}

pub(super) async fn deregister_stream_consumer(
    router: &Router,
    input: DeregisterStreamConsumerInput,
) -> Result<Response, KinesisError> {
    let consumer = consumer_ref(input.consumer);
    router
        .deregister_stream_consumer(consumer)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn describe_stream_consumer(
    router: &Router,
    input: DescribeStreamConsumerInput,
) -> Result<Response, KinesisError> {
    let consumer = consumer_ref(input.consumer);
    let view = router.describe_stream_consumer(consumer).await?;
    let stream_arn = view.stream_arn.clone();
    Ok(Response::DescribeStreamConsumer(
        DescribeStreamConsumerOutput {
            consumer: facts(view),
            stream_arn,
        },
    ))
}

pub(super) async fn list_stream_consumers(
    router: &Router,
    tokens: &Tokens,
    input: ListStreamConsumersInput,
) -> Result<Response, KinesisError> {
    let position = match &input.next_token {
        Some(_) if input.stream_creation_ms.is_some() => return Err(KinesisError::TokenWithStream),
        Some(token) => Some(tokens.open_consumers(token)?),
        None => None,
    };
    let request = ops::ListConsumers {
        stream_arn: input.stream_arn,
        position,
        max_results: input.max_results,
        stream_created_ms: input.stream_creation_ms,
    };
    let page = router.list_stream_consumers(request).await?;
    let next_token = page
        .next
        .map(|next| tokens.seal_consumers(next))
        .transpose()?;
    Ok(Response::ListStreamConsumers(ListStreamConsumersOutput {
        consumers: page.consumers.into_iter().map(facts).collect(),
        next_token,
    }))
}
