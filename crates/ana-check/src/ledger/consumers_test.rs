//! What a ledger says of the application's consumers.

use super::fixture::{S, SHARD, at, ledger, polled};
use super::*;

fn one(deliveries: Vec<Delivery>) -> Consumer {
    let ledger = StreamLedger {
        deliveries,
        ..ledger()
    };
    only(consumers(&ledger))
}

fn only(all: Vec<Consumer>) -> Consumer {
    let [consumer] = <[Consumer; 1]>::try_from(all).expect("one consumer");
    consumer
}

/// Skipped, read again, perhaps read again, went back, not judged.
fn counts(of: &Consumer) -> [u64; 5] {
    [
        of.skipped,
        of.read_again,
        of.perhaps_again,
        of.went_back,
        of.not_judged,
    ]
}

#[test]
fn nobody_who_was_not_seen_is_told_of() {
    assert_eq!(consumers(&ledger()), []);
}

#[test]
fn readers_that_go_on_are_blameless() {
    let start = (Some(10), 20);
    let cases = [
        (
            "one iterator after another",
            vec![start, (None, 30), (None, 30)],
        ),
        ("a new iterator where it was", vec![start, (Some(20), 30)]),
        ("it has not got to the end", vec![start, (None, 25)]),
        ("it begins late", vec![(Some(25), 30)]),
    ];
    for (what, reads) in cases {
        let consumer = one(polled(&reads));
        assert_eq!(counts(&consumer), [0; 5], "{what}: {consumer:?}");
        assert!(consumer.looked_at >= 5, "{what}");
    }
}

#[test]
fn what_was_passed_over_is_counted_unless_it_is_read_later() {
    let skipping = one(polled(&[(Some(10), 15), (Some(18), 30)]));
    assert_eq!(counts(&skipping), [3, 0, 0, 0, 0], "{skipping:?}");
    let told = format!(
        "{SHARD}: passed over 3 records, from {} to {}",
        at(15),
        at(17)
    );
    assert_eq!(skipping.findings, [told]);
    let later = one(polled(&[(Some(10), 15), (Some(18), 30), (Some(15), 18)]));
    assert_eq!(counts(&later)[0], 0, "{later:?}");
    // Where nothing lies, nothing is passed over.
    let empty = one(polled(&[(Some(10), 30), (Some(70), 80)]));
    assert_eq!(counts(&empty), [0; 5]);
}

#[test]
fn what_was_surely_had_and_read_again_is_told_apart_from_what_may_not_have_arrived() {
    // It used the iterator of the second answer, so it had both.
    let sure = one(polled(&[
        (Some(10), 20),
        (None, 30),
        (None, 30),
        (Some(15), 30),
    ]));
    assert_eq!(counts(&sure), [0, 15, 0, 1, 0], "{sure:?}");
    assert!(sure.findings[0].contains("went back with AFTER_SEQUENCE_NUMBER"));
    // The second answer may have been lost.
    let unsure = one(polled(&[(Some(10), 20), (None, 30), (Some(20), 30)]));
    assert_eq!(counts(&unsure), [0, 0, 10, 0, 0], "{unsure:?}");
    // The same iterator again: an answer that did not arrive.
    let mut retried = polled(&[(Some(10), 20), (None, 30)]);
    let mut again = retried[1].clone();
    (again.asked_us, again.answered_us) = (3 * S, 3 * S + 1000);
    retried.push(again);
    assert_eq!(counts(&one(retried)), [0, 0, 10, 0, 0]);
}

#[test]
fn what_missing_notes_may_explain_is_not_judged() {
    let reads = [(Some(10), 15), (Some(18), 30)];
    let hole = StreamLedger {
        deliveries: polled(&reads),
        holes: vec![(S + S / 2, S + S / 2)],
        ..ledger()
    };
    let hidden = only(consumers(&hole));
    assert_eq!(counts(&hidden), [0, 0, 0, 0, 3], "{hidden:?}");
    // An iterator that was handed on by an answer that nobody noted.
    let mut handed_on = polled(&reads);
    handed_on[1].begins = None;
    assert_eq!(counts(&one(handed_on)), [0, 0, 0, 0, 3]);
    // A hole at another time explains nothing.
    let elsewhere = StreamLedger {
        holes: vec![(5 * S, 6 * S)],
        ..hole
    };
    assert_eq!(counts(&only(consumers(&elsewhere))), [3, 0, 0, 0, 0]);
}

#[test]
fn readers_at_the_same_time_are_two_and_one_after_the_other_are_one() {
    let beside = |shift_us: u64| {
        let mut both = polled(&[(Some(10), 20), (None, 30)]);
        let mut others = polled(&[(Some(10), 20), (None, 30)]);
        for other in &mut others {
            other.asked_us += shift_us;
            other.answered_us += shift_us;
            if let Way::Polled {
                iterator,
                next_iterator,
                ..
            } = &mut other.way
            {
                *iterator += 5000;
                *next_iterator = next_iterator.map(|next| next + 5000);
            }
        }
        both.extend(others);
        consumers(&StreamLedger {
            deliveries: both,
            ..ledger()
        })
    };
    let two = beside(S / 2);
    let names: Vec<&str> = two.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["anyone", "anyone (2)"]);
    assert!(two.iter().all(|each| counts(each) == [0; 5]), "{two:?}");
    let same = only(beside(5 * S));
    assert_eq!(counts(&same), [0, 10, 10, 1, 0], "{same:?}");
}

#[test]
fn a_lineage_takes_the_place_of_the_one_that_ended_where_it_begins() {
    // Two readers, one at 15 and one at 25; both get new iterators, the further one first.
    let mut all = Vec::new();
    for (number, upto) in [(0, 15), (1, 25)] {
        let mut reads = polled(&[(Some(10), upto), (None, upto), (Some(upto), 30)]);
        for read in &mut reads {
            if let Way::Polled {
                iterator,
                next_iterator,
                ..
            } = &mut read.way
            {
                *iterator += number * 5000;
                *next_iterator = next_iterator.map(|next| next + number * 5000);
            }
        }
        reads[2].asked_us -= number * 1000;
        all.extend(reads);
    }
    let found = consumers(&StreamLedger {
        deliveries: all,
        ..ledger()
    });
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|each| counts(each) == [0; 5]), "{found:?}");
}

#[test]
fn a_registered_consumer_goes_on_from_session_to_session() {
    let session = |number: u64, second: u64, from: u64, next: u64, begins: bool| Delivery {
        reader: "arn:x".to_owned(),
        way: Way::Pushed { session: number },
        begins: begins.then(|| "AFTER_SEQUENCE_NUMBER".to_owned()),
        asked_us: second * S,
        answered_us: second * S,
        ..polled(&[(Some(from), next)])[0].clone()
    };
    let first = session(1, 1, 10, 20, true);
    let (soon, late) = (session(2, 3, 15, 30, true), session(2, 8, 15, 30, true));
    assert_eq!(counts(&one(vec![first.clone(), soon])), [0, 0, 5, 0, 0]);
    assert_eq!(counts(&one(vec![first.clone(), late])), [0, 5, 0, 1, 0]);
    let skips = session(2, 8, 25, 30, true);
    let skips = one(vec![first, skips]);
    assert!(skips.is_pushed);
    assert_eq!(counts(&skips), [5, 0, 0, 0, 0]);
}

#[test]
fn standing_still_and_catching_up_are_told() {
    let mut deliveries = polled(&[
        (Some(10), 12),
        (None, 14),
        (None, 16),
        (None, 18),
        (None, 30),
    ]);
    for late in &mut deliveries[3..] {
        late.asked_us += 4 * S;
        late.answered_us += 4 * S;
    }
    deliveries[3].behind_ms = 4000;
    let mut ledger = StreamLedger {
        deliveries,
        healed_us: Some(5 * S),
        ..ledger()
    };
    let consumer = only(consumers(&ledger));
    assert_eq!((consumer.pauses, consumer.behind_max_ms), (1, 4000));
    let longest = Pause {
        shard: SHARD.to_owned(),
        at_us: 3 * S + 1000,
        length_us: 5 * S,
    };
    assert_eq!(consumer.longest, [longest]);
    assert_eq!(consumer.caught_up_after_us, Some(4 * S + 1000));
    ledger.deliveries.truncate(4);
    ledger.reads_end_us = 12 * S;
    let behind = only(consumers(&ledger));
    assert!(behind.is_behind, "{behind:?}");
    assert_eq!((behind.caught_up_after_us, behind.pauses), (None, 2));
}
