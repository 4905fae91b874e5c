//! Drills run by `ana drill` on real nodes: one that holds passes, one that does not names what broke, a guard and a
//! person end it in order, and a cluster that is not meant for it is left alone.

mod ended;
mod held;
mod own;
mod refused;
mod simulated;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ana_e2e::cluster::{Cluster, ana_program, now, pause};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What a run printed.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) record: Value,
    pub(crate) said: String,
}

impl Ran {
    fn of(done: &Output) -> Ran {
        Ran {
            code: done.status.code(),
            record: serde_json::from_slice(&done.stdout).unwrap_or_default(),
            said: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }

    /// The expectation of a check: its verdict and the whole of it.
    pub(crate) fn expectation(&self, check: &str) -> Result<(String, Value)> {
        let all = self.record["expectations"].as_array();
        let found = all.and_then(|all| all.iter().find(|each| each["check"] == check));
        let found = found.with_context(|| format!("{check} in {:#}", self.record))?;
        let verdict = found["verdict"].as_str().context("a verdict")?;
        Ok((verdict.to_owned(), found.clone()))
    }

    /// The events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<&Value> {
        let all = self.record["events"].as_array();
        let all = all.map_or(&[][..], Vec::as_slice);
        all.iter().filter(|event| event["event"] == kind).collect()
    }
}

/// A drill as a file: a load on `orders`, these steps, guards and expectations.
pub(crate) fn drill_file(
    folder: &Path,
    name: &str,
    steps: &str,
    (stop, expect): (&[&str], &[&str]),
) -> Result<String> {
    let list = |checks: &[&str]| {
        let checks: Vec<String> = checks.iter().map(|check| format!("\"{check}\"")).collect();
        checks.join(", ")
    };
    let text = format!(
        "drill = \"{name}\"\nabout = \"A test\"\nsteady = [\"put_success_rate >= 99% for 2s\"]\n\
         [load]\nstream = \"orders\"\nputs_per_second = 100\nkeys = 30\nconsumers = 1\n{steps}\n\
         [stop]\nwhen = [{}]\n[expect]\nall = [{}]\n",
        list(stop),
        list(expect)
    );
    let path = folder.join(format!("{name}.toml"));
    std::fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))?;
    Ok(path.display().to_string())
}

/// Runs a drill to its end.
pub(crate) fn run(cluster: &Cluster, arguments: &[&str]) -> Result<Ran> {
    let arguments = [&["drill", "run", "-o", "json"], arguments].concat();
    Ok(Ran::of(&cluster.ana(&arguments)?))
}

/// Starts a drill and does not wait for it.
pub(crate) fn start(cluster: &Cluster, arguments: &[&str]) -> Result<Child> {
    Command::new(ana_program())
        .args(["drill", "run", "-o", "json"])
        .args(arguments)
        .env("ANA_ENDPOINT", &cluster.endpoint)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting ana drill run")
}

/// Waits for the end of a drill that was started.
pub(crate) fn wait(running: Child) -> Result<Ran> {
    Ok(Ran::of(&running.wait_with_output()?))
}

/// Faults that are on.
pub(crate) fn faults(cluster: &Cluster) -> Result<Vec<Value>> {
    let listed = cluster.ana_ok(&["fault", "ls", "-o", "json"])?;
    let listed: Value = serde_json::from_str(&listed)?;
    Ok(listed["faults"].as_array().cloned().unwrap_or_default())
}

/// Waits until something is so.
pub(crate) async fn until(
    what: &str,
    within: Duration,
    mut so: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let started = now();
    while !so()? {
        ensure!(started.elapsed() < within, "not within {within:?}: {what}");
        pause(100).await;
    }
    Ok(())
}
