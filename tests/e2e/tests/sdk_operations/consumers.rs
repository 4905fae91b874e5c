//! Enhanced fan-out: a consumer's life, and records pushed to it.

use ana_e2e::cluster::{now, pause};
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::operation::put_record::PutRecordOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, ShardIteratorType, StartingPosition, SubscribeToShardEventStream,
};

use super::{STREAM, active};

const CONSUMER: &str = "reader";

pub(super) async fn all(client: &Client) -> Result<()> {
    let consumer = register(client).await.context("register")?;
    pushed(client, &consumer).await.context("pushed")?;
    ended(client, &consumer).await.context("ended")?;
    let deregister = client.deregister_stream_consumer();
    deregister.consumer_arn(&consumer).send().await?;
    Ok(())
}

/// The ARN of a consumer that is ACTIVE.
async fn register(client: &Client) -> Result<String> {
    let stream_arn = active(client).await?.stream_arn;
    let register = client.register_stream_consumer().stream_arn(&stream_arn);
    let made = register.consumer_name(CONSUMER).send().await?;
    let arn = made.consumer.context("a consumer")?.consumer_arn;
    let started = now();
    loop {
        let describe = client.describe_stream_consumer().consumer_arn(&arn);
        let described = describe.send().await?.consumer_description;
        let described = described.context("a description")?;
        if described.consumer_status == ConsumerStatus::Active {
            ensure!(described.stream_arn == stream_arn, "{described:?}");
            break;
        }
        ensure!(started.elapsed().as_secs() < 20, "{described:?}");
        pause(50).await;
    }
    let listed = client.list_stream_consumers().stream_arn(&stream_arn);
    let names: Vec<_> = listed.send().await?.consumers.unwrap_or_default();
    ensure!(names.len() == 1, "{names:?}");
    Ok(arn)
}

async fn put(client: &Client, text: &str) -> Result<PutRecordOutput> {
    let put = client.put_record().stream_name(STREAM);
    let put = put.partition_key("fan-out").data(Blob::new(text));
    Ok(put.send().await?)
}

/// A record of before the subscription, and one that is put while it lives; a second subscription is refused.
async fn pushed(client: &Client, consumer: &str) -> Result<()> {
    let first = put(client, "pushed 1").await?;
    let from = StartingPosition::builder()
        .r#type(ShardIteratorType::AtSequenceNumber)
        .sequence_number(&first.sequence_number)
        .build()?;
    let subscribe = || {
        client
            .subscribe_to_shard()
            .consumer_arn(consumer)
            .shard_id(&first.shard_id)
            .starting_position(from.clone())
            .send()
    };
    let mut events = subscribe().await?.event_stream;
    let mut texts = Vec::new();
    while texts.len() < 2 {
        let Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) = events.recv().await?
        else {
            bail!("the stream ended after {texts:?}");
        };
        ensure!(
            event.continuation_sequence_number.parse::<u64>().is_err(),
            "a sequence number has 56 digits: {event:?}"
        );
        for record in &event.records {
            texts.push(String::from_utf8(record.data.clone().into_inner())?);
            if texts.len() == 1 {
                put(client, "pushed 2").await?;
            }
        }
    }
    ensure!(texts == ["pushed 1", "pushed 2"], "{texts:?}");
    let again = subscribe()
        .await
        .err()
        .context("five seconds are not over")?;
    ensure!(again.code() == Some("ResourceInUseException"), "{again:?}");
    Ok(())
}

/// The first shard was split: a subscription reads it to its end and names its two children.
async fn ended(client: &Client, consumer: &str) -> Result<()> {
    let from = StartingPosition::builder()
        .r#type(ShardIteratorType::TrimHorizon)
        .build()?;
    let subscribe = client.subscribe_to_shard().consumer_arn(consumer);
    let subscribe = subscribe
        .shard_id("shardId-000000000000")
        .starting_position(from);
    let mut events = subscribe.send().await?.event_stream;
    let mut last = None;
    while let Some(event) = events.recv().await? {
        if let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event {
            last = Some(event);
        }
    }
    let last = last.context("an event before the end")?;
    let children: Vec<_> = last
        .child_shards()
        .iter()
        .map(|child| child.shard_id())
        .collect();
    ensure!(
        children == ["shardId-000000000002", "shardId-000000000003"],
        "{last:?}"
    );
    Ok(())
}
