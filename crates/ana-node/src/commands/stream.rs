//! `ana stream`: list, create, describe, delete, split and merge; `settings` has the rest.

mod settings;

use std::time::Duration;

use ana_env::time;
use ana_types::HashKey;
use clap::Subcommand;

use self::settings::{Encryption, Mode, Monitor, Scale};
use super::Context;
use crate::client::Client;
use crate::client::kinesis::{HashKeyRange, Shard, StreamSummary, millis};
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// List, create, describe, change and delete streams.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ana stream create orders --shards 4 --wait
  ana stream describe orders
  ana stream split orders 0            split shard 0 in the middle of its keys
  ana stream merge orders 1 2          2 must begin where 1 ends
  ana stream scale orders --shards 8   as many splits or merges as it takes
  ana stream mode orders on-demand     let the load decide
  ana stream rm orders")]
pub(super) enum Stream {
    /// List all streams.
    Ls,
    /// Create a stream.
    Create(Create),
    /// Show a stream and its shards.
    Describe(Name),
    /// Delete a stream with everything in it.
    Rm(Change),
    /// Split a shard in two.
    Split(Split),
    /// Merge two neighbouring shards.
    Merge(Merge),
    /// Split or merge until there are so many shards.
    Scale(Scale),
    /// Make a stream on-demand or provisioned.
    Mode(Mode),
    /// Answer EncryptionType KMS from now on (the disks are not encrypted yet).
    Encrypt(Encryption),
    /// Answer EncryptionType NONE again.
    Decrypt(Encryption),
    /// Show or switch shard-level metrics.
    Monitor(Monitor),
}

#[derive(Debug, clap::Args)]
pub(super) struct Name {
    /// The stream's name.
    stream: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The stream's name.
    stream: String,
    /// Shards to begin with; without it the stream is on demand and begins with four.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// Wait until the stream is ACTIVE.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// The stream's name.
    stream: String,
    /// Wait until it is done.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Split {
    #[command(flatten)]
    change: Change,
    /// The shard: its id or its number.
    shard: String,
    /// First hash key of the upper half, decimal; the middle of the shard without it.
    #[arg(long, value_name = "KEY")]
    at: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    #[command(flatten)]
    change: Change,
    /// The shard with the lower keys: its id or its number.
    lower: String,
    /// The shard that begins where the first ends.
    upper: String,
}

/// How long `--wait` waits.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Stream {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let client = context.client();
        match self {
            Stream::Ls => list(context, &client).await?,
            Stream::Create(create) => run_create(context, &client, create).await?,
            Stream::Describe(name) => describe(context, &client, &name.stream).await?,
            Stream::Rm(change) => {
                let deleted = client.delete_stream(&change.stream).await;
                deleted.map_err(|error| context.explain(error))?;
                if change.wait {
                    wait_until_gone(context, &client, &change.stream).await?;
                }
                output::say(&format!("deleted {}", change.stream));
            }
            Stream::Split(split) => run_split(context, &client, split).await?,
            Stream::Merge(merge) => {
                let Merge {
                    change,
                    lower,
                    upper,
                } = merge;
                let merged = client.merge_shards(&change.stream, &lower, &upper).await;
                merged.map_err(|error| context.explain(error))?;
                finish(context, &client, &change, "merged").await?;
            }
            Stream::Scale(scale) => scale.run(context, &client).await?,
            Stream::Mode(mode) => mode.run(context, &client).await?,
            Stream::Encrypt(encryption) => encryption.start(context, &client).await?,
            Stream::Decrypt(encryption) => encryption.stop(context, &client).await?,
            Stream::Monitor(monitor) => monitor.run(context, &client).await?,
        }
        Ok(Exit::Ok)
    }
}

async fn run_create(context: &Context, client: &Client, create: Create) -> Result<(), CliError> {
    let created = client.create_stream(&create.stream, create.shards).await;
    created.map_err(|error| context.explain(error))?;
    if create.wait {
        wait_until_active(context, client, &create.stream).await?;
    }
    output::say(&format!("created {}", create.stream));
    Ok(())
}

async fn run_split(context: &Context, client: &Client, split: Split) -> Result<(), CliError> {
    let Split { change, shard, at } = split;
    let at = match at {
        Some(key) => key,
        None => middle_of(context, client, &change.stream, &shard).await?,
    };
    let done = client.split_shard(&change.stream, &shard, &at).await;
    done.map_err(|error| context.explain(error))?;
    finish(context, client, &change, &format!("split at {at}")).await
}

async fn finish(
    context: &Context,
    client: &Client,
    change: &Change,
    what: &str,
) -> Result<(), CliError> {
    if change.wait {
        wait_until_active(context, client, &change.stream).await?;
    }
    output::say(&format!("{}: {what}", change.stream));
    Ok(())
}

/// The first key of the upper half of a shard.
async fn middle_of(
    context: &Context,
    client: &Client,
    stream: &str,
    shard: &str,
) -> Result<String, CliError> {
    let shards = client
        .list_shards(stream, None)
        .await
        .map_err(|error| context.explain(error))?;
    let wanted = shard_number(shard);
    let found = shards.iter().find(|known| {
        known.shard_id == shard || (wanted.is_some() && shard_number(&known.shard_id) == wanted)
    });
    let not_found = || {
        CliError::new(
            Exit::NotFound,
            format!("stream {stream} has no shard {shard}"),
        )
        .context(format!("endpoint {}", context.endpoint))
        .advice(format!("try: ana stream describe {stream}"))
    };
    let middle = found.ok_or_else(not_found)?.hash_key_range.middle();
    middle.ok_or_else(|| {
        CliError::new(
            Exit::Failed,
            format!("shard {shard} has too few keys to be split"),
        )
        .context(format!("stream {stream}"))
        .advice(format!("try: ana stream describe {stream}"))
    })
}

/// The number of a shard as the service reads it: what follows the first `-`, or the whole.
fn shard_number(shard: &str) -> Option<u32> {
    shard
        .split_once('-')
        .map_or(shard, |(_, number)| number)
        .parse()
        .ok()
}

async fn list(context: &Context, client: &Client) -> Result<(), CliError> {
    let streams = client
        .list_streams()
        .await
        .map_err(|error| context.explain(error))?;
    if context.format == Format::Json {
        return output::json(&serde_json::json!({ "StreamSummaries": streams }));
    }
    let mut table = Table::new(&["STREAM", "STATUS", "MODE", "CREATED"]);
    for stream in streams {
        table.row(vec![
            stream.stream_name.clone(),
            stream.stream_status.clone(),
            mode(&stream),
            created(&stream),
        ]);
    }
    output::data(&table.render())
}

fn mode(stream: &StreamSummary) -> String {
    stream
        .stream_mode_details
        .as_ref()
        .map_or(String::new(), |mode| mode.stream_mode.clone())
}

fn created(stream: &StreamSummary) -> String {
    let at = stream.stream_creation_timestamp;
    at.map_or(String::new(), |seconds| output::iso_time(millis(seconds)))
}

async fn describe(context: &Context, client: &Client, name: &str) -> Result<(), CliError> {
    let about = client
        .describe_summary(name)
        .await
        .map_err(|error| context.explain(error))?;
    let shards = client
        .list_shards(name, None)
        .await
        .map_err(|error| context.explain(error))?;
    if context.format == Format::Json {
        let document = serde_json::json!({ "StreamDescriptionSummary": about, "Shards": shards });
        return output::json(&document);
    }
    let mut facts = Table::new(&[
        "STREAM",
        "STATUS",
        "MODE",
        ">OPEN",
        ">CONSUMERS",
        ">RETENTION",
        "ENCRYPTION",
        "CREATED",
    ]);
    facts.row(vec![
        about.stream.stream_name.clone(),
        about.stream.stream_status.clone(),
        mode(&about.stream),
        about.open_shard_count.to_string(),
        about.consumer_count.to_string(),
        format!("{} h", about.retention_period_hours),
        about.encryption_type.clone().unwrap_or_default(),
        created(&about.stream),
    ]);
    let mut table = Table::new(&["SHARD", "STATE", ">KEYS", "FIRST KEY", "PARENTS"]);
    for shard in &shards {
        table.row(shard_row(shard));
    }
    output::data(&format!("{}\n{}", facts.render(), table.render()))
}

fn shard_row(shard: &Shard) -> Vec<String> {
    let state = if shard.is_open() { "open" } else { "closed" };
    vec![
        shard.shard_id.clone(),
        state.to_owned(),
        share_of_keys(&shard.hash_key_range),
        shard.hash_key_range.starting_hash_key.clone(),
        shard.parents().join(" "),
    ]
}

/// The part of all hash keys a shard has, in percent.
fn share_of_keys(range: &HashKeyRange) -> String {
    let key = |text: &str| HashKey::parse_decimal(text).map(|key| key.0);
    let (Some(start), Some(end)) = (key(&range.starting_hash_key), key(&range.ending_hash_key))
    else {
        return String::new();
    };
    // In hundredths of a percent; the width is taken in units of 2^-32 of all keys.
    let width = (end.saturating_sub(start) >> 96) + 1;
    let hundredths = (width * 10_000) >> 32;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Waits until a stream is ACTIVE.
pub(super) async fn wait_until_active(
    context: &Context,
    client: &Client,
    stream: &str,
) -> Result<(), CliError> {
    let began = context.env.clock.elapsed();
    loop {
        let about = client
            .describe_summary(stream)
            .await
            .map_err(|e| context.explain(e))?;
        if about.stream.stream_status == "ACTIVE" {
            return Ok(());
        }
        wait_a_little(context, began, stream, &about.stream.stream_status).await?;
    }
}

async fn wait_until_gone(context: &Context, client: &Client, stream: &str) -> Result<(), CliError> {
    let began = context.env.clock.elapsed();
    loop {
        match client.describe_summary(stream).await {
            Ok(about) => {
                wait_a_little(context, began, stream, &about.stream.stream_status).await?;
            }
            Err(error) if error.exit() == Exit::NotFound => return Ok(()),
            Err(error) => return Err(context.explain(error)),
        }
    }
}

async fn wait_a_little(
    context: &Context,
    began: Duration,
    stream: &str,
    status: &str,
) -> Result<(), CliError> {
    if context.env.clock.elapsed().saturating_sub(began) > WAIT_MAX {
        let what = format!(
            "stream {stream} is still {status} after {} s",
            WAIT_MAX.as_secs()
        );
        return Err(CliError::new(Exit::TimedOut, what)
            .context(format!("endpoint {}", context.endpoint))
            .advice("try: ana status (two of three zones must be up)"));
    }
    time::sleep(LOOK_EVERY).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> HashKeyRange {
        HashKeyRange {
            starting_hash_key: start.to_owned(),
            ending_hash_key: end.to_owned(),
        }
    }

    #[test]
    fn shares_of_keys_are_percents() {
        let all = range("0", "340282366920938463463374607431768211455");
        assert_eq!(share_of_keys(&all), "100.00%");
        let half = range("0", "170141183460469231731687303715884105727");
        assert_eq!(share_of_keys(&half), "50.00%");
    }

    #[test]
    fn shards_are_named_by_id_or_number() {
        for name in ["shardId-000000000003", "3", "x-3"] {
            assert_eq!(shard_number(name), Some(3));
        }
        assert_eq!(shard_number("shardId-x"), None);
    }
}
