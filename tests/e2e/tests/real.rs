//! `ana up --real` and `ana drill run --real`: namespaces, real file systems and cgroups, and faults that the kernel
//! carries out. Whatever becomes of `ana up`, nothing of it is left.
//!
//! Needs Linux, root and some programs; where they are missing the test says so and ends.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ana_e2e::cluster::{ana_program, free_port, now, pause, signal};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

const DRILL: &str = r#"
drill = "real"
about = "A partition, a power cut and a node that stands still, by the kernel"
steady = ["put_success_rate >= 99% for 2s"]
[load]
stream = "orders"
puts_per_second = 100
keys = 30
[[step]]
at = "1s"
do = "link.drop"
on = "link leader of orders/shardId-000000000000 <-> others"
for = "5s"
[[step]]
at = "12s"
do = "disk.power_cut"
on = "node 2"
for = "4s"
[[step]]
at = "22s"
do = "node.pause"
on = "node 3"
for = "3s"
[expect]
all = ["no_acked_record_lost", "no_duplicate_sequence", "order_per_key_kept", "replicas_identical",
       "all_shards_writable within 60s of heal"]
"#;

/// Why the test cannot run here, if it cannot.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let tools = [
        "ip",
        "nft",
        "nsenter",
        "mkfs.ext4",
        "losetup",
        "mount",
        "fallocate",
    ];
    let absent = tools.into_iter().find(|tool| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {tool}")])
            .output();
        !found.is_ok_and(|done| done.status.success())
    });
    if let Some(tool) = absent {
        return Some(format!("{tool} is not installed"));
    }
    let loops = Command::new("losetup").arg("-f").output();
    (!loops.is_ok_and(|done| done.status.success())).then(|| "no loop device".to_owned())
}

/// An `ana up --real` that is killed when the test ends early; the next one on its folder would clean up.
struct Up {
    process: Child,
    endpoint: String,
}

impl Up {
    async fn start(data: &Path) -> Result<Up> {
        let port = free_port()?;
        let process = Command::new(ana_program())
            .args(["up", "--real", "--port", &port.to_string(), "--data-dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut up = Up {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        up.wait_healthy().await?;
        Ok(up)
    }

    async fn wait_healthy(&mut self) -> Result<()> {
        let started = now();
        loop {
            let told = self.ana(&["status", "-o", "json"])?;
            if told.status.success() {
                return Ok(());
            }
            ensure!(self.process.try_wait()?.is_none(), "ana up has ended");
            ensure!(
                started.elapsed() < Duration::from_secs(90),
                "not healthy: {}",
                String::from_utf8_lossy(&told.stdout)
            );
            pause(100).await;
        }
    }

    fn ana(&self, arguments: &[&str]) -> Result<Output> {
        let asked = Command::new(ana_program())
            .args(arguments)
            .env("ANA_ENDPOINT", &self.endpoint)
            .output();
        asked.context("running ana")
    }

    /// Ends it with a signal.
    fn end(&mut self, by: Signal) -> Result<()> {
        signal(i32::try_from(self.process.id())?, by)?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            // In order, so that nothing is left of a test that failed.
            drop(self.end(Signal::TERM));
        }
    }
}

/// What of the cluster in `data` is there outside its folder: namespaces, devices, mounts, cgroups.
fn left(data: &Path) -> Result<Vec<String>> {
    let names = std::fs::read_to_string(data.join("real.toml"))?;
    let tag = names.lines().find_map(|line| line.strip_prefix("tag = "));
    let tag = tag.context("a tag")?.trim_matches('"').to_owned();
    let mut left = Vec::new();
    for folder in [
        "/run/netns",
        "/sys/class/net",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/freezer",
        "/sys/fs/cgroup/unified",
    ] {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.contains(&tag) {
                left.push(format!("{folder}/{name}"));
            }
        }
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let data = data.display().to_string();
    left.extend(
        mounts
            .lines()
            .filter(|it| it.contains(&data))
            .map(str::to_owned),
    );
    Ok(left)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernel_breaks_it_and_nothing_is_left() -> Result<()> {
    if let Some(reason) = missing() {
        println!("ana up --real NOT exercised on this machine: {reason}");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("real");
    let drill = folder.path().join("real.toml");
    std::fs::File::create(&drill)
        .and_then(|mut file| std::io::Write::write_all(&mut file, DRILL.as_bytes()))?;
    let drill = drill.display().to_string();
    let mut up = Up::start(&data).await?;
    let ran = up.ana(&[
        "drill", "run", &drill, "--real", "--seed", "1", "-o", "json",
    ])?;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let record: Value = serde_json::from_slice(&ran.stdout).with_context(|| said.clone())?;
    ensure!(ran.status.code() == Some(0), "{said}\n{record:#}");
    let notes = record["notes"].to_string();
    ensure!(
        notes.contains("by the kernel itself: link.cut, pause, power_cut"),
        "{notes}"
    );
    let faults = record["faults"].as_array().context("faults")?;
    let fired = faults.iter().all(|fault| fault["fired_at_ms"].is_number());
    ensure!(faults.len() == 3 && fired, "{record:#}");
    let refused = up.ana(&["drill", "run", "slow-zone", "--real"])?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        refused.status.code() == Some(2) && said.contains("netem"),
        "{said}"
    );

    // A node stands still, and `ana up` dies: the node can end only when somebody thaws it.
    let paused = up.ana(&["node", "pause", "2", "--for", "10m"])?;
    ensure!(paused.status.success(), "{paused:?}");
    up.end(Signal::KILL)?;
    ensure!(
        !left(&data)?.is_empty(),
        "a killed `ana up` cannot clean up"
    );
    let mut up = Up::start(&data).await?;
    let streams = up.ana(&["stream", "ls", "-o", "json"])?;
    let streams = String::from_utf8_lossy(&streams.stdout).into_owned();
    ensure!(streams.contains("orders"), "the data are kept: {streams}");
    up.end(Signal::INT)?;
    let left = left(&data)?;
    ensure!(left.is_empty(), "left behind: {left:#?}");
    Ok(())
}
