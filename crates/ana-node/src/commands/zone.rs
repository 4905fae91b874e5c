//! `ana zone`: lose a whole zone and get it back.

use bytes::Bytes;
use clap::Subcommand;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::node::{self, Order};
use super::{Context, leader};
use crate::admin::leaders::MOVE_PATH;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Kill, pause or start a whole zone of a cluster that `ana up` runs; keep leaders out of one of any cluster.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana zone kill b             SIGKILL every node of zone b at once; they stay down
  ana zone start b            start them again and wait until they answer
  ana zone pause b --for 10s  let every node of zone b stand still; they go on by themselves
  ana zone resume b           let them go on now
  ana zone shift b --for 1m   lead no shard from zone b for a minute; its nodes go on with everything else
  ana zone shift b --end      let leaders in again now")]
pub(super) enum Zone {
    /// Pull the plug of every node of a zone at once.
    Kill(Which),
    /// Start every node of a zone, and wait until they answer.
    Start(Which),
    /// Let every node of a zone end in order and start it again, and wait until they answer.
    Restart(Which),
    /// Let every node of a zone stand still where it is: SIGSTOP. They go on by themselves after --for.
    Pause(Pause),
    /// Let the paused nodes of a zone go on now.
    Resume(Which),
    /// Move all leaders out of a zone and keep them out for a while. Needs no supervisor.
    Shift(Shift),
}

#[derive(Debug, clap::Args)]
pub(super) struct Shift {
    #[command(flatten)]
    which: Which,
    /// How long: 30s, 5m, 2h. The nodes let leaders in again by themselves.
    #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = leader::lease)]
    lease_ms: u64,
    /// Let leaders in again now.
    #[arg(long, conflicts_with = "lease_ms")]
    end: bool,
}

/// What a node answers to a shift.
#[derive(Debug, Serialize, Deserialize)]
struct Shifted {
    zone: String,
    lease_ms: u64,
    nodes: Vec<Told>,
}

/// What one node was told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    node: u64,
    told: bool,
    /// Groups that it leads and that nobody has taken over yet.
    #[serde(default)]
    still_leads: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    which: Which,
    /// How long: 200ms, 30s, 5m, 2h.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = node::pause_time)]
    lease_ms: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The zone: a, b or c.
    #[arg(value_name = "ZONE")]
    zone: String,
}

impl Zone {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (order, which) = match self {
            Zone::Kill(which) => (Order::plain("kill"), which),
            Zone::Start(which) => (Order::until_up("start"), which),
            Zone::Restart(which) => (Order::until_up("restart"), which),
            Zone::Pause(pause) => (Order::pause(pause.lease_ms), pause.which),
            Zone::Resume(which) => (Order::plain("resume"), which),
            Zone::Shift(shift) => return shift.run(context).await,
        };
        if !which
            .zone
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return Err(
                CliError::new(Exit::NotFound, format!("there is no zone {}", which.zone))
                    .advice("try: ana status"),
            );
        }
        order.give(context, "zone", &which.zone).await
    }
}

impl Shift {
    async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let lease_ms = if self.end { 0 } else { self.lease_ms };
        let body = json!({ "away_from_zone": self.which.zone, "lease_ms": lease_ms });
        let body = Bytes::from(body.to_string());
        let shifted: Shifted = node::ask_with(context, Method::POST, MOVE_PATH, body).await?;
        match context.format {
            Format::Json => output::json(&json!(shifted))?,
            Format::Table => {
                let zone = &shifted.zone;
                let what = if lease_ms == 0 {
                    format!("zone {zone} may have leaders again")
                } else {
                    format!("leaders are kept out of zone {zone}")
                };
                output::line(&what)?;
                for node in &shifted.nodes {
                    if !node.told {
                        output::say(&format!("node {} was not reached", node.node));
                    } else if node.still_leads > 0 {
                        output::say(&format!(
                            "node {} still leads {} groups that nobody has taken over yet; it goes on trying",
                            node.node, node.still_leads
                        ));
                    }
                }
            }
        }
        Ok(Exit::Ok)
    }
}
