//! Compares what was read back with what was acknowledged. Pure: records in, findings out.

use std::collections::{BTreeMap, HashSet};

use ana_check::Sequence;

use super::ledger::Ledger;
use super::payload::Payload;

use crate::aggregation;
use crate::client::kinesis::Record;

/// Examples kept of each kind of finding.
const EXAMPLES_MAX: usize = 5;

/// What the reading showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Records read that belong to this run, copies included.
    pub read: u64,
    /// Acknowledged records that are not at their sequence number, nor anywhere else.
    pub lost: u64,
    /// Acknowledged records that are there, but not at the sequence number that was promised.
    pub misplaced: u64,
    /// Copies that no attempt of ours explains.
    pub duplicated: u64,
    /// Copies that an attempt without an answer explains.
    pub retried_duplicates: u64,
    /// Acknowledged records read before an earlier one of their key.
    pub out_of_order: u64,
    /// Sequence numbers seen twice, or not rising within a shard.
    pub sequence_reused: u64,
    /// Records with a damaged payload or an impossible key.
    pub corrupt: u64,
    /// Records without an acknowledgement.
    pub unacknowledged: u64,
    /// Of those, how many are there nevertheless.
    pub unacknowledged_found: u64,
    /// A few lost records: producer, counter, sequence number.
    pub lost_examples: Vec<String>,
}

/// The judge of one run.
#[derive(Debug)]
pub struct Judge {
    run: String,
    keys: u64,
    ledgers: Vec<Ledger>,
    last_of_key: BTreeMap<(u32, u64), u64>,
    last_of_shard: BTreeMap<String, Sequence>,
    /// Only asked whether it holds a number, never walked through.
    seen: HashSet<Sequence>,
    findings: Findings,
}

impl Judge {
    /// A judge with the books of all producers, by their number.
    pub fn new(run: String, keys: u64, ledgers: Vec<Ledger>) -> Judge {
        Judge {
            run,
            keys: keys.max(1),
            ledgers,
            last_of_key: BTreeMap::new(),
            last_of_shard: BTreeMap::new(),
            seen: HashSet::new(),
            findings: Findings::default(),
        }
    }

    /// Looks at one record, in reading order.
    pub fn read(&mut self, shard: &str, record: &Record) {
        let Ok(at) = record.sequence_number.parse::<Sequence>() else {
            self.findings.corrupt += 1;
            return;
        };
        self.check_number(shard, at);
        let data = record.bytes();
        match data.as_deref().and_then(aggregation::open) {
            None => self.read_part(at, &record.partition_key, data.as_deref()),
            // Packed on the way by a producer of another make: its parts share one sequence number.
            Some(parts) => {
                for part in parts {
                    self.read_part(at, &part.partition_key, Some(&part.data));
                }
            }
        }
    }

    fn read_part(&mut self, at: Sequence, partition_key: &str, data: Option<&[u8]>) {
        let ours = partition_key.strip_prefix(self.run.as_str());
        if !ours.is_some_and(|rest| rest.starts_with("-p")) {
            return;
        }
        self.findings.read += 1;
        match data.and_then(Payload::decode) {
            Some(payload) if payload.run == self.run => self.book(at, &payload),
            _ => self.findings.corrupt += 1,
        }
    }

    fn check_number(&mut self, shard: &str, at: Sequence) {
        let is_new = self.seen.insert(at);
        let rises = match self.last_of_shard.get_mut(shard) {
            Some(last) => {
                let rises = *last < at;
                *last = at;
                rises
            }
            None => {
                self.last_of_shard.insert(shard.to_owned(), at);
                true
            }
        };
        self.findings.sequence_reused += u64::from(!(is_new && rises));
    }

    fn book(&mut self, at: Sequence, payload: &Payload) {
        let ledger = usize::try_from(payload.producer)
            .ok()
            .and_then(|i| self.ledgers.get_mut(i));
        let Some(slot) = ledger.and_then(|ledger| ledger.slot_mut(payload.counter)) else {
            self.findings.corrupt += 1;
            return;
        };
        slot.copies = slot.copies.saturating_add(1);
        if slot.acknowledged != Some(at) {
            return;
        }
        slot.found = true;
        let key = (payload.producer, payload.counter % self.keys);
        let last = self.last_of_key.entry(key).or_insert(payload.counter);
        if *last > payload.counter {
            self.findings.out_of_order += 1;
        }
        *last = (*last).max(payload.counter);
    }

    /// The end of the reading: what is missing now is lost.
    pub fn verdict(mut self) -> Findings {
        let mut findings = std::mem::take(&mut self.findings);
        let mut acknowledged_at = HashSet::new();
        for (producer, ledger) in self.ledgers.iter().enumerate() {
            for (counter, slot) in ledger.slots() {
                let explained = u64::from(slot.unsure);
                let Some(at) = slot.acknowledged else {
                    findings.unacknowledged += 1;
                    findings.unacknowledged_found += u64::from(slot.copies > 0);
                    let copies = u64::from(slot.copies);
                    findings.duplicated += copies.saturating_sub(explained.max(1));
                    continue;
                };
                findings.sequence_reused += u64::from(!acknowledged_at.insert(at));
                if slot.copies == 0 {
                    findings.lost += 1;
                    if findings.lost_examples.len() < EXAMPLES_MAX {
                        findings
                            .lost_examples
                            .push(format!("producer {producer} counter {counter} at {at}"));
                    }
                } else {
                    findings.misplaced += u64::from(!slot.found);
                }
                let extra = u64::from(slot.copies.saturating_sub(1));
                findings.retried_duplicates += extra.min(explained);
                findings.duplicated += extra.saturating_sub(explained);
            }
        }
        findings
    }
}

#[cfg(test)]
mod judge_test;
