//! Nodes that come and go, with scripts in place of nodes.

use std::path::Path;

use ana_env::runtime::{self, scope};
use ana_env::{Disk, time};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::super::roster::Roster;
use super::super::supervisor::{NodeState, Supervisor};
use super::*;

fn member(id: u64, zone: &str) -> MemberConfig {
    MemberConfig {
        id,
        zone: zone.to_owned(),
        api: format!("127.0.0.1:{}", 100 + id),
        peer: format!("127.0.0.1:{}", 200 + id),
    }
}

async fn cluster(dir: &TempDir, env: &Env) -> (Members, Handle, Supervisor) {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/supervisor/obedient_node.sh");
    let disk: &dyn Disk = env.disk.as_ref();
    let nodes = vec![member(1, "a"), member(2, "b"), member(3, "b")];
    let layout = Layout::of_nodes(dir.path().into(), nodes.clone());
    for made in [layout.log_dir(), layout.config_dir()] {
        layout::make_dir(disk, &made).await.expect("room");
    }
    for node in &nodes {
        let mut settings = config(&layout, node);
        settings.transition_ms = 77;
        let name = Layout::config_name(node.id);
        layout::save(disk, &layout.config_dir(), &name, settings.to_toml().into())
            .await
            .expect("room");
    }
    let roster = Arc::new(Roster::new(&nodes));
    let (supervisor, handle) =
        Supervisor::new(script, Arc::clone(&env.disk), layout.clone(), roster);
    let members = Members::new(env.clone(), layout, handle.clone());
    (members, handle, supervisor)
}

async fn read(env: &Env, path: &Path) -> NodeConfig {
    let disk: &dyn Disk = env.disk.as_ref();
    NodeConfig::read(disk, path, |_| {})
        .await
        .expect("settings")
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Runs a test of a cluster that lives, and ends it in order.
fn run(test: impl AsyncFnOnce(&TempDir, &Env, &Members, &Handle)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let whole = async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = Env::real();
        let (members, handle, supervisor) = cluster(&dir, &env).await;
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        test(&dir, &env, &members, &handle).await;
        drop(end);
        let ended = time::timeout(std::time::Duration::from_secs(20), life).await;
        ended
            .expect("all end")
            .expect("no panic")
            .expect("in order");
    };
    runtime.expect("a runtime").block_on(scope(1, whole));
}

#[test]
fn a_node_is_added_started_and_forgotten() {
    run(async |dir, env, members, handle| {
        let (status, answer) = members.add(b"{}").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(
            (text(&answer, "zone"), answer.get("id")),
            ("a", Some(&json!(4)))
        );
        let four = handle.nodes().into_iter().find(|node| node.id == 4);
        let four = four.expect("it is there");
        assert!(four.pid.is_some() && four.state == NodeState::Starting);
        let config_dir = dir.path().join("config");
        let settings = read(env, &config_dir.join("node-4.toml")).await;
        assert!(settings.join, "it founds nothing");
        assert_eq!(settings.transition_ms, 77, "as its neighbours have it");
        assert_eq!(settings.members.len(), 4);
        assert_eq!(settings.this_member().api, text(&answer, "api"));
        let first = read(env, &config_dir.join("node-1.toml")).await;
        let asked: Vec<u64> = first.seeds.iter().map(|it| it.id).collect();
        assert_eq!((first.members.len(), asked), (3, vec![4]));
        let plan = std::fs::read_to_string(dir.path().join("cluster.toml")).expect("written");
        assert!(plan.contains("next_id = 5"), "{plan}");

        let (status, answer) = members.add(br#"{"zone": "No!"}"#).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        let (status, _) = members.add(br#"{"where": "b"}"#).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let (status, _) = members.forget("9").await;
        assert_eq!(status, StatusCode::NOT_FOUND);

        let (status, answer) = members.forget("2").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(handle.nodes().iter().all(|node| node.id != 2));
        let (status, answer) = members.add(br#"{"zone": "b"}"#).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer.get("id"), Some(&json!(5)), "ids are used once");
        let five = read(env, &config_dir.join("node-5.toml")).await;
        let listed: Vec<u64> = five.members.iter().map(|it| it.id).collect();
        assert_eq!(listed, [1, 3, 4, 5], "those that are there");
        let four = read(env, &config_dir.join("node-4.toml")).await;
        let listed: Vec<u64> = four.members.iter().map(|it| it.id).collect();
        assert_eq!(listed, [1, 3, 4, 5], "also those that came later");
    });
}

#[test]
fn a_node_that_is_started_again_and_again_is_forgotten_nevertheless() {
    run(async |_dir, _env, members, handle| {
        let forgetting = members.forget("2");
        tokio::pin!(forgetting);
        let forgotten = loop {
            tokio::select! {
                biased;
                forgotten = &mut forgetting => break forgotten,
                // As a person would who sees that it is down.
                started = handle.order(Verb::Start, vec![2]) => drop(started),
            }
        };
        assert_eq!(forgotten.0, StatusCode::OK, "{}", forgotten.1);
        assert!(handle.nodes().iter().all(|node| node.id != 2));
    });
}
