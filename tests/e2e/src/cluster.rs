//! A cluster as a user starts it (`ana up`), or nodes started one by one on folders of the test's choice.
//!
//! Must stay true: every process started here ends with the value that owns it, by its own process id.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::operation::create_stream::CreateStreamError;
use serde::Deserialize;

/// How long a start on this machine may take before the test calls it a failure.
const START_MAX: Duration = Duration::from_secs(60);

/// The program under test: `ANA_BIN`, or the release build of this repository.
#[must_use]
pub fn ana_program() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test run names the program under test this way"
    )]
    std::env::var("ANA_BIN").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/ana"),
        PathBuf::from,
    )
}

/// How many rounds a fault test runs: `name` in the environment, else `default`.
#[must_use]
pub fn rounds(name: &str, default: u32) -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the soak script asks for more rounds this way"
    )]
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The monotonic time of the test itself, which is a real program on a real machine.
#[must_use]
pub fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests measure real time from outside"
    )]
    Instant::now()
}

/// Waits between two looks at the cluster. Only ever inside a loop that asks the cluster again.
pub async fn pause(millis: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a poll interval, never a substitute for an answer"
    )]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// A port nobody listens on at this moment.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// `ana status -o json`, as far as tests read it.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    pub nodes: Vec<NodeStatus>,
    pub groups: Vec<GroupStatus>,
}

/// One node in [`Status`].
#[derive(Debug, Clone, Deserialize)]
pub struct NodeStatus {
    pub id: u64,
    pub zone: String,
    pub pid: Option<i32>,
    pub api: String,
    pub state: String,
}

/// One Raft group in [`Status`].
#[derive(Debug, Clone, Deserialize)]
pub struct GroupStatus {
    pub id: u64,
    pub stream: Option<String>,
    pub leader: Option<u64>,
    pub term: u64,
    pub last_index: u64,
    pub commit_index: u64,
    #[serde(default)]
    pub replicas: Vec<ReplicaStatus>,
}

/// One replica of a group in [`Status`].
#[derive(Debug, Clone, Deserialize)]
pub struct ReplicaStatus {
    pub node: u64,
    #[serde(default)]
    pub purged_index: u64,
}

impl GroupStatus {
    /// The highest index any replica has trimmed away; above it all replicas can be compared.
    #[must_use]
    pub fn purged_index(&self) -> u64 {
        self.replicas
            .iter()
            .map(|replica| replica.purged_index)
            .max()
            .unwrap_or(0)
    }
}

/// A running `ana up`.
#[derive(Debug)]
pub struct Cluster {
    pub endpoint: String,
    pub data_dir: PathBuf,
    process: Child,
    port: u16,
    flags: Vec<String>,
}

impl Cluster {
    /// Starts `ana up` on `data_dir` with extra flags and waits until it reports healthy.
    pub async fn start(data_dir: &Path, flags: &[&str]) -> Result<Cluster> {
        let port = free_port()?;
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let process = spawn_up(data_dir, port, &flags)?;
        let mut cluster = Cluster {
            endpoint: format!("http://127.0.0.1:{port}"),
            data_dir: data_dir.to_path_buf(),
            process,
            port,
            flags,
        };
        cluster.wait_healthy(START_MAX).await?;
        Ok(cluster)
    }

    /// Stops everything with Ctrl-C, as a person would, and starts it again on the same folder.
    pub async fn restart(&mut self) -> Result<Duration> {
        self.stop().await?;
        let started = now();
        self.process = spawn_up(&self.data_dir, self.port, &self.flags)?;
        self.wait_healthy(START_MAX).await?;
        Ok(started.elapsed())
    }

    /// Ctrl-C, then waits for the clean end.
    pub async fn stop(&mut self) -> Result<()> {
        signal(
            i32::try_from(self.process.id())?,
            rustix::process::Signal::INT,
        )?;
        let started = now();
        while self.process.try_wait()?.is_none() {
            ensure!(
                started.elapsed() < Duration::from_secs(30),
                "ana up did not end on Ctrl-C"
            );
            pause(20).await;
        }
        Ok(())
    }

    /// Runs `ana ARGUMENTS` against this cluster.
    pub fn ana(&self, arguments: &[&str]) -> Result<Output> {
        Command::new(ana_program())
            .args(arguments)
            .env("ANA_ENDPOINT", &self.endpoint)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .context("running ana")
    }

    /// Runs `ana ARGUMENTS` and demands exit code 0.
    pub fn ana_ok(&self, arguments: &[&str]) -> Result<String> {
        let done = self.ana(arguments)?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(
            done.status.success(),
            "ana {arguments:?}: {:?}\n{said}",
            done.status
        );
        Ok(String::from_utf8(done.stdout)?)
    }

    /// The cluster's own view of itself.
    pub fn status(&self) -> Result<Status> {
        let done = self.ana(&["status", "-o", "json"])?;
        serde_json::from_slice(&done.stdout).with_context(|| {
            format!(
                "status: {:?} {}",
                done.status,
                String::from_utf8_lossy(&done.stderr)
            )
        })
    }

    /// Waits until `ana status` calls the cluster healthy (exit code 0).
    pub async fn wait_healthy(&mut self, within: Duration) -> Result<Duration> {
        let started = now();
        loop {
            if self.ana(&["status"])?.status.success() {
                return Ok(started.elapsed());
            }
            if let Some(ended) = self.process.try_wait()? {
                bail!("ana up ended: {ended}; see {}", self.data_dir.display());
            }
            ensure!(
                started.elapsed() < within,
                "not healthy within {within:?}: {:?}",
                self.status()
            );
            pause(50).await;
        }
    }

    /// SIGKILL to one node's process, found by its id in the status.
    pub fn kill(&self, node: u64) -> Result<()> {
        let status = self.status()?;
        let pid = status
            .nodes
            .iter()
            .find(|each| each.id == node)
            .and_then(|each| each.pid);
        signal(
            pid.with_context(|| format!("node {node} has no process"))?,
            rustix::process::Signal::KILL,
        )
    }

    /// An SDK client on the front door. `attempts` counts the first try.
    #[must_use]
    pub fn client(&self, attempts: u32) -> aws_sdk_kinesis::Client {
        client(&self.endpoint, attempts)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let told = i32::try_from(self.process.id())
            .map_err(anyhow::Error::from)
            .and_then(|pid| signal(pid, rustix::process::Signal::TERM));
        if told.is_ok() {
            for _ in 0..500 {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    return;
                }
                #[expect(
                    clippy::disallowed_methods,
                    reason = "waiting for our own child to end"
                )]
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The AWS SDK for Rust, unmodified, on `endpoint`.
#[must_use]
pub fn client(endpoint: &str, attempts: u32) -> aws_sdk_kinesis::Client {
    let retry = RetryConfig::standard().with_max_attempts(attempts);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(6))
        .build();
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(retry)
        .timeout_config(timeouts)
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

/// Creates a stream and waits until it is ACTIVE.
pub async fn create_stream(
    client: &aws_sdk_kinesis::Client,
    name: &str,
    shards: i32,
) -> Result<()> {
    let created = client
        .create_stream()
        .stream_name(name)
        .shard_count(shards)
        .send()
        .await;
    if let Err(error) = created {
        // The name is a new one: an earlier attempt of the SDK's has created it, and its answer did not come in time.
        let service = error.as_service_error();
        if !service.is_some_and(CreateStreamError::is_resource_in_use_exception) {
            return Err(error.into());
        }
    }
    wait_active(client, name).await
}

/// Waits until the stream says ACTIVE.
pub async fn wait_active(client: &aws_sdk_kinesis::Client, name: &str) -> Result<()> {
    let started = now();
    loop {
        let summary = client
            .describe_stream_summary()
            .stream_name(name)
            .send()
            .await;
        let status = summary.ok().and_then(|answer| {
            answer
                .stream_description_summary
                .map(|summary| summary.stream_status)
        });
        if status == Some(aws_sdk_kinesis::types::StreamStatus::Active) {
            return Ok(());
        }
        ensure!(
            started.elapsed() < Duration::from_secs(30),
            "{name} is {status:?}, not ACTIVE"
        );
        pause(50).await;
    }
}

/// Sends one signal to one process of ours.
pub fn signal(pid: i32, signal: rustix::process::Signal) -> Result<()> {
    let pid = rustix::process::Pid::from_raw(pid).context("process id 0")?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

fn spawn_up(data_dir: &Path, port: u16, flags: &[String]) -> Result<Child> {
    std::fs::create_dir_all(data_dir)?;
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(data_dir.join("test-up.log"))?;
    Command::new(ana_program())
        .args(["up", "--port", &port.to_string(), "--data-dir"])
        .arg(data_dir)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", ana_program().display()))
}
