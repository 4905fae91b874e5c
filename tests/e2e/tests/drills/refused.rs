//! Drills that do not run: nothing is broken, and what to do about it is said.

use std::path::Path;
use std::process::Command;

use ana_e2e::cluster::{Cluster, ana_program};
use ana_e2e::server::Server;
use anyhow::{Result, ensure};

use super::{drill_file, faults, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_not_disposable_is_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let endpoint = format!("http://{}", server.api);
    let asked = Command::new(ana_program())
        .args(["drill", "run", "leader-kill", "--endpoint", &endpoint])
        .env("XDG_DATA_HOME", folder.path().join("home"))
        .output()?;
    let said = String::from_utf8_lossy(&asked.stderr);
    ensure!(asked.status.code() == Some(2), "{:?} {said}", asked.status);
    ensure!(
        said.contains("not disposable") && said.contains("disposable = true"),
        "{said}"
    );
    let streams = Command::new(ana_program())
        .args(["stream", "ls", "-o", "json", "--endpoint", &endpoint])
        .output()?;
    let streams = String::from_utf8_lossy(&streams.stdout);
    ensure!(!streams.contains("drill"), "{streams}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_before_anything_is_broken() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start(&folder.path().join("cluster"), &[]).await?;
    each_is_refused(&cluster, folder.path())?;
    let good = format!("{AT}{GOOD}");
    let misspelt = run(&cluster, &["zone-los"])?;
    ensure!(
        misspelt.code == Some(2) && misspelt.said.contains("zone-loss"),
        "{}",
        misspelt.said
    );
    let unreal = run(&cluster, &["leader-kill", "--real"])?;
    ensure!(
        unreal.code == Some(2) && unreal.said.contains("not started with --real"),
        "{}",
        unreal.said
    );
    // Somebody's own fault is on: nobody could tell whose trouble is whose.
    cluster.ana_ok(&[
        "fault",
        "add",
        "disk.slow",
        "--delay",
        "1ms",
        "--node",
        "1",
        "--for",
        "60s",
    ])?;
    let file = drill_file(folder.path(), "good", &good, (&[], &[]))?;
    let ran = run(&cluster, &[&file])?;
    ensure!(
        ran.code == Some(2) && ran.said.contains("is on at node 1"),
        "{}",
        ran.said
    );
    ensure!(faults(&cluster)?.len() == 1, "it is left alone");
    ensure!(
        !cluster
            .data_dir
            .join("drills")
            .join("ana.lock")
            .try_exists()?,
        "nothing began"
    );
    Ok(())
}

const AT: &str = "[[step]]\nat = \"1s\"\n";
const GOOD: &str = "do = \"node.kill\"\non = \"node 1\"\nfor = \"5s\"";

fn each_is_refused(cluster: &Cluster, folder: &Path) -> Result<()> {
    let cases = [
        (
            "do = \"change.add_node\"\non = \"zone a\"",
            "change.add_node",
        ),
        ("do = \"node.kil\"\non = \"node 1\"\nfor = \"5s\"", "line 9"),
        (
            "do = \"node.kill\"\non = \"node 9\"\nfor = \"5s\"",
            "there is no node 9",
        ),
        (
            "do = \"node.kill\"\non = \"leader of orders/shardId-000000000099\"\nfor = \"5s\"",
            "no open shard",
        ),
        (
            "do = \"zone.down\"\non = \"all zones\"\nfor = \"5s\"",
            "--i-know",
        ),
    ];
    for (number, (lines, said)) in cases.into_iter().enumerate() {
        // What could be done comes later, and is not done either.
        let steps = format!("{AT}{lines}\n[[step]]\nat = \"9s\"\n{GOOD}");
        let file = drill_file(folder, &format!("bad-{number}"), &steps, (&[], &[]))?;
        let ran = run(cluster, &[&file])?;
        ensure!(ran.code == Some(2), "{said}: {:?} {}", ran.code, ran.said);
        ensure!(ran.said.contains(said), "{said}: {}", ran.said);
        ensure!(
            ran.said.contains("\n  "),
            "what to do about it: {}",
            ran.said
        );
    }
    Ok(())
}
