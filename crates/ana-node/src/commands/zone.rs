//! `ana zone`: lose a whole zone and get it back.

use clap::Subcommand;

use super::Context;
use super::node::{self, Order};
use crate::error::{CliError, Exit};

/// Kill, pause or start a whole zone of a cluster that `ana up` runs.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana zone kill b             SIGKILL every node of zone b at once; they stay down
  ana zone start b            start them again and wait until they answer
  ana zone pause b --for 10s  let every node of zone b stand still; they go on by themselves
  ana zone resume b           let them go on now")]
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
