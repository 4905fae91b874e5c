//! A crowd comes to one node: 1,000 subscriptions and 10,000 connections that are idle, and then 1,000 subscriptions
//! whose readers never read. Seen from outside, by what the kernel says of the node's process: its memory stays within
//! 1 GiB, whoever else uses the node is served, and when the crowd has gone everything it took is given back.
//!
//! Everything goes to the node's own address, not to the front door, which has bounds of its own.

mod honest;
mod idle;
mod process;
mod stalled;
mod strangers;
mod subscribers;

use std::net::SocketAddr;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, client, create_stream, now, pause};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ConsumerStatus;
use tempfile::TempDir;

use self::process::Process;
use self::subscribers::Place;

const STREAM: &str = "crowd";
/// As many as AWS lets a stream have; the last one is the honest one.
const CONSUMERS: usize = 20;
/// With the other consumers a little over 1,000 places to subscribe to.
const SHARDS: usize = 53;
/// The number of the promise.
const SUBSCRIPTIONS: usize = 1000;
/// The promise, KiB.
const MEMORY_MAX_KIB: u64 = 1024 * 1024;
/// What was freed is used again: with a second crowd the node has at most this much of what it had with the first one,
/// percent. Not 100: glibc keeps what was freed in pieces, for each thread its own; eight crowds came to 136 and stayed
/// there. A node that freed nothing would come to some 190.
const SECOND_MAX_PERCENT: u64 = 150;
/// A consumer is ACTIVE in a fraction of a second.
const REGISTER_MAX: Duration = Duration::from_secs(10);

/// A cluster with a stream and its consumers, and the node that the crowd comes to.
struct Scene {
    cluster: Cluster,
    node: Process,
    address: SocketAddr,
    /// The SDK, at the same node.
    client: Client,
    crowd: Vec<Place>,
    honest_arn: String,
    shards: Vec<String>,
    _folder: TempDir,
}

impl Scene {
    async fn start(start: &'static str) -> Result<Scene> {
        let folder = tempfile::tempdir()?;
        let flags = ["--limits", "off", "--transition-ms", "10"];
        let cluster = Cluster::start(folder.path(), &flags).await?;
        let status = cluster.status()?;
        let node = status.nodes.first().context("a node")?;
        let address = node.api.trim_start_matches("http://");
        let client = client(&format!("http://{address}"), 5);
        create_stream(&client, STREAM, i32::try_from(SHARDS)?).await?;
        let shards = client
            .list_shards()
            .stream_name(STREAM)
            .send()
            .await?
            .shards;
        let shards: Vec<String> = shards
            .unwrap_or_default()
            .into_iter()
            .map(|it| it.shard_id)
            .collect();
        let mut arns = Vec::new();
        for number in 0..CONSUMERS {
            arns.push(register(&client, number).await?);
        }
        let honest_arn = arns.pop().context("consumers")?;
        let of_consumer = |arn: &String| {
            let place = |shard: &String| Place {
                consumer_arn: arn.clone(),
                shard: shard.clone(),
                start,
            };
            shards.iter().map(place).collect::<Vec<_>>()
        };
        let crowd: Vec<Place> = arns
            .iter()
            .flat_map(of_consumer)
            .take(SUBSCRIPTIONS)
            .collect();
        ensure!(crowd.len() == SUBSCRIPTIONS, "{} places", crowd.len());
        Ok(Scene {
            node: Process(node.pid.context("its process")?),
            address: address.parse()?,
            cluster,
            client,
            crowd,
            honest_arn,
            shards,
            _folder: folder,
        })
    }
}

/// Registers a consumer and waits until it is ACTIVE: no more than five may be under way.
async fn register(client: &Client, number: usize) -> Result<String> {
    let summary = client
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await?;
    let summary = summary.stream_description_summary.context("a summary")?;
    let name = format!("consumer-{number}");
    let request = client
        .register_stream_consumer()
        .stream_arn(summary.stream_arn);
    let answer = request.consumer_name(name).send().await?;
    let arn = answer.consumer.context("a consumer")?.consumer_arn;
    let started = now();
    loop {
        let described = client
            .describe_stream_consumer()
            .consumer_arn(&arn)
            .send()
            .await?;
        let described = described.consumer_description.context("a description")?;
        if described.consumer_status == ConsumerStatus::Active {
            return Ok(arn);
        }
        ensure!(started.elapsed() < REGISTER_MAX, "{described:?}");
        pause(20).await;
    }
}

/// Waits until the node has no more files open than `most`.
async fn wait_for_files(node: Process, most: usize, within: Duration) -> Result<()> {
    let started = now();
    loop {
        let open = node.open_files()?;
        if open <= most {
            return Ok(());
        }
        ensure!(
            started.elapsed() < within,
            "{open} files are open, not {most}"
        );
        pause(50).await;
    }
}

/// Whether a second crowd made do with what the first one had.
fn ensure_reused(first_kib: u64, second_kib: u64) -> Result<()> {
    let most_kib = first_kib * SECOND_MAX_PERCENT / 100;
    ensure!(
        second_kib <= most_kib,
        "{first_kib} KiB at first, then {second_kib}: not all was freed"
    );
    Ok(())
}

/// What so many of something cost each, KiB.
fn each_kib(before_kib: u64, after_kib: u64, count: usize) -> u64 {
    after_kib.saturating_sub(before_kib) / u64::try_from(count.max(1)).unwrap_or(u64::MAX)
}
