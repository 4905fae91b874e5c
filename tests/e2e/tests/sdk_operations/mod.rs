//! Every operation through the AWS SDK for Rust, unmodified, against three real node processes.

mod consumers;
mod scaling;
mod settings;

use ana_e2e::calls::Calls;
use ana_e2e::cluster::{Cluster, create_stream, now, pause, wait_active};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::operation::put_record::PutRecordOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, Shard, ShardFilter, ShardFilterType, ShardIteratorType,
    StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus,
};

const STREAM: &str = "sdk";

async fn streams_and_listings(client: &Client) -> Result<()> {
    let again = client
        .create_stream()
        .stream_name(STREAM)
        .shard_count(1)
        .send()
        .await
        .err()
        .context("exists")?;
    ensure!(again.code() == Some("ResourceInUseException"), "{again:?}");
    let described = client
        .describe_stream()
        .stream_name(STREAM)
        .send()
        .await?
        .stream_description
        .context("description")?;
    ensure!(
        described.stream_status == StreamStatus::Active && described.shards.len() == 2,
        "{described:?}"
    );
    let limits = client.describe_limits().send().await?;
    ensure!(limits.open_shard_count == 2, "{limits:?}");
    ensure!(
        client.list_streams().send().await?.stream_names == [STREAM],
        "listed"
    );
    let filter = ShardFilter::builder()
        .r#type(ShardFilterType::AtLatest)
        .build()?;
    let shards = client
        .list_shards()
        .stream_name(STREAM)
        .shard_filter(filter)
        .send()
        .await?
        .shards
        .unwrap_or_default();
    ensure!(shards.len() == 2, "{shards:?}");
    let mode = StreamModeDetails::builder()
        .stream_mode(StreamMode::OnDemand)
        .build()?;
    client
        .create_stream()
        .stream_name("on-demand")
        .stream_mode_details(mode)
        .send()
        .await?;
    wait_active(client, "on-demand").await?;
    client
        .delete_stream()
        .stream_name("on-demand")
        .send()
        .await?;
    Ok(())
}

/// Puts one record, then two in one request; the first one's place is returned.
async fn put_three(client: &Client) -> Result<PutRecordOutput> {
    let put = client
        .put_record()
        .stream_name(STREAM)
        .partition_key("k")
        .data(Blob::new("first"))
        .send()
        .await?;
    let entry = |text: &str| {
        PutRecordsRequestEntry::builder()
            .partition_key("k")
            .data(Blob::new(text))
            .build()
    };
    let many = client
        .put_records()
        .stream_name(STREAM)
        .records(entry("second")?)
        .records(entry("third")?)
        .send()
        .await?;
    ensure!(many.failed_record_count == Some(0), "{many:?}");
    Ok(put)
}

async fn records(client: &Client) -> Result<()> {
    let put = put_three(client).await?;
    let positions = [
        (
            ShardIteratorType::TrimHorizon,
            None,
            vec!["first", "second", "third"],
        ),
        (
            ShardIteratorType::AtSequenceNumber,
            Some(&put.sequence_number),
            vec!["first", "second", "third"],
        ),
        (
            ShardIteratorType::AfterSequenceNumber,
            Some(&put.sequence_number),
            vec!["second", "third"],
        ),
        (ShardIteratorType::Latest, None, vec![]),
    ];
    for (kind, sequence, expected) in positions {
        let request = client
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(&put.shard_id)
            .shard_iterator_type(kind.clone());
        let iterator = request
            .set_starting_sequence_number(sequence.cloned())
            .send()
            .await?
            .shard_iterator;
        let answer = client
            .get_records()
            .set_shard_iterator(iterator)
            .send()
            .await?;
        let texts: Vec<_> = answer
            .records
            .iter()
            .map(|record| String::from_utf8_lossy(record.data.as_ref()))
            .collect();
        ensure!(texts == expected, "{kind:?}: {texts:?}");
    }
    let since = aws_sdk_kinesis::primitives::DateTime::from_secs(1);
    let request = client
        .get_shard_iterator()
        .stream_name(STREAM)
        .shard_id(&put.shard_id);
    let timed = request
        .shard_iterator_type(ShardIteratorType::AtTimestamp)
        .timestamp(since)
        .send()
        .await?;
    ensure!(
        client
            .get_records()
            .set_shard_iterator(timed.shard_iterator)
            .send()
            .await?
            .records
            .len()
            == 3,
        "AT_TIMESTAMP"
    );
    Ok(())
}

async fn reshard_tags_retention(client: &Client) -> Result<()> {
    client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key("42")
        .send()
        .await?;
    wait_active(client, STREAM).await?;
    let merge = client
        .merge_shards()
        .stream_name(STREAM)
        .shard_to_merge("shardId-000000000002");
    merge
        .adjacent_shard_to_merge("shardId-000000000003")
        .send()
        .await?;
    wait_active(client, STREAM).await?;
    ensure!(
        client
            .list_shards()
            .stream_name(STREAM)
            .send()
            .await?
            .shards()
            .len()
            == 5,
        "lineage"
    );
    client
        .add_tags_to_stream()
        .stream_name(STREAM)
        .tags("team", "river")
        .send()
        .await?;
    ensure!(
        client
            .list_tags_for_stream()
            .stream_name(STREAM)
            .send()
            .await?
            .tags
            .len()
            == 1,
        "tags"
    );
    client
        .remove_tags_from_stream()
        .stream_name(STREAM)
        .tag_keys("team")
        .send()
        .await?;
    client
        .increase_stream_retention_period()
        .stream_name(STREAM)
        .retention_period_hours(48)
        .send()
        .await?;
    wait_active(client, STREAM).await?;
    client
        .decrease_stream_retention_period()
        .stream_name(STREAM)
        .retention_period_hours(24)
        .send()
        .await?;
    wait_active(client, STREAM).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_by_the_rust_sdk_at_every_node() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    let calls = Calls::default();
    let nodes = cluster.status()?.nodes;
    ensure!(nodes.len() == 3, "three nodes: {nodes:?}");
    for node in nodes {
        let address = if node.api.starts_with("http") {
            node.api.clone()
        } else {
            format!("http://{}", node.api)
        };
        let client = calls.watch(&ana_e2e::cluster::client(&address, 5));
        create_stream(&client, STREAM, 2)
            .await
            .with_context(|| address.clone())?;
        streams_and_listings(&client).await.context("streams")?;
        records(&client).await.context("records")?;
        reshard_tags_retention(&client)
            .await
            .context("resharding")?;
        settings::all(&client).await.context("settings")?;
        consumers::all(&client).await.context("consumers")?;
        scaling::all(&client).await.context("scaling")?;
        delete_and_wait(&client).await?;
    }
    cluster.stop().await?;
    calls.write("tests/e2e/tests/sdk_operations::every_operation_by_the_rust_sdk_at_every_node")
}

async fn delete_and_wait(client: &Client) -> Result<()> {
    let delete = client.delete_stream().stream_name(STREAM);
    delete.enforce_consumer_deletion(true).send().await?;
    let started = now();
    let ours = |name: &String| name == STREAM || name == "on-demand";
    while client
        .list_streams()
        .send()
        .await?
        .stream_names
        .iter()
        .any(ours)
    {
        ensure!(
            started.elapsed().as_secs() < 20,
            "the stream does not go away"
        );
        pause(50).await;
    }
    Ok(())
}

/// The summary once the stream is ACTIVE again.
async fn active(client: &Client) -> Result<StreamDescriptionSummary> {
    wait_active(client, STREAM).await?;
    let answer = client.describe_stream_summary().stream_name(STREAM);
    let summary = answer.send().await?.stream_description_summary;
    summary.context("a summary")
}

/// The open shards in the order of their hash keys.
async fn open_shards(client: &Client) -> Result<Vec<Shard>> {
    let filter = ShardFilter::builder()
        .r#type(ShardFilterType::AtLatest)
        .build()?;
    let request = client.list_shards().stream_name(STREAM);
    let answer = request.shard_filter(filter).send().await?;
    let mut shards = Vec::new();
    for shard in answer.shards.unwrap_or_default() {
        let range = shard.hash_key_range.clone().context("a range")?;
        shards.push((range.starting_hash_key.parse::<u128>()?, shard));
    }
    shards.sort_by_key(|(start, _)| *start);
    Ok(shards.into_iter().map(|(_, shard)| shard).collect())
}
