//! Writes down what was acknowledged and what was read back as a history, and has `ana-check` judge it: the same checker
//! as in the simulation, in drills and in the tests. Pure: records in, findings out.
//!
//! Memory: the ledgers become the history's puts one by one, 72 bytes a record; what is read back takes 40, and the
//! judging some 40 more. That is 1.5 GB for ten million records.

use std::collections::BTreeMap;

use ana_check::history::{Put, Rules};
use ana_check::{Anomaly, At, Client, History, Judgement, Producer, Seen, Sequence, Value, check};

use super::ledger::Ledger;
use super::payload::Payload;
use crate::aggregation;
use crate::client::kinesis::Record;

/// What the reading showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Records read that belong to this run, copies included.
    pub read: u64,
    /// Acknowledged records that are nowhere.
    pub lost: u64,
    /// Acknowledged records that are there, but not at the sequence number that was promised, or in another shard.
    pub misplaced: u64,
    /// Copies that no attempt of ours explains.
    pub duplicated: u64,
    /// Copies that an attempt without an answer explains.
    pub retried_duplicates: u64,
    /// Acknowledged records whose number is below that of an earlier one of their key.
    pub out_of_order: u64,
    /// Sequence numbers of two records, or not rising within a shard.
    pub sequence_reused: u64,
    /// Records with a damaged payload, an impossible key or no number.
    pub corrupt: u64,
    /// Records without an acknowledgement.
    pub unacknowledged: u64,
    /// Of those, how many are there nevertheless.
    pub unacknowledged_found: u64,
    /// A few lost records: producer, counter, sequence number.
    pub lost_examples: Vec<String>,
    /// What the checker says of each anomaly that this run could show.
    pub anomalies: Vec<Judgement>,
}

/// The judge of one run.
#[derive(Debug)]
pub struct Judge {
    run: String,
    history: History,
    producers: Vec<Producer>,
    /// The last number of each shard, and whether its record was somebody else's.
    last_of_shard: BTreeMap<String, (Sequence, bool)>,
    /// Falls and repetitions that others had part in: their records are not in the history.
    foreign_falls: u64,
    unreadable: u64,
}

impl Judge {
    /// A judge with the books of all producers, by their number.
    pub fn new(run: String, keys: u64, ledgers: Vec<Ledger>) -> Judge {
        let mut history = History::new(Rules {
            // A record of a key is sent after the one before it was settled.
            keys_in_order: true,
            ..Rules::default()
        });
        history.reserve_puts(ledgers.iter().map(Ledger::len).sum());
        let client = history.client("ana verify");
        let producers = (0..)
            .zip(ledgers)
            .map(|(number, ledger)| book(&mut history, (number, client), keys.max(1), &ledger))
            .collect();
        Judge {
            run,
            history,
            producers,
            last_of_shard: BTreeMap::new(),
            foreign_falls: 0,
            unreadable: 0,
        }
    }

    /// Looks at one record, in reading order.
    pub fn read(&mut self, shard: &str, record: &Record) {
        let Ok(at) = record.sequence_number.parse::<Sequence>() else {
            self.unreadable += 1;
            return;
        };
        let arrival_ms = record.arrival_ms();
        let data = record.bytes();
        let parts = data.as_deref().and_then(aggregation::open);
        let seen: Vec<Seen> = match parts {
            None if self.is_ours(&record.partition_key) => {
                let value = self.value(data.as_deref());
                vec![Seen::new(at, value, arrival_ms)]
            }
            None => Vec::new(),
            // Packed on the way by a producer of another make: its parts share one sequence number.
            Some(parts) => (0..)
                .zip(parts)
                .filter(|(_, part)| self.is_ours(&part.partition_key))
                .map(|(number, part)| {
                    let value = self.value(Some(&part.data));
                    Seen::new(at, value, arrival_ms).part(number)
                })
                .collect(),
        };
        self.check_number(shard, (at, seen.is_empty()));
        let shard = self.history.shard(shard);
        self.history.final_read(shard).extend(seen);
    }

    fn is_ours(&self, partition_key: &str) -> bool {
        let rest = partition_key.strip_prefix(self.run.as_str());
        rest.is_some_and(|rest| rest.starts_with("-p"))
    }

    /// `None` if it is damaged, or no producer of this run made it.
    fn value(&self, data: Option<&[u8]>) -> Option<Value> {
        self.value_of(&Payload::decode(data?)?)
    }

    fn value_of(&self, payload: &Payload) -> Option<Value> {
        let producer = self.producers.get(usize::try_from(payload.producer).ok()?);
        let counter = u32::try_from(payload.counter).ok()?;
        (payload.run == self.run).then_some(Value::new(*producer?, counter))
    }

    /// Numbers between records of this run are judged with the history.
    fn check_number(&mut self, shard: &str, (at, is_foreign): (Sequence, bool)) {
        let Some(last) = self.last_of_shard.get_mut(shard) else {
            self.last_of_shard
                .insert(shard.to_owned(), (at, is_foreign));
            return;
        };
        let falls = last.0 >= at && (is_foreign || last.1);
        self.foreign_falls += u64::from(falls);
        *last = (at, is_foreign);
    }

    /// The end of the reading: what is missing now is lost.
    pub fn verdict(mut self) -> Findings {
        for shard in self.last_of_shard.keys() {
            let shard = self.history.shard(shard);
            self.history.final_read(shard).complete();
        }
        // Shards that gave no record were read to their end too.
        self.history.everything_was_read(At::default());
        let verdict = check(&self.history);
        let figures = verdict.figures;
        let found = |anomaly| verdict.found(anomaly);
        let lost = verdict.of(Anomaly::LostWrite).findings.iter();
        let lost = lost.flat_map(|finding| &finding.records);
        Findings {
            read: figures.read,
            lost: found(Anomaly::LostWrite),
            misplaced: found(Anomaly::RecordResult) + found(Anomaly::Retention),
            duplicated: found(Anomaly::Duplicate),
            retried_duplicates: figures.retried_duplicates,
            out_of_order: found(Anomaly::SendOrder),
            sequence_reused: found(Anomaly::SequenceReuse)
                + found(Anomaly::PollOrder)
                + self.foreign_falls,
            corrupt: figures.foreign + self.unreadable,
            unacknowledged: figures.refused + figures.unknown,
            unacknowledged_found: figures.unacknowledged_found,
            lost_examples: lost
                .map(|told| {
                    let sequence = told.sequence.as_deref().unwrap_or_default();
                    format!("{} at {sequence}", told.value)
                })
                .collect(),
            anomalies: verdict
                .judgements
                .into_iter()
                .filter(Judgement::is_exercised)
                .collect(),
        }
    }
}

/// Enters one producer's book.
fn book(
    history: &mut History,
    (number, client): (u32, Client),
    keys: u64,
    ledger: &Ledger,
) -> Producer {
    // As a finding names a value: producer 3 counter 17.
    let producer = history.producer(&format!("producer {number} counter"));
    let shards: BTreeMap<u32, ana_check::Shard> = ledger
        .shards()
        .map(|(id, number)| (number, history.shard(id)))
        .collect();
    let keys: Vec<ana_check::Key> = (0..keys)
        .map(|key| history.key(&format!("p{number}-k{key}")))
        .collect();
    let of_counters = ledger.slots().zip(keys.iter().cycle()).zip(0_u32..);
    for (((_, slot), key), counter) in of_counters {
        let put = Put::new(Value::new(producer, counter), *key, At::default()).by(client);
        let put = match (slot.acknowledged, shards.get(&slot.shard)) {
            (Some(at), Some(shard)) => put.acknowledged(*shard, at, 0).unanswered(slot.unsure),
            // Every attempt was refused.
            _ if slot.unsure == 0 => put.refused(0),
            _ => put.unanswered(slot.unsure),
        };
        history.put(put);
    }
    producer
}

#[cfg(test)]
mod judge_test;
