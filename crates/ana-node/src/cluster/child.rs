//! One node as a child process: started so that it cannot outlive us, stopped with a bound.
//!
//! Danger: the kernel sends the death signal when the *thread* that started the child ends. So
//! [`start`] must be called on a thread that lives as long as the process: the main one.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ana_env::real::Relay;
use ana_env::time;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::real::{Freezer, Place};
use crate::error::Exit;

/// A node that was asked to stop gets this long before it is killed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Requests to one process that may wait; each is carried out as soon as it is read.
const ASKS_WAITING: usize = 16;

/// How a node has ended that the cluster goes on without.
pub const EXPELLED: &str = "ended: the cluster goes on without this node";

/// What is asked of a node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// SIGTERM, and SIGKILL when it takes too long.
    Stop,
    /// SIGKILL.
    Kill,
    /// SIGSTOP, or its cgroup is frozen: it stands still until it is asked for anything else.
    Pause,
    /// SIGCONT, or its cgroup is thawed.
    Resume,
}

/// The end of a node's process.
#[derive(Debug, Clone)]
pub struct Exited {
    /// The node.
    pub id: u64,
    /// In words, for status.
    pub how: String,
}

/// A node's process, seen from the supervisor.
#[derive(Debug)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    asks: mpsc::Sender<Ask>,
}

impl Running {
    /// Asks the process; asking again is harmless. Says whether it was heard: a process that has ended, or for which
    /// as many requests wait as may, does not hear.
    pub fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }
}

/// Starts `exe server --config CONFIG` with its voice appended to `log`, in a place of its own where it has one.
///
/// By the relay it is given connections that were accepted here. One in a place of its own has none: what clients send
/// it crosses the links of that place.
///
/// # Errors
/// When the program or the log file cannot be opened.
pub fn start(
    exe: &Path,
    config: &Path,
    log: &Path,
    place: Option<&Place>,
) -> io::Result<(Child, Option<Relay>)> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut program = program(exe, place);
    let mut relay = None;
    if place.is_none() {
        let (ours, theirs) = Relay::pair()?;
        program
            .stdin(theirs)
            .arg("server")
            .arg("--clients-on-stdin");
        relay = Some(ours);
    } else {
        program.stdin(Stdio::null()).arg("server");
    }
    let child = program
        .arg("--config")
        .arg(config)
        .arg("--die-with")
        .arg(std::process::id().to_string())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C goes to the whole foreground group; the nodes are stopped by us, in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    if let (Some(place), Some(pid)) = (place, child.id()) {
        place.freezer.admit(pid)?;
    }
    Ok((child, relay))
}

/// The node's program, in its network namespace where it has one: `nsenter` becomes the program, in the same process.
fn program(exe: &Path, place: Option<&Place>) -> Command {
    let Some(place) = place else {
        return Command::new(exe);
    };
    let mut namespace = std::ffi::OsString::from("--net=");
    namespace.push(&place.namespace);
    let mut command = Command::new("nsenter");
    command.arg(namespace).arg("--").arg(exe);
    command
}

/// Splits a child into the supervisor's handle and the future that waits for its end.
pub fn watch(
    id: u64,
    child: Child,
    exits: mpsc::Sender<Exited>,
    freezer: Option<Freezer>,
) -> io::Result<(Running, impl Future<Output = ()> + Send + 'static)> {
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("the process ended at once"))?;
    let (asks, asked) = mpsc::channel(ASKS_WAITING);
    let wait = async move {
        let how = wait_for_end(child, asked, freezer.as_ref()).await;
        if exits.send(Exited { id, how }).await.is_err() {
            // The supervisor has gone: nobody keeps the table any more.
        }
    };
    Ok((Running { pid, asks }, wait))
}

async fn wait_for_end(
    mut child: Child,
    mut asked: mpsc::Receiver<Ask>,
    freezer: Option<&Freezer>,
) -> String {
    let mut kill_at = None;
    let mut asked_for = None;
    loop {
        let deadline = async {
            match kill_at {
                Some(at) => time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            status = child.wait() => return in_words(status, asked_for),
            () = deadline => {
                signal(&child, Signal::KILL);
                go_on(&child, freezer);
                kill_at = None;
            }
            Some(ask) = asked.recv() => match ask {
                Ask::Stop => {
                    asked_for = Some(ask);
                    signal(&child, Signal::TERM);
                    // One that stands still would not hear it.
                    go_on(&child, freezer);
                    kill_at.get_or_insert(time::now() + STOP_MAX);
                }
                Ask::Kill => {
                    asked_for = Some(ask);
                    signal(&child, Signal::KILL);
                    go_on(&child, freezer);
                }
                Ask::Pause => stand_still(&child, freezer),
                Ask::Resume => go_on(&child, freezer),
            }
        }
    }
}

fn stand_still(child: &Child, freezer: Option<&Freezer>) {
    match freezer.map(Freezer::freeze) {
        None => signal(child, Signal::STOP),
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, "a node cannot be frozen"),
    }
}

/// A frozen process does not even end.
fn go_on(child: &Child, freezer: Option<&Freezer>) {
    match freezer.map(Freezer::thaw) {
        None => signal(child, Signal::CONT),
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!(%error, "a node cannot be thawed"),
    }
}

fn signal(child: &Child, signal: Signal) {
    // The id is none once the process was reaped, so a reused number is never hit.
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid
        && kill_process(pid, signal).is_err()
    {
        // It has just ended; the wait will tell.
    }
}

fn in_words(status: io::Result<ExitStatus>, asked_for: Option<Ask>) -> String {
    let expelled = i32::from(Exit::Expelled.code());
    if matches!(&status, Ok(status) if status.code() == Some(expelled)) {
        return EXPELLED.to_owned();
    }
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    match asked_for {
        Some(Ask::Stop) => format!("stopped on request ({status})"),
        Some(Ask::Kill) => format!("killed on request ({status})"),
        Some(Ask::Pause | Ask::Resume) | None => format!("ended by itself ({status})"),
    }
}
