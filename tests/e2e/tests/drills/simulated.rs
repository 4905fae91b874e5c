//! `ana drill run --sim`: the same drill in the simulator that lies beside `ana`.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ana_e2e::cluster::{ana_program, now, pause, signal};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

/// A leader is killed between two faults that move no leader.
const STEPS: &str = "[[step]]\nat = \"500ms\"\ndo = \"disk.slow\"\non = \"node 2\"\nfsync = \"5ms\"\nfor = \"1s\"\n\
                     [[step]]\nat = \"2s\"\ndo = \"node.kill\"\non = \"leader of orders/shardId-000000000000\"\nfor = \"4s\"\n\
                     [[step]]\nat = \"4s\"\ndo = \"clock.jump\"\non = \"node 3\"\nby = \"1s\"\nfor = \"1s\"";

fn simulate(arguments: &[&str]) -> Result<Output> {
    Command::new(ana_program())
        .args(["drill", "run", "--sim", "-o", "json"])
        .args(arguments)
        .output()
        .context("starting ana drill run --sim")
}

fn read(done: &Output) -> Result<Value> {
    let told = String::from_utf8_lossy(&done.stderr);
    serde_json::from_slice(&done.stdout).with_context(|| told.into_owned())
}

#[test]
fn what_the_simulation_can_judge_is_judged_and_the_rest_is_not_held() -> Result<()> {
    let done = simulate(&["leader-kill", "--seeds", "2", "--first", "7"])?;
    let told = read(&done)?;
    ensure!(done.status.code() == Some(0), "{told:#}");
    ensure!(
        told["outcome"] == "passed" && told["seeds_run"] == 2,
        "{told:#}"
    );
    ensure!(told["acknowledged"].as_u64() > Some(100), "{told:#}");
    let verdict = |check: &str| {
        let all = told["expectations"].as_array();
        let found = all.and_then(|all| {
            let mut all = all.iter();
            all.find(|each| {
                each["check"]
                    .as_str()
                    .is_some_and(|it| it.starts_with(check))
            })
        });
        found.map(|each| each["verdict"].clone())
    };
    ensure!(
        verdict("no_acked_record_lost") == Some("held".into()),
        "{told:#}"
    );
    ensure!(
        verdict("write_gap") == Some("not_exercised".into()),
        "{told:#}"
    );
    Ok(())
}

#[test]
fn of_a_seed_that_breaks_something_the_needed_steps_are_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let expect = ["no_acked_record_lost", "leader_changes <= 0"];
    let file = super::drill_file(folder.path(), "inverted", STEPS, (&[], &expect))?;
    let done = simulate(&[&file, "--seeds", "5"])?;
    let told = read(&done)?;
    ensure!(done.status.code() == Some(1), "{told:#}");
    ensure!(
        told["first_broken"]["check"] == "leader_changes <= 0",
        "{told:#}"
    );
    let steps = told["needed"]["steps"].as_array().context("steps")?;
    let numbers: Vec<&Value> = steps.iter().map(|step| &step["number"]).collect();
    ensure!(numbers == [&Value::from(2)], "{told:#}");
    // The line that repeats it does.
    let seed = told["first_broken"]["seed"].as_u64().context("a seed")?;
    let again = simulate(&[&file, "--seeds", "1", "--first", &seed.to_string()])?;
    let again = read(&again)?;
    ensure!(again["first_broken"] == told["first_broken"], "{again:#}");
    Ok(())
}

#[test]
fn reports_are_files_and_say_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (page, tests) = (path("drill.html"), path("drill.xml"));
    let files = ["--html", &page, "--junit", &tests];
    let done = simulate(&[&["leader-kill", "--seeds", "1"], &files[..]].concat())?;
    let told = read(&done)?;
    ensure!(done.status.code() == Some(0), "{told:#}");
    let again = told["again"].as_str().context("a command")?;
    for path in [&page, &tests] {
        let text = std::fs::read_to_string(path)?;
        ensure!(text.contains(again), "{again}: {text}");
    }
    // What cannot be simulated leaves no old file that passes.
    let done = simulate(&[&["throttle-storm"], &files[2..]].concat())?;
    ensure!(done.status.code() == Some(2), "{done:?}");
    let text = std::fs::read_to_string(&tests)?;
    ensure!(
        text.contains("errors=\"1\"") && text.contains("step 1 (api.throttle)"),
        "{text}"
    );
    Ok(())
}

#[test]
fn what_cannot_be_simulated_ends_with_2() -> Result<()> {
    let done = simulate(&["throttle-storm"])?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(2), "{said}");
    ensure!(said.contains("step 1 (api.throttle)"), "{said}");
    let absent = Command::new(ana_program())
        .args(["drill", "run", "zone-loss", "--sim"])
        .env("ANA_SIM", "/nowhere/ana-sim")
        .output()?;
    let said = String::from_utf8_lossy(&absent.stderr);
    ensure!(absent.status.code() == Some(2), "{said}");
    ensure!(
        said.contains("/nowhere/ana-sim") && said.contains("cargo build"),
        "{said}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_ends_it_and_no_process_is_left() -> Result<()> {
    let mut running = Command::new(ana_program())
        .args(["drill", "run", "zone-loss", "--sim", "--seeds", "1000000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = i32::try_from(running.id())?;
    // It has begun when the simulator runs.
    let started = now();
    let simulator = loop {
        if let Some(child) = child_of(pid)? {
            break child;
        }
        ensure!(started.elapsed() < Duration::from_secs(20), "no simulator");
        ensure!(running.try_wait()?.is_none(), "it has ended");
        pause(50).await;
    };
    signal(pid, Signal::INT)?;
    let done = running.wait_with_output()?;
    let told = String::from_utf8_lossy(&done.stdout);
    ensure!(done.status.code() == Some(130), "{:?} {told}", done.status);
    ensure!(told.contains("STOPPED"), "{told}");
    let gone = rustix::process::Pid::from_raw(simulator).context("a process id")?;
    ensure!(
        rustix::process::test_kill_process(gone).is_err(),
        "{simulator} lives"
    );
    Ok(())
}

/// A process that was started by a thread of this one.
fn child_of(pid: i32) -> Result<Option<i32>> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next() {
            return Ok(Some(child.parse()?));
        }
    }
    Ok(None)
}
