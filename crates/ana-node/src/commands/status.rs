//! `ana status`: how the cluster is, as one node and the supervisor see it.

mod why;

use std::time::Duration;

use ana_env::time;
use http::Method;

use super::Context;
use super::fault::{self, show};
use super::node::{self, Nodes};
use crate::admin::document::{GroupEntry, Health, StatusDocument};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Paint, Table};

/// Show nodes, zones, groups, leaders and lag; exit code 10 when something is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Works with every node dead as well, as long as the supervisor (`ana up`) lives.

Examples:
  ana status
  ana status -o json | jq '.groups[] | {stream, leader, lag}'
  ana status --wait healthy && run-my-tests")]
pub(super) struct Status {
    /// Wait until the cluster is healthy, at most for --timeout.
    #[arg(long, value_name = "HEALTH")]
    wait: Option<Wanted>,
    /// Seconds to wait.
    #[arg(long, default_value = "60", value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Wanted {
    /// Every node is up, every group has a leader and all its voters.
    Healthy,
}

const LOOK_EVERY: Duration = Duration::from_millis(300);

const NOT_ENCRYPTED: &str = "
encryption at rest: not done yet. StartStreamEncryption is kept and EncryptionType KMS is answered,
but records lie on the disks as they came.
";

impl Status {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let document = match self.wait {
            None => collect(context).await?,
            Some(Wanted::Healthy) => self.wait_for_health(context).await?,
        };
        match context.format {
            Format::Json => {
                let value = serde_json::to_value(&document).map_err(|error| {
                    CliError::new(Exit::Failed, format!("the status is not JSON: {error}"))
                })?;
                output::json(&value)?;
            }
            Format::Table => output::data(&render(&document, context.paint()))?,
        }
        Ok(if document.health == Health::Healthy {
            Exit::Ok
        } else {
            Exit::Unhealthy
        })
    }

    async fn wait_for_health(&self, context: &Context) -> Result<StatusDocument, CliError> {
        let began = context.env.clock.elapsed();
        loop {
            let found = collect(context).await;
            let waited = context.env.clock.elapsed().saturating_sub(began);
            let healthy = found
                .as_ref()
                .is_ok_and(|found| found.health == Health::Healthy);
            if healthy || waited >= Duration::from_secs(self.timeout) {
                return found;
            }
            time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Joins what a node tells with what the supervisor tells; either may be missing, not both.
pub(super) async fn collect(context: &Context) -> Result<StatusDocument, CliError> {
    let (from_node, from_supervisor) = futures::join!(
        node::ask::<StatusDocument>(context, Method::GET, "/_ana/status"),
        node::ask::<Nodes>(context, Method::GET, "/_ana/supervisor/status"),
    );
    let mut document = match (from_node, &from_supervisor) {
        (Ok(document), _) => document,
        (Err(_), Ok(_)) => StatusDocument::unanswered(),
        (Err(error), Err(_)) => return Err(error),
    };
    document.endpoint = context.endpoint.to_string();
    if let Ok(supervised) = from_supervisor {
        document.supervisor = Some(context.endpoint.to_string());
        document.correct(supervised.nodes);
    }
    document.judge();
    if document.disposable {
        // The node that answered knows only its own.
        document.faults = fault::faults_of(context, &document.nodes).await;
    }
    Ok(document)
}

fn render(document: &StatusDocument, paint: Paint) -> String {
    let word = match document.health {
        Health::Healthy => "healthy",
        Health::Degraded if document.groups.iter().any(why::takes_no_records) => {
            "degraded: some groups take no records"
        }
        Health::Degraded => "degraded: everything works, something is missing",
        Health::Unavailable => "unavailable: some group has no leader",
    };
    let good = document.health == Health::Healthy;
    let warning = if document.faults.is_empty() {
        String::new()
    } else {
        paint.verdict(false, &show::warning(&document.faults))
    };
    let causes = why::why(document);
    let causes: String = causes.iter().map(|why| format!("  {why}\n")).collect();
    let mut nodes = Table::new(&[">NODE", "ZONE", "STATE", "MEMBER", ">PID", "API", ">LEADS"]);
    for node in &document.nodes {
        let leads = document
            .groups
            .iter()
            .filter(|group| group.leader == Some(node.id))
            .count();
        nodes.row(vec![
            node.id.to_string(),
            node.zone.clone(),
            paint.verdict(node.state == "up", &node.state),
            node.phase.as_deref().unwrap_or("not added").to_owned(),
            node.pid.map_or(String::new(), |pid| pid.to_string()),
            node.api.clone(),
            leads.to_string(),
        ]);
    }
    let mut groups = Table::new(&[
        ">GROUP", "STREAM", ">SHARDS", ">LEADER", ">TERM", ">LAST", ">COMMIT", ">MAX LAG", "HEALTH",
    ]);
    for group in &document.groups {
        groups.row(group_row(group, paint));
    }
    format!(
        "cluster {} at {}: {}\n{}{}\n{}\n{}{}{}",
        document.cluster_id.as_deref().unwrap_or("-"),
        document.endpoint,
        paint.verdict(good, word),
        causes,
        warning,
        nodes.render(),
        groups.render(),
        moves(document),
        if document.encryption_at_rest {
            ""
        } else {
            NOT_ENCRYPTED
        }
    )
}

/// Replicas on the move, when there are any.
fn moves(document: &StatusDocument) -> String {
    if document.moves.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[">GROUP MOVES", ">FROM", ">TO", "STEP"]);
    let node = |node: Option<u64>| node.map_or("-".to_owned(), |node| node.to_string());
    for it in &document.moves {
        table.row(vec![
            it.group.to_string(),
            node(it.from),
            node(it.to),
            it.step.clone(),
        ]);
    }
    format!("\n{}", table.render())
}

fn group_row(group: &GroupEntry, paint: Paint) -> Vec<String> {
    let word = match group.health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unavailable => "unavailable",
    };
    let name = if group.id == 0 {
        Some("(metadata)")
    } else {
        group.stream.as_deref()
    };
    vec![
        group.id.to_string(),
        name.unwrap_or_default().to_owned(),
        group.shards.len().to_string(),
        group
            .leader
            .map_or(String::new(), |leader| leader.to_string()),
        group.term.to_string(),
        group.last_index.to_string(),
        group.commit_index.to_string(),
        group
            .lag
            .values()
            .max()
            .map_or(String::new(), ToString::to_string),
        paint.verdict(group.health == Health::Healthy, word),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::document::NodeEntry;
    use crate::cluster::supervisor::{NodeState, NodeView};

    fn entry(id: u64, state: &str) -> NodeEntry {
        let address = String::new;
        let (zone, api, peer) = ("a".to_owned(), address(), address());
        NodeEntry {
            id,
            zone,
            pid: None,
            api,
            peer,
            state: state.to_owned(),
            phase: None,
        }
    }

    fn view(id: u64, state: NodeState) -> NodeView {
        NodeView {
            id,
            zone: "a".to_owned(),
            pid: Some(7),
            api: String::new(),
            peer: String::new(),
            state,
            reason: String::new(),
            starts: 1,
        }
    }

    #[test]
    fn the_supervisor_corrects_what_nodes_guess() {
        let mut document = StatusDocument::unanswered();
        document.nodes = vec![
            entry(1, "up"),
            entry(2, "unreachable"),
            entry(3, "unreachable"),
        ];
        let nodes = vec![
            view(1, NodeState::Up),
            view(2, NodeState::Down),
            view(3, NodeState::Up),
            view(4, NodeState::Starting),
        ];
        document.correct(nodes);
        let states: Vec<&str> = document
            .nodes
            .iter()
            .map(|node| node.state.as_str())
            .collect();
        assert_eq!(states, ["up", "down", "unreachable", "starting"]);
        document.judge();
        assert_eq!(document.health, Health::Unavailable, "no group is known");
    }
}
