//! `ana leader`: which node leads a shard.

use ana_types::ShardIndex;
use bytes::Bytes;
use clap::Subcommand;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, node, status};
use crate::admin::document::StatusDocument;
use crate::admin::leaders::{LEASE_MS_MAX, MOVE_PATH};
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Move the leader of a shard to another node.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana leader move orders/0 --to 2            the leader of that shard's group goes to node 2
  ana leader move 3 --to 2 --for 1h          group 3, as `ana status` numbers them")]
pub(super) enum Leader {
    /// Let another voter lead. It stays there for a while, then the cluster may balance it as it likes.
    Move(Move),
}

#[derive(Debug, clap::Args)]
pub(super) struct Move {
    /// The shard, as STREAM/SHARD, or the number of a group.
    #[arg(value_name = "SHARD|GROUP")]
    what: String,
    /// The node that is to lead; it must be a voter of the group.
    #[arg(long, value_name = "ID")]
    to: u64,
    /// How long it stays there: 30s, 5m, 2h.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = lease)]
    lease_ms: u64,
}

/// Reads a lease.
pub(super) fn lease(text: &str) -> Result<u64, String> {
    let ms = output::parse_duration_ms(text).filter(|ms| (1..=LEASE_MS_MAX).contains(ms));
    ms.ok_or_else(|| "use a time such as 30s, 5m or 2h, 12 h at most".to_owned())
}

/// What a node answers.
#[derive(Debug, Serialize, Deserialize)]
struct Moved {
    group: u64,
    from: u64,
    to: u64,
}

impl Leader {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let Leader::Move(wanted) = self;
        let group = match wanted.what.parse() {
            Ok(group) => group,
            Err(_not_a_number) => group_of(&status::collect(context).await?, &wanted.what)?,
        };
        let body = json!({ "group": group, "to": wanted.to, "lease_ms": wanted.lease_ms });
        let body = Bytes::from(body.to_string());
        let moved: Moved = node::ask_with(context, Method::POST, MOVE_PATH, body).await?;
        match context.format {
            Format::Json => output::json(&json!(moved))?,
            Format::Table => {
                let Moved { group, from, to } = moved;
                output::line(&format!("group {group}: node {to} leads, node {from} did"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// The group of a shard, as STREAM/SHARD.
fn group_of(status: &StatusDocument, what: &str) -> Result<u64, CliError> {
    let parts = what
        .split_once('/')
        .and_then(|(stream, shard)| Some((stream, ShardIndex::parse_lenient(shard)?)));
    let (stream, shard) = parts.ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("{what} is neither a shard nor a group"),
        )
        .advice("try: STREAM/SHARD as orders/0, or the number of a group")
    })?;
    let shard = shard.to_string();
    let found = status
        .groups
        .iter()
        .find(|group| group.stream.as_deref() == Some(stream) && group.shards.contains(&shard));
    found.map(|group| group.id).ok_or_else(|| {
        CliError::new(
            Exit::NotFound,
            format!("no group carries {shard} of {stream}"),
        )
        .advice("try: ana status")
    })
}
