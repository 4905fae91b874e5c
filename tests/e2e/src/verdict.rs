//! From a ledger and what the stream really holds to a verdict: both are written down as a history, and `ana-check`
//! judges it, as it does in the simulation and in drills.

use std::time::{Duration, Instant};

use ana_check::history::{Batch, Chain, Listing, Put, Rules, ShardSeen, Start, Way};
use ana_check::{Anomaly, At, History, Seen, Sequence, Verdict};
use ana_types::{HashKey, HashRange};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, Shard, ShardIteratorType};

use crate::cluster::{now, pause};
use crate::ledger::{Entries, Value};
use crate::readers::Polled;

/// One record as it was read back.
#[derive(Debug, Clone)]
pub struct Read {
    pub shard: String,
    pub sequence: String,
    pub value: Option<Value>,
    /// When it arrived, as the stream says; milliseconds since 1970.
    pub arrived_ms: i64,
}

/// Reads a whole stream from the trim horizon: all shards, parents before children.
pub async fn read_all(client: &Client, stream: &str) -> Result<Vec<Read>> {
    let shards = client
        .list_shards()
        .stream_name(stream)
        .send()
        .await?
        .shards
        .unwrap_or_default();
    let mut all = Vec::new();
    for shard in &shards {
        read_shard(client, stream, shard, &mut all)
            .await
            .with_context(|| shard.shard_id.clone())?;
    }
    Ok(all)
}

async fn read_shard(
    client: &Client,
    stream: &str,
    shard: &Shard,
    all: &mut Vec<Read>,
) -> Result<()> {
    let mut iterator = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(&shard.shard_id)
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await?
        .shard_iterator;
    let started = now();
    while let Some(position) = iterator {
        ensure!(
            started.elapsed() < Duration::from_secs(120),
            "the end was not reached"
        );
        let answer = client.get_records().shard_iterator(position).send().await?;
        let caught_up = answer.millis_behind_latest == Some(0) && answer.records.is_empty();
        let records = answer.records.iter();
        all.extend(records.map(|record| read_of(&shard.shard_id, record)));
        iterator = answer.next_shard_iterator.filter(|_| !caught_up);
        if caught_up {
            break;
        }
        pause(1).await;
    }
    Ok(())
}

/// A record as a reader of a shard got it.
#[must_use]
pub fn read_of(shard: &str, record: &Record) -> Read {
    Read {
        shard: shard.to_owned(),
        sequence: record.sequence_number.clone(),
        value: Value::decode(record.data.as_ref()),
        arrived_ms: arrived_ms(record.approximate_arrival_timestamp.as_ref()),
    }
}

/// A record's arrival time; none is the beginning of time.
#[must_use]
pub fn arrived_ms(time: Option<&aws_sdk_kinesis::primitives::DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

/// Compares promises with facts: `reads` is everything that the stream holds, or that a consumer got of it.
#[must_use]
pub fn judge(ledger: &Entries, reads: &[Read]) -> Verdict {
    Story::of(ledger).finally(reads).judge()
}

/// What happened in a test, as the checker's history.
#[derive(Debug)]
pub struct Story {
    history: History,
    /// The first put: times are counted from here.
    began: Option<Instant>,
}

impl Story {
    /// Of what producers were promised.
    #[must_use]
    pub fn of(ledger: &Entries) -> Story {
        let history = History::new(Rules {
            // One task owns a key, and waits for each answer.
            keys_in_order: true,
            ..Rules::default()
        });
        let sent = ledger.acknowledged.values().map(|put| put.sent);
        let began = sent.chain(ledger.unknown.values().copied()).min();
        let mut story = Story { history, began };
        for (value, put) in &ledger.acknowledged {
            let shard = story.history.shard(&put.shard);
            let sequence = Sequence::read(&put.sequence);
            let (sent, answered) = (story.at(put.sent), story.at(put.answered));
            let sent = new_put(&mut story.history, value, sent);
            let put = sent.acknowledged(shard, sequence, answered.us);
            story.history.put(put);
        }
        for (value, sent) in &ledger.unknown {
            let sent = story.at(*sent);
            let put = new_put(&mut story.history, value, sent);
            story.history.put(put);
        }
        let shards = ledger.acknowledged.values().map(|put| &put.shard);
        for shard in shards {
            let shard = story.history.shard(shard);
            story.history.final_read(shard).complete();
        }
        story
    }

    fn at(&self, time: Instant) -> At {
        let since = self
            .began
            .map(|began| time.saturating_duration_since(began));
        let us = u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
        // From 1 on: 0 stands for a time that is not known. Nothing here expires, so no wall clock is needed.
        At::new(us.saturating_add(1), us / 1000)
    }

    /// All that the stream holds in the end.
    #[must_use]
    pub fn finally(mut self, reads: &[Read]) -> Story {
        for read in reads {
            let shard = self.history.shard(&read.shard);
            let seen = self.seen(read);
            let all = self.history.final_read(shard);
            all.complete();
            all.extend([seen]);
        }
        self
    }

    /// What a reader got meanwhile.
    #[must_use]
    pub fn polled(mut self, polled: &Polled) -> Story {
        let shard = self.history.shard(&polled.shard);
        let reader = self
            .history
            .client(&format!("{} at {}", polled.shard, polled.at));
        let began = self.at(polled.began);
        let mut chain = Chain::new(shard, reader, Start::TrimHorizon, Way::Polled, began);
        for look in &polled.looks {
            let batch = Batch {
                asked: self.at(look.asked),
                answered_us: self.at(look.answered).us,
                behind_ms: look.behind_ms,
                continuation: None,
                is_end: look.is_end,
            };
            let seen: Vec<Seen> = look.records.iter().map(|read| self.seen(read)).collect();
            chain.answered(batch, seen);
        }
        self.history.open_chain(chain);
        self
    }

    /// All shards, as ListShards answered, and when it was asked and had answered.
    ///
    /// # Errors
    /// When a shard has no ranges.
    pub fn listed(
        &mut self,
        (asked, answered): (Instant, Instant),
        shards: &[Shard],
    ) -> Result<()> {
        let mut seen = Vec::new();
        for shard in shards {
            let parents = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id];
            let parents = parents.into_iter().flatten();
            let range = shard.hash_key_range.as_ref().context("a range")?;
            let sequences = shard.sequence_number_range.as_ref().context("numbers")?;
            seen.push(ShardSeen {
                shard: self.history.shard(&shard.shard_id),
                parents: parents.map(|it| self.history.shard(it)).collect(),
                range: HashRange {
                    start: HashKey(range.starting_hash_key.parse()?),
                    end: HashKey(range.ending_hash_key.parse()?),
                },
                is_open: sequences.ending_sequence_number.is_none(),
            });
        }
        let (asked, answered) = (self.at(asked), self.at(answered));
        self.history.listing(Listing {
            asked,
            answered_us: answered.us,
            shards: seen,
        });
        Ok(())
    }

    /// The verdict.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        ana_check::check(&self.history)
    }

    fn seen(&mut self, read: &Read) -> Seen {
        let value = read.value.as_ref();
        let value = value.map(|value| named(&mut self.history, value));
        let arrival_ms = u64::try_from(read.arrived_ms).unwrap_or_default();
        Seen::new(Sequence::read(&read.sequence), value, arrival_ms)
    }
}

fn named(history: &mut History, value: &Value) -> ana_check::Value {
    let counter = u32::try_from(value.counter).unwrap_or(u32::MAX);
    ana_check::Value::new(history.producer(&value.key), counter)
}

fn new_put(history: &mut History, value: &Value, sent: At) -> Put {
    let named = named(history, value);
    Put::new(named, history.key(&value.key), sent)
}

/// The counts of a verdict that every test prints.
#[must_use]
pub fn told(verdict: &Verdict) -> String {
    format!(
        "acknowledged {} unknown {} read {} lost {} duplicated {} out of order {}",
        verdict.figures.acknowledged,
        verdict.figures.unknown,
        verdict.figures.read,
        verdict.found(Anomaly::LostWrite),
        verdict.found(Anomaly::Duplicate),
        verdict.found(Anomaly::SendOrder),
    )
}

/// Records below which a clean verdict means nothing.
const ACKNOWLEDGED_MIN: u64 = 1000;

/// Whether a load has come to enough for a verdict to mean something, and that it is clean.
///
/// # Errors
/// When it is not, with what was found.
pub fn ensure_clean(verdict: &Verdict) -> Result<()> {
    let acknowledged = verdict.figures.acknowledged;
    ensure!(
        acknowledged > ACKNOWLEDGED_MIN,
        "too little was acknowledged to mean anything: {acknowledged}"
    );
    ensure!(verdict.is_clean(), "{verdict}");
    Ok(())
}

/// p50, p99 and the largest of some durations, in milliseconds.
#[must_use]
pub fn percentiles_ms(gaps: &[Duration]) -> (u128, u128, u128) {
    let mut sorted: Vec<u128> = gaps.iter().map(Duration::as_millis).collect();
    sorted.sort_unstable();
    let at = |percent: usize| {
        sorted
            .get((sorted.len() * percent).div_ceil(100).saturating_sub(1))
            .copied()
    };
    (
        at(50).unwrap_or(0),
        at(99).unwrap_or(0),
        sorted.last().copied().unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Acknowledged;

    fn value(key: &str, counter: u64) -> Value {
        Value {
            key: key.to_owned(),
            counter,
        }
    }

    /// Two puts, one after another.
    fn ledger(sequences: [&str; 2]) -> Entries {
        let mut entries = Entries::default();
        let start = now();
        for (counter, sequence) in (0..).zip(sequences) {
            let at = |ms| start + Duration::from_millis(10 * counter + ms);
            let acknowledged = Acknowledged {
                shard: "s".to_owned(),
                sequence: sequence.to_owned(),
                sent: at(0),
                answered: at(1),
            };
            entries
                .acknowledged
                .insert(value("k", counter), acknowledged);
        }
        entries
    }

    fn read(key: &str, counter: u64, sequence: &str) -> Read {
        Read {
            shard: "s".to_owned(),
            sequence: sequence.to_owned(),
            value: Some(value(key, counter)),
            arrived_ms: 1,
        }
    }

    #[test]
    fn a_kept_promise_is_clean() {
        let verdict = judge(&ledger(["1", "2"]), &[read("k", 0, "1"), read("k", 1, "2")]);
        assert!(verdict.is_clean(), "{verdict}");
        assert_eq!((verdict.figures.acknowledged, verdict.figures.read), (2, 2));
    }

    #[test]
    fn each_broken_promise_is_found() {
        let mut older = read("k", 1, "2");
        older.arrived_ms = 0;
        let mut damaged = read("k", 1, "2");
        damaged.value = None;
        let (one, two) = (|| read("k", 0, "1"), || read("k", 1, "2"));
        for (promised, reads, found) in [
            (["1", "2"], vec![one()], Anomaly::LostWrite),
            (["1", "2"], vec![], Anomaly::LostWrite),
            (
                ["2", "1"],
                vec![read("k", 1, "1"), read("k", 0, "2")],
                Anomaly::SendOrder,
            ),
            (
                ["1", "2"],
                vec![one(), two(), read("k", 0, "3")],
                Anomaly::Duplicate,
            ),
            (
                ["1", "2"],
                vec![one(), read("k", 1, "3")],
                Anomaly::RecordResult,
            ),
            (
                ["1", "1"],
                vec![one(), read("k", 1, "1")],
                Anomaly::SequenceReuse,
            ),
            (
                ["1", "2"],
                vec![one(), two(), read("x", 9, "3")],
                Anomaly::Phantom,
            ),
            (["1", "2"], vec![one(), damaged], Anomaly::Phantom),
            (["1", "2"], vec![two(), one()], Anomaly::PollOrder),
            (["1", "2"], vec![one(), older], Anomaly::Sentinel),
        ] {
            let verdict = judge(&ledger(promised), &reads);
            assert!(verdict.found(found) > 0, "{found}\n{verdict}");
        }
    }
}
