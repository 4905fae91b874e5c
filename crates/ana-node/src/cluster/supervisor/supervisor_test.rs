//! The supervisor over real processes: shell scripts that behave like nodes, or badly.

use std::path::Path;
use std::time::Duration;

use ana_env::runtime::{self, scope};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

use super::*;
use crate::cluster::meddle::Meddle;
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
    let layout = Layout::of_nodes(dir.path().into(), nodes);
    Supervisor::new(exe, ana_env::Env::real().disk, layout, roster)
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
        time::sleep(Duration::from_millis(5)).await;
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

/// The kernel's word for what a process does: `T` when it stands still.
fn stands_still(pid: u32) -> bool {
    let told = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = told
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with('T'));
    state == Some(true)
}

fn state_of(handle: &Handle, id: u64) -> Option<NodeState> {
    let node = handle.nodes().into_iter().find(|node| node.id == id);
    node.map(|node| node.state)
}

#[test]
fn a_paused_node_goes_on_by_itself_or_when_told_and_can_be_stopped() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, OBEDIENT);
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| handle.nodes().iter().all(|node| node.pid.is_some())).await;
        let pid = pid_of(&handle, 2).expect("it runs");
        let pause = |ms| Verb::Pause {
            lease: Duration::from_millis(ms),
        };
        let begun = time::now();
        handle.order(pause(300), vec![2]).await.expect("paused");
        assert_eq!(state_of(&handle, 2), Some(NodeState::Paused));
        wait_for(|| stands_still(pid)).await;
        // Nobody says that it may go on.
        wait_for(|| !stands_still(pid)).await;
        assert!(begun.elapsed() >= Duration::from_millis(300), "too early");
        wait_for(|| state_of(&handle, 2) == Some(NodeState::Starting)).await;

        handle
            .order(pause(600_000), vec![2, 3])
            .await
            .expect("paused");
        wait_for(|| stands_still(pid)).await;
        handle.order(Verb::Resume, vec![2]).await.expect("resumed");
        wait_for(|| !stands_still(pid)).await;
        assert_eq!(
            state_of(&handle, 3),
            Some(NodeState::Paused),
            "the other is left alone"
        );
        let three = pid_of(&handle, 3).expect("it runs");
        handle.order(Verb::Stop, vec![3]).await.expect("stopped");
        assert!(!lives(three));
        let reason = handle.nodes().remove(2).reason;
        assert!(
            reason.starts_with("stopped on request (exit status: 0)"),
            "{reason}"
        );
        let gone = handle.order(pause(1000), vec![3]).await;
        assert!(gone.expect_err("there is none").contains("does not run"));

        handle
            .order(Verb::Restart, vec![2, 3])
            .await
            .expect("restarted");
        assert_ne!(pid_of(&handle, 2), Some(pid));
        assert!(
            pid_of(&handle, 3).is_some_and(lives),
            "one that was down is started"
        );
        handle.order(pause(600_000), vec![1]).await.expect("paused");
        drop(end);
        life.await
            .expect("no panic")
            .expect("a paused child is stopped too");
    });
}

#[test]
fn one_node_is_wiped_at_a_time_and_only_while_the_others_are_whole() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, OBEDIENT);
        let files = |id: u64| {
            let dir = dir.path().join(format!("node-{id}"));
            let names = std::fs::read_dir(dir).expect("a directory");
            let names = names.map(|entry| entry.expect("an entry").file_name());
            let mut names: Vec<String> = names
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        for id in 1..=3 {
            let groups = dir.path().join(format!("node-{id}/groups/7"));
            std::fs::create_dir_all(&groups).expect("a fresh directory");
            // Of group 8 only what its replica has left behind when it moved away.
            let left = dir.path().join(format!("node-{id}/groups/8"));
            std::fs::create_dir_all(&left).expect("a fresh directory");
            let lock = dir.path().join(format!("node-{id}/ana.lock"));
            let identity = dir.path().join(format!("node-{id}/identity"));
            for path in [groups.join("segment-1"), left.join("left"), lock, identity] {
                std::fs::File::create(path).expect("a file");
            }
        }
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| handle.nodes().iter().all(|node| node.pid.is_some())).await;
        let wipe = Verb::Meddle(Meddle::Wipe);
        let refused = async |nodes: Vec<u64>, why: &str| {
            let outcome = handle.order(wipe, nodes).await;
            let said = outcome.expect_err("refused");
            assert!(said.contains(why), "{said}");
        };
        refused(vec![1, 2], "one node is wiped at a time").await;
        handle.order(Verb::Kill, vec![3]).await.expect("killed");
        refused(vec![2], "node 3 does not run").await;
        assert_eq!(files(2), ["ana.lock", "groups", "identity"]);
        handle.order(Verb::Start, vec![3]).await.expect("started");

        let pid = pid_of(&handle, 2).expect("it runs");
        let done = handle.order(wipe, vec![2]).await.expect("wiped");
        assert_eq!(done, ["node 2: all data are gone"]);
        assert!(
            !lives(pid) && pid_of(&handle, 2).is_some_and(lives),
            "started again"
        );
        // It is the same node, and the cluster takes it as such.
        assert_eq!(files(2), ["ana.lock", "groups", "identity", "rebuild"]);
        let groups = dir.path().join("node-2/groups");
        let is_there = |name| groups.join(name).try_exists().expect("it can be looked at");
        assert!(is_there("8/left") && !is_there("7"));
        assert_eq!(files(1), ["ana.lock", "groups", "identity"]);
        refused(vec![1], "node 2 is being rebuilt").await;
        drop(end);
        life.await
            .expect("no panic")
            .expect("the end is no failure");
    });
}

#[test]
fn a_node_held_down_is_started_when_nobody_holds_it_any_more() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, OBEDIENT);
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| handle.nodes().iter().all(|node| node.pid.is_some())).await;
        let first = pid_of(&handle, 2).expect("it runs");
        let down = |ms| Verb::Down {
            lease: Duration::from_millis(ms),
        };
        let begun = time::now();
        handle.order(down(300), vec![2]).await.expect("held down");
        assert!(!lives(first) && pid_of(&handle, 2).is_none());
        // Asked again, the lease begins anew.
        time::sleep(Duration::from_millis(200)).await;
        handle.order(down(300), vec![2]).await.expect("held longer");
        wait_for(|| pid_of(&handle, 2).is_some()).await;
        assert!(begun.elapsed() >= Duration::from_millis(500), "too early");

        // A person's word counts more than a lease: started it stays up, killed it stays down.
        handle
            .order(down(200), vec![2, 3])
            .await
            .expect("held down");
        handle.order(Verb::Start, vec![2]).await.expect("started");
        let second = pid_of(&handle, 2).expect("it runs");
        handle.order(Verb::Kill, vec![3]).await.expect("killed");
        time::sleep(Duration::from_millis(600)).await;
        assert_eq!(pid_of(&handle, 2), Some(second), "it was not started twice");
        assert_eq!(state_of(&handle, 3), Some(NodeState::Down));
        drop(end);
        life.await
            .expect("no panic")
            .expect("the end is no failure");
    });
}

#[test]
fn nodes_that_come_and_go_count_from_then_on() {
    run(async {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (supervisor, handle) = supervisor(&dir, OBEDIENT);
        for id in 1..=4 {
            let dir = dir.path().join(format!("node-{id}"));
            std::fs::create_dir_all(dir).expect("a fresh directory");
        }
        let (end, ended) = oneshot::channel::<()>();
        let life = runtime::spawn(supervisor.run(async {
            drop(ended.await);
        }));
        wait_for(|| handle.nodes().iter().all(|node| node.pid.is_some())).await;
        let added = handle.change(Change::Add(member(4, "a"))).await;
        added.expect("started");
        assert!(pid_of(&handle, 4).is_some_and(lives));

        let wipe = Verb::Meddle(Meddle::Wipe);
        let refused = async |nodes: Vec<u64>, why: &str| {
            let outcome = handle.order(wipe, nodes).await;
            let said = outcome.expect_err("refused");
            assert!(said.contains(why), "{said}");
        };
        refused(vec![1], "node 1 is not alone in its zone").await;
        refused(vec![4], "node 4 is not alone in its zone").await;
        let down = Verb::Down {
            lease: Duration::from_millis(300),
        };
        handle.order(down, vec![4]).await.expect("held down");
        refused(vec![2], "node 4 does not run").await;
        let running = handle.change(Change::Forget(1)).await;
        assert!(running.expect_err("it runs").contains("runs still"));
        handle.change(Change::Forget(4)).await.expect("it is down");
        time::sleep(Duration::from_millis(600)).await;
        assert_eq!(pid_of(&handle, 4), None, "no lease starts what is gone");
        assert_eq!(handle.nodes().len(), 3);
        handle.order(wipe, vec![1]).await.expect("wiped");
        drop(end);
        life.await
            .expect("no panic")
            .expect("the end is no failure");
    });
}
