//! The supervisor over real processes: shell scripts that behave like nodes, or badly.

use std::path::Path;

use ana_env::runtime::{self, scope};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

use super::*;
use crate::config::MemberConfig;

// Committed files: a script written by the test could still be open for writing when it is run.
const OBEDIENT: &str = "obedient_node.sh";
const BROKEN: &str = "broken_node.sh";

fn member(id: u64, zone: &str) -> MemberConfig {
    MemberConfig {
        id,
        zone: zone.to_owned(),
        api: format!("h:{id}"),
        peer: format!("h:1{id}"),
    }
}

fn supervisor(dir: &TempDir, script: &str) -> (Supervisor, Handle) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/supervisor");
    let exe = scripts.join(script);
    std::fs::create_dir_all(dir.path().join("logs")).expect("a fresh directory");
    let nodes = vec![member(1, "a"), member(2, "b"), member(3, "c")];
    let roster = Arc::new(Roster::new(&nodes));
    Supervisor::new(exe, Layout::of_nodes(dir.path().into(), nodes), roster)
}

fn lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn pid_of(handle: &Handle, id: u64) -> Option<u32> {
    handle.nodes().into_iter().find(|node| node.id == id)?.pid
}

async fn wait_for(what: impl Fn() -> bool) {
    for _ in 0..1000 {
        if what() {
            return;
        }
        ana_env::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("it never became so");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(scope(1, test));
}

#[test]
fn a_killed_node_stays_down_until_it_is_started() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, OBEDIENT);
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| handle.nodes().iter().all(|node| node.pid.is_some())).await;
        let first = pid_of(&handle, 2).expect("it runs");
        handle
            .order(Verb::Kill, vec![2])
            .await
            .expect("it is killed");
        assert!(
            !lives(first),
            "the order is answered when the process is gone"
        );
        let two = handle.nodes().remove(1);
        assert_eq!((two.state, two.pid), (NodeState::Down, None));
        assert!(
            two.reason.starts_with("killed on request"),
            "{}",
            two.reason
        );
        assert!(
            pid_of(&handle, 1).is_some_and(lives),
            "the others are left alone"
        );

        handle
            .order(Verb::Kill, vec![2])
            .await
            .expect("killing the dead is no error");
        handle
            .order(Verb::Start, vec![2])
            .await
            .expect("it starts again");
        let second = pid_of(&handle, 2).expect("it runs again");
        assert_ne!(first, second);
        handle
            .order(Verb::Start, vec![2])
            .await
            .expect("starting the living is no error");
        assert_eq!(pid_of(&handle, 2), Some(second));

        // A node that dies without an order stays down too.
        let third = pid_of(&handle, 3).expect("it runs");
        let raw = i32::try_from(third).ok().and_then(Pid::from_raw);
        rustix::process::kill_process(raw.expect("a pid"), rustix::process::Signal::KILL)
            .expect("our own child");
        wait_for(|| pid_of(&handle, 3).is_none()).await;
        assert!(handle.nodes()[2].reason.starts_with("ended by itself"));

        let left: Vec<u32> = handle.nodes().iter().filter_map(|node| node.pid).collect();
        drop(end);
        life.await
            .expect("no panic")
            .expect("the end is no failure");
        assert!(!left.into_iter().any(lives), "no child is left");
    });
}

#[test]
fn a_node_that_ends_at_once_is_not_started_again() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, BROKEN);
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| {
            let nodes = handle.nodes();
            nodes
                .iter()
                .all(|node| node.starts > 0 && node.pid.is_none())
        })
        .await;
        for node in handle.nodes() {
            assert_eq!((node.state, node.starts), (NodeState::Down, 1));
            assert!(node.reason.contains("exit status: 7"), "{}", node.reason);
        }
        drop(end);
        life.await
            .expect("no panic")
            .expect("dead children are no failure");
    });
}

#[test]
fn a_program_that_cannot_be_started_is_told() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (mut supervisor, _handle) = supervisor(&dir, OBEDIENT);
        supervisor.exe = Path::new("/nonexistent/ana").to_owned();
        let outcome = supervisor.run(std::future::pending()).await;
        let why = outcome.expect_err("there is no such program");
        assert!(why.contains("node 1 cannot be started"), "{why}");
    });
}
