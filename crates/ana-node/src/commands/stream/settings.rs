//! `ana stream scale | mode | encrypt | decrypt | monitor`: what can be changed about a stream.

use ana_types::ShardLevelMetric;
use clap::ValueEnum;
use serde_json::json;

use super::{Change, Name, finish};
use crate::client::Client;
use crate::commands::Context;
use crate::commands::consumer::stream_arn;
use crate::error::CliError;
use crate::output::{self, Format, Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shards are split and merged until there are so many, each with the same share of keys. One call may
at most double the number and at most halve it, and a stream takes ten calls in 24 hours.

Example:
  ana stream scale orders --shards 8 --wait")]
pub(in crate::commands) struct Scale {
    #[command(flatten)]
    change: Change,
    /// Open shards wanted.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    shards: u32,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
An on-demand stream splits and merges its shards by itself, as its load asks for; the number of
shards stays as it is at the change. A stream takes two changes in 24 hours.

Example:
  ana stream mode orders on-demand --wait")]
pub(in crate::commands) struct Mode {
    #[command(flatten)]
    change: Change,
    /// Who decides about the number of shards.
    mode: Capacity,
}

/// A capacity mode as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Capacity {
    /// The stream itself, by its load.
    OnDemand,
    /// You, with scale, split and merge.
    Provisioned,
}

impl Capacity {
    fn as_wire(self) -> &'static str {
        match self {
            Capacity::OnDemand => "ON_DEMAND",
            Capacity::Provisioned => "PROVISIONED",
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The switch is kept and answered as AWS does (EncryptionType KMS, with the key's name), so that
applications see what they expect. The records themselves are NOT encrypted on the disks yet:
`ana status` says so too.

Examples:
  ana stream encrypt orders --key alias/aws/kinesis --wait
  ana stream decrypt orders --wait")]
pub(in crate::commands) struct Encryption {
    #[command(flatten)]
    change: Change,
    /// The key's name: a GUID, an ARN, or an alias.
    #[arg(long, default_value = "alias/aws/kinesis", value_name = "KEY")]
    key: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Metrics: IncomingBytes IncomingRecords OutgoingBytes OutgoingRecords IteratorAgeMilliseconds
WriteProvisionedThroughputExceeded ReadProvisionedThroughputExceeded, or ALL.

Examples:
  ana stream monitor orders                              what is on?
  ana stream monitor orders --enable ALL
  ana stream monitor orders --disable OutgoingBytes,OutgoingRecords")]
pub(in crate::commands) struct Monitor {
    #[command(flatten)]
    name: Name,
    /// Switch metrics on.
    #[arg(long, value_name = "METRICS", value_delimiter = ',', value_parser = metric)]
    enable: Vec<String>,
    /// Switch metrics off.
    #[arg(
        long,
        value_name = "METRICS",
        value_delimiter = ',',
        value_parser = metric,
        conflicts_with = "enable"
    )]
    disable: Vec<String>,
}

/// The name that stands for every metric.
const ALL: &str = "ALL";

/// A metric's name, in whatever case.
fn metric(text: &str) -> Result<String, String> {
    let known = ShardLevelMetric::ALL.iter().map(|metric| metric.as_str());
    known
        .chain([ALL])
        .find(|name| name.eq_ignore_ascii_case(text))
        .map(str::to_owned)
        .ok_or_else(|| format!("{text} is no shard-level metric (see --help)"))
}

impl Scale {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Result<(), CliError> {
        let Scale { change, shards } = self;
        let counts = client
            .update_shard_count(&change.stream, shards)
            .await
            .map_err(|error| context.explain(error))?;
        let (from, to) = (counts.current_shard_count, counts.target_shard_count);
        finish(context, client, &change, &format!("{from} -> {to} shards")).await
    }
}

impl Mode {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Result<(), CliError> {
        let Mode { change, mode } = self;
        let explain = |error| context.explain(error);
        let arn = stream_arn(client, &change.stream).await.map_err(explain)?;
        let changed = client.update_stream_mode(&arn, mode.as_wire()).await;
        changed.map_err(explain)?;
        finish(context, client, &change, mode.as_wire()).await
    }
}

impl Encryption {
    pub(super) async fn start(self, context: &Context, client: &Client) -> Result<(), CliError> {
        let Encryption { change, key } = self;
        let started = client.start_encryption(&change.stream, &key).await;
        started.map_err(|error| context.explain(error))?;
        let what = format!("answers EncryptionType KMS ({key}); not encrypted on the disks yet");
        finish(context, client, &change, &what).await
    }

    pub(super) async fn stop(self, context: &Context, client: &Client) -> Result<(), CliError> {
        let Encryption { change, key } = self;
        let stopped = client.stop_encryption(&change.stream, &key).await;
        stopped.map_err(|error| context.explain(error))?;
        finish(context, client, &change, "answers EncryptionType NONE").await
    }
}

impl Monitor {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Result<(), CliError> {
        let stream = self.name.stream;
        let explain = |error| context.explain(error);
        let on = if self.enable.is_empty() && self.disable.is_empty() {
            let about = client.describe_summary(&stream).await.map_err(explain)?;
            let metrics = about.enhanced_monitoring.into_iter();
            metrics.flat_map(|one| one.shard_level_metrics).collect()
        } else {
            let enable = !self.enable.is_empty();
            let metrics = if enable { self.enable } else { self.disable };
            let switched = client.switch_metrics(&stream, enable, &metrics).await;
            switched.map_err(explain)?.desired_shard_level_metrics
        };
        print_metrics(context, &stream, &on)
    }
}

fn print_metrics(context: &Context, stream: &str, on: &[String]) -> Result<(), CliError> {
    if context.format == Format::Json {
        return output::json(&json!({ "StreamName": stream, "ShardLevelMetrics": on }));
    }
    let mut table = Table::new(&["METRIC", "STATE"]);
    for metric in ShardLevelMetric::ALL {
        let is_on = on.iter().any(|name| name == metric.as_str());
        let state = if is_on { "on" } else { "off" };
        table.row(vec![metric.to_string(), state.to_owned()]);
    }
    output::data(&table.render())
}

#[cfg(test)]
mod tests {
    use super::metric;

    #[test]
    fn metrics_are_known_in_any_case() {
        assert_eq!(metric("all").as_deref(), Ok("ALL"));
        assert_eq!(metric("incomingbytes").as_deref(), Ok("IncomingBytes"));
        assert!(metric("IncomingByte").is_err());
    }
}
