//! `ana node replace`: another node in the place of one that is dead, or is to go.

use serde_json::json;

use super::members::{self, Elsewhere, View};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Put a new node in the place of another one: same zone, new id, all its replicas.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For a node whose disk is lost: under its old id it must not come back. A node that lives is drained in order.
On machines of your own start the new node first, with `join = true` in its settings.

Examples:
  ana node replace 2
  ana node replace 2 --id 4 --api 10.0.2.11:4567 --peer 10.0.2.11:4667")]
pub(in crate::commands) struct Replace {
    /// The id of the node that goes.
    #[arg(value_name = "ID")]
    gone: u64,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Seconds to wait.
    #[arg(long, default_value = "600", value_name = "SECONDS")]
    timeout: u64,
}

impl Replace {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let gone = self.gone;
        let before = members::view(context).await?;
        let Some(old) = before.node(gone) else {
            let what = if before.is_removed(gone) {
                format!("node {gone} is removed already")
            } else {
                format!("there is no node {gone}")
            };
            return Err(CliError::new(Exit::NotFound, what).advice("try: ana status"));
        };
        let by = match self.elsewhere.member(&old.zone) {
            Some(by) => by,
            None => members::start(context, &before, Some(&old.zone)).await?,
        };
        let come = by.id;
        members::change(context, "replace", json!({ "id": gone, "by": by })).await?;
        output::say(&format!("node {come} takes the place of node {gone}"));
        let progress = |view: &View| {
            let phase = view.node(come).map_or("gone", |node| node.phase.as_str());
            format!("{}; node {come}: {phase}", members::draining(view, gone))
        };
        let done = |view: &View| view.is_removed(gone) && view.is_settled(come);
        let view = members::wait(context, self.timeout, done, progress).await?;
        let left = members::forget(context, gone).await?;
        match (context.format, view.node(come)) {
            (Format::Json, member) => output::json(&json!({
                "removed": gone,
                "data_dir": left,
                "node": member,
            }))?,
            (Format::Table, Some(member)) => members::show(context, member)?,
            (Format::Table, None) => {}
        }
        Ok(Exit::Ok)
    }
}
