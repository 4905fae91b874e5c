//! What a ledger says of the cluster.

use super::fixture::{SHARD, at, content, ledger, put, stored};
use super::*;
use crate::{Anomaly, Verdict, check};

fn judged(ledger: &StreamLedger) -> Verdict {
    check(&history(ledger))
}

fn log(ledger: &mut StreamLedger) -> &mut Vec<Stored> {
    let log = ledger.log.as_mut().and_then(|log| log.get_mut(SHARD));
    &mut log.expect("the fixture was read back").records
}

/// The anomalies that were found.
fn found(verdict: &Verdict) -> Vec<(Anomaly, u64)> {
    let broken = verdict.broken();
    broken.map(|each| (each.anomaly, each.found)).collect()
}

#[test]
fn a_good_run_is_clean_and_was_looked_at() {
    let verdict = judged(&ledger());
    assert!(verdict.is_clean(), "{verdict}");
    for anomaly in [Anomaly::LostWrite, Anomaly::SendOrder, Anomaly::Duplicate] {
        assert!(verdict.of(anomaly).looked_at >= 15, "{verdict}");
    }
}

#[test]
fn without_data_nothing_is_exercised() {
    let nothing = judged(&StreamLedger::default());
    let unread = judged(&StreamLedger {
        log: None,
        ..ledger()
    });
    assert_eq!(nothing.of(Anomaly::LostWrite).looked_at, 0);
    assert_eq!(unread.of(Anomaly::LostWrite).looked_at, 0);
    assert_eq!(unread.of(Anomaly::Duplicate).looked_at, 0);
}

#[test]
fn an_acknowledged_record_that_is_not_there_is_lost() {
    let mut it = ledger();
    log(&mut it).retain(|each| each.sequence != at(15));
    assert_eq!(found(&judged(&it)), [(Anomaly::LostWrite, 1)]);
    // Another record in its place: nobody put that one.
    let mut it = ledger();
    log(&mut it)[5].content = 4;
    let both = [(Anomaly::LostWrite, 1), (Anomaly::Phantom, 1)];
    assert_eq!(found(&judged(&it)), both);
}

#[test]
fn what_was_acknowledged_while_the_log_was_read_is_not_missed_behind_its_end() {
    let read_out = |is_read_out: bool, reads_end_us: u64| {
        let mut it = ledger();
        it.puts.push(put(40));
        it.reads_end_us = reads_end_us;
        for log in it.log.iter_mut().flat_map(BTreeMap::values_mut) {
            log.is_read_out = is_read_out;
        }
        (judged(&it).found(Anomaly::LostWrite), it.covered().count())
    };
    assert_eq!(read_out(true, 30_000), (0, 20), "it was put later");
    assert_eq!(
        read_out(true, 50_000),
        (1, 21),
        "the reading began after its answer"
    );
    assert_eq!(
        read_out(false, 50_000),
        (0, 20),
        "the reading did not come to it"
    );
    // What lies before the last record that was read is judged in any case.
    let mut it = ledger();
    log(&mut it).retain(|each| each.sequence != at(15));
    it.reads_end_us = 0;
    assert_eq!(judged(&it).found(Anomaly::LostWrite), 1);
}

#[test]
fn a_copy_is_blamed_only_when_no_attempt_explains_it_and_every_attempt_is_known() {
    let copy = Stored {
        content: content(15),
        ..stored(40)
    };
    let unanswered = NotedPut {
        place: None,
        content: content(15),
        ..put(16)
    };
    let sampled = |it: &mut StreamLedger| it.one_in = 2;
    let hole = |it: &mut StreamLedger| it.holes.push((5, 10));
    let early = |it: &mut StreamLedger| it.all_on_us = 1_000_000;
    let retried = |it: &mut StreamLedger| it.puts.push(unanswered.clone());
    let nothing = |_: &mut StreamLedger| {};
    type Change<'c> = &'c dyn Fn(&mut StreamLedger);
    let cases: [(&str, Change<'_>, u64); 5] = [
        ("nothing explains it", &nothing, 1),
        ("an attempt without an answer", &retried, 0),
        ("not every put was noted", &sampled, 0),
        ("notes are missing", &hole, 0),
        ("the put may be older than the ledger", &early, 0),
    ];
    for (what, change, expected) in cases {
        let mut it = ledger();
        log(&mut it).push(copy);
        change(&mut it);
        let verdict = judged(&it);
        assert_eq!(
            verdict.found(Anomaly::Duplicate),
            expected,
            "{what}: {verdict}"
        );
        assert_eq!(verdict.found(Anomaly::LostWrite), 0, "{what}");
    }
}

#[test]
fn a_number_that_was_given_twice_is_told() {
    let mut it = ledger();
    it.puts.push(NotedPut {
        content: 1,
        ..put(15)
    });
    assert_eq!(judged(&it).found(Anomaly::SequenceReuse), 1);
}

#[test]
fn order_is_broken_only_where_one_answer_was_surely_before_the_other_request() {
    // The put at 20 was answered before the one at 12 arrived.
    let mut it = ledger();
    let late = it.puts.iter_mut().find(|each| each.arrived_us == 12_000);
    let late = late.expect("12 is in it");
    (late.arrived_us, late.answered_us) = (50_000, 50_500);
    let verdict = judged(&it);
    assert!(verdict.found(Anomaly::SendOrder) > 0, "{verdict}");
    // Where the clocks of nodes cannot be compared, nothing is said.
    for put in &mut it.puts {
        (put.arrived_us, put.answered_us) = (0, u64::MAX);
    }
    assert_eq!(judged(&it).found(Anomaly::SendOrder), 0);
}
