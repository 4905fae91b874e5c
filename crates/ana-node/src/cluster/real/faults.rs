//! Faults that the kernel carries out, on leases: packets between two nodes are dropped, a file system is full.
//!
//! Must stay true: a fault that is not renewed ends when its lease does, whatever became of whoever asked; the rules of a
//! node are always made anew of all its faults, so that none is left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ana_env::time::{self, Instant};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::{Real, network};

/// The kinds. Others are left to the nodes, or cannot be done by this kernel.
pub const KINDS: [&str; 5] = [
    "link.cut",
    "link.loss",
    "link.thin",
    "link.reset",
    "disk.full",
];
/// Requests that may wait.
const ASKS_WAITING: usize = 64;
/// Faults of one node.
const FAULTS_MAX: usize = 64;
/// What could not be taken away is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// A thin link lets this pass at once: the kernel hands over packets of up to 64 KiB.
const THIN_BURST_BYTES: u64 = 131_072;
/// The longest lease.
const LEASE_MS_MAX: u64 = crate::faults::LEASE_MS_MAX;

/// A fault, as a node takes it too (`/_ana/faults`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelFault {
    /// Its name; the same again renews it.
    pub id: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// When it ends unless it is renewed.
    pub lease_ms: u64,
    /// The node at the other end of a link.
    #[serde(default)]
    pub node: Option<u64>,
    /// `in`, `out` or `both`; both where absent.
    #[serde(default)]
    pub way: Option<String>,
    /// Of the packets of a link.
    #[serde(default)]
    pub percent: Option<u64>,
    /// Of a link.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}

/// Who holds the faults.
#[derive(Debug, Clone)]
pub struct KernelFaults {
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
enum Ask {
    Hold(u64, KernelFault, oneshot::Sender<Result<(), String>>),
    End(u64, String, oneshot::Sender<Result<(), String>>),
}

#[derive(Debug)]
struct Held {
    fault: KernelFault,
    until: Instant,
}

#[derive(Debug)]
struct Keeper {
    real: Arc<Real>,
    held: BTreeMap<(u64, String), Held>,
    /// Nodes whose rules may not be those of their faults.
    again: BTreeMap<u64, Instant>,
}

/// The handle, and the future that holds the faults until every handle is gone.
pub(super) fn open(real: Arc<Real>) -> (KernelFaults, impl Future<Output = ()> + Send + 'static) {
    let (sender, asked) = mpsc::channel(ASKS_WAITING);
    let keeper = Keeper {
        real,
        held: BTreeMap::new(),
        again: BTreeMap::new(),
    };
    (KernelFaults { asks: sender }, keeper.run(asked))
}

impl KernelFaults {
    /// Switches a fault of a node on, or renews it.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn hold(&self, node: u64, fault: KernelFault) -> Result<(), String> {
        check(&fault)?;
        let (done, answer) = oneshot::channel();
        self.ask(Ask::Hold(node, fault, done), answer).await
    }

    /// Ends a fault; one that is not there has ended.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn end(&self, node: u64, id: String) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        self.ask(Ask::End(node, id, done), answer).await
    }

    async fn ask(
        &self,
        ask: Ask,
        answer: oneshot::Receiver<Result<(), String>>,
    ) -> Result<(), String> {
        let gone = || "the cluster is ending".to_owned();
        self.asks.send(ask).await.map_err(|_closed| gone())?;
        answer.await.map_err(|_closed| gone())?
    }
}

/// Whether a fault says everything that its kind needs.
fn check(fault: &KernelFault) -> Result<(), String> {
    let kind = fault.kind.as_str();
    if !KINDS.contains(&kind) {
        let all = KINDS.join(", ");
        return Err(format!("kind: the kernel does not do {kind}, but {all}"));
    }
    if !(1..=LEASE_MS_MAX).contains(&fault.lease_ms) {
        return Err(format!("lease_ms has to be 1 to {LEASE_MS_MAX}"));
    }
    if kind.starts_with("link.") != fault.node.is_some() {
        return Err("node: a link has a node at its other end, and nothing else has".to_owned());
    }
    if !matches!(fault.way.as_deref(), None | Some("in" | "out" | "both")) {
        return Err("way has to be in, out or both".to_owned());
    }
    let percent = (kind == "link.loss").then_some(1..=100);
    if percent
        .as_ref()
        .is_some_and(|all| fault.percent.is_none_or(|it| !all.contains(&it)))
    {
        return Err("percent has to be 1 to 100".to_owned());
    }
    if kind == "link.thin" && fault.bytes_per_second.is_none_or(|rate| rate == 0) {
        return Err("bytes_per_second has to be 1 or more".to_owned());
    }
    Ok(())
}

impl Keeper {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        loop {
            let next = self.next();
            let due = async {
                match next {
                    Some(at) => time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => self.end_overdue().await,
                ask = asked.recv() => match ask {
                    Some(ask) => self.carry_out(ask).await,
                    None => return,
                },
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let leases = self.held.values().map(|held| held.until);
        leases.chain(self.again.values().copied()).min()
    }

    async fn carry_out(&mut self, ask: Ask) {
        let (done, outcome) = match ask {
            Ask::Hold(node, fault, done) => (done, self.hold(node, fault).await),
            Ask::End(node, id, done) => {
                let there = self.held.remove(&(node, id)).is_some();
                let ended = if there {
                    self.apply(node).await
                } else {
                    Ok(())
                };
                (done, ended)
            }
        };
        if done.send(outcome).is_err() {
            // Whoever asked has gone; it was carried out nevertheless.
        }
    }

    async fn hold(&mut self, node: u64, fault: KernelFault) -> Result<(), String> {
        if !self.real.has(node) || fault.node.is_some_and(|other| !self.real.has(other)) {
            return Err("node: there is no such node".to_owned());
        }
        let key = (node, fault.id.clone());
        let until = time::now() + Duration::from_millis(fault.lease_ms);
        let same = |held: &Held| {
            KernelFault {
                lease_ms: fault.lease_ms,
                ..held.fault.clone()
            } == fault
        };
        let is_full = fault.kind == "disk.full";
        if let Some(held) = self.held.get_mut(&key)
            && same(held)
            && !is_full
        {
            held.until = until;
            return Ok(());
        }
        let of_node = self.held.keys().filter(|(holder, _)| *holder == node);
        if !self.held.contains_key(&key) && of_node.count() >= FAULTS_MAX {
            return Err(format!("node {node} has {FAULTS_MAX} faults already"));
        }
        let was_there = self
            .held
            .insert(key.clone(), Held { fault, until })
            .is_some();
        let applied = self.apply(node).await;
        if applied.is_err() && !was_there {
            self.held.remove(&key);
        }
        applied
    }

    async fn end_overdue(&mut self) {
        let now = time::now();
        let over: Vec<(u64, String)> = self
            .held
            .iter()
            .filter(|(_, held)| held.until <= now)
            .map(|(key, _)| key.clone())
            .collect();
        let mut nodes: BTreeSet<u64> = over.iter().map(|(node, _)| *node).collect();
        for key in over {
            tracing::info!(node = key.0, id = key.1, "a fault ends: its lease is over");
            self.held.remove(&key);
        }
        nodes.extend(
            self.again
                .iter()
                .filter(|(_, at)| **at <= now)
                .map(|(node, _)| *node),
        );
        for node in nodes {
            if let Err(error) = self.apply(node).await {
                tracing::warn!(node, error, "the faults of a node cannot be set yet");
            }
        }
    }

    /// Makes the kernel do what the faults of a node are now, and nothing else.
    async fn apply(&mut self, node: u64) -> Result<(), String> {
        let of_node = self.held.iter().filter(|((holder, _), _)| *holder == node);
        let faults: Vec<&KernelFault> = of_node.map(|(_, held)| &held.fault).collect();
        let rules = rules(&faults, |other| self.real.names.address(other));
        let is_full = faults.iter().any(|fault| fault.kind == "disk.full");
        let disk = self.real.disk(node);
        let mut outcome = network::set_rules(&self.real.names, node, &rules).await;
        let room = if is_full {
            disk.fill().await
        } else {
            disk.empty()
        };
        outcome = outcome.and(room);
        match &outcome {
            Ok(()) => self.again.remove(&node),
            Err(_) => self.again.insert(node, time::now() + AGAIN_AFTER),
        };
        outcome
    }
}

/// The rules of a node's namespace for its faults: whatever was there goes in the same step.
fn rules(faults: &[&KernelFault], address: impl Fn(u64) -> String) -> String {
    let (mut out, mut inward) = (String::new(), String::new());
    for fault in faults {
        let Some(other) = fault.node.map(&address) else {
            continue;
        };
        let way = fault.way.as_deref().unwrap_or("both");
        let (sends, receives) = (way != "in", way != "out");
        let verdict = match fault.kind.as_str() {
            "link.cut" => "drop".to_owned(),
            "link.reset" => "meta l4proto tcp reject with tcp reset".to_owned(),
            "link.loss" => format!(
                "numgen random mod 100 < {} drop",
                fault.percent.unwrap_or(100)
            ),
            "link.thin" => format!(
                "limit rate over {} bytes/second burst {THIN_BURST_BYTES} bytes drop",
                fault.bytes_per_second.unwrap_or(1)
            ),
            _ => continue,
        };
        // What loses a part, or counts, does it once for each packet: where it is sent.
        let once = matches!(fault.kind.as_str(), "link.loss" | "link.thin");
        if sends {
            out.push_str(&format!("ip daddr {other} {verdict}\n"));
        }
        if receives && !once {
            inward.push_str(&format!("ip saddr {other} {verdict}\n"));
        }
    }
    let mut text = "table inet ana\ndelete table inet ana\n".to_owned();
    if !out.is_empty() || !inward.is_empty() {
        text.push_str(&format!(
            "table inet ana {{\nchain out {{\ntype filter hook output priority 0; policy accept;\n{out}}}\n\
             chain in {{\ntype filter hook input priority 0; policy accept;\n{inward}}}\n}}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> KernelFault {
        serde_json::from_str(text).expect("it reads")
    }

    #[test]
    fn faults_become_rules_and_none_become_none() {
        let address = |node| format!("198.18.7.{node}");
        let none = rules(&[], address);
        assert_eq!(none, "table inet ana\ndelete table inet ana\n");
        let cases = [
            (
                r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":"out"}"#,
                vec!["ip daddr 198.18.7.2 drop"],
            ),
            (
                r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":"in"}"#,
                vec!["ip saddr 198.18.7.2 drop"],
            ),
            (
                r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2}"#,
                vec!["ip daddr 198.18.7.2 drop", "ip saddr 198.18.7.2 drop"],
            ),
            (
                r#"{"id":"a","kind":"link.loss","lease_ms":1,"node":3,"way":"both","percent":30}"#,
                vec!["ip daddr 198.18.7.3 numgen random mod 100 < 30 drop"],
            ),
            (
                r#"{"id":"a","kind":"link.thin","lease_ms":1,"node":3,"bytes_per_second":5}"#,
                vec!["ip daddr 198.18.7.3 limit rate over 5 bytes/second burst 131072 bytes drop"],
            ),
            (r#"{"id":"a","kind":"disk.full","lease_ms":1}"#, vec![]),
        ];
        for (text, expected) in cases {
            let fault = fault(text);
            assert_eq!(check(&fault), Ok(()), "{text}");
            let rules = rules(&[&fault], address);
            let lines: Vec<&str> = rules.lines().filter(|it| it.starts_with("ip ")).collect();
            assert_eq!(lines, expected, "{text}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_do_is_refused() {
        for text in [
            r#"{"id":"a","kind":"link.delay","lease_ms":1,"node":2}"#,
            r#"{"id":"a","kind":"link.cut","lease_ms":0,"node":2}"#,
            r#"{"id":"a","kind":"link.cut","lease_ms":1}"#,
            r#"{"id":"a","kind":"link.cut","lease_ms":1,"node":2,"way":"up"}"#,
            r#"{"id":"a","kind":"link.loss","lease_ms":1,"node":2}"#,
            r#"{"id":"a","kind":"link.loss","lease_ms":1,"node":2,"percent":101}"#,
            r#"{"id":"a","kind":"link.thin","lease_ms":1,"node":2}"#,
            r#"{"id":"a","kind":"disk.full","lease_ms":1,"node":2}"#,
        ] {
            assert!(check(&fault(text)).is_err(), "{text}");
        }
    }
}
