//! From the history of a run to what a drill's checks are told. The judging itself is the checker's (`ana-check`), the same
//! as in simulations and tests.
//!
//! Must stay true: what the checker found is never left out of a report, whether a check of the drill asked for it or not.

use std::collections::BTreeMap;

use ana_check::{Anomaly, History, Judgement, Sequence, Verdict, check};
use ana_drill::observations::{Audit, Flag};

use super::audit::Comparison;
use super::record::{AnomalyRow, BrokenRecord, LoadAudit};

/// The anomalies that break a flag; the other flags are about consumers of the user's own.
const OF_FLAGS: [(Flag, &[Anomaly]); 4] = [
    (
        Flag::NoAckedRecordLost,
        &[Anomaly::LostWrite, Anomaly::DirtyRead],
    ),
    (Flag::NoDuplicateSequence, &[Anomaly::SequenceReuse]),
    (Flag::OrderPerKeyKept, &[Anomaly::SendOrder]),
    (
        Flag::ReplicasIdentical,
        &[Anomaly::ReplicaDivergence, Anomaly::CommittedTruncation],
    ),
];

/// Order of the acknowledged records of each key, kept as they are acknowledged.
#[derive(Debug, Default)]
pub struct KeyOrder {
    keys: BTreeMap<String, OfKey>,
}

#[derive(Debug)]
struct OfKey {
    records: u64,
    last: Sequence,
    in_order: bool,
}

impl KeyOrder {
    /// A record of the key was acknowledged, after all before it.
    pub fn acknowledged(&mut self, key: &str, at: Sequence) {
        match self.keys.get_mut(key) {
            Some(of_key) => {
                of_key.records += 1;
                of_key.in_order &= of_key.last < at;
                of_key.last = of_key.last.max(at);
            }
            None => {
                let of_key = OfKey {
                    records: 1,
                    last: at,
                    in_order: true,
                };
                self.keys.insert(key.to_owned(), of_key);
            }
        }
    }

    /// Keys with at least two records, and those of them in order.
    pub fn counts(&self) -> (u64, u64) {
        let several = self.keys.values().filter(|of_key| of_key.records > 1);
        several.fold((0, 0), |(keys, ordered), of_key| {
            (keys + 1, ordered + u64::from(of_key.in_order))
        })
    }
}

/// What was found.
#[derive(Debug)]
pub struct Judged {
    /// The checker's words.
    pub verdict: Verdict,
    /// What the flags of a drill are told.
    pub audits: Vec<(Flag, Audit)>,
    /// What reading back showed; `None` where nothing was read back.
    pub load: Option<LoadAudit>,
}

/// Judges a run; `own` is the verdict on the user's own puts.
pub fn judge(
    history: &History,
    own: Option<Verdict>,
    was_read_back: bool,
    keys: &KeyOrder,
    replicas: Option<&Comparison>,
) -> Judged {
    let verdict = check(history);
    let verdict = match own {
        Some(own) => verdict.join(own),
        None => verdict,
    };
    let mut audits: Vec<(Flag, Audit)> = OF_FLAGS
        .iter()
        .map(|(flag, anomalies)| (*flag, audit(&verdict, anomalies)))
        .collect();
    if let Some(comparison) = replicas {
        // A replica that could not be compared is no anomaly of the log, and not identical either.
        let audit = Audit {
            looked_at: comparison.compared.replicas,
            wrong: comparison.wrong.first().cloned(),
        };
        audits.push((Flag::ReplicasIdentical, audit));
    }
    let (keys, keys_in_order) = keys.counts();
    let load = was_read_back.then(|| LoadAudit {
        read: verdict.figures.read.saturating_sub(verdict.figures.foreign),
        lost: verdict.found(Anomaly::LostWrite),
        duplicated_by_retries: verdict.figures.retried_duplicates,
        duplicated_unexplained: verdict.found(Anomaly::Duplicate),
        sequences_reused: verdict.found(Anomaly::SequenceReuse),
        keys,
        keys_in_order,
    });
    Judged {
        verdict,
        audits,
        load,
    }
}

fn audit(verdict: &Verdict, anomalies: &[Anomaly]) -> Audit {
    let judgements = anomalies.iter().map(|anomaly| verdict.of(*anomaly));
    let mut audit = Audit::default();
    for judgement in judgements {
        audit.looked_at = audit.looked_at.saturating_add(judgement.looked_at);
        if judgement.found > 0 {
            audit.wrong = audit.wrong.or_else(|| Some(in_words(judgement)));
        }
    }
    audit
}

/// `3 found: record ...`
pub fn in_words(judgement: &Judgement) -> String {
    let first = judgement.findings.first();
    let first = first.map_or("", |finding| finding.what.as_str());
    format!("{} found: {first}", judgement.found)
}

/// The anomalies that break a flag; none for flags about consumers of the user's own.
pub fn anomalies_of(flag: Flag) -> &'static [Anomaly] {
    let mut flags = OF_FLAGS.iter();
    let found = flags.find(|(each, _)| *each == flag);
    found.map_or(&[], |(_, anomalies)| *anomalies)
}

/// The flag that an anomaly breaks.
pub fn flag_of(anomaly: Anomaly) -> Option<Flag> {
    let mut flags = OF_FLAGS.iter();
    let found = flags.find(|(_, anomalies)| anomalies.contains(&anomaly));
    found.map(|(flag, _)| *flag)
}

/// A record of a finding, and when it was acknowledged, microseconds of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The record; who acknowledged it is added by whoever watched the leaders.
    pub record: BrokenRecord,
    /// When the acknowledgement came.
    pub answered_us: Option<u64>,
}

/// The records of the findings behind a flag.
pub fn records_of(verdict: &Verdict, flag: Flag) -> Vec<Told> {
    anomalies_of(flag)
        .iter()
        .flat_map(|anomaly| records(verdict.of(*anomaly)))
        .collect()
}

/// The records of a judgement's findings.
pub fn records(judgement: &Judgement) -> Vec<Told> {
    let findings = judgement.findings.iter();
    let told = findings.flat_map(|finding| {
        let records = finding.records.iter();
        records.map(|record| (record, &finding.what))
    });
    told.map(|(record, wrong)| Told {
        record: BrokenRecord {
            shard: record.shard.clone().unwrap_or_default(),
            key: record.key.clone().unwrap_or_default(),
            counter: counter_of(&record.value),
            sequence_number: record.sequence.clone().unwrap_or_default(),
            wrong: wrong.clone(),
            acknowledged: None,
        },
        answered_us: record.answered_us,
    })
    .collect()
}

/// `producer-0 17` has the counter 17.
fn counter_of(value: &str) -> u64 {
    let counter = value.rsplit(' ').next();
    counter.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// All judgements for the record.
pub fn rows(verdict: &Verdict) -> Vec<AnomalyRow> {
    let row = |judgement: &Judgement| AnomalyRow {
        id: judgement.anomaly.id().to_owned(),
        promise: judgement.promise.to_owned(),
        looked_at: judgement.looked_at,
        found: judgement.found,
        findings: judgement
            .findings
            .iter()
            .map(|finding| finding.what.clone())
            .collect(),
    };
    verdict.judgements.iter().map(row).collect()
}

#[cfg(test)]
mod judge_test;
