//! A node with a gigabyte of log restarts in seconds, with its checkpoint and without it; and after Ctrl-C the same
//! folder continues with the same data.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, rounds};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::read_all;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::put_record::PutRecordOutput;
use aws_sdk_kinesis::primitives::Blob;

const STREAM: &str = "big";
/// "Seconds", as a bound that a slow shared machine still keeps.
const RESTART_MAX: Duration = Duration::from_secs(15);

/// Folders called `checkpoints` below `folder`.
fn checkpoint_folders(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "checkpoints") {
                found.push(path);
            } else {
                checkpoint_folders(&path, found)?;
            }
        }
    }
    Ok(())
}

/// Puts about `mebibytes` through the AWS protocol in requests of 4 x 1,000,000 bytes.
async fn fill(cluster: &Cluster, mebibytes: u32) -> Result<()> {
    let client = cluster.client(5);
    let body = vec![b'x'; 1_000_000];
    for number in 0..mebibytes.div_ceil(4) {
        let entries = (0..4).map(|part| {
            aws_sdk_kinesis::types::PutRecordsRequestEntry::builder()
                .partition_key(format!("{number}-{part}"))
                .data(Blob::new(body.clone()))
                .build()
                .expect("key and data are set")
        });
        let answer = client
            .put_records()
            .stream_name(STREAM)
            .set_records(Some(entries.collect()))
            .send()
            .await?;
        ensure!(
            answer.failed_record_count == Some(0),
            "{:?}",
            answer.failed_record_count
        );
    }
    Ok(())
}

/// From `last` on, the shard holds the record before the restarts and the one after.
async fn holds_both(client: &Client, last: &PutRecordOutput) -> Result<()> {
    let after = client
        .get_shard_iterator()
        .stream_name(STREAM)
        .shard_id(&last.shard_id)
        .shard_iterator_type(aws_sdk_kinesis::types::ShardIteratorType::AtSequenceNumber)
        .starting_sequence_number(&last.sequence_number)
        .send()
        .await?;
    let records = client
        .get_records()
        .shard_iterator(after.shard_iterator.unwrap_or_default())
        .send()
        .await?
        .records;
    ensure!(
        records
            .iter()
            .map(|record| record.data.as_ref())
            .eq([b"last 1".as_slice(), b"last 2"]),
        "{}",
        records.len()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gigabyte_restarts_in_seconds_with_and_without_checkpoints() -> Result<()> {
    let mebibytes = rounds("ANA_RESTART_MEBIBYTES", 1024);
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    let client = cluster.client(5);
    create_stream(&client, STREAM, 1).await?;
    fill(&cluster, mebibytes).await.context("filling the log")?;
    let last = client
        .put_record()
        .stream_name(STREAM)
        .partition_key("last")
        .data(Blob::new("last 1"))
        .send()
        .await?;

    let with = cluster.restart().await?;
    assert_identical(&cluster).await?;

    cluster.stop().await?;
    let mut checkpoints = Vec::new();
    checkpoint_folders(folder.path(), &mut checkpoints)?;
    ensure!(
        checkpoints.len() >= 3,
        "each node keeps a checkpoint store: {checkpoints:?}"
    );
    for each in &checkpoints {
        std::fs::remove_dir_all(each)?;
    }
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    let without = cluster.restart().await?;
    println!(
        "restart with {mebibytes} MiB of log: {} ms with checkpoints, {} ms after they were deleted",
        with.as_millis(),
        without.as_millis()
    );
    ensure!(
        with < RESTART_MAX && without < RESTART_MAX,
        "restarts took {with:?} and {without:?}"
    );

    assert_identical(&cluster).await?;
    let client = cluster.client(5);
    let next = client
        .put_record()
        .stream_name(STREAM)
        .partition_key("last")
        .data(Blob::new("last 2"))
        .send()
        .await?;
    ensure!(
        next.sequence_number > last.sequence_number,
        "sequence numbers went back over a restart"
    );
    holds_both(&client, &last).await?;
    cluster.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_node_cluster_works_and_continues() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--single"]).await?;
    ensure!(cluster.status()?.nodes.len() == 1, "one node");
    let client = cluster.client(5);
    create_stream(&client, "one", 2).await?;
    for number in 0..20 {
        client
            .put_record()
            .stream_name("one")
            .partition_key(format!("k{number}"))
            .data(Blob::new(format!("k{number} 0")))
            .send()
            .await?;
    }
    cluster.restart().await?;
    let reads = read_all(&cluster.client(5), "one").await?;
    ensure!(
        reads.len() == 20,
        "{} of 20 records after a restart",
        reads.len()
    );
    cluster.stop().await
}
