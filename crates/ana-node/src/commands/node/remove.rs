//! `ana node remove`: a node less.

use serde_json::json;

use super::members;
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Remove a node for good: its replicas move to others first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The node may be down, if a majority of each group is up. It is refused when its zone would be left without a node;
with --force the groups get on with fewer voters then, and stand still sooner. Its id is never used again.

Examples:
  ana node remove 4
  ana node remove 3 --force")]
pub(in crate::commands) struct Remove {
    /// The node's id, as `ana status` shows it.
    #[arg(value_name = "ID")]
    id: u64,
    /// Also when its zone is left without a node.
    #[arg(long)]
    force: bool,
    /// Seconds to wait.
    #[arg(long, default_value = "600", value_name = "SECONDS")]
    timeout: u64,
}

impl Remove {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let id = self.id;
        let body = json!({ "id": id, "force": self.force });
        let asked = members::change(context, "remove", body).await;
        asked.map_err(|error| {
            if error.exit() == Exit::Failed {
                error.advice("try: ana node add in that zone first, or --force")
            } else {
                error
            }
        })?;
        members::wait(
            context,
            self.timeout,
            |view| view.is_removed(id),
            |view| members::draining(view, id),
        )
        .await?;
        let left = members::forget(context, id).await?;
        match context.format {
            Format::Json => output::json(&json!({ "removed": id, "data_dir": left }))?,
            Format::Table => {
                output::data(&format!("node {id} is removed\n"))?;
                if let Some(left) = left {
                    output::say(&format!("its directory is not needed any more: {left}"));
                }
            }
        }
        Ok(Exit::Ok)
    }
}
