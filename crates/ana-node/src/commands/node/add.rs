//! `ana node add`: a node more.

use serde_json::json;

use super::members::{self, Elsewhere, View};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output;

/// Add a node to a running cluster, and wait until it has its share of the replicas.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With `ana up` the node is planned and started: the next id, free ports, settings like those of the others.
On machines of your own start it there first, with `join = true` in its settings; it waits until it is added.

Examples:
  ana node add                                  in the zone with the fewest nodes
  ana node add --zone b
  ana node add --zone b --id 4 --api 10.0.2.11:4567 --peer 10.0.2.11:4667")]
pub(in crate::commands) struct Add {
    /// Its zone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Seconds to wait.
    #[arg(long, default_value = "600", value_name = "SECONDS")]
    timeout: u64,
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let before = members::view(context).await?;
        let node = match (self.elsewhere.id, &self.zone) {
            (None, zone) => members::start(context, &before, zone.as_deref()).await?,
            (Some(_), Some(zone)) => self.elsewhere.member(zone).ok_or_else(|| {
                CliError::new(Exit::Usage, "a node elsewhere needs --id, --api and --peer")
            })?,
            (Some(_), None) => {
                return Err(
                    CliError::new(Exit::Usage, "a node elsewhere needs --zone as well")
                        .advice("try: ana node add --help"),
                );
            }
        };
        let id = node.id;
        members::change(context, "add", json!(node)).await?;
        output::say(&format!("node {id} in zone {} is added", node.zone));
        let progress = |view: &View| {
            let phase = view.node(id).map_or("gone", |node| node.phase.as_str());
            let coming = view.moves.iter().filter(|it| it.to == Some(id)).count();
            format!("node {id}: {phase}, {coming} replicas on the move to it")
        };
        let view = members::wait(context, self.timeout, |it| it.is_settled(id), progress).await?;
        if let Some(member) = view.node(id) {
            members::show(context, member)?;
        }
        Ok(Exit::Ok)
    }
}
