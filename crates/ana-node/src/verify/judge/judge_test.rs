//! The judge against hand-made readings: each kind of harm is found, and nothing else.

use super::*;
use crate::client::kinesis::PutEntry;

const RUN: &str = "r1";
const KEYS: u64 = 2;

fn number(n: u64) -> Sequence {
    n.to_string().parse().expect("a number")
}

/// One producer whose counters 0.. were acknowledged at these numbers.
fn acknowledged(at: &[u64]) -> Ledger {
    let mut ledger = Ledger::default();
    for n in at {
        let counter = ledger.open_next();
        ledger.acknowledge(counter, "s0", number(*n));
    }
    ledger
}

fn record(counter: u64, at: u64) -> Record {
    let payload = Payload {
        run: RUN.to_owned(),
        producer: 0,
        counter,
    };
    let entry = PutEntry::new(format!("{RUN}-p0-k{}", counter % KEYS), &payload.encode(0));
    Record {
        sequence_number: at.to_string(),
        approximate_arrival_timestamp: 1.0,
        data: entry.data,
        partition_key: entry.partition_key,
    }
}

fn judge(ledger: Ledger, reading: &[(&str, Record)]) -> Findings {
    let mut judge = Judge::new(RUN.to_owned(), KEYS, vec![ledger]);
    for (shard, record) in reading {
        judge.read(shard, record);
    }
    judge.verdict()
}

#[test]
fn a_good_reading_has_no_findings() {
    let reading = [
        ("s0", record(0, 10)),
        ("s0", record(1, 11)),
        ("s0", record(2, 12)),
    ];
    let findings = judge(acknowledged(&[10, 11, 12]), &reading);
    assert!(findings.anomalies.iter().all(|anomaly| anomaly.found == 0));
    let exercised = findings.anomalies.iter().map(|it| it.anomaly.id());
    let exercised: Vec<&str> = exercised.collect();
    assert_eq!(
        exercised,
        ["A1", "A2", "A4", "A5", "A6", "A7", "A9", "A14", "A17"]
    );
    assert_eq!(
        findings,
        Findings {
            read: 3,
            anomalies: findings.anomalies.clone(),
            ..Findings::default()
        }
    );
}

#[test]
fn a_missing_record_is_lost_and_named() {
    let findings = judge(acknowledged(&[10, 11]), &[("s0", record(0, 10))]);
    assert_eq!(findings.lost, 1);
    assert_eq!(findings.lost_examples, ["producer 0 counter 1 at 11"]);
}

#[test]
fn a_record_elsewhere_is_misplaced_not_lost() {
    let findings = judge(acknowledged(&[10]), &[("s0", record(0, 99))]);
    assert_eq!((findings.lost, findings.misplaced), (0, 1));
    let findings = judge(acknowledged(&[10]), &[("s1", record(0, 10))]);
    assert_eq!((findings.lost, findings.misplaced), (0, 1));
}

#[test]
fn a_copy_is_a_duplicate_unless_an_attempt_explains_it() {
    let reading = [("s0", record(0, 10)), ("s0", record(0, 20))];
    let findings = judge(acknowledged(&[20]), &reading);
    assert_eq!((findings.duplicated, findings.retried_duplicates), (1, 0));

    let mut explained = acknowledged(&[20]);
    explained.unsure(0);
    let findings = judge(explained, &reading);
    assert_eq!((findings.duplicated, findings.retried_duplicates), (0, 1));
    assert_eq!(findings.out_of_order, 0);
}

#[test]
fn order_counts_per_key_and_only_between_acknowledged_places() {
    // Counters 0 and 2 share a key and arrive the wrong way round; 1 has the other key.
    let reading = [
        ("s0", record(2, 10)),
        ("s0", record(1, 11)),
        ("s0", record(0, 12)),
    ];
    let findings = judge(acknowledged(&[12, 11, 10]), &reading);
    assert_eq!((findings.out_of_order, findings.lost), (1, 0));
}

#[test]
fn a_number_used_twice_is_found_by_reader_and_by_book() {
    let reading = [("s0", record(0, 10)), ("s0", record(1, 10))];
    let findings = judge(acknowledged(&[10, 10]), &reading);
    assert_eq!(findings.sequence_reused, 2);
    let falling = [("s0", record(0, 11)), ("s0", record(1, 10))];
    assert_eq!(judge(acknowledged(&[11, 10]), &falling).sequence_reused, 1);
    // Somebody else's record counts as well.
    let mut foreign = record(1, 10);
    foreign.partition_key = "someone-else".to_owned();
    let reading = [("s0", record(0, 10)), ("s0", foreign)];
    assert_eq!(judge(acknowledged(&[10]), &reading).sequence_reused, 1);
}

#[test]
fn what_was_refused_is_not_there() {
    let mut ledger = Ledger::default();
    ledger.open_next();
    let findings = judge(ledger, &[("s0", record(0, 10))]);
    let phantoms = findings.anomalies.iter().filter(|it| it.found > 0);
    let phantoms: Vec<&str> = phantoms.map(|it| it.anomaly.id()).collect();
    assert_eq!(phantoms, ["A2"]);
}

#[test]
fn what_was_not_acknowledged_may_be_there_or_not() {
    let mut ledger = Ledger::default();
    for _ in 0..2 {
        let counter = ledger.open_next();
        ledger.unsure(counter);
    }
    let findings = judge(ledger, &[("s0", record(1, 10))]);
    assert_eq!(
        (findings.unacknowledged, findings.unacknowledged_found),
        (2, 1)
    );
    assert_eq!((findings.lost, findings.duplicated), (0, 0));
}

#[test]
fn damage_is_found_and_foreign_records_are_ignored() {
    let mut damaged = record(0, 10);
    damaged.data = base64_simd::STANDARD.encode_to_string(b"{}");
    let mut foreign = record(0, 11);
    foreign.partition_key = "someone-else".to_owned();
    let findings = judge(Ledger::default(), &[("s0", damaged), ("s0", foreign)]);
    assert_eq!((findings.corrupt, findings.read), (1, 1));
}

#[test]
fn parts_of_an_aggregated_record_are_judged_one_by_one() {
    let (first, second) = (record(0, 10), record(1, 10));
    let data = |record: &Record| record.bytes().expect("base64");
    let (first_data, second_data) = (data(&first), data(&second));
    let packed = aggregation::tests::pack(&[
        (&first.partition_key, None, &first_data),
        ("somebody-else", None, b"not ours"),
        (&second.partition_key, None, &second_data),
    ]);
    let entry = PutEntry::new("a".to_owned(), &packed);
    let packed = Record {
        sequence_number: "10".to_owned(),
        approximate_arrival_timestamp: 1.0,
        data: entry.data,
        partition_key: entry.partition_key,
    };
    let mut ledger = acknowledged(&[10]);
    let open = ledger.open_next();
    ledger.unsure(open);
    let findings = judge(ledger, &[("s0", packed)]);
    assert_eq!((findings.read, findings.corrupt, findings.lost), (2, 0, 0));
    assert_eq!(findings.sequence_reused, 0);
    assert_eq!(findings.unacknowledged_found, 1);
}
