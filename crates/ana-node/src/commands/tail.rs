//! `ana tail`: all records of a stream as they come, from any point on.

mod line;

use std::str::FromStr;

use ana_types::SequenceNumber;

use self::line::Line;
use super::{Context, consumer};
use crate::aggregation;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::reading::{self, Batch, Follower, From, Until};
use crate::signals::EndSignals;

/// Read all shards of a stream as one, follow splits and merges, and wait for more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A child shard is read only after its parents, so records of one key come in order. Records of
different shards come as they are read.

Formats:  %t time of arrival   %h shard   %s sequence number   %k partition key
          %v data as text      %b data in base64   %u number within an aggregated record
          %% a percent sign
With -o json each record is one line of JSON.

With --consumer the records are pushed to a registered consumer (SubscribeToShard) with throughput
of its own; it is registered when there is none of that name, and stays registered.

Records that the Kinesis Producer Library packed into one are opened: each is printed with its own
key and its number within the aggregated record, whose sequence number they share. --raw leaves
them packed.

Examples:
  ana tail orders                                   what comes from now on
  ana tail orders --from horizon --no-follow        everything that is kept, then end
  ana tail orders --from 5m                         the last five minutes, then what comes
  ana tail orders --from 2026-11-22T10:00:00Z
  ana tail orders -n 10 --format '%k %v'
  ana tail orders --consumer billing                as a fan-out consumer")]
pub(super) struct Tail {
    /// The stream's name.
    stream: String,
    /// `horizon` (oldest record), `latest`, a sequence number, an ISO time, or an age such as 5m.
    #[arg(long, default_value = "latest", value_name = "WHERE")]
    from: Start,
    /// How a record is printed.
    #[arg(long, default_value = "%t %h %k %v", value_name = "FORMAT")]
    format: String,
    /// End after so many records.
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// End when all there is has been read.
    #[arg(long)]
    no_follow: bool,
    /// Read as this registered consumer; it is registered when there is none of that name.
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,
    /// Leave aggregated records of the Kinesis Producer Library as they are.
    #[arg(long)]
    raw: bool,
}

/// A starting point as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    At(From),
    AgoMs(u64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Start, String> {
        match text {
            "horizon" | "TRIM_HORIZON" => return Ok(Start::At(From::Horizon)),
            "latest" | "LATEST" => return Ok(Start::At(From::Latest)),
            _ => {}
        }
        if let Some(ms) = output::parse_iso_time(text) {
            return Ok(Start::At(From::TimeMs(ms)));
        }
        if let Some(ms) = output::parse_duration_ms(text) {
            return Ok(Start::AgoMs(ms));
        }
        SequenceNumber::parse(text).map(|number| Start::At(From::Sequence(number))).map_err(|_not_a_number| {
            "use horizon, latest, a sequence number, a time such as 2026-11-22T10:00:00Z, or an \
             age such as 5m"
                .to_owned()
        })
    }
}

impl Tail {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Failed, format!("cannot listen for Ctrl-C: {error}"))
        })?;
        let from = match &self.from {
            Start::At(from) => from.clone(),
            Start::AgoMs(ms) => From::TimeMs(context.env.clock.now_ms().saturating_sub(*ms)),
        };
        let until = if self.no_follow {
            Until::Tip
        } else {
            Until::Forever
        };
        let client = std::sync::Arc::new(reading::patient(context.client()));
        let mut follower = Follower::start(client, &self.stream, &from, until)
            .await
            .map_err(|error| context.explain(error))?;
        if let Some(name) = &self.consumer {
            follower = follower.for_consumer(self.consumer_arn(context, name).await?);
        }
        let mut totals = Totals::default();
        let outcome = loop {
            if self.count.is_some_and(|count| totals.records >= count) {
                break Ok(Exit::Ok);
            }
            let batch = tokio::select! {
                biased;
                () = signals.next() => break Ok(Exit::Interrupted),
                batch = follower.next() => batch,
            };
            match batch {
                None => break Ok(Exit::Ok),
                Some(Err(error)) => break Err(context.explain(error)),
                Some(Ok(batch)) => match self.print(context, &batch, &mut totals) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
            }
        };
        output::say(&format!(
            "{} records, {} of data, {} shards",
            totals.records,
            output::bytes(totals.bytes),
            follower.shards_known()
        ));
        outcome
    }

    /// The ARN of the consumer to read as, once it is ready.
    async fn consumer_arn(&self, context: &Context, name: &str) -> Result<String, CliError> {
        let client = context.client();
        let stream_arn = consumer::stream_arn(&client, &self.stream).await;
        let stream_arn = stream_arn.map_err(|error| context.explain(error))?;
        let consumer = consumer::ensure(context, &client, &stream_arn, name).await?;
        Ok(consumer.consumer_arn)
    }

    fn print(&self, context: &Context, batch: &Batch, totals: &mut Totals) -> Result<(), CliError> {
        let mut text = Vec::new();
        for record in &batch.records {
            let data = record.bytes().unwrap_or_default();
            let opened = if self.raw {
                None
            } else {
                aggregation::open(&data)
            };
            match opened {
                None => {
                    let line = Line::of_record(&batch.shard, record, &data);
                    self.push(&mut text, context.format, &line, totals);
                }
                Some(opened) => {
                    for part in &opened {
                        let line = Line::of_part(&batch.shard, record, part);
                        self.push(&mut text, context.format, &line, totals);
                    }
                }
            }
        }
        output::data_bytes(&text)
    }

    fn push(&self, text: &mut Vec<u8>, format: Format, line: &Line<'_>, totals: &mut Totals) {
        if self.count.is_some_and(|count| totals.records >= count) {
            return;
        }
        totals.records += 1;
        totals.bytes += u64::try_from(line.data.len()).unwrap_or(0);
        match format {
            Format::Json => text.extend(line.as_json().into_bytes()),
            Format::Table => line.push_formatted(text, &self.format),
        }
        text.push(b'\n');
    }
}

#[derive(Debug, Default)]
struct Totals {
    records: u64,
    bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_points_are_read_as_written() {
        let number = "49590338271490256608559692538361571095921575989136588898";
        let sequence = SequenceNumber::parse(number).expect("a good number");
        let cases = [
            ("horizon", Ok(Start::At(From::Horizon))),
            ("latest", Ok(Start::At(From::Latest))),
            ("5m", Ok(Start::AgoMs(300_000))),
            ("90s", Ok(Start::AgoMs(90_000))),
            ("1970-01-01T00:00:01Z", Ok(Start::At(From::TimeMs(1000)))),
            (number, Ok(Start::At(From::Sequence(sequence)))),
            ("yesterday", Err(())),
            ("5", Err(())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Start>().map_err(drop), expected, "{text}");
        }
    }
}
