//! `ana zone`: lose a whole zone and get it back.

use clap::Subcommand;

use super::{Context, node};
use crate::error::{CliError, Exit};

/// Kill or start a whole zone of a cluster that `ana up` runs.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana zone kill b      SIGKILL every node of zone b at once; they stay down
  ana zone start b     start them again and wait until they answer")]
pub(super) enum Zone {
    /// Pull the plug of every node of a zone at once.
    Kill(Which),
    /// Start every node of a zone, and wait until they answer.
    Start(Which),
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The zone: a, b or c.
    #[arg(value_name = "ZONE")]
    zone: String,
}

impl Zone {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (verb, which) = match self {
            Zone::Kill(which) => ("kill", which),
            Zone::Start(which) => ("start", which),
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
        node::order(context, "zone", &which.zone, verb).await
    }
}
