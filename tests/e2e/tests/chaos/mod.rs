//! One fault after another for many rounds, under load, on real nodes: partitions in every shape, leaders that stand
//! still, splits and merges while everything else goes wrong, more work than a cluster can do. What was acknowledged is
//! there in the end, readers never saw less than what was acknowledged before, replicas are equal.

mod overload;
mod partitions;
mod paused;
mod reshards;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_check::Verdict;
use ana_e2e::cluster::{Cluster, create_stream, now, pause};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::Producers;
use ana_e2e::readers::{Polled, Readers};
use ana_e2e::replicas::assert_identical;
use ana_e2e::verdict::{Story, read_all};
use anyhow::{Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub(crate) const STREAM: &str = "chaos";
pub(crate) const SHARDS: usize = 3;
pub(crate) const NODES: [u64; 3] = [1, 2, 3];
/// When all faults are over every shard is writable again within this.
pub(crate) const HEALED_WITHIN: Duration = Duration::from_secs(10);

/// A cluster under load at each node, so that what comes to one that is cut off stops nobody else.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) dice: StdRng,
    producers: Vec<Producers>,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn start(seed: u64) -> Result<Scene> {
        let folder = tempfile::tempdir()?;
        let cluster = Cluster::start(folder.path(), &["--limits", "off"]).await?;
        create_stream(&cluster.client(3), STREAM, i32::try_from(SHARDS)?).await?;
        let ledger = Arc::new(Ledger::default());
        let producers = Producers::at_each_node(&cluster, STREAM, &ledger)?;
        Ok(Scene {
            cluster,
            ledger,
            dice: StdRng::seed_from_u64(seed),
            producers,
            _folder: folder,
        })
    }

    pub(crate) fn addresses(cluster: &Cluster) -> Result<Vec<String>> {
        let nodes = cluster.status()?.nodes;
        Ok(nodes.into_iter().map(|node| node.api).collect())
    }

    /// A reader at every node for every shard there is.
    pub(crate) async fn read(&self) -> Result<Readers> {
        let listed = list(&self.cluster.client(3)).await?;
        let shards = listed.shards.into_iter().map(|it| it.shard_id);
        let shards: Vec<String> = shards.collect();
        Ok(Readers::start(
            &Self::addresses(&self.cluster)?,
            STREAM,
            &shards,
        ))
    }

    /// Until as many shards have acknowledged a put that was sent after `since`.
    pub(crate) async fn resumed(&self, since: Instant, within: Duration) -> Result<Duration> {
        loop {
            let first = self.ledger.resumed_after(since);
            if first.len() >= SHARDS {
                return Ok(first.into_values().max().unwrap_or_default());
            }
            ensure!(since.elapsed() < within, "within {within:?} only {first:?}");
            pause(10).await;
        }
    }

    /// Ends the load; what the replicas say of one another, and the verdict.
    pub(crate) async fn judge(
        mut self,
        polled: &[Polled],
        listed: Vec<Listed>,
    ) -> Result<(String, Verdict)> {
        for each in self.producers {
            each.stop().await?;
        }
        let (groups, entries) = assert_identical(&self.cluster).await?;
        let client = self.cluster.client(5);
        let reads = read_all(&client, STREAM).await?;
        let story = Story::of(&self.ledger.entries()).finally(&reads);
        let mut story = polled.iter().fold(story, Story::polled);
        for each in listed.into_iter().chain([list(&client).await?]) {
            story.listed(each.when, &each.shards)?;
        }
        let verdict = story.judge();
        self.cluster.stop().await?;
        let equal = format!("{groups} groups, {entries} entries identical");
        Ok((equal, verdict))
    }
}

/// What ListShards answered, and when it was asked and had answered.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) when: (Instant, Instant),
    pub(crate) shards: Vec<Shard>,
}

/// Every shard of the stream, on all pages.
pub(crate) async fn list(client: &Client) -> Result<Listed> {
    let asked = now();
    let mut answer = client.list_shards().stream_name(STREAM).send().await?;
    let mut shards = answer.shards.take().unwrap_or_default();
    while let Some(token) = answer.next_token.take() {
        answer = client.list_shards().next_token(token).send().await?;
        shards.extend(answer.shards.take().unwrap_or_default());
    }
    let when = (asked, now());
    Ok(Listed { when, shards })
}
