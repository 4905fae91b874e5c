//! Nodes that are replaced, added and removed under load, with lost disks and with other nodes killed meanwhile, and
//! nodes that were removed and come again: nothing acknowledged is lost, order is kept, replicas end identical, and
//! writing goes on.
//!
//! `ANA_MEMBER_ROUNDS` says how many rounds each test runs, `ANA_MEMBER_SEED` how the dice fall.

mod world;

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ana_e2e::cluster::{ana_program, now, pause, rounds};
use ana_e2e::verdict::percentiles_ms;
use anyhow::{Context, Result, bail, ensure};
use rand::RngExt as _;

use world::{World, ended};

/// From the order to replace a dead node until it is removed and everything has three replicas again: about a second
/// here, where there is little to copy.
const REPLACE_MAX: Duration = Duration::from_secs(20);
/// No shard takes nothing for longer, whatever happens to nodes: an election, and a move that has just begun. Half a
/// second here.
const GAP_MAX: Duration = Duration::from_secs(4);
/// Longer than a change of members may take at all.
const CHANGE_MAX: Duration = Duration::from_secs(120);
/// A node that may not come back ends within this.
const OUTCAST_MAX: Duration = Duration::from_secs(20);
/// For so long nobody is elected before it counts as quiet.
const QUIET: Duration = Duration::from_secs(5);
/// How long it may take until it is quiet.
const QUIET_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_nodes_without_their_disks_are_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::start(folder.path(), "replaced").await?;
    let (mut took, mut gaps) = (Vec::new(), Vec::new());
    for number in 0..rounds("ANA_MEMBER_ROUNDS", 5) {
        // Every other one is started again first, without its disk.
        let round = replace_one(&mut world, number % 2 == 0).await;
        let (time, gap) = round.with_context(|| format!("round {number}"))?;
        println!("replaced: round {number} took {time:?}, longest gap of a shard {gap:?}");
        took.push(time);
        gaps.push(gap);
    }
    let (p50, p99, max) = percentiles_ms(&took);
    println!("replaced: ms p50 {p50} p99 {p99} max {max}");
    let (p50, p99, max) = percentiles_ms(&gaps);
    println!("replaced, longest gap of a shard: ms p50 {p50} p99 {p99} max {max}");
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
async fn replace_one(world: &mut World, comes_again: bool) -> Result<(Duration, Duration)> {
    let status = world.cluster.status()?;
    let leaders: Vec<u64> = status.groups.iter().filter_map(|it| it.leader).collect();
    let victim = *world.any(&leaders)?;
    let since = now();
    world.kill(victim).await?;
    world.lose_disk(victim)?;
    if comes_again {
        is_not_taken_back(world, victim).await?;
    }
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
    world.prefixes.note(&world.cluster)?;
    Ok((took, world.ledger.longest_gap_since(since)))
}

/// Starts a node that has lost its disk: it ends, because what it had promised is gone, and its supervisor says why.
async fn is_not_taken_back(world: &World, node: u64) -> Result<()> {
    // It may answer for a moment before it ends: then the order was carried out.
    let started = world.cluster.ana(&["node", "start", &node.to_string()])?;
    let began = now();
    loop {
        let seen = world.supervised(node)?;
        if seen.state == "down" {
            ensure!(
                seen.reason == "ended: the cluster goes on without this node",
                "{seen:?} {started:?}"
            );
            return Ok(());
        }
        ensure!(
            began.elapsed() < OUTCAST_MAX,
            "a node without its disk takes part: {seen:?} {started:?}"
        );
        pause(50).await;
    }
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
    world.prefixes.note(&world.cluster)?;
    world.lose_disk(old)?;
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
    // For a third of the time at most, or nothing would ever catch up.
    if up.len() < nodes.len() || began.elapsed() > CHANGE_MAX / 3 {
        return Ok(false);
    }
    let victim = *world.any(&up)?;
    if world.kill(victim).await.is_err() {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_that_comes_again_disturbs_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::start(folder.path(), "outcast").await?;
    let mut quiet = 0;
    for number in 0..rounds("ANA_MEMBER_ROUNDS", 2) {
        let round = come_again(&mut world).await;
        let (lived, was_quiet) = round.with_context(|| format!("round {number}"))?;
        println!("outcast: round {number}, it ended after {lived:?}");
        quiet += u32::from(was_quiet);
    }
    if quiet == 0 {
        println!("outcast: elections not exercised: leaders changed all the time without it");
    } else {
        println!("outcast: nobody was elected because of it, {quiet} times looked at");
    }
    world.judge().await
}

/// Kills a leader, replaces it while it is down, and starts it from its old directory when nobody is elected any more:
/// it believes that it votes, and leads soon. How long it lived, and whether nobody was elected without it, so that this
/// could be looked at.
async fn come_again(world: &mut World) -> Result<(Duration, bool)> {
    let status = world.cluster.status()?;
    let leaders: Vec<u64> = status.groups.iter().filter_map(|it| it.leader).collect();
    let victim = *world.any(&leaders)?;
    world.kill(victim).await?;
    let replacing = world.begin(&["node", "replace", &victim.to_string()])?;
    ended(replacing, "replace").await?;
    world.cluster.wait_healthy(CHANGE_MAX).await?;
    ensure!(world.members()?.removed.contains(&victim), "not removed");
    let before = world.quiet(QUIET, QUIET_MAX).await?;
    let since = now();
    let config = format!("config/node-{victim}.toml");
    let process = Command::new(ana_program())
        .arg("server")
        .arg("--config")
        .arg(world.cluster.data_dir.join(config))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (code, said) = outcome(process).await?;
    let lived = since.elapsed();
    ensure!(
        code == Some(12) && said.contains("error: this node was removed from the cluster"),
        "node {victim}: {code:?} {said}"
    );
    // What it has begun, if anything, shows by now.
    pause(u64::try_from(QUIET.as_millis())?).await;
    let after = world.led_by()?;
    ensure!(
        before.as_ref().is_none_or(|before| *before == after),
        "somebody was elected: (group, leader, term) {before:?}, then {after:?}\n{said}"
    );
    world.prefixes.note(&world.cluster)?;
    world.lose_disk(victim)?;
    Ok((lived, before.is_some()))
}

/// Waits for the end of a node that was started by hand; its exit code, and what it said.
async fn outcome(mut process: Child) -> Result<(Option<i32>, String)> {
    let mut said = process.stderr.take().context("it is piped")?;
    // Read while it lives: a full pipe would hold it.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut said, &mut text).map(|_| text)
    });
    let began = now();
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if began.elapsed() > OUTCAST_MAX {
            process.kill()?;
            process.wait()?;
            let said = reading
                .join()
                .map_err(|_panic| anyhow::anyhow!("reading"))??;
            bail!("a removed node lives on: {said}");
        }
        pause(20).await;
    };
    let said = reading
        .join()
        .map_err(|_panic| anyhow::anyhow!("reading"))??;
    Ok((status.code(), said))
}
