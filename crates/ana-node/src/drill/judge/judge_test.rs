//! What a history becomes for the checks of a drill: each kind of finding under its flag.

use ana_check::history::{Put, ReplicaDigest, Rules};
use ana_check::{At, Seen, Value};

use super::super::record::Compared;
use super::*;

/// Two records of one key, both acknowledged; the last read has those named.
fn history(there: &[u32]) -> History {
    let mut history = History::new(Rules {
        keys_in_order: true,
        ..Rules::default()
    });
    let producer = history.producer("producer-0");
    let key = history.key("k0");
    let shard = history.shard("shardId-000000000000");
    for counter in 0..2 {
        let sent = At::new(u64::from(counter) * 1000 + 1, 1_767_225_600_000);
        let put = Put::new(Value::new(producer, counter), key, sent);
        let at = Sequence::from(u64::from(counter) * 10 + 100);
        history.put(put.acknowledged(shard, at, sent.us + 500));
    }
    let read = history.final_read(shard);
    read.begin(At::new(1_000_000, 1_767_225_700_000));
    read.extend(there.iter().map(|counter| {
        let at = Sequence::from(u64::from(*counter) * 10 + 100);
        Seen::new(at, Some(Value::new(producer, *counter)), 1_767_225_600_000)
    }));
    read.complete();
    history
}

fn flag(judged: &Judged, flag: Flag) -> (u64, Option<String>) {
    let of_flag = judged.audits.iter().filter(|(each, _)| *each == flag);
    of_flag.fold((0, None), |(looked_at, wrong), (_, audit)| {
        (
            looked_at + audit.looked_at,
            wrong.or_else(|| audit.wrong.clone()),
        )
    })
}

#[test]
fn what_the_checker_finds_the_flags_are_told() {
    let keys = KeyOrder::default();
    let well = judge(&history(&[0, 1]), true, &keys, None);
    assert_eq!(flag(&well, Flag::NoAckedRecordLost).1, None);
    assert!(flag(&well, Flag::NoAckedRecordLost).0 > 0);
    assert_eq!(
        well.load.as_ref().map(|load| (load.read, load.lost)),
        Some((2, 0))
    );
    assert_eq!(
        flag(&well, Flag::ReplicasIdentical),
        (0, None),
        "nothing was compared"
    );

    let lost = judge(&history(&[0]), true, &keys, None);
    let wrong = flag(&lost, Flag::NoAckedRecordLost)
        .1
        .expect("a lost record");
    assert!(wrong.starts_with("1 found: "), "{wrong}");
    assert_eq!(lost.load.as_ref().map(|load| load.lost), Some(1));
    let records = records_of(&lost.verdict, Flag::NoAckedRecordLost);
    assert_eq!(records.len(), 1);
    let Told {
        record,
        answered_us,
    } = &records[0];
    assert_eq!((record.counter, record.key.as_str()), (1, "k0"));
    assert_eq!(record.sequence_number, "110");
    assert_eq!(*answered_us, Some(1501));
}

#[test]
fn a_replica_that_differs_or_was_not_compared_is_not_identical() {
    let mut held = history(&[0, 1]);
    for (node, digest) in [("node-1", "aa"), ("node-2", "bb")] {
        let node = held.node(node);
        held.replica(ReplicaDigest {
            node,
            group: 1,
            from: 1,
            upto: 9,
            entries: 9,
            digest: digest.to_owned(),
            at: At::default(),
        });
    }
    let keys = KeyOrder::default();
    let differ = judge(&held, true, &keys, None);
    assert!(flag(&differ, Flag::ReplicasIdentical).1.is_some());
    let comparison = Comparison {
        compared: Compared {
            replicas: 2,
            ..Compared::default()
        },
        wrong: vec!["node 3 does not answer".to_owned()],
    };
    let missing = judge(&history(&[0, 1]), true, &keys, Some(&comparison));
    let found = flag(&missing, Flag::ReplicasIdentical);
    assert_eq!(found, (2, Some("node 3 does not answer".to_owned())));
}

#[test]
fn a_key_is_in_order_when_each_record_lies_behind_the_one_before() {
    let mut keys = KeyOrder::default();
    let acknowledged = [("a", 1), ("b", 5), ("a", 2), ("b", 4), ("b", 6), ("c", 7)];
    for (key, at) in acknowledged {
        keys.acknowledged(key, Sequence::from(at));
    }
    assert_eq!(keys.counts(), (2, 1), "one record has no order");
}
