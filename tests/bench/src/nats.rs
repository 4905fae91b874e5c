//! NATS JetStream: one stream in files for each log, a replica on every node. Whether an acknowledgement waits for the
//! disk is a setting of the servers (`sync_interval`).

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use tokio::time::sleep;

use crate::closed_loop::Peer;

/// The nodes elect a leader first.
const READY_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct Nats {
    context: Context,
    /// By log.
    subjects: Vec<String>,
}

impl Peer for Nats {
    async fn put(&self, log: usize, body: Bytes) -> Result<()> {
        let sent = self
            .context
            .publish(self.subjects[log].clone(), body)
            .await?;
        sent.await?;
        Ok(())
    }
}

/// Connects to so many of the servers, and creates streams of names that were never there.
pub(crate) async fn connect(
    servers: &[String],
    connections: usize,
    logs: usize,
) -> Result<Vec<Nats>> {
    let run = format!("bench-{:016x}", fastrand::u64(..));
    let names: Vec<String> = (0..logs).map(|log| format!("{run}-{log}")).collect();
    let mut peers = Vec::new();
    for server in &servers[..connections] {
        let client = async_nats::connect(server).await;
        let client = client.with_context(|| format!("connecting to {server}"))?;
        let subjects = names.iter().map(|name| format!("put.{name}")).collect();
        let context = jetstream::new(client);
        peers.push(Nats { context, subjects });
    }
    for name in &names {
        create(&peers[0].context, name, servers.len()).await?;
    }
    Ok(peers)
}

async fn create(context: &Context, name: &str, replicas: usize) -> Result<()> {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("put.{name}")],
        storage: StorageType::File,
        num_replicas: replicas,
        ..Config::default()
    };
    let began = Instant::now();
    let mut stream = loop {
        match context.get_or_create_stream(config.clone()).await {
            Ok(stream) => break stream,
            Err(error) if began.elapsed() >= READY_MAX => return Err(error.into()),
            Err(_not_yet) => sleep(LOOK_EVERY).await,
        }
    };
    // All replicas follow before anything is measured.
    loop {
        let info = stream.info().await?;
        let followers = info.cluster.as_ref().map_or(0, |cluster| {
            cluster.replicas.iter().filter(|it| it.current).count()
        });
        if followers + 1 == replicas {
            return Ok(());
        }
        ensure!(
            began.elapsed() < READY_MAX,
            "{name} has {followers} followers: {info:?}"
        );
        sleep(LOOK_EVERY).await;
    }
}
