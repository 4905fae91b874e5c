//! Power cuts on real file systems: each node's folder is a loop-mounted ext4 image that is shut down under it by the
//! kernel (nothing that was not synced survives): one at a time, all three at once, and one while another stands still
//! or is cut off. Nothing acknowledged is lost.
//!
//! Needs Linux, root and loop devices; where they are missing the tests say so and end.

mod disk;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause, rounds};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::{Prefixes, assert_identical};
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use disk::{PowerDisk, missing};

const STREAM: &str = "power";
const NODES: [u64; 3] = [1, 2, 3];
/// Rounds between two comparisons of all replicas, so that a difference is found near its cause.
const COMPARE_EVERY: u32 = 10;
/// With the power back, the cluster is whole within this.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// And takes records again within this.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);
/// How long the two others write alone before the power of one of them goes, milliseconds.
const ALONE_MS: std::ops::Range<u64> = 100..900;
/// How long it stays dark, milliseconds.
const DARK_MS: std::ops::Range<u64> = 0..1200;

/// A cluster under load whose nodes each have a disk of their own.
struct Plant {
    cluster: Cluster,
    disks: Vec<PowerDisk>,
    ledger: Arc<Ledger>,
    producers: Producers,
    /// What replicas said that they had committed.
    prefixes: Prefixes,
}

impl Plant {
    async fn start(folder: &Path) -> Result<Plant> {
        let data = folder.join("data");
        let disk = |node| {
            let image = folder.join(format!("disk-{node}.img"));
            PowerDisk::new(&image, &data.join(format!("node-{node}")))
        };
        let disks = NODES.into_iter().map(disk).collect::<Result<Vec<_>>>()?;
        let cluster = Cluster::start(&data, &["--limits", "off"]).await?;
        create_stream(&cluster.client(3), STREAM, 3).await?;
        let ledger = Arc::new(Ledger::default());
        let load = Load {
            pause_ms: 5,
            ..Load::usual(&cluster.endpoint, STREAM)
        };
        let producers = Producers::start(&load, &ledger);
        Ok(Plant {
            cluster,
            disks,
            ledger,
            producers,
            prefixes: Prefixes::default(),
        })
    }

    fn disk(&self, node: u64) -> Result<&PowerDisk> {
        Ok(&self.disks[usize::try_from(node - 1)?])
    }

    /// The file systems die under all of them first, then the processes.
    fn cut(&self, victims: &[u64]) -> Result<()> {
        let status = self.cluster.status()?;
        for victim in victims {
            self.disk(*victim)?.cut()?;
        }
        for victim in victims {
            let mut nodes = status.nodes.iter();
            if nodes.any(|node| node.id == *victim && node.pid.is_some()) {
                // It may already have ended by itself on the failed write; that is its right.
                drop(self.cluster.kill(*victim));
            }
        }
        Ok(())
    }

    /// Takes the dead file systems away, mounts what survived, and starts the nodes.
    async fn power_on(&self, victims: &[u64]) -> Result<()> {
        for victim in victims {
            self.disk(*victim)?.power_on().await?;
            let node = victim.to_string();
            self.cluster.ana_ok(&["node", "start", &node])?;
        }
        Ok(())
    }

    /// Waits until everything is well and records are acknowledged again.
    async fn goes_on(&mut self) -> Result<()> {
        self.cluster.wait_healthy(HEALTHY_WITHIN).await?;
        let (before, healthy) = (self.ledger.count(), now());
        while self.ledger.count() < before + 100 {
            ensure!(
                healthy.elapsed() < WRITTEN_WITHIN,
                "nothing is acknowledged any more"
            );
            pause(20).await;
        }
        Ok(())
    }

    /// After a round: replicas are compared every now and then.
    async fn compare(&mut self, round: u32) -> Result<()> {
        if round % COMPARE_EVERY == COMPARE_EVERY - 1 {
            let compared = assert_identical(&self.cluster).await;
            compared.with_context(|| format!("after round {round}"))?;
        }
        self.prefixes.note(&self.cluster)
    }

    async fn judge(self) -> Result<String> {
        let Plant {
            mut cluster,
            disks,
            ledger,
            producers,
            prefixes,
        } = self;
        producers.stop().await?;
        let (groups, entries) = assert_identical(&cluster).await?;
        let read = read_all(&cluster.client(5), STREAM).await?;
        let verdict = judge(&ledger.entries(), &read);
        ensure!(verdict.is_clean(), "{verdict}");
        let prefixes = prefixes.judge()?;
        cluster.stop().await?;
        // Processes first, or the disks are in use.
        drop(cluster);
        drop(disks);
        Ok(format!(
            "{} | {groups} groups, {entries} entries identical | {prefixes}",
            told(&verdict)
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() -> Result<()> {
    if let Some(reason) = missing() {
        println!("power cuts NOT exercised on this machine: {reason}");
        return Ok(());
    }
    let rounds = rounds("ANA_POWER_ROUNDS", 10);
    let folder = tempfile::tempdir()?;
    let mut plant = Plant::start(folder.path()).await?;
    for round in 0..rounds {
        let victims = if round % 2 == 1 {
            NODES.to_vec()
        } else {
            vec![u64::from(round / 2) % 3 + 1]
        };
        let cut = async {
            plant.cut(&victims)?;
            plant.power_on(&victims).await?;
            plant.goes_on().await
        };
        cut.await.with_context(|| format!("round {round}"))?;
        plant.compare(round).await?;
        let acknowledged = plant.ledger.count();
        println!("power cuts: round {round}, {victims:?}, {acknowledged} acknowledged so far");
    }
    println!("power cuts: {rounds} rounds, {}", plant.judge().await?);
    Ok(())
}

/// What happens to one node while the power of another is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It stands still.
    Paused,
    /// Nobody hears it, and it hears nobody.
    CutOff,
}

/// Two nodes write without the third; then the power of one of them goes. When the third comes back, sometimes before the
/// one without power and sometimes after it, it knows nothing of what the two have acknowledged.
async fn mixed_round(plant: &mut Plant, dice: &mut StdRng, meanwhile: Meanwhile) -> Result<u64> {
    let mut nodes = NODES;
    nodes.shuffle(dice);
    let [victim, away, stays] = nodes;
    let is_first_back = dice.random_bool(0.5);
    let begun = plant.ledger.count();
    let id = |other: u64| format!("away-{other}");
    let name = away.to_string();
    match meanwhile {
        Meanwhile::Paused => plant
            .cluster
            .ana_ok(&["node", "pause", &name, "--for", "60s"])
            .map(drop)?,
        Meanwhile::CutOff => {
            for other in [victim, stays] {
                let (to, id) = (other.to_string(), id(other));
                let words = ["fault", "add", "link.cut", "--id", &id, "--for", "60s"];
                let ends = ["--from", &name, "--to", &to, "--both"];
                plant.cluster.ana_ok(&[&words[..], &ends[..]].concat())?;
            }
        }
    }
    // What the two acknowledge now only they have.
    let (alone, since) = (dice.random_range(ALONE_MS), now());
    while plant.ledger.count() < begun + 50 || since.elapsed() < Duration::from_millis(alone) {
        ensure!(
            since.elapsed() < WRITTEN_WITHIN,
            "two of three take nothing: {nodes:?}"
        );
        pause(10).await;
    }
    let written = u64::try_from(plant.ledger.count() - begun)?;
    plant.cut(&[victim])?;
    pause(dice.random_range(DARK_MS)).await;
    if !is_first_back {
        plant.power_on(&[victim]).await?;
    }
    match meanwhile {
        Meanwhile::Paused => plant.cluster.ana_ok(&["node", "resume", &name]).map(drop)?,
        Meanwhile::CutOff => {
            for other in [victim, stays] {
                plant.cluster.ana_ok(&["fault", "stop", &id(other)])?;
            }
        }
    }
    if is_first_back {
        pause(dice.random_range(DARK_MS)).await;
        plant.power_on(&[victim]).await?;
    }
    plant.goes_on().await?;
    Ok(written)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_the_power_goes_while_another_node_is_away() -> Result<()> {
    if let Some(reason) = missing() {
        println!("mixed power cuts NOT exercised on this machine: {reason}");
        return Ok(());
    }
    let seed = u64::from(rounds("ANA_MIXED_POWER_SEED", 20_261_128));
    let rounds = rounds("ANA_MIXED_POWER_ROUNDS", 5);
    let mut dice = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir()?;
    let mut plant = Plant::start(folder.path()).await?;
    let mut alone = 0;
    for round in 0..rounds {
        let meanwhile = if round % 2 == 0 {
            Meanwhile::Paused
        } else {
            Meanwhile::CutOff
        };
        let done = mixed_round(&mut plant, &mut dice, meanwhile).await;
        let written = done.with_context(|| format!("seed {seed}, round {round}, {meanwhile:?}"))?;
        plant.compare(round).await?;
        println!("mixed power cuts: round {round}, {meanwhile:?}, {written} acknowledged by two");
        alone += written;
    }
    println!(
        "mixed power cuts: {rounds} rounds, {alone} records acknowledged by two nodes just before one of them lost its \
         power | {}",
        plant.judge().await?
    );
    Ok(())
}
