//! Power cuts on real file systems: each node's folder is a loop-mounted ext4 image that is shut down under it by the
//! kernel (nothing that was not synced survives), one at a time and all three at once. Nothing acknowledged is lost.
//!
//! Needs Linux, root and loop devices; where they are missing the test says so and ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ana_e2e::cluster::{Cluster, create_stream, now, pause, rounds};
use ana_e2e::ledger::Ledger;
use ana_e2e::producers::{Load, Producers};
use ana_e2e::replicas::{Prefixes, assert_identical};
use ana_e2e::verdict::{judge, read_all, told};
use anyhow::{Context, Result, ensure};

const STREAM: &str = "power";
const NODES: u64 = 3;
/// Rounds between two comparisons of all replicas, so that a difference is found near its cause.
const COMPARE_EVERY: u32 = 10;
/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: not even the journal is written out.
const SHUTDOWN: &str = "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| program.to_owned())?;
    ensure!(
        done.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

/// One node's disk: an image file, a loop device and a mount point, all released on drop.
struct PowerDisk {
    device: String,
    mount: PathBuf,
}

impl PowerDisk {
    fn new(image: &Path, mount: &Path) -> Result<PowerDisk> {
        std::fs::create_dir_all(mount)?;
        let image = image.to_str().context("a UTF-8 path")?;
        run("truncate", &["-s", "2G", image])?;
        run("mkfs.ext4", &["-q", "-F", image])?;
        let device = run("losetup", &["-f", "--show", image])?;
        let disk = PowerDisk {
            device,
            mount: mount.to_path_buf(),
        };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        run(
            "mount",
            &[&self.device, self.mount.to_str().context("a UTF-8 path")?],
        )
        .map(drop)
    }

    fn cut(&self) -> Result<()> {
        run(
            "python3",
            &["-c", SHUTDOWN, self.mount.to_str().context("a UTF-8 path")?],
        )
        .map(drop)
    }

    /// After the node's process is gone: takes the dead file system away and mounts what survived.
    async fn power_on(&self) -> Result<()> {
        let path = self.mount.to_str().context("a UTF-8 path")?;
        let started = now();
        while let Err(problem) = run("umount", &[path]) {
            ensure!(started.elapsed() < Duration::from_secs(10), "{problem:#}");
            pause(50).await;
        }
        self.mount()
    }
}

impl Drop for PowerDisk {
    /// Leaves no mount and no loop device behind; a failure here is told by the next run's `losetup`.
    fn drop(&mut self) {
        if let Some(path) = self.mount.to_str() {
            drop(run("umount", &["-l", path]));
        }
        drop(run("losetup", &["-d", &self.device]));
    }
}

/// Why the test cannot run here, if it cannot.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    for tool in ["losetup", "mkfs.ext4", "mount", "umount", "python3"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        if !found.is_ok_and(|done| done.status.success()) {
            return Some(format!("{tool} is not installed"));
        }
    }
    run("losetup", &["-f"])
        .err()
        .map(|problem| format!("no loop device: {problem:#}"))
}

async fn cut_round(cluster: &mut Cluster, disks: &[PowerDisk], victims: &[u64]) -> Result<()> {
    let status = cluster.status()?;
    for victim in victims {
        disks[usize::try_from(victim - 1)?].cut()?;
    }
    for victim in victims {
        let alive = status
            .nodes
            .iter()
            .any(|node| node.id == *victim && node.pid.is_some());
        if alive {
            // It may already have ended by itself on the failed write; that is its right.
            drop(cluster.kill(*victim));
        }
    }
    for victim in victims {
        disks[usize::try_from(victim - 1)?].power_on().await?;
        cluster.ana_ok(&["node", "start", &victim.to_string()])?;
    }
    cluster
        .wait_healthy(Duration::from_secs(30))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() -> Result<()> {
    if let Some(reason) = missing() {
        println!("power cuts NOT exercised on this machine: {reason}");
        return Ok(());
    }
    let rounds = rounds("ANA_POWER_ROUNDS", 10);
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let disks = (1..=NODES)
        .map(|node| {
            PowerDisk::new(
                &folder.path().join(format!("disk-{node}.img")),
                &data.join(format!("node-{node}")),
            )
        })
        .collect::<Result<Vec<_>>>()?;
    let mut cluster = Cluster::start(&data, &["--limits", "off"]).await?;
    create_stream(&cluster.client(3), STREAM, 3).await?;
    let ledger = Arc::new(Ledger::default());
    let load = Load {
        pause_ms: 5,
        ..Load::usual(&cluster.endpoint, STREAM)
    };
    let producers = Producers::start(&load, &ledger);
    let mut prefixes = Prefixes::default();
    for round in 0..rounds {
        prefixes.note(&cluster)?;
        let before = ledger.count();
        let all = round % 2 == 1;
        let victims: Vec<u64> = if all {
            (1..=NODES).collect()
        } else {
            vec![u64::from(round / 2) % NODES + 1]
        };
        cut_round(&mut cluster, &disks, &victims)
            .await
            .with_context(|| format!("round {round}"))?;
        let started = now();
        while ledger.count() < before + 100 {
            ensure!(
                started.elapsed() < Duration::from_secs(20),
                "round {round}: nothing is acknowledged any more"
            );
            pause(20).await;
        }
        if round % COMPARE_EVERY == COMPARE_EVERY - 1 {
            assert_identical(&cluster)
                .await
                .with_context(|| format!("after round {round}"))?;
        }
    }
    producers.stop().await?;
    let (groups, entries) = assert_identical(&cluster).await?;
    let verdict = judge(
        &ledger.entries(),
        &read_all(&cluster.client(5), STREAM).await?,
    );
    println!(
        "power cuts: {rounds} rounds, {} | {groups} groups, {entries} entries identical | {}",
        told(&verdict),
        prefixes.judge()?
    );
    ensure!(verdict.is_clean(), "{verdict}");
    cluster.stop().await?;
    drop(cluster);
    drop(disks);
    Ok(())
}
