//! Small histories written by hand: what is an anomaly, and what is not although it looks like one.

use ana_types::{HashKey, HashRange};

use crate::history::{
    Asked, At, Batch, Chain, Existence, History, Leadership, Listing, Put, ReplicaDigest,
    Retention, Rules, Seen, Served, Shard, ShardSeen, Start, Subject, Value, Way,
};
use crate::{Anomaly, Judgement, Sequence, Verdict, check};

const WALL_MS: u64 = 1_767_225_600_000;

fn at(ms: u64) -> At {
    At::new(ms * 1000, WALL_MS + ms)
}

/// A history of one shard `a`, one producer and one reader; times in milliseconds.
struct Small {
    history: History,
    a: Shard,
}

impl Small {
    fn new() -> Small {
        let mut history = History::new(Rules {
            horizon_slack_ms: 0,
            ..Rules::default()
        });
        let a = history.shard("shardId-000000000000");
        Small { history, a }
    }

    fn value(&mut self, counter: u32) -> Value {
        Value::new(self.history.producer("p"), counter)
    }

    fn unanswered(&mut self, counter: u32, sent: u64) -> Put {
        let value = self.value(counter);
        Put::new(value, self.history.key(&format!("k{counter}")), at(sent))
    }

    /// Acknowledged at `sequence`, within a millisecond.
    fn ok(&mut self, counter: u32, sequence: u64, sent: u64) {
        self.ok_in(self.a, counter, sequence, sent);
    }

    fn ok_in(&mut self, shard: Shard, counter: u32, sequence: u64, sent: u64) {
        let put = self.unanswered(counter, sent);
        let put = put.acknowledged(shard, Sequence::from(sequence), sent * 1000 + 1000);
        self.history.put(put);
    }

    fn seen(&mut self, counter: u32, sequence: u64) -> Seen {
        let value = self.value(counter);
        Seen::new(Sequence::from(sequence), Some(value), WALL_MS + sequence)
    }

    /// Reads these in one answer, at the tip or not.
    fn read(&mut self, shard: Shard, start: Start, ms: u64, records: &[(u32, u64)], at_tip: bool) {
        let client = self.history.client("reader");
        let seen: Vec<Seen> = records.iter().map(|it| self.seen(it.0, it.1)).collect();
        let mut chain = Chain::new(shard, client, start, Way::Polled, at(ms));
        let batch = Batch {
            asked: at(ms),
            answered_us: at(ms + 1).us,
            behind_ms: at_tip.then_some(0),
            continuation: None,
            is_end: false,
        };
        chain.answered(batch, seen);
        self.history.open_chain(chain);
    }

    fn finally(&mut self, shard: Shard, ms: u64, records: &[(u32, u64)], complete: bool) {
        let seen: Vec<Seen> = records.iter().map(|it| self.seen(it.0, it.1)).collect();
        let read = self.history.final_read(shard);
        read.begin(at(ms));
        read.extend(seen);
        if complete {
            read.complete();
        }
    }

    fn lives(&mut self, since: u64, lives_ms: u64) {
        let since_us = since * 1000;
        self.history.retention(Retention { since_us, lives_ms });
    }

    fn list(&mut self, ms: u64, shards: &[(Shard, &[Shard], bool, u128, u128)]) {
        let shards = shards
            .iter()
            .map(|(shard, parents, is_open, start, end)| ShardSeen {
                shard: *shard,
                parents: parents.to_vec(),
                range: HashRange {
                    start: HashKey(*start),
                    end: HashKey(*end),
                },
                is_open: *is_open,
            });
        self.history.listing(Listing {
            asked: at(ms),
            answered_us: at(ms + 1).us,
            shards: shards.collect(),
        });
    }

    fn broken(&self) -> Vec<Anomaly> {
        broken(&check(&self.history))
    }
}

fn broken(verdict: &Verdict) -> Vec<Anomaly> {
    let anomaly = |judgement: &Judgement| judgement.anomaly;
    verdict.broken().map(anomaly).collect()
}

#[test]
fn a_read_that_did_not_end_says_nothing_of_what_lies_behind_it() {
    let mut small = Small::new();
    small.ok(1, 10, 1);
    small.ok(2, 20, 3);
    small.ok(3, 30, 5);
    small.finally(small.a, 100, &[(2, 20)], false);
    let verdict = check(&small.history);
    let lost = verdict.of(Anomaly::LostWrite);
    assert_eq!((lost.looked_at, lost.found), (2, 1));
    let told = &lost.findings[0].records[0];
    assert_eq!((told.value.as_str(), told.answered_us), ("p 1", Some(2000)));
}

#[test]
fn what_has_expired_is_not_lost_and_the_shortest_retention_since_counts() {
    for (settings, is_lost) in [
        (&[(0, 50)][..], false),
        (&[(0, 500)][..], true),
        // Lowered after the put, and raised again: it may have been trimmed in between.
        (&[(0, 500), (20, 50), (40, 500)][..], false),
        // Lowered only before the put.
        (&[(0, 500), (2, 50), (4, 500)][..], true),
    ] {
        let mut small = Small::new();
        small.ok(1, 10, 10);
        for (since, lives) in settings {
            small.lives(*since, *lives);
        }
        small.finally(small.a, 100, &[], true);
        assert_eq!(!small.broken().is_empty(), is_lost, "{settings:?}");
    }
}

#[test]
fn a_shard_that_vanished_holds_nothing() {
    let mut small = Small::new();
    small.ok(1, 10, 1);
    assert!(!check(&small.history).of(Anomaly::LostWrite).is_exercised());
    small.history.everything_was_read(at(100));
    assert_eq!(small.broken(), [Anomaly::LostWrite]);
}

#[test]
fn a_copy_of_a_retry_that_was_read_must_stay() {
    let mut small = Small::new();
    let put = small
        .unanswered(1, 1)
        .acknowledged(small.a, Sequence::from(20), 9000);
    small.history.put(put.unanswered(1));
    small.read(small.a, Start::TrimHorizon, 10, &[(1, 10), (1, 20)], false);
    small.finally(small.a, 100, &[(1, 10), (1, 20)], true);
    let verdict = check(&small.history);
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!(verdict.figures.retried_duplicates, 1);
    let read = small.history.final_read(small.a);
    *read = crate::history::FinalRead::default();
    small.finally(small.a, 100, &[(1, 20)], true);
    assert_eq!(small.broken(), [Anomaly::DirtyRead]);
}

#[test]
fn one_attempt_has_one_number_and_a_number_one_record() {
    // Two acknowledgements.
    let mut small = Small::new();
    small.ok(1, 10, 1);
    small.ok(2, 10, 1);
    assert_eq!(small.broken(), [Anomaly::SequenceReuse]);
    // Read at one place, acknowledged and stored at another.
    let mut small = Small::new();
    small.ok(1, 20, 1);
    small.read(small.a, Start::TrimHorizon, 10, &[(1, 10)], false);
    small.finally(small.a, 100, &[(1, 20)], true);
    assert_eq!(small.broken(), [Anomaly::SequenceReuse]);
    // Two readers, one number, and nobody knows any more.
    let mut small = Small::new();
    for counter in [1, 2] {
        let put = small.unanswered(counter, 1);
        small.history.put(put);
        small.read(small.a, Start::Latest, 10, &[(counter, 10)], false);
    }
    assert_eq!(small.broken(), [Anomaly::SequenceReuse]);
    // A reader saw what another was acknowledged with, and it has expired since.
    let mut small = Small::new();
    small.lives(0, 20);
    small.ok(1, 10, 1);
    let put = small.unanswered(2, 1);
    small.history.put(put);
    small.read(small.a, Start::Latest, 1, &[(2, 10)], false);
    small.finally(small.a, 100, &[], true);
    assert_eq!(small.broken(), [Anomaly::SequenceReuse]);
}

#[test]
fn parts_of_one_record_share_its_number() {
    let mut small = Small::new();
    small.ok(1, 10, 1);
    small.ok(2, 20, 3);
    let parts = [
        small.seen(1, 10),
        small.seen(7, 10).part(1),
        small.seen(2, 20),
    ];
    let put = small.unanswered(7, 1);
    small.history.put(put);
    let read = small.history.final_read(small.a);
    read.extend(parts);
    read.complete();
    let verdict = check(&small.history);
    assert!(verdict.is_clean(), "{verdict}");
}

#[test]
fn the_order_of_sending_is_that_of_numbers_only_where_there_is_one() {
    for (sent, is_broken) in [(3, true), (1, false)] {
        let mut small = Small::new();
        small.ok(1, 20, 1);
        small.ok(2, 10, sent);
        let expected: &[Anomaly] = if is_broken {
            &[Anomaly::SendOrder]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected, "sent at {sent}");
    }
    // One key in two shards.
    let mut small = Small::new();
    let b = small.history.shard("shardId-000000000001");
    let key = small.history.key("k1");
    small.ok(1, 20, 1);
    small.ok_in(b, 2, 10, 3);
    assert_eq!(small.broken(), []);
    small.history.puts[1].key = key;
    assert_eq!(small.broken(), [Anomaly::SendOrder]);
}

#[test]
fn counters_of_a_key_are_in_order_where_its_client_waits() {
    for keys_in_order in [false, true] {
        let mut small = Small::new();
        small.history.rules.keys_in_order = keys_in_order;
        // Nothing is known of when they were put.
        for (counter, sequence) in [(1, 20), (2, 10)] {
            let value = small.value(counter);
            let key = small.history.key("k");
            let put = Put::new(value, key, At::default());
            let put = put.acknowledged(small.a, Sequence::from(sequence), 0);
            small.history.put(put);
        }
        assert_eq!(!small.broken().is_empty(), keys_in_order);
    }
}

#[test]
fn an_acknowledgement_names_a_place() {
    let mut small = Small::new();
    let put = small
        .unanswered(1, 1)
        .acknowledged(small.a, Sequence::read("none"), 2000);
    small.history.put(put);
    assert_eq!(small.broken(), [Anomaly::Sentinel]);
}

#[test]
fn two_records_of_the_last_read_have_two_numbers() {
    let mut small = Small::new();
    for counter in [1, 2] {
        let put = small.unanswered(counter, 1);
        small.history.put(put);
    }
    small.finally(small.a, 100, &[(1, 10), (2, 10)], true);
    assert_eq!(small.broken(), [Anomaly::SequenceReuse]);
}

#[test]
fn a_refused_entry_is_not_read() {
    for (in_batch, found) in [(true, Anomaly::RecordResult), (false, Anomaly::Phantom)] {
        let mut small = Small::new();
        let put = small.unanswered(1, 1).refused(2000);
        small
            .history
            .put(if in_batch { put.in_batch() } else { put });
        small.read(small.a, Start::TrimHorizon, 10, &[(1, 10)], false);
        assert_eq!(small.broken(), [found]);
    }
}

#[test]
fn the_tip_may_lack_what_has_expired() {
    // What counts is when the answer came: it may have been made then.
    for (lives, answered, is_stale) in [
        (20, 51, false),
        (2000, 51, true),
        (2000, 2100, false),
        (2000, 1900, true),
    ] {
        let mut small = Small::new();
        small.lives(0, lives);
        small.ok(1, 10, 1);
        small.read(small.a, Start::TrimHorizon, 50, &[], true);
        small.history.chains[0].batches[0].1.answered_us = at(answered).us;
        assert_eq!(!small.broken().is_empty(), is_stale, "{lives} {answered}");
    }
}

#[test]
fn latest_must_have_what_was_sent_after_it_was_asked_for() {
    for (sent, is_stale) in [(12, true), (9, false)] {
        let mut small = Small::new();
        small.ok(1, 10, sent);
        small.read(small.a, Start::Latest, 10, &[], true);
        let chain = &mut small.history.chains[0];
        let mut again = chain.batches[0];
        (again.1.asked, again.1.answered_us) = (at(20), at(21).us);
        chain.batches.push(again);
        let expected: &[Anomaly] = if is_stale { &[Anomaly::StaleRead] } else { &[] };
        assert_eq!(small.broken(), expected, "sent at {sent}");
    }
}

#[test]
fn what_one_reader_saw_is_at_the_tip_of_all() {
    let mut small = Small::new();
    let put = small.unanswered(1, 1);
    small.history.put(put);
    small.read(small.a, Start::TrimHorizon, 10, &[(1, 10)], true);
    small.read(small.a, Start::TrimHorizon, 20, &[], true);
    small.finally(small.a, 100, &[(1, 10)], true);
    assert_eq!(small.broken(), [Anomaly::StaleRead]);
}

#[test]
fn leaders_of_one_term_serve_one_after_another() {
    for (order, is_broken) in [(&[1, 2, 2][..], false), (&[1, 2, 1][..], true)] {
        let mut small = Small::new();
        for (number, ms) in order.iter().zip(1..) {
            let leader = small.history.node(&format!("node-{number}"));
            small.history.served(Served {
                by: Leadership {
                    group: 1,
                    term: 4,
                    leader,
                },
                asked_us: at(10 * ms).us,
                answered_us: at(10 * ms + 1).us,
            });
        }
        let expected: &[Anomaly] = if is_broken {
            &[Anomaly::SplitBrain]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected, "{order:?}");
    }
}

#[test]
fn a_replica_that_lags_is_not_compared_and_not_passed_over() {
    let mut small = Small::new();
    for (node, entries) in [("node-1", 10), ("node-2", 4)] {
        let node = small.history.node(node);
        small.history.replica(ReplicaDigest {
            node,
            group: 1,
            from: 1,
            upto: 10,
            entries,
            digest: format!("{entries}"),
            at: at(1),
        });
    }
    let verdict = check(&small.history);
    let judgement = verdict.of(Anomaly::ReplicaDivergence);
    assert!(verdict.is_clean() && !judgement.is_exercised());
    assert!(
        judgement.to_string().contains("undecided: 1 replicas"),
        "{judgement}"
    );
}

/// `a` is split into `b` and `c`, seen so at 50 ms.
fn split() -> (Small, Shard, Shard) {
    let mut small = Small::new();
    let (b, c) = (small.history.shard("b"), small.history.shard("c"));
    let a = small.a;
    small.list(1, &[(a, &[], true, 0, u128::MAX)]);
    let parents = [a];
    let listed = [
        (a, &[][..], false, 0, u128::MAX),
        (b, &parents[..], true, 0, 99),
        (c, &parents[..], true, 100, u128::MAX),
    ];
    small.list(50, &listed);
    (small, b, c)
}

#[test]
fn parents_come_before_children() {
    // Numbers and sending times of a put to the parent and of one to a child.
    for (name, parent, child, is_broken) in [
        ("in order", (10, 20), (20, 60), false),
        ("a child's number is not greater", (30, 20), (20, 60), true),
        (
            "sent after a child had acknowledged",
            (10, 30),
            (20, 20),
            true,
        ),
    ] {
        let (mut small, b, _) = split();
        small.ok(1, parent.0, parent.1);
        small.ok_in(b, 2, child.0, child.1);
        let expected: &[Anomaly] = if is_broken {
            &[Anomaly::ReshardOrder]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected, "{name}");
    }
}

#[test]
fn a_closed_shard_takes_nothing_and_stays_closed() {
    for (sent, is_broken) in [(50, false), (52, true)] {
        let (mut small, ..) = split();
        small.ok(1, 10, sent);
        assert_eq!(!small.broken().is_empty(), is_broken, "sent at {sent}");
    }
    let lag_ms = Rules::default().metadata_lag_ms;
    for (listed, is_broken) in [(40 + lag_ms, false), (60 + lag_ms, true)] {
        let (mut small, ..) = split();
        let a = small.a;
        small.list(listed, &[(a, &[], true, 0, u128::MAX)]);
        assert_eq!(!small.broken().is_empty(), is_broken, "listed at {listed}");
    }
    // The child is closed already, the parent not yet.
    let mut small = Small::new();
    let (a, b) = (small.a, small.history.shard("b"));
    small.list(50, &[(a, &[], true, 0, u128::MAX), (b, &[a], false, 0, 99)]);
    assert_eq!(small.broken(), [Anomaly::ReshardOrder]);
}

#[test]
fn only_a_closed_shard_ends() {
    let (mut small, b, _) = split();
    small.history.rules.metadata_lag_ms = 10;
    for shard in [small.a, b] {
        small.read(shard, Start::Latest, 20, &[], false);
        small
            .history
            .chains
            .last_mut()
            .expect("read just now")
            .batches[0]
            .1
            .is_end = true;
        let expected: &[Anomaly] = if shard == b {
            &[Anomaly::ReshardOrder]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected);
    }
}

#[test]
fn a_reader_from_the_horizon_shows_what_was_trimmed_too_early() {
    for (lives, is_broken) in [(60, true), (20, false)] {
        let mut small = Small::new();
        small.lives(0, lives);
        small.ok(1, 10, 1);
        small.ok(2, 20, 3);
        small.read(small.a, Start::TrimHorizon, 40, &[(2, 20)], false);
        small.finally(small.a, 1000, &[], true);
        let expected: &[Anomaly] = if is_broken {
            &[Anomaly::Retention]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected, "{lives}");
    }
}

#[test]
fn the_horizon_does_not_move_back_further_than_clocks_differ() {
    // Over after 11 ms; clocks may differ by 50.
    for (slack_ms, again, is_broken) in [(50, 60, false), (50, 70, true), (0, 60, true)] {
        let mut small = Small::new();
        small.history.rules.horizon_slack_ms = slack_ms;
        small.lives(0, 10);
        small.ok(1, 10, 1);
        small.ok(2, 20, 3);
        small.read(small.a, Start::TrimHorizon, 40, &[(2, 20)], false);
        small.read(
            small.a,
            Start::TrimHorizon,
            again,
            &[(1, 10), (2, 20)],
            false,
        );
        small.finally(small.a, 1000, &[], true);
        let expected: &[Anomaly] = if is_broken {
            &[Anomaly::Resurrection]
        } else {
            &[]
        };
        assert_eq!(small.broken(), expected, "{slack_ms} {again}");
    }
}

#[test]
fn what_was_made_again_has_not_come_back() {
    let asked = |ms| Asked {
        asked_us: at(ms).us,
        answered_us: at(ms + 1).us,
    };
    let unanswered = Asked {
        answered_us: u64::MAX,
        ..asked(500)
    };
    for (made_again, there_at, is_broken) in [
        (Some(asked(50_000)), 99_000, false),
        (None, 99_000, true),
        // Nobody knows when it came about.
        (Some(unanswered), 99_000, false),
        // Within the lag of the metadata a node may not know yet that it is gone.
        (None, 3_000, false),
    ] {
        let mut small = Small::new();
        let subject = || Subject::Stream("s".to_owned());
        let history = &mut small.history;
        history.existence(Existence::Made(subject(), asked(1)));
        history.existence(Existence::Gone(subject(), asked(1000)));
        if let Some(made) = made_again {
            history.existence(Existence::Made(subject(), made));
        }
        history.existence(Existence::There(subject(), asked(there_at)));
        assert_eq!(
            !small.broken().is_empty(),
            is_broken,
            "{made_again:?} {there_at}"
        );
    }
}

#[test]
fn what_expires_while_the_last_read_goes_on_may_be_gone() {
    for (ended, is_lost) in [(None, true), (Some(at(80)), false)] {
        let mut small = Small::new();
        small.lives(0, 60);
        small.ok(1, 10, 1);
        small.finally(small.a, 50, &[], true);
        if let Some(ended) = ended {
            small.history.final_read(small.a).end(ended);
        }
        assert_eq!(!small.broken().is_empty(), is_lost);
    }
}

#[test]
fn two_verdicts_are_one() {
    let mut one = Small::new();
    one.ok(1, 10, 1);
    one.finally(one.a, 100, &[], true);
    let mut other = Small::new();
    other.ok(1, 10, 1);
    other.finally(other.a, 100, &[(1, 10)], true);
    let both = check(&one.history).join(check(&other.history));
    let lost = both.of(Anomaly::LostWrite);
    assert_eq!(
        (lost.looked_at, lost.found, both.figures.acknowledged),
        (2, 1, 2)
    );
    assert!(both.coverage().starts_with("A1 2, ") && both.coverage().ends_with("A19, A20"));
    let json = serde_json::to_value(&both).expect("a verdict is JSON");
    assert_eq!(json["judgements"][0]["id"], "A1");
    assert_eq!(
        json["judgements"][0]["findings"][0]["records"][0]["sequence"],
        "10"
    );
}
