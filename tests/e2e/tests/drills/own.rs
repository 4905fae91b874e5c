//! A drill without a load, on somebody's own traffic: an application that skips records and one that processes them twice
//! are told so, the cluster is told clean, and where there was no traffic nothing is.

use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, pause};
use ana_e2e::replicas::get;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{Ran, run, start, until, wait};

const HEALTHY: Duration = Duration::from_secs(30);
const STREAM: &str = "orders";
const SHARD: &str = "shardId-000000000000";
/// Records that one application passes over, and that the other reads again.
const SKIPPED: usize = 5;
const AGAIN: usize = 10;

/// What was acknowledged, in order: one producer, one shard.
#[derive(Debug, Default)]
struct Acknowledged {
    numbers: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Acknowledged {
    fn push(&self, number: String) {
        let numbers = self.numbers.lock();
        numbers.unwrap_or_else(PoisonError::into_inner).push(number);
    }

    fn get(&self, place: usize) -> Option<String> {
        let numbers = self.numbers.lock();
        let numbers = numbers.unwrap_or_else(PoisonError::into_inner);
        numbers.get(place).cloned()
    }

    fn place_of(&self, number: &str) -> Option<usize> {
        let numbers = self.numbers.lock();
        let numbers = numbers.unwrap_or_else(PoisonError::into_inner);
        numbers.iter().position(|each| each == number)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

fn task(work: impl Future<Output = Result<()>> + Send + 'static) -> JoinHandle<Result<()>> {
    #[expect(clippy::disallowed_methods, reason = "test clients are not simulated")]
    tokio::spawn(work)
}

async fn produce(client: Client, acknowledged: Arc<Acknowledged>) -> Result<()> {
    for number in 0_u32.. {
        if acknowledged.is_over() {
            break;
        }
        let put = client.put_record().stream_name(STREAM);
        let put = put.partition_key(format!("k{}", number % 7));
        let answer = put
            .data(Blob::new(format!("record {number}")))
            .send()
            .await?;
        acknowledged.push(answer.sequence_number);
        pause(20).await;
    }
    Ok(())
}

/// A reader with one iterator at a time.
struct Reader {
    client: Client,
    iterator: String,
    /// The last record it was given.
    last: Option<String>,
}

impl Reader {
    async fn begin(client: Client) -> Result<Reader> {
        let asked = client.get_shard_iterator().stream_name(STREAM);
        let asked = asked
            .shard_id(SHARD)
            .shard_iterator_type(ShardIteratorType::Latest);
        let iterator = asked.send().await?.shard_iterator;
        Ok(Reader {
            client,
            iterator: iterator.context("an iterator")?,
            last: None,
        })
    }

    async fn go_to(&mut self, after: &str) -> Result<()> {
        let asked = self.client.get_shard_iterator().stream_name(STREAM);
        let asked = asked
            .shard_id(SHARD)
            .shard_iterator_type(ShardIteratorType::AfterSequenceNumber);
        let answer = asked.starting_sequence_number(after).send().await?;
        self.iterator = answer.shard_iterator.context("an iterator")?;
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        pause(400).await;
        let asked = self.client.get_records().shard_iterator(&self.iterator);
        let answer = asked.send().await?;
        self.iterator = answer.next_shard_iterator.context("an open shard")?;
        let last = answer.records.last();
        self.last = last
            .map(|record| record.sequence_number.clone())
            .or(self.last.take());
        Ok(())
    }

    /// Reads until it was given so many records more or less, and says at which place the last one is.
    async fn read_some(&mut self, acknowledged: &Acknowledged) -> Result<usize> {
        loop {
            ensure!(!acknowledged.is_over(), "the drill ended too early");
            self.read().await?;
            let last = self.last.as_deref();
            let place = last.and_then(|last| acknowledged.place_of(last));
            if let Some(place) = place.filter(|place| *place > 2 * AGAIN) {
                return Ok(place);
            }
        }
    }

    async fn read_on(&mut self, acknowledged: &Acknowledged) -> Result<()> {
        while !acknowledged.is_over() {
            self.read().await?;
        }
        Ok(())
    }
}

async fn skip(client: Client, acknowledged: Arc<Acknowledged>) -> Result<()> {
    let mut reader = Reader::begin(client).await?;
    let place = reader.read_some(&acknowledged).await?;
    let beyond = loop {
        ensure!(!acknowledged.is_over(), "the drill ended too early");
        match acknowledged.get(place + SKIPPED) {
            Some(number) => break number,
            None => pause(20).await,
        }
    };
    reader.go_to(&beyond).await?;
    reader.read_on(&acknowledged).await
}

async fn read_twice(client: Client, acknowledged: Arc<Acknowledged>) -> Result<()> {
    let mut reader = Reader::begin(client).await?;
    for _ in 0..4 {
        reader.read().await?;
    }
    let place = reader.read_some(&acknowledged).await?;
    // It goes on once more: now it certainly had what it was given before.
    reader.read().await?;
    let back = acknowledged.get(place - AGAIN).context("an older record")?;
    reader.go_to(&back).await?;
    reader.read_on(&acknowledged).await
}

fn file(folder: &Path, name: &str, seconds: u32, expect: &[&str]) -> Result<String> {
    let expect: Vec<String> = expect.iter().map(|each| format!("\"{each}\"")).collect();
    let text = format!(
        "drill = \"{name}\"\nabout = \"A test\"\n[[step]]\nat = \"2s\"\ndo = \"api.latency\"\n\
         on = \"stream {STREAM} op PutRecord\"\ndelay = \"5ms\"\npercent = 100\nfor = \"{seconds}s\"\n\
         [expect]\nall = [{}]\n",
        expect.join(", ")
    );
    let path = folder.join(format!("{name}.toml"));
    std::fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))?;
    Ok(path.display().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_application_does_wrong_is_told_and_the_cluster_is_clean() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(&folder.path().join("cluster"), &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, 1).await?;
    cluster.wait_healthy(HEALTHY).await?;
    without_traffic_nothing_is_exercised(&cluster, folder.path())?;
    cluster.wait_healthy(HEALTHY).await?;
    let expect = [
        "no_acked_record_lost",
        "no_duplicate_sequence",
        "order_per_key_kept",
        "replicas_identical",
        "no_record_skipped",
    ];
    let file = file(folder.path(), "mine", 20, &expect)?;
    let mut running = start(&cluster, &[&file, "--seed", "7"])?;
    ledgers_are_on(&cluster, &mut running).await?;
    let acknowledged = Arc::new(Acknowledged::default());
    let tasks = [
        task(produce(cluster.client(3), Arc::clone(&acknowledged))),
        task(skip(cluster.client(3), Arc::clone(&acknowledged))),
        task(read_twice(cluster.client(3), Arc::clone(&acknowledged))),
    ];
    let ran = wait(running);
    acknowledged.is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let ran = ran?;
    ensure!(ran.code == Some(1), "{}\n{:#}", ran.said, ran.record);
    the_cluster_is_clean(&ran)?;
    the_applications_are_told_apart(&ran)?;
    let text = cluster.ana_ok(&["drill", "report", "mine"])?;
    let told = format!("cluster, your puts to {STREAM}: ");
    ensure!(
        text.contains(&told) && text.contains("application, anyone"),
        "{text}"
    );
    Ok(())
}

fn without_traffic_nothing_is_exercised(cluster: &Cluster, folder: &Path) -> Result<()> {
    let expect = ["no_acked_record_lost", "no_record_skipped"];
    let ran = run(cluster, &[&file(folder, "silent", 1, &expect)?])?;
    ensure!(ran.code == Some(0), "{}\n{:#}", ran.said, ran.record);
    for check in expect {
        let (verdict, told) = ran.expectation(check)?;
        ensure!(verdict == "not_exercised", "{told:#}");
    }
    let seen = (
        &ran.record["cluster"]["puts"],
        &ran.record["application"]["consumers"],
    );
    let none = |rows: &Value| rows.as_array().is_some_and(Vec::is_empty);
    ensure!(none(seen.0) && none(seen.1), "{:#}", ran.record);
    Ok(())
}

async fn ledgers_are_on(cluster: &Cluster, running: &mut Child) -> Result<()> {
    let within = Duration::from_secs(30);
    until("the ledgers of all nodes are on", within, || {
        ensure!(running.try_wait()?.is_none(), "the drill has ended");
        let status = cluster.status()?;
        for node in &status.nodes {
            let told: Value = get(&node.api, "/_ana/ledger")?;
            if told["on"] != true {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await
}

fn the_cluster_is_clean(ran: &Ran) -> Result<()> {
    for check in [
        "no_acked_record_lost",
        "no_duplicate_sequence",
        "order_per_key_kept",
        "replicas_identical",
    ] {
        let (verdict, told) = ran.expectation(check)?;
        ensure!(verdict == "held", "{told:#}");
    }
    let (verdict, told) = ran.expectation("no_record_skipped")?;
    ensure!(verdict == "broken", "{told:#}");
    let puts = &ran.record["cluster"]["puts"][0];
    for count in ["lost", "duplicated", "reordered"] {
        ensure!(puts[count] == 0, "{count}: {puts:#}");
    }
    ensure!(puts["sampled"].as_u64() > Some(100), "{puts:#}");
    let acknowledged = ran.record["cluster"]["acknowledged"].as_u64();
    ensure!(acknowledged >= puts["sampled"].as_u64(), "{puts:#}");
    Ok(())
}

fn the_applications_are_told_apart(ran: &Ran) -> Result<()> {
    let consumers = ran.record["application"]["consumers"].as_array();
    let consumers = consumers.map_or(&[][..], Vec::as_slice);
    ensure!(consumers.len() == 2, "{consumers:#?}");
    let counts = consumers.iter().map(|consumer| {
        let count = |name: &str| consumer[name].as_u64().unwrap_or(u64::MAX);
        (count("skipped"), count("read_again"), count("went_back"))
    });
    let mut counts: Vec<(u64, u64, u64)> = counts.collect();
    counts.sort_unstable();
    let (skipped, again) = (u64::try_from(SKIPPED)?, u64::try_from(AGAIN)?);
    ensure!(counts == [(0, again, 1), (skipped, 0, 0)], "{consumers:#?}");
    Ok(())
}
