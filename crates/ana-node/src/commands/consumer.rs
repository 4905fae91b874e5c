//! `ana consumer`: registered consumers of a stream (enhanced fan-out).

use std::collections::BTreeMap;
use std::time::Duration;

use ana_env::time;
use clap::Subcommand;
use serde_json::json;

use super::Context;
use crate::client::Client;
use crate::client::control::Consumer as Described;
use crate::client::error::ClientError;
use crate::client::kinesis::millis;
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

/// List, register, describe and remove fan-out consumers of a stream.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A registered consumer is pushed every record (SubscribeToShard) with 2 MB/s of its own for each
shard, whatever the other readers do. Its ARN ends with the second of its registration, so one that
is registered again under its old name has another ARN.

Examples:
  ana consumer register orders billing --wait
  ana tail orders --consumer billing     be that consumer
  ana consumer ls orders
  ana consumer rm orders billing --wait")]
pub(super) enum Consumer {
    /// List the consumers of a stream.
    Ls(Stream),
    /// Register a consumer.
    Register(Register),
    /// Show one consumer.
    Describe(Named),
    /// Deregister a consumer; its subscriptions end.
    Rm(Remove),
}

#[derive(Debug, clap::Args)]
pub(super) struct Stream {
    /// The stream's name.
    stream: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The stream's name.
    stream: String,
    /// The consumer's name.
    consumer: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Register {
    #[command(flatten)]
    named: Named,
    /// A tag of the consumer; may be given many times.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Wait until the consumer is ACTIVE.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    #[command(flatten)]
    named: Named,
    /// Wait until it is gone.
    #[arg(long)]
    wait: bool,
}

/// How long a consumer is waited for: it takes moments.
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn tag(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "a tag looks like KEY=VALUE".to_owned())
}

impl Consumer {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let client = context.client();
        let explain = |error| context.explain(error);
        match self {
            Consumer::Ls(Stream { stream }) => {
                let arn = stream_arn(&client, &stream).await.map_err(explain)?;
                let consumers = client.list_consumers(&arn).await.map_err(explain)?;
                print_all(context, &consumers)?;
            }
            Consumer::Register(Register { named, tags, wait }) => {
                let Named { stream, consumer } = named;
                let arn = stream_arn(&client, &stream).await.map_err(explain)?;
                let tags: BTreeMap<String, String> = tags.into_iter().collect();
                let registered = client.register_consumer(&arn, &consumer, &tags).await;
                let mut registered = registered.map_err(explain)?;
                if wait {
                    registered = wait_until_active(context, &client, &arn, &consumer).await?;
                }
                print_one(context, &registered)?;
            }
            Consumer::Describe(Named { stream, consumer }) => {
                let arn = stream_arn(&client, &stream).await.map_err(explain)?;
                let described = client.describe_consumer(&arn, &consumer).await;
                print_one(context, &described.map_err(explain)?)?;
            }
            Consumer::Rm(Remove { named, wait }) => {
                let Named { stream, consumer } = named;
                let arn = stream_arn(&client, &stream).await.map_err(explain)?;
                let removed = client.deregister_consumer(&arn, &consumer).await;
                removed.map_err(explain)?;
                if wait {
                    wait_until_gone(context, &client, &arn, &consumer).await?;
                }
                output::say(&format!("{stream}: deregistered {consumer}"));
            }
        }
        Ok(Exit::Ok)
    }
}

/// The ARN of a stream, which the operations on consumers want instead of its name.
pub(super) async fn stream_arn(client: &Client, stream: &str) -> Result<String, ClientError> {
    Ok(client.describe_summary(stream).await?.stream.stream_arn)
}

/// The consumer of that name, ready; registered first when there is none.
pub(super) async fn ensure(
    context: &Context,
    client: &Client,
    stream_arn: &str,
    consumer: &str,
) -> Result<Described, CliError> {
    match client.describe_consumer(stream_arn, consumer).await {
        Ok(_) => {}
        Err(error) if error.exit() == Exit::NotFound => {
            let none = BTreeMap::new();
            match client.register_consumer(stream_arn, consumer, &none).await {
                Ok(_) => output::say(&format!("registered consumer {consumer}")),
                // Somebody else was faster: it is there all the same.
                Err(error) if error.exit() == Exit::Exists => {}
                Err(error) => return Err(context.explain(error)),
            }
        }
        Err(error) => return Err(context.explain(error)),
    }
    wait_until_active(context, client, stream_arn, consumer).await
}

async fn wait_until_active(
    context: &Context,
    client: &Client,
    stream_arn: &str,
    consumer: &str,
) -> Result<Described, CliError> {
    let began = context.env.clock.elapsed();
    loop {
        let described = client.describe_consumer(stream_arn, consumer).await;
        let described = described.map_err(|error| context.explain(error))?;
        if described.consumer_status == "ACTIVE" {
            return Ok(described);
        }
        wait_a_little(context, began, consumer, &described.consumer_status).await?;
    }
}

async fn wait_until_gone(
    context: &Context,
    client: &Client,
    stream_arn: &str,
    consumer: &str,
) -> Result<(), CliError> {
    let began = context.env.clock.elapsed();
    loop {
        match client.describe_consumer(stream_arn, consumer).await {
            Ok(described) => {
                wait_a_little(context, began, consumer, &described.consumer_status).await?;
            }
            Err(error) if error.exit() == Exit::NotFound => return Ok(()),
            Err(error) => return Err(context.explain(error)),
        }
    }
}

async fn wait_a_little(
    context: &Context,
    began: Duration,
    consumer: &str,
    status: &str,
) -> Result<(), CliError> {
    if context.env.clock.elapsed().saturating_sub(began) > WAIT_MAX {
        let after = WAIT_MAX.as_secs();
        let what = format!("consumer {consumer} is still {status} after {after} s");
        return Err(CliError::new(Exit::TimedOut, what)
            .context(format!("endpoint {}", context.endpoint))
            .advice("try: ana status (two of three zones must be up)"));
    }
    time::sleep(LOOK_EVERY).await;
    Ok(())
}

fn print_all(context: &Context, consumers: &[Described]) -> Result<(), CliError> {
    if context.format == Format::Json {
        return output::json(&json!({ "Consumers": consumers }));
    }
    let mut table = Table::new(&["CONSUMER", "STATUS", "REGISTERED", "ARN"]);
    for consumer in consumers {
        table.row(vec![
            consumer.consumer_name.clone(),
            consumer.consumer_status.clone(),
            output::iso_time(millis(consumer.consumer_creation_timestamp)),
            consumer.consumer_arn.clone(),
        ]);
    }
    output::data(&table.render())
}

fn print_one(context: &Context, consumer: &Described) -> Result<(), CliError> {
    if context.format == Format::Json {
        return output::json(&json!({ "Consumer": consumer }));
    }
    print_all(context, std::slice::from_ref(consumer))
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_split_at_the_first_equals_sign() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(tag("a=b=c"), pair("a", "b=c"));
        assert_eq!(tag("a="), pair("a", ""));
        assert!(tag("a").is_err());
    }
}
