//! From a ledger and what the stream really holds to a verdict.
//!
//! Checked: every acknowledged record is there, in its shard, under its sequence number; no sequence number names two
//! records; sequence numbers only grow in a shard; the acknowledged records of a key are in the order they were put;
//! arrival times never go back in a shard; nothing was read that nobody put.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};

use crate::cluster::{now, pause};
use crate::ledger::{Entries, Value};

/// One record as it was read back.
#[derive(Debug, Clone)]
pub struct Read {
    pub shard: String,
    pub sequence: String,
    pub value: Option<Value>,
    /// When it arrived, as the stream says; milliseconds since 1970.
    pub arrived_ms: i64,
}

/// What the checks found; `is_clean` is the verdict.
#[derive(Debug, Default)]
pub struct Verdict {
    pub acknowledged: usize,
    pub read: usize,
    pub lost: Vec<Value>,
    pub misplaced: Vec<Value>,
    pub duplicated: Vec<Value>,
    pub reused_sequences: Vec<String>,
    pub backwards_in_shard: Vec<String>,
    pub arrived_before_the_last: Vec<String>,
    pub out_of_order: Vec<Value>,
    pub phantoms: usize,
}

impl Verdict {
    /// True if every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.misplaced.is_empty()
            && self.duplicated.is_empty()
            && self.reused_sequences.is_empty()
            && self.backwards_in_shard.is_empty()
            && self.arrived_before_the_last.is_empty()
            && self.out_of_order.is_empty()
            && self.phantoms == 0
    }
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
        all.extend(answer.records.into_iter().map(|record| Read {
            shard: shard.shard_id.clone(),
            sequence: record.sequence_number,
            value: Value::decode(record.data.as_ref()),
            arrived_ms: arrived_ms(record.approximate_arrival_timestamp.as_ref()),
        }));
        iterator = answer.next_shard_iterator.filter(|_| !caught_up);
        if caught_up {
            break;
        }
        pause(1).await;
    }
    Ok(())
}

/// A record's arrival time; none is the beginning of time.
#[must_use]
pub fn arrived_ms(time: Option<&aws_sdk_kinesis::primitives::DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

/// Compares promises with facts.
#[must_use]
pub fn judge(ledger: &Entries, reads: &[Read]) -> Verdict {
    let mut verdict = Verdict {
        acknowledged: ledger.acknowledged.len(),
        read: reads.len(),
        ..Verdict::default()
    };
    let mut by_value: BTreeMap<&Value, &Read> = BTreeMap::new();
    let mut sequences = BTreeSet::new();
    let mut last_in_shard: BTreeMap<&str, &str> = BTreeMap::new();
    let mut last_arrival: BTreeMap<&str, i64> = BTreeMap::new();
    let mut last_of_key: BTreeMap<&str, u64> = BTreeMap::new();
    for read in reads {
        if !sequences.insert(read.sequence.as_str()) {
            verdict.reused_sequences.push(read.sequence.clone());
        }
        let before = last_in_shard.insert(&read.shard, &read.sequence);
        if before.is_some_and(|before| before >= read.sequence.as_str()) {
            verdict.backwards_in_shard.push(read.sequence.clone());
        }
        let before = last_arrival.insert(&read.shard, read.arrived_ms);
        if before.is_some_and(|before| before > read.arrived_ms) {
            verdict.arrived_before_the_last.push(read.sequence.clone());
        }
        let Some(value) = &read.value else {
            verdict.phantoms += 1;
            continue;
        };
        if by_value.insert(value, read).is_some() {
            verdict.duplicated.push(value.clone());
        }
        if !ledger.acknowledged.contains_key(value) {
            if !ledger.unknown.contains_key(value) {
                verdict.phantoms += 1;
            }
            continue;
        }
        let before = last_of_key.insert(&value.key, value.counter);
        if before.is_some_and(|before| before >= value.counter) {
            verdict.out_of_order.push(value.clone());
        }
    }
    for (value, promised) in &ledger.acknowledged {
        match by_value.get(value) {
            None => verdict.lost.push(value.clone()),
            Some(read) if read.shard != promised.shard || read.sequence != promised.sequence => {
                verdict.misplaced.push(value.clone());
            }
            Some(_) => {}
        }
    }
    verdict
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

    fn ledger(values: &[(&str, u64, &str)]) -> Entries {
        let mut entries = Entries::default();
        for (key, counter, sequence) in values {
            let acknowledged = Acknowledged {
                shard: "s".to_owned(),
                sequence: (*sequence).to_owned(),
                sent: now(),
                answered: now(),
            };
            entries
                .acknowledged
                .insert(value(key, *counter), acknowledged);
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
        let verdict = judge(
            &ledger(&[("k", 0, "1"), ("k", 1, "2")]),
            &[read("k", 0, "1"), read("k", 1, "2")],
        );
        assert!(verdict.is_clean(), "{verdict:?}");
    }

    #[test]
    fn each_broken_promise_is_found() {
        let promised = ledger(&[("k", 0, "1"), ("k", 1, "2")]);
        assert_eq!(judge(&promised, &[read("k", 0, "1")]).lost, [value("k", 1)]);
        assert_eq!(
            judge(&promised, &[read("k", 1, "1"), read("k", 0, "2")]).out_of_order,
            [value("k", 0)]
        );
        let twice = [read("k", 0, "1"), read("k", 0, "2"), read("k", 1, "3")];
        let mut older = read("k", 1, "2");
        older.arrived_ms = 0;
        let back = judge(&promised, &[read("k", 0, "1"), older]);
        assert_eq!(back.arrived_before_the_last, ["2"]);
        assert!(!back.is_clean());
        assert_eq!(judge(&promised, &twice).duplicated, [value("k", 0)]);
        assert_eq!(judge(&promised, &twice).misplaced.len(), 2);
        assert_eq!(
            judge(&promised, &[read("k", 0, "1"), read("k", 1, "1")]).reused_sequences,
            ["1"]
        );
        assert_eq!(judge(&promised, &[read("x", 9, "1")]).phantoms, 1);
        assert!(
            !judge(&promised, &[read("k", 0, "2"), read("k", 1, "1")])
                .backwards_in_shard
                .is_empty()
        );
    }
}
