//! `ana limits`: what the account may use, and its throughput commitment.

use clap::ValueEnum;
use serde_json::json;

use super::Context;
use crate::client::control::{Commitment, Limits as Used};
use crate::client::kinesis::millis;
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// Show shards and on-demand streams in use, and the account's throughput commitment.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The minimum throughput billing commitment is AWS's name for On-demand Advantage. Nothing is billed
here; it is kept because warm throughput and 50 consumers for each on-demand stream depend on it.
Once on, it stays on for 24 hours at least.

Examples:
  ana limits
  ana limits --commitment on")]
pub(super) struct Limits {
    /// Switch the commitment before showing it.
    #[arg(long, value_name = "STATE")]
    commitment: Option<Switch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// ENABLED.
    On,
    /// DISABLED, as soon as it may end.
    Off,
}

impl Limits {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let client = context.client();
        let explain = |error| context.explain(error);
        let commitment = match self.commitment {
            None => client.describe_account_settings().await,
            Some(Switch::On) => client.update_commitment("ENABLED").await,
            Some(Switch::Off) => client.update_commitment("DISABLED").await,
        };
        let commitment = commitment.map_err(explain)?;
        let used = client.describe_limits().await.map_err(explain)?;
        print(context, used, &commitment)?;
        Ok(Exit::Ok)
    }
}

fn print(context: &Context, used: Used, commitment: &Commitment) -> Result<(), CliError> {
    if context.format == Format::Json {
        return output::json(&json!({
            "Limits": used,
            "MinimumThroughputBillingCommitment": commitment,
        }));
    }
    let mut limits = Table::new(&["WHAT", ">USED", ">LIMIT"]);
    for (what, used, limit) in [
        ("open shards", used.open_shard_count, used.shard_limit),
        (
            "on-demand streams",
            used.on_demand_stream_count,
            used.on_demand_stream_count_limit,
        ),
    ] {
        limits.row(vec![what.to_owned(), used.to_string(), limit.to_string()]);
    }
    let time = |at: Option<f64>| at.map_or(String::new(), |at| output::iso_time(millis(at)));
    let mut settings = Table::new(&["COMMITMENT", "SINCE", "ENDED", "EARLIEST END"]);
    settings.row(vec![
        commitment.status.clone(),
        time(commitment.started_at),
        time(commitment.ended_at),
        time(commitment.earliest_allowed_end_at),
    ]);
    output::data(&format!("{}\n{}", limits.render(), settings.render()))
}
