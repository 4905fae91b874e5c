//! Drills that are ended before their time: by a guard, by a person in another terminal, and by the death of their runner.

use std::time::Duration;

use ana_e2e::cluster::Cluster;
use anyhow::{Context, Result, ensure};

use super::{drill_file, faults, run, start, until, wait};

/// A node down and a fault held by another, for longer than any test waits; a step that must never come.
const LONG: &str = "\
[[step]]\nat = \"1s\"\ndo = \"disk.slow\"\non = \"all nodes\"\nfsync = \"5ms\"\nfor = \"5m\"\n\
[[step]]\nat = \"2s\"\ndo = \"node.kill\"\non = \"leader of orders/shardId-000000000000\"\nfor = \"5m\"\n\
[[step]]\nat = \"4m\"\ndo = \"node.restart\"\non = \"meta leader\"";

/// Everything is as if there had been no drill.
async fn all_is_given_back(cluster: &mut Cluster) -> Result<()> {
    cluster.wait_healthy(Duration::from_secs(60)).await?;
    let left = faults(cluster)?;
    ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guards_and_persons_end_a_drill_in_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(&folder.path().join("cluster"), &[]).await?;
    let guard = ["leader_changes > 0"];
    let expect = ["no_acked_record_lost"];
    let file = drill_file(folder.path(), "guarded", LONG, (&guard, &expect))?;
    let ran = run(&cluster, &["--i-know", &file])?;
    ensure!(
        ran.code == Some(3),
        "{:?} {} {:#}",
        ran.code,
        ran.said,
        ran.record
    );
    ensure!(
        ran.record["outcome"] == "stopped_by_guard",
        "{:#}",
        ran.record
    );
    ensure!(ran.events("guard_tripped").len() == 1, "{:#}", ran.record);
    let rows = ran.record["faults"].as_array().context("rows")?;
    let fired: Vec<bool> = rows
        .iter()
        .map(|row| !row["fired_at_ms"].is_null())
        .collect();
    ensure!(fired == [true, true, false], "{rows:#?}");
    // It was ended, and what was written was looked at all the same.
    ensure!(
        ran.expectation("no_acked_record_lost")?.0 == "held",
        "{:#}",
        ran.record
    );
    all_is_given_back(&mut cluster).await?;
    stopped_from_another_process(&mut cluster, folder.path()).await?;
    Ok(())
}

async fn stopped_from_another_process(
    cluster: &mut Cluster,
    folder: &std::path::Path,
) -> Result<()> {
    let file = drill_file(folder, "long", LONG, (&[], &["no_acked_record_lost"]))?;
    let running = start(cluster, &["--i-know", &file])?;
    let within = Duration::from_secs(60);
    until("a node is down and faults are on", within, || {
        let down = cluster
            .status()?
            .nodes
            .iter()
            .any(|node| node.state == "down");
        Ok(down && !faults(cluster)?.is_empty())
    })
    .await?;
    // One at a time.
    let second = run(cluster, &["--i-know", &file])?;
    ensure!(second.code == Some(2), "{:?} {}", second.code, second.said);
    let told = cluster.ana_ok(&["drill", "stop", "-o", "json"])?;
    let ran = wait(running)?;
    ensure!(ran.code == Some(130), "{:?} {}", ran.code, ran.said);
    ensure!(
        ran.record["outcome"] == "stopped_by_person",
        "{:#}",
        ran.record
    );
    ensure!(ran.record["why"] == "ana drill stop", "{:#}", ran.record);
    ensure!(
        serde_json::from_str::<serde_json::Value>(&told)? == ran.record,
        "{told}"
    );
    all_is_given_back(cluster).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_runner_left_ends_by_itself() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(&folder.path().join("cluster"), &[]).await?;
    let file = drill_file(
        folder.path(),
        "orphan",
        LONG,
        (&[], &["no_acked_record_lost"]),
    )?;
    let mut running = start(&cluster, &["--i-know", &file])?;
    until(
        "a node is down and faults are on",
        Duration::from_secs(60),
        || {
            let down = cluster
                .status()?
                .nodes
                .iter()
                .any(|node| node.state == "down");
            Ok(down && !faults(&cluster)?.is_empty())
        },
    )
    .await?;
    running.kill()?;
    running.wait()?;
    // Nobody does anything: leases end. The supervisor has none: what was killed stays down until somebody starts it.
    until("no fault is on", Duration::from_secs(30), || {
        Ok(faults(&cluster)?.is_empty())
    })
    .await?;
    let nodes = cluster.status()?.nodes;
    let down = nodes.iter().find(|node| node.state == "down");
    let down = down.context("the killed node is down")?.id.to_string();
    cluster.ana_ok(&["node", "start", &down])?;
    all_is_given_back(&mut cluster).await?;
    let gone = cluster.ana(&["drill", "watch"])?;
    let said = String::from_utf8_lossy(&gone.stderr);
    ensure!(
        gone.status.code() == Some(1) && said.contains("is gone"),
        "{said}"
    );
    Ok(())
}
