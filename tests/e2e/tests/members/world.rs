//! A cluster under load whose members change: what the tests ask it, and the judgement at the end.

#![expect(
    clippy::print_stdout,
    reason = "what was measured is part of the result"
)]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, NodeStatus, ana_program, create_stream, now, pause, rounds};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::{Prefixes, assert_identical, get};
use ana_e2e::verdict::{ensure_clean, judge, read_all, told};
use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize;

use super::CHANGE_MAX;

const SHARDS: i32 = 4;
/// A process that is killed is gone within this.
const DEAD_MAX: Duration = Duration::from_secs(10);

/// What the test reads of `/_ana/members`.
#[derive(Debug, Deserialize)]
pub(crate) struct Members {
    pub(crate) nodes: Vec<Member>,
    pub(crate) removed: Vec<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: u64,
    pub(crate) zone: String,
    pub(crate) phase: String,
}

/// What the test reads of `/_ana/supervisor/status`.
#[derive(Debug, Deserialize)]
struct SupervisorStatus {
    nodes: Vec<Supervised>,
}

/// A node as its supervisor sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Supervised {
    id: u64,
    pub(crate) state: String,
    /// How its last process has ended.
    pub(crate) reason: String,
}

/// A cluster under load, and the dice.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) ledger: Arc<Ledger>,
    producers: Producers,
    stream: &'static str,
    pub(crate) dice: StdRng,
    /// What replicas said that they had committed.
    pub(crate) prefixes: Prefixes,
}

impl World {
    pub(crate) async fn start(folder: &std::path::Path, stream: &'static str) -> Result<World> {
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
            prefixes: Prefixes::default(),
        })
    }

    pub(crate) fn nodes(&self) -> Result<Vec<NodeStatus>> {
        Ok(self.cluster.status()?.nodes)
    }

    pub(crate) fn any<'a, T>(&mut self, of: &'a [T]) -> Result<&'a T> {
        ensure!(!of.is_empty(), "there is nothing to choose from");
        Ok(&of[self.dice.random_range(0..of.len())])
    }

    /// `ana ARGUMENTS`, begun and not waited for. It tells a line for each step, far less than a pipe holds.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Result<Child> {
        Command::new(ana_program())
            .args(arguments)
            .env("ANA_ENDPOINT", &self.cluster.endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("running ana")
    }

    /// What the members are, by a node that lives.
    pub(crate) fn members(&self) -> Result<Members> {
        for node in self.nodes()?.iter().filter(|node| node.state == "up") {
            if let Ok(members) = get(&node.api, "/_ana/members") {
                return Ok(members);
            }
        }
        bail!("no node tells the members")
    }

    /// Kills a process, and waits until its supervisor knows: before, an order to start it finds it running.
    pub(crate) async fn kill(&self, id: u64) -> Result<()> {
        self.cluster.kill(id)?;
        let killed = now();
        let lives = |node: &Supervised| node.id == id && node.state != "down";
        while self.all_supervised()?.iter().any(lives) {
            ensure!(killed.elapsed() < DEAD_MAX, "node {id} lives");
            pause(10).await;
        }
        Ok(())
    }

    /// Takes away what a node had on its disk. What removed nodes leave behind would fill the disk in some 170 rounds.
    pub(crate) fn lose_disk(&self, id: u64) -> Result<()> {
        std::fs::remove_dir_all(self.cluster.data_dir.join(format!("node-{id}")))
            .with_context(|| format!("the disk of node {id}"))
    }

    fn all_supervised(&self) -> Result<Vec<Supervised>> {
        let path = "/_ana/supervisor/status";
        let told: SupervisorStatus = get(&self.cluster.endpoint, path)?;
        Ok(told.nodes)
    }

    /// A node as its supervisor sees it.
    pub(crate) fn supervised(&self, id: u64) -> Result<Supervised> {
        let node = self.all_supervised()?.into_iter().find(|it| it.id == id);
        node.with_context(|| format!("the supervisor does not know node {id}"))
    }

    /// Who leads each group, and in which term: group, leader, term.
    pub(crate) fn led_by(&self) -> Result<Vec<(u64, Option<u64>, u64)>> {
        let groups = self.cluster.status()?.groups.into_iter();
        Ok(groups.map(|it| (it.id, it.leader, it.term)).collect())
    }

    /// Waits until nobody was elected for `quiet`: leaders go home after a change of members. None when they change all
    /// the time, as they do on a machine that is too busy.
    pub(crate) async fn quiet(
        &self,
        quiet: Duration,
        within: Duration,
    ) -> Result<Option<Vec<(u64, Option<u64>, u64)>>> {
        let began = now();
        let (mut seen, mut since) = (self.led_by()?, now());
        while since.elapsed() < quiet {
            if began.elapsed() > within {
                return Ok(None);
            }
            pause(200).await;
            let now_led = self.led_by()?;
            if now_led != seen {
                (seen, since) = (now_led, now());
            }
        }
        Ok(Some(seen))
    }

    /// Ends the load and judges it.
    pub(crate) async fn judge(self) -> Result<()> {
        let World {
            mut cluster,
            ledger,
            producers,
            stream,
            prefixes,
            dice: _,
        } = self;
        cluster.wait_healthy(Duration::from_secs(60)).await?;
        producers.stop().await?;
        let (groups, entries) = assert_identical(&cluster).await?;
        let read = read_all(&cluster.client(5), stream).await?;
        let verdict = judge(&ledger.entries(), &read);
        println!(
            "{stream}: {} | {groups} groups, {entries} entries identical on all replicas | {}",
            told(&verdict),
            prefixes.judge()?,
        );
        ensure_clean(&verdict)?;
        // The next start knows who came and who went.
        cluster.restart().await?;
        let after = read_all(&cluster.client(5), stream).await?;
        ensure!(after.len() == read.len(), "{} {}", after.len(), read.len());
        cluster.stop().await
    }
}

/// Waits until an `ana` that was begun has ended well.
pub(crate) async fn ended(mut child: Child, what: &str) -> Result<()> {
    let began = now();
    loop {
        if let Some(status) = child.try_wait()? {
            let told = child.wait_with_output()?.stderr;
            let told = String::from_utf8_lossy(&told);
            ensure!(status.success(), "{what}: {status}: {told}");
            return Ok(());
        }
        if began.elapsed() > CHANGE_MAX {
            child.kill()?;
            bail!("{what}: not done within {CHANGE_MAX:?}");
        }
        pause(20).await;
    }
}
