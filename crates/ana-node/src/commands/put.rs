//! `ana put`: write records from the command line, a file or standard input.

use std::path::PathBuf;
use std::time::Duration;

use ana_env::time;
use serde_json::json;

use super::Context;
use crate::client::Client;
use crate::client::kinesis::{PutEntry, PutResult};
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::stdin::{self, Lines};

/// Write records: one from the command line or a file, or one per line of standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each record is printed with its shard and sequence number once it is acknowledged: from then on it
survives the loss of any one zone. A record that a shard limit refuses is sent again later than its
neighbours in the same request.

Examples:
  ana put orders -k alice '{\"total\": 7}'
  ana put orders -k alice --file order.json       the whole file is one record
  seq 1000 | ana put orders                       one record per line, a random key each
  ana put orders --file - --whole < order.json    all of standard input is one record")]
pub(super) struct Put {
    /// The stream's name.
    stream: String,
    /// The record's data; without it and without --file, lines of standard input.
    #[arg(conflicts_with = "file")]
    data: Option<String>,
    /// Partition key: records of one key stay in order. A random one for each record without it.
    #[arg(short, long, value_name = "KEY")]
    key: Option<String>,
    /// Read the data from a file; `-` is standard input, one record per line.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// All of standard input is one record.
    #[arg(long)]
    whole: bool,
}

/// Records of one request when lines are read.
const BATCH_RECORDS: usize = 500;
/// Bytes of one request when lines are read; the service takes 10 MiB.
const BATCH_BYTES: usize = 1 << 20;
/// A record that was refused is sent again so often.
const ROUNDS_MAX: u32 = 60;
const ROUND_PAUSE: Duration = Duration::from_millis(250);

impl Put {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let client = context.client();
        let from_stdin = match &self.file {
            Some(path) => path.as_os_str() == "-",
            None => self.data.is_none(),
        };
        if from_stdin && !self.whole {
            return self.put_lines(context, &client).await;
        }
        let data = match (&self.data, &self.file) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(path)) if !from_stdin => read_file(context, path).await?,
            (None, _) => read_stdin().await?,
        };
        let entry = PutEntry::new(self.key_for_next(context), &data);
        self.put_all(context, &client, &[entry]).await?;
        Ok(Exit::Ok)
    }

    fn key_for_next(&self, context: &Context) -> String {
        self.key
            .clone()
            .unwrap_or_else(|| format!("{:016x}", context.env.rng.next_u64()))
    }

    async fn put_lines(&self, context: &Context, client: &Client) -> Result<Exit, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Exit::Failed, format!("cannot read standard input: {error}"))
        };
        let mut lines = Lines::start();
        let mut total = 0_u64;
        while let Some(first) = lines.next().await {
            let first = first.map_err(failed)?;
            let mut bytes = first.len();
            let mut batch = vec![PutEntry::new(self.key_for_next(context), &first)];
            // Take what is there already, but do not make a person's line wait for the next one.
            while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                let Some(line) = lines.next_at_hand() else {
                    break;
                };
                let line = line.map_err(failed)?;
                bytes += line.len();
                batch.push(PutEntry::new(self.key_for_next(context), &line));
            }
            self.put_all(context, client, &batch).await?;
            total += u64::try_from(batch.len()).unwrap_or(0);
        }
        output::say(&format!("{total} records acknowledged"));
        Ok(Exit::Ok)
    }

    /// Sends until every record is acknowledged. A refused record is sent again after those that
    /// were taken.
    async fn put_all(
        &self,
        context: &Context,
        client: &Client,
        entries: &[PutEntry],
    ) -> Result<(), CliError> {
        let mut open: Vec<PutEntry> = entries.to_vec();
        let mut last_error = String::new();
        for _round in 0..ROUNDS_MAX {
            let sent = client.put_records(&self.stream, &open).await;
            let results = sent.map_err(|error| context.explain(error))?.value.records;
            let mut refused = Vec::new();
            for (entry, result) in open.into_iter().zip(results) {
                if result.sequence_number.is_some() {
                    print(context, &result)?;
                    continue;
                }
                let text = [result.error_code, result.error_message];
                last_error = text.into_iter().flatten().collect::<Vec<_>>().join(": ");
                refused.push(entry);
            }
            if refused.is_empty() {
                return Ok(());
            }
            open = refused;
            time::sleep(ROUND_PAUSE).await;
        }
        let throttled = last_error.starts_with("ProvisionedThroughputExceeded");
        let exit = if throttled {
            Exit::Throttled
        } else {
            Exit::Unavailable
        };
        Err(CliError::new(
            exit,
            format!("{} records were refused to the end", open.len()),
        )
        .context(format!("endpoint {}, {last_error}", context.endpoint))
        .advice("try: ana status, more shards, or a lower rate"))
    }
}

fn print(context: &Context, result: &PutResult) -> Result<(), CliError> {
    let shard = result.shard_id.as_deref().unwrap_or_default();
    let number = result.sequence_number.as_deref().unwrap_or_default();
    match context.format {
        Format::Table => output::line(&format!("{shard} {number}")),
        Format::Json => {
            output::line(&json!({ "ShardId": shard, "SequenceNumber": number }).to_string())
        }
    }
}

async fn read_file(context: &Context, path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| CliError::file("read the data", path, &error);
    let file = context
        .env
        .disk
        .open(path, ana_env::Open::READ)
        .await
        .map_err(failed)?;
    let len = file.len().await.map_err(failed)?;
    let len = usize::try_from(len).map_err(|too_large| failed(std::io::Error::other(too_large)))?;
    file.read_at(0, len)
        .await
        .map(|bytes| bytes.to_vec())
        .map_err(failed)
}

async fn read_stdin() -> Result<Vec<u8>, CliError> {
    stdin::read_all().await.map_err(|error| {
        CliError::new(Exit::Failed, format!("cannot read standard input: {error}"))
    })
}
