//! What the processes of a cluster on this machine used: CPU time, and bytes written to disks.
//!
//! Must stay true: what cannot be known is none, never zero and never an error. That is so for clusters on other
//! machines, for servers of other makes, where there is no `/proc`, and when a node was started anew in between.

use std::fs::read_to_string;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::commands::Context;

/// `/proc` counts CPU time in hundredths of a second on every Linux (`USER_HZ`).
const MS_PER_TICK: u64 = 10;
/// A server that does not know our paths may leave the question without an answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Whose use is measured.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// Of the nodes; empty when they are not known, or not on this machine.
    pids: Vec<String>,
    /// Replicas of each record of the stream; none when it is not known.
    pub(super) replicas: Option<u64>,
}

/// What was used so far, or between two looks. CPU time is in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// All nodes together.
    pub(super) nodes_cpu_ms: Option<u64>,
    /// `ana up`, through whose front door all bytes go.
    pub(super) door_cpu_ms: Option<u64>,
    /// This program.
    pub(super) own_cpu_ms: Option<u64>,
    /// Bytes that all nodes together had written to disks.
    pub(super) written_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Supervised {
    nodes: Vec<SupervisedNode>,
}

#[derive(Debug, Deserialize)]
struct SupervisedNode {
    pid: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Status {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    stream: Option<String>,
    voters: Vec<u64>,
}

impl Processes {
    /// The nodes that a supervisor behind the endpoint runs on this machine, and how many of them keep the stream.
    pub(super) async fn find(context: &Context, stream: &str) -> Processes {
        let (supervised, status) = futures::join!(
            ask::<Supervised>(context, "/_ana/supervisor/status"),
            ask::<Status>(context, "/_ana/status"),
        );
        let nodes = supervised.map_or_else(Vec::new, |told| told.nodes);
        let pids = nodes.into_iter().map(|node| node.pid);
        let pids = pids.collect::<Option<Vec<u32>>>().unwrap_or_default();
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        Processes {
            pids: if are_ours(&pids) { pids } else { Vec::new() },
            replicas: status.and_then(|told| told.replicas(stream)),
        }
    }

    /// What was used so far.
    pub(super) fn used(&self) -> Used {
        let cpu_ms = |pid: &String| ticks(&stat(pid)?).map(|ticks| ticks * MS_PER_TICK);
        let door = self.pids.first().and_then(|pid| parent(&stat(pid)?));
        Used {
            nodes_cpu_ms: self.sum(cpu_ms),
            door_cpu_ms: door.as_ref().and_then(cpu_ms),
            own_cpu_ms: cpu_ms(&"self".to_owned()),
            written_bytes: self.sum(|pid| written(&proc_file(pid, "io")?)),
        }
    }

    /// Of all nodes together; none when it is not known of one of them.
    fn sum(&self, of: impl Fn(&String) -> Option<u64>) -> Option<u64> {
        let sum = self.pids.iter().map(of).sum::<Option<u64>>();
        sum.filter(|_| !self.pids.is_empty())
    }
}

impl Used {
    /// What was used since an earlier look.
    pub(super) fn since(self, first: Used) -> Used {
        // A count that went back belongs to another process.
        let since = |last: Option<u64>, first: Option<u64>| last?.checked_sub(first?);
        Used {
            nodes_cpu_ms: since(self.nodes_cpu_ms, first.nodes_cpu_ms),
            door_cpu_ms: since(self.door_cpu_ms, first.door_cpu_ms),
            own_cpu_ms: since(self.own_cpu_ms, first.own_cpu_ms),
            written_bytes: since(self.written_bytes, first.written_bytes),
        }
    }
}

impl Status {
    /// Voters of the groups that carry the stream; none when there are none, or not equally many everywhere.
    fn replicas(&self, stream: &str) -> Option<u64> {
        let of_stream = |group: &&Group| group.stream.as_deref() == Some(stream);
        let mut voters = self.groups.iter().filter(of_stream);
        let first = voters.next()?.voters.len();
        let equal = voters.all(|group| group.voters.len() == first);
        u64::try_from(first).ok().filter(|_| equal && first > 0)
    }
}

/// What our own paths answer; none from servers of other makes.
async fn ask<T: DeserializeOwned>(context: &Context, path: &str) -> Option<T> {
    let client = context.client();
    let answer = client.plain(Method::GET, path, ANSWER_MAX).await.ok()?;
    serde_json::from_slice(&answer.body).ok()
}

/// Whether these processes are on this machine: the ids of another one, or of a container, name other programs here.
fn are_ours(pids: &[String]) -> bool {
    let name_of = |pid: &str| name(&stat(pid)?).map(str::to_owned);
    let own = name_of("self");
    own.is_some() && pids.iter().all(|pid| name_of(pid) == own)
}

fn proc_file(pid: &str, file: &str) -> Option<String> {
    read_to_string(format!("/proc/{pid}/{file}")).ok()
}

/// What the kernel tells of a process of this machine; none where there is no `/proc`.
fn stat(pid: &str) -> Option<String> {
    proc_file(pid, "stat")
}

/// Field 2: between the first and the last bracket, because it may contain anything.
fn name(stat: &str) -> Option<&str> {
    let (_, behind) = stat.split_once('(')?;
    behind.rsplit_once(") ").map(|(name, _)| name)
}

/// The fields of `stat` from the third on: behind the name.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(") ")
        .into_iter()
        .flat_map(|(_, behind)| behind.split(' '))
}

/// Field 4.
fn parent(stat: &str) -> Option<String> {
    fields(stat).nth(1).map(str::to_owned)
}

/// User and system time: fields 14 and 15.
fn ticks(stat: &str) -> Option<u64> {
    let mut times = fields(stat)
        .skip(11)
        .map_while(|field| field.parse::<u64>().ok());
    Some(times.next()? + times.next()?)
}

/// `write_bytes`: what was sent to disks, or will be.
fn written(io: &str) -> Option<u64> {
    let mut lines = io.lines();
    let count = lines.find_map(|line| line.strip_prefix("write_bytes:"));
    count?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_name_of_the_process() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 21 4 0 0 20 0";
        assert_eq!(
            (ticks(stat), parent(stat).as_deref(), name(stat)),
            (Some(25), Some("1"), Some("a) b (c"))
        );
        assert_eq!(ticks("7 (a) S 1 2"), None);
        assert_eq!(name("7"), None);
    }

    #[test]
    fn written_bytes_are_those_of_disks() {
        let io = "rchar: 1\nwchar: 2\nsyscr: 3\nread_bytes: 5\nwrite_bytes: 4096\n\
                  cancelled_write_bytes: 7\n";
        assert_eq!(written(io), Some(4096));
        assert_eq!(written("wchar: 2\n"), None);
    }

    #[test]
    fn replicas_are_told_when_they_are_equally_many_everywhere() {
        let group = |stream: Option<&str>, voters: &[u64]| Group {
            stream: stream.map(str::to_owned),
            voters: voters.to_vec(),
        };
        let metadata = || group(None, &[1, 2, 3]);
        for (groups, expected) in [
            (vec![metadata()], None),
            (vec![metadata(), group(Some("s"), &[1])], Some(1)),
            (vec![group(Some("other"), &[1, 2, 3])], None),
            (
                vec![group(Some("s"), &[1, 2, 3]), group(Some("s"), &[2, 3, 4])],
                Some(3),
            ),
            (
                vec![group(Some("s"), &[1, 2, 3]), group(Some("s"), &[2, 3])],
                None,
            ),
        ] {
            assert_eq!(Status { groups }.replicas("s"), expected);
        }
    }

    #[test]
    fn what_is_not_known_stays_unknown() {
        let nobody = Processes::default().used();
        assert_eq!((nobody.nodes_cpu_ms, nobody.written_bytes), (None, None));
        let at = |cpu: Option<u64>| Used {
            nodes_cpu_ms: cpu,
            ..Used::default()
        };
        for (first, last, expected) in [
            (Some(10), Some(30), Some(20)),
            (None, Some(30), None),
            (Some(10), None, None),
            (Some(30), Some(10), None),
        ] {
            assert_eq!(at(last).since(at(first)), at(expected));
        }
        assert!(!are_ours(&["0".to_owned()]), "no process has this id");
    }
}
