//! Faults of the API: expired iterators, throttles, partial puts, dropped subscriptions.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, client, create_stream, now, pause};
use ana_e2e::ledger::{Acknowledged, Ledger, Value};
use ana_e2e::verdict::{judge, read_all};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, PutRecordsRequestEntry, ShardIteratorType, StartingPosition,
};

use super::{Entry, OTHER, SHARDS, STREAM, add, all_over, faults, post, put, value};

const THROTTLE: &str = "ProvisionedThroughputExceededException";

async fn iterator(client: &Client, stream: &str) -> Result<String> {
    let asked = client.get_shard_iterator().stream_name(stream);
    let asked = asked.shard_id("shardId-000000000000");
    let asked = asked.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let iterator = asked.send().await?.shard_iterator;
    iterator.context("an iterator")
}

/// The code of the error with which a read is refused; none when it is answered.
async fn read(client: &Client, iterator: &str) -> Option<String> {
    let read = client.get_records().shard_iterator(iterator).send().await;
    read.err()
        .map(|error| error.code().unwrap_or_default().to_owned())
}

/// Every node refuses iterators of one stream as expired, and answers those of the other; then the lease is over.
async fn expired_iterators(cluster: &Cluster, nodes: &[Client]) -> Result<()> {
    const LEASE: Duration = Duration::from_secs(3);
    let (hit, spared) = (
        iterator(&nodes[0], STREAM).await?,
        iterator(&nodes[0], OTHER).await?,
    );
    let fault = [
        "api.expired_iterator",
        "--on",
        "stream orders",
        "--for",
        "3s",
        "--id",
        "expired",
    ];
    let since = add(cluster, &fault)?;
    for node in nodes {
        let refused = read(node, &hit).await;
        ensure!(
            refused.as_deref() == Some("ExpiredIteratorException"),
            "{refused:?}"
        );
        ensure!(read(node, &spared).await.is_none(), "the other stream");
    }
    let listed = faults(cluster)?;
    let on: BTreeSet<u64> = listed.iter().map(|fault| fault.on_node).collect();
    ensure!(on.len() == nodes.len(), "on every node: {listed:?}");
    let ours = |fault: &Entry| fault.id == "expired" && fault.lease_ms <= 3000;
    ensure!(listed.iter().all(ours), "{listed:?}");
    let status = String::from_utf8(cluster.ana(&["status"])?.stdout)?;
    ensure!(status.contains("FAULTS ARE ON"), "{status}");
    ensure!(
        status.contains("  expired api.expired_iterator (stream orders, 100 %) on node 1,2,3"),
        "{status}"
    );
    while read(&nodes[0], &hit).await.is_some() {
        ensure!(
            since.elapsed() < LEASE + Duration::from_secs(3),
            "it does not end by itself"
        );
        pause(20).await;
    }
    println!("expired iterators: over after {:?}", since.elapsed());
    ensure!(since.elapsed() >= LEASE, "its lease was not over");
    all_over(cluster, Duration::from_secs(2)).await?;
    let status = String::from_utf8(cluster.ana(&["status"])?.stdout)?;
    ensure!(!status.contains("FAULTS"), "{status}");
    Ok(())
}

/// Half of all puts are refused: without retries about half get through, with the SDK's own all of them, each once.
async fn throttled_puts(cluster: &Cluster, ledger: &Arc<Ledger>) -> Result<()> {
    add(
        cluster,
        &[
            "api.throttle",
            "--on",
            "stream orders op PutRecord",
            "--percent",
            "50",
            "--id",
            "storm",
        ],
    )?;
    let mut refused = 0;
    for number in 0..60 {
        let one = put(
            cluster.client(1),
            format!("once-{number}"),
            Arc::clone(ledger),
        );
        match one.await {
            Ok(()) => {}
            Err(code) => {
                ensure!(code.as_deref() == Some(THROTTLE), "{code:?}");
                refused += 1;
            }
        }
    }
    ensure!((10..=50).contains(&refused), "{refused} of 60 are no half");
    // The SDK's standard retries with short pauses: they are the SDK's, only the test has less time.
    let retries = RetryConfig::standard()
        .with_max_attempts(20)
        .with_initial_backoff(Duration::from_millis(20))
        .with_max_backoff(Duration::from_millis(200));
    let patient = cluster.client(20);
    let patient = patient.config().to_builder().retry_config(retries);
    let patient = Client::from_conf(patient.build());
    for round in 0..10 {
        let puts = (0..10).map(|number| {
            let key = format!("retried-{round}-{number}");
            put(patient.clone(), key, Arc::clone(ledger))
        });
        let mut set = tokio::task::JoinSet::new();
        for put in puts {
            set.spawn(put);
        }
        while let Some(done) = set.join_next().await {
            let done = done?;
            ensure!(done.is_ok(), "retries did not help: {done:?}");
        }
    }
    let said = cluster.ana_ok(&["fault", "stop", "storm"])?;
    ensure!(said.lines().count() == 3, "stopped on every node: {said}");
    println!("throttled puts: {refused} of 60 refused, 100 of 100 through by retries");
    Ok(())
}

/// A third of the entries is refused one by one; what is acknowledged is there and nothing else.
async fn partial_puts(cluster: &Cluster, ledger: &Ledger) -> Result<()> {
    add(
        cluster,
        &[
            "api.partial_put",
            "--on",
            "stream orders",
            "--percent",
            "30",
        ],
    )?;
    let client = cluster.client(1);
    let mut refused = 0;
    for round in 0..4 {
        let values: Vec<Value> = (0..250)
            .map(|number| value(format!("partly-{round}-{number}")))
            .collect();
        let entries = values.iter().map(|value| {
            PutRecordsRequestEntry::builder()
                .partition_key(&value.key)
                .data(Blob::new(value.encode()))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let sent = now();
        let put = client.put_records().stream_name(STREAM);
        let answer = put.set_records(Some(entries)).send().await?;
        let failed = answer.failed_record_count.unwrap_or_default();
        let mut counted = 0;
        for (value, result) in values.into_iter().zip(answer.records) {
            match (result.shard_id, result.sequence_number) {
                (Some(shard), Some(sequence)) => {
                    let answered = now();
                    let acknowledged = Acknowledged {
                        shard,
                        sequence,
                        sent,
                        answered,
                    };
                    ledger.acknowledge(value, acknowledged);
                }
                _ => {
                    ensure!(result.error_code.as_deref() == Some(THROTTLE));
                    let text = result.error_message.unwrap_or_default();
                    ensure!(
                        text.starts_with("Rate exceeded for shard shardId-"),
                        "{text}"
                    );
                    counted += 1;
                }
            }
        }
        ensure!(
            failed == counted,
            "FailedRecordCount {failed}, not {counted}"
        );
        refused += counted;
    }
    ensure!(
        (200..=400).contains(&refused),
        "{refused} of 1000 are no third"
    );
    cluster.ana_ok(&["fault", "stop", "--all"])?;
    println!("partial puts: {refused} of 1000 refused");
    Ok(())
}

/// A running session of SubscribeToShard ends when the fault comes, long before its five minutes.
async fn dropped_subscription(cluster: &Cluster) -> Result<()> {
    let client = cluster.client(3);
    let summary = client.describe_stream_summary().stream_name(STREAM);
    let summary = summary.send().await?.stream_description_summary;
    let arn = summary.context("a summary")?.stream_arn;
    let register = client.register_stream_consumer().stream_arn(&arn);
    let consumer = register.consumer_name("reader").send().await?.consumer;
    let consumer = consumer.context("a consumer")?.consumer_arn;
    let started = now();
    loop {
        let describe = client.describe_stream_consumer().consumer_arn(&consumer);
        let described = describe.send().await?.consumer_description;
        let status = described.context("a description")?.consumer_status;
        if status == ConsumerStatus::Active {
            break;
        }
        ensure!(started.elapsed() < Duration::from_secs(10), "{status:?}");
        pause(50).await;
    }
    let from = StartingPosition::builder()
        .r#type(ShardIteratorType::Latest)
        .build()?;
    let subscribe = client.subscribe_to_shard().consumer_arn(consumer);
    let subscribe = subscribe
        .shard_id("shardId-000000000000")
        .starting_position(from);
    let mut events = subscribe.send().await?.event_stream;
    let since = add(cluster, &["api.drop_subscription", "--on", "stream orders"])?;
    while events.recv().await?.is_some() {
        ensure!(
            since.elapsed() < Duration::from_secs(10),
            "the session goes on"
        );
    }
    println!("dropped subscription: ended after {:?}", since.elapsed());
    cluster.ana_ok(&["fault", "stop", "--all"]).map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_the_api_hit_what_they_are_meant_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
    for stream in [STREAM, OTHER] {
        create_stream(&cluster.client(3), stream, SHARDS).await?;
    }
    let nodes = cluster.status()?.nodes;
    let clients = nodes
        .iter()
        .map(|node| client(&format!("http://{}", node.api), 1));
    let clients: Vec<Client> = clients.collect();
    let ledger = Arc::new(Ledger::default());
    expired_iterators(&cluster, &clients).await?;
    throttled_puts(&cluster, &ledger).await?;
    partial_puts(&cluster, &ledger).await?;
    dropped_subscription(&cluster).await?;
    let wrong = r#"{"id":"x","kind":"disk.slow","lease_ms":1000,"delay":5}"#;
    let (status, body) = post(&nodes[0].api, "/_ana/faults", wrong)?;
    ensure!(
        status == 400 && body.contains("delay_ms: is missing"),
        "{status} {body}"
    );
    let verdict = judge(&ledger.entries(), &read_all(&clients[0], STREAM).await?);
    ensure!(verdict.is_clean(), "{verdict:#?}");
    ensure!(verdict.acknowledged > 700, "{}", verdict.acknowledged);
    cluster.stop().await
}
