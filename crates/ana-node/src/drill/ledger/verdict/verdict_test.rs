//! What ledgers become in a record, and for the checks of a drill.

use std::collections::BTreeMap;

use ana_check::Sequence;
use ana_check::ledger::{Delivery, NotedPut, ShardLog, Stored, Way};
use ana_types::{Position, SequenceNumber, ShardIndex};

use super::*;

const SHARD: &str = "orders/shardId-000000000000";
const ARN: &str = "arn:aws:kinesis:eu-west-1:0:stream/orders/consumer/billing:17";

fn at(position: u64) -> Sequence {
    let number = SequenceNumber {
        created_s: 1_767_225_600,
        shard: ShardIndex(0),
        position: Position(position),
        time_s: 1_767_225_601,
    };
    Sequence::read(&number.to_string())
}

/// Records 1 to 9 are put and lie there; a registered consumer is given all of them but 4 to 6.
fn ledger() -> StreamLedger {
    let put = |position: u64| NotedPut {
        place: Some((SHARD.to_owned(), at(position))),
        hash_key: 1,
        content: position,
        arrived_us: position * 1000,
        answered_us: position * 1000 + 10,
        node: 1,
    };
    let stored = |position: u64| Stored {
        sequence: at(position),
        content: position,
        arrival_ms: 1_767_225_600_000 + position,
    };
    let given = |session: u64, from: u64, next: u64| Delivery {
        reader: ARN.to_owned(),
        way: Way::Pushed { session },
        shard: SHARD.to_owned(),
        begins: Some("AT_SEQUENCE_NUMBER".to_owned()),
        from,
        next,
        count: next - from,
        behind_ms: 0,
        asked_us: session * 1_000_000,
        answered_us: session * 1_000_000,
    };
    let log = ShardLog {
        records: (1..10).map(stored).collect(),
        is_read_out: true,
    };
    StreamLedger {
        puts: (1..10).map(put).collect(),
        deliveries: vec![given(1, 1, 4), given(2, 7, 10)],
        log: Some(BTreeMap::from([(SHARD.to_owned(), log)])),
        one_in: 1,
        ended_us: 3_000_000,
        reads_end_us: 3_000_000,
        ..StreamLedger::default()
    }
}

fn judged(ledger: StreamLedger) -> Own {
    let name = "orders".to_owned();
    let collected = Collected::new([1].into_iter(), 1);
    judge(&collected, &[OfStream { name, ledger }], 0)
}

#[test]
fn an_application_that_skips_does_not_make_the_cluster_lose() {
    let own = judged(ledger());
    let puts = &own.cluster.puts[0];
    let counts = (puts.sampled, puts.lost, puts.duplicated, puts.reordered);
    assert_eq!(counts, (9, Some(0), Some(0), Some(0)));
    assert_eq!(puts.not_exercised, [""; 0]);
    assert!(own.verdict.is_some_and(|verdict| verdict.is_clean()));
    let consumer = &own.application.consumers[0];
    assert_eq!((consumer.name.as_str(), consumer.skipped), ("billing", 3));
    let audit = |flag| own.audits.iter().find(|(each, _)| *each == flag);
    let (_, skipped) = audit(Flag::NoRecordSkipped).expect("it is audited");
    let wrong = skipped.wrong.as_deref().unwrap_or_default();
    assert!(
        wrong.starts_with("3 skipped by billing of orders"),
        "{wrong}"
    );
    let (_, twice) = audit(Flag::NoRecordReadTwice).expect("it is audited");
    assert_eq!((twice.looked_at, twice.wrong.as_ref()), (9, None));
}

#[test]
fn a_lost_record_is_the_cluster_s_and_named() {
    let mut it = ledger();
    for log in it.log.iter_mut().flat_map(BTreeMap::values_mut) {
        log.records.retain(|each| each.sequence != at(5));
    }
    let own = judged(it);
    let puts = &own.cluster.puts[0];
    assert_eq!(
        (puts.lost, &puts.examples),
        (Some(1), &vec![at(5).to_string()])
    );
    assert!(
        own.verdict
            .is_some_and(|it| it.found(Anomaly::LostWrite) == 1)
    );
}

#[test]
fn what_saw_no_data_is_absent_and_never_nothing() {
    let own = judged(StreamLedger {
        puts: Vec::new(),
        deliveries: Vec::new(),
        ..ledger()
    });
    assert!(own.cluster.puts.is_empty() && own.application.consumers.is_empty());
    assert!(own.audits.iter().all(|(_, audit)| audit.looked_at == 0));
    let unread = judged(StreamLedger {
        log: None,
        ..ledger()
    });
    let puts = &unread.cluster.puts[0];
    assert_eq!((puts.lost, puts.duplicated), (None, None));
    assert_eq!(puts.not_exercised.len(), 1);
    let sampled = judged(StreamLedger {
        one_in: 4,
        ..ledger()
    });
    let puts = &sampled.cluster.puts[0];
    assert_eq!((puts.lost, puts.duplicated), (Some(0), None));
}
