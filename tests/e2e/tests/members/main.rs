//! Nodes that are replaced, added and removed under load, with lost disks and with other nodes killed meanwhile: nothing
//! acknowledged is lost, order is kept, replicas end identical, and writing goes on.
//!
//! `ANA_MEMBER_ROUNDS` says how many rounds each test runs.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ana_e2e::cluster::{Cluster, NodeStatus, ana_program, create_stream, now, pause, rounds};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::{assert_identical, get};
use ana_e2e::verdict::{judge, percentiles_ms, read_all};
use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;

const SHARDS: i32 = 4;
/// From the order to replace a dead node until it is removed and everything has three replicas again.
const REPLACE_MAX: Duration = Duration::from_secs(30);
/// No shard takes nothing for longer, whatever happens to nodes.
const GAP_MAX: Duration = Duration::from_secs(4);
/// Longer than a change of members may take at all.
const CHANGE_MAX: Duration = Duration::from_secs(120);

/// What the test reads of `/_ana/members`.
#[derive(Debug, Deserialize)]
struct Members {
    nodes: Vec<Member>,
    removed: Vec<u64>,
}

#[derive(Debug, Deserialize)]
struct Member {
    id: u64,
    zone: String,
    phase: String,
}

/// A cluster under load, and the dice.
struct World {
    cluster: Cluster,
    ledger: Arc<Ledger>,
    producers: Producers,
    stream: &'static str,
    dice: StdRng,
}

impl World {
    async fn start(folder: &std::path::Path, stream: &'static str) -> Result<World> {
        let seed = u64::from(rounds("ANA_MEMBER_SEED", 20_261_128));
        println!("{stream}: seed {seed}");
        let cluster = Cluster::start(folder, &["--limits", "off"]).await?;
        create_stream(&cluster.client(3), stream, SHARDS).await?;
        let ledger = Arc::new(Ledger::default());
        let load = Load::usual(&cluster.endpoint, stream);
        let producers = Producers::start(&load, &ledger);
        Ok(World {
            cluster,
            ledger,
            producers,
            stream,
            dice: StdRng::seed_from_u64(seed),
        })
    }

    fn nodes(&self) -> Result<Vec<NodeStatus>> {
        Ok(self.cluster.status()?.nodes)
    }

    fn any<'a, T>(&mut self, of: &'a [T]) -> Result<&'a T> {
        ensure!(!of.is_empty(), "there is nothing to choose from");
        Ok(&of[self.dice.random_range(0..of.len())])
    }

    /// `ana ARGUMENTS`, begun and not waited for.
    fn begin(&self, arguments: &[&str]) -> Result<Child> {
        let log = self.cluster.data_dir.join("test-members.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        Command::new(ana_program())
            .args(arguments)
            .env("ANA_ENDPOINT", &self.cluster.endpoint)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("running ana")
    }

    /// What the members are, by a node that lives.
    fn members(&self) -> Result<Members> {
        for node in self.nodes()?.iter().filter(|node| node.state == "up") {
            if let Ok(members) = get(&node.api, "/_ana/members") {
                return Ok(members);
            }
        }
        bail!("no node tells the members")
    }

    /// Ends the load and judges it.
    async fn judge(self) -> Result<()> {
        let World {
            mut cluster,
            ledger,
            producers,
            stream,
            ..
        } = self;
        cluster.wait_healthy(Duration::from_secs(60)).await?;
        producers.stop().await?;
        let (groups, entries) = assert_identical(&cluster).await?;
        let read = read_all(&cluster.client(5), stream).await?;
        let verdict = judge(&ledger.entries(), &read);
        println!(
            "{stream}: acknowledged {} lost {} duplicated {} out of order {} | {groups} groups, {entries} entries \
             identical on all replicas",
            verdict.acknowledged,
            verdict.lost.len(),
            verdict.duplicated.len(),
            verdict.out_of_order.len(),
        );
        ensure!(
            verdict.acknowledged > 1000,
            "too little was acknowledged to mean anything: {}",
            verdict.acknowledged
        );
        ensure!(verdict.is_clean(), "{verdict:#?}");
        // The next start knows who came and who went.
        cluster.restart().await?;
        let after = read_all(&cluster.client(5), stream).await?;
        ensure!(after.len() == read.len(), "{} {}", after.len(), read.len());
        cluster.stop().await
    }
}

/// Waits until an `ana` that was begun has ended well.
async fn ended(mut child: Child, what: &str) -> Result<()> {
    let began = now();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{what}: {status}; see test-members.log");
            return Ok(());
        }
        if began.elapsed() > CHANGE_MAX {
            child.kill()?;
            bail!("{what}: not done within {CHANGE_MAX:?}");
        }
        pause(20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_nodes_without_their_disks_are_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::start(folder.path(), "replaced").await?;
    let (mut took, mut gaps) = (Vec::new(), Vec::new());
    for number in 0..rounds("ANA_MEMBER_ROUNDS", 5) {
        let round = replace_one(&mut world).await;
        let (time, gap) = round.with_context(|| format!("round {number}"))?;
        println!("replaced: round {number} took {time:?}, longest gap of a shard {gap:?}");
        took.push(time);
        gaps.push(gap);
    }
    let (p50, p99, max) = percentiles_ms(&took);
    println!("replaced: ms p50 {p50} p99 {p99} max {max} | gaps {gaps:?}");
    world.judge().await?;
    ensure!(
        took.iter().all(|time| *time < REPLACE_MAX),
        "a replacement took longer than {REPLACE_MAX:?}: {took:?}"
    );
    ensure!(
        gaps.iter().all(|gap| *gap < GAP_MAX),
        "a shard took nothing for {GAP_MAX:?} or longer: {gaps:?}"
    );
    Ok(())
}

/// Kills a node, a leader if there is one, takes its disk away and replaces it; how long that took, and the longest gap.
async fn replace_one(world: &mut World) -> Result<(Duration, Duration)> {
    let status = world.cluster.status()?;
    let leaders: Vec<u64> = status.groups.iter().filter_map(|it| it.leader).collect();
    let victim = *world.any(&leaders)?;
    let since = now();
    world.cluster.kill(victim)?;
    std::fs::remove_dir_all(world.cluster.data_dir.join(format!("node-{victim}")))?;
    let began = now();
    let replacing = world.begin(&["node", "replace", &victim.to_string()])?;
    ended(replacing, "replace").await?;
    let took = began.elapsed();
    world.cluster.wait_healthy(CHANGE_MAX).await?;
    let members = world.members()?;
    ensure!(members.removed.contains(&victim), "{members:?}");
    let zones: BTreeSet<&str> = members.nodes.iter().map(|it| it.zone.as_str()).collect();
    ensure!(zones.len() == 3 && members.nodes.len() == 3, "{members:?}");
    ensure!(
        members.nodes.iter().all(|it| it.phase == "active"),
        "{members:?}"
    );
    Ok((took, world.ledger.longest_gap_since(since)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_come_and_go_while_others_are_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::start(folder.path(), "come-and-go").await?;
    let mut kills = 0;
    for number in 0..rounds("ANA_MEMBER_ROUNDS", 5) {
        let round = exchange_one(&mut world).await;
        kills += round.with_context(|| format!("round {number}"))?;
    }
    println!("come-and-go: {kills} kills while members changed");
    ensure!(kills > 0, "nothing was killed meanwhile: not exercised");
    world.judge().await
}

/// Adds a node in some zone and removes another one there, while nodes are killed and started again, one at a time.
/// How many were killed.
async fn exchange_one(world: &mut World) -> Result<u32> {
    let zone = (*world.any(&["a", "b", "c"])?).to_owned();
    let old = world
        .members()?
        .nodes
        .into_iter()
        .find(|it| it.zone == zone);
    let old = old.context("a node in each zone")?.id;
    let adding = world.begin(&["node", "add", "--zone", &zone])?;
    let mut kills = kill_while(world, adding, "add").await?;
    let removing = world.begin(&["node", "remove", &old.to_string()])?;
    kills += kill_while(world, removing, "remove").await?;
    world.cluster.wait_healthy(CHANGE_MAX).await?;
    let members = world.members()?;
    ensure!(members.removed.contains(&old), "{members:?}");
    ensure!(members.nodes.len() == 3, "{members:?}");
    Ok(kills)
}

async fn kill_while(world: &mut World, mut child: Child, what: &str) -> Result<u32> {
    let began = now();
    let mut kills = 0;
    while child.try_wait()?.is_none() {
        ensure!(
            began.elapsed() < CHANGE_MAX,
            "{what}: not within {CHANGE_MAX:?}"
        );
        kills += u32::from(kill_one(world, began).await?);
        pause(world.dice.random_range(200..2000)).await;
    }
    ended(child, what).await?;
    Ok(kills)
}

/// Kills a node that is up when all are, and starts it again after a while. One that leaves meanwhile stays away.
async fn kill_one(world: &mut World, began: Instant) -> Result<bool> {
    let nodes = world.nodes()?;
    let up: Vec<u64> = nodes
        .iter()
        .filter(|node| node.state == "up")
        .map(|node| node.id)
        .collect();
    // A third of the time at most, or nothing would ever catch up.
    if up.len() < nodes.len() || began.elapsed() > CHANGE_MAX / 3 {
        return Ok(false);
    }
    let victim = *world.any(&up)?;
    if world.cluster.kill(victim).is_err() {
        return Ok(false);
    }
    pause(world.dice.random_range(100..1500)).await;
    let started = world.cluster.ana(&["node", "start", &victim.to_string()])?;
    let there = world.nodes()?.iter().any(|node| node.id == victim);
    let is_removed = world.members().is_ok_and(|it| it.removed.contains(&victim));
    ensure!(
        started.status.success() || !there || is_removed,
        "node {victim} was not started: {}",
        String::from_utf8_lossy(&started.stderr)
    );
    Ok(true)
}
