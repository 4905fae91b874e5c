//! Drills that run to their end: what held, what broke, and what is told of it.

use std::time::Duration;

use ana_e2e::cluster::Cluster;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Ran, drill_file, faults, run};

const KILL: &str = "[[step]]\nat = \"2s\"\ndo = \"node.kill\"\n\
                    on = \"leader of orders/shardId-000000000000\"\nfor = \"5s\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_holds_passes_and_what_breaks_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::start(&folder.path().join("cluster"), &[]).await?;
    a_killed_leader_loses_nothing(&cluster, folder.path())?;
    cluster.wait_healthy(Duration::from_secs(30)).await?;
    an_impossible_expectation_is_named(&cluster, folder.path())?;
    cluster.wait_healthy(Duration::from_secs(30)).await?;
    ensure!(faults(&cluster)?.is_empty(), "{:?}", faults(&cluster)?);
    Ok(())
}

fn a_killed_leader_loses_nothing(cluster: &Cluster, folder: &std::path::Path) -> Result<()> {
    let expect = [
        "no_acked_record_lost",
        "no_duplicate_sequence",
        "order_per_key_kept",
        "replicas_identical",
        "leader_changes >= 0",
        "all_shards_writable within 20s of heal",
        "consumer_lag <= 10s within 20s of heal",
    ];
    let file = drill_file(folder, "kill", KILL, (&["acked_lost > 0"], &expect))?;
    let ran = run(cluster, &[&file, "--seed", "7"])?;
    ensure!(
        ran.code == Some(0),
        "{:?}\n{}\n{:#}",
        ran.code,
        ran.said,
        ran.record
    );
    let record = &ran.record;
    ensure!(
        record["outcome"] == "passed" && record["seed"] == 7,
        "{record:#}"
    );
    for check in expect {
        let (verdict, told) = ran.expectation(check)?;
        ensure!(verdict == "held", "{told:#}");
    }
    let load = &record["load"];
    ensure!(
        load["acked"].as_u64() > Some(300) && load["stream_created"] == true,
        "{load:#}"
    );
    ensure!(
        load["audit"]["lost"] == 0 && load["audit"]["keys"] == 30,
        "{load:#}"
    );
    ensure!(
        load["audit"]["read"].as_u64() >= load["acked"].as_u64(),
        "{load:#}"
    );
    ensure!(
        record["replicas"]["replicas"] == record["replicas"]["identical"],
        "{record:#}"
    );
    a_leader_was_hit(&ran)?;
    // The same again from what was kept.
    let again = cluster.ana_ok(&["drill", "report", "-o", "json"])?;
    ensure!(serde_json::from_str::<Value>(&again)? == *record, "{again}");
    let text = cluster.ana_ok(&["drill", "report", "kill"])?;
    for words in [
        "kill   PASS   seed 7",
        "order kept 30/30 keys",
        "again: ana drill run",
        "--seed 7",
    ] {
        ensure!(text.contains(words), "{words}\n{text}");
    }
    let id = record["id"].as_str().context("an id")?;
    let kept = cluster.data_dir.join("drills").join(id);
    for name in ["drill.toml", "events.jsonl", "record.json"] {
        ensure!(
            kept.join(name).metadata()?.len() > 0,
            "{name} of {}",
            kept.display()
        );
    }
    Ok(())
}

/// The fault fired, its pick was a node that led, and others saw it go and come back.
fn a_leader_was_hit(ran: &Ran) -> Result<()> {
    let fault = &ran.record["faults"][0];
    let nodes = fault["pick"]["nodes"].as_object().context("nodes")?;
    let node: u64 = nodes.keys().next().context("a node")?.parse()?;
    ensure!(fault["fired_at_ms"].as_i64() >= Some(2000), "{fault:#}");
    ensure!(fault["reverted_at_ms"].as_i64() >= Some(7000), "{fault:#}");
    ensure!(fault["write_gap_ms"].as_u64() > Some(0), "{fault:#}");
    let states = ran.events("node_state");
    let was = |state: &str| {
        let mut of_node = states.iter().filter(|event| event["node"] == node);
        of_node.any(|event| event["state"] == state)
    };
    ensure!(was("down") && was("up"), "{states:#?}");
    let led = ran.events("leader_changed");
    ensure!(led.iter().any(|event| event["from"] == node), "{led:#?}");
    Ok(())
}

fn an_impossible_expectation_is_named(cluster: &Cluster, folder: &std::path::Path) -> Result<()> {
    let expect = ["no_acked_record_lost", "leader_changes == 0"];
    let file = drill_file(folder, "impossible", KILL, (&[], &expect))?;
    let ran = run(cluster, &[&file, "--quiet"])?;
    ensure!(
        ran.code == Some(1),
        "{:?} {} {:#}",
        ran.code,
        ran.said,
        ran.record
    );
    ensure!(ran.said.is_empty(), "quiet: {}", ran.said);
    let record = &ran.record;
    ensure!(record["outcome"] == "broken", "{record:#}");
    let why = record["why"].as_str().unwrap_or_default();
    ensure!(
        why.starts_with("leader_changes == 0: leader_changes was "),
        "{why}"
    );
    let first = &record["first_broken"];
    ensure!(first["check"] == "leader_changes == 0", "{first:#}");
    ensure!(
        first["around"]
            .as_array()
            .is_some_and(|around| !around.is_empty()),
        "{first:#}"
    );
    ensure!(
        ran.expectation("no_acked_record_lost")?.0 == "held",
        "{record:#}"
    );
    ensure!(record["load"]["stream_created"] == false, "{record:#}");
    Ok(())
}
