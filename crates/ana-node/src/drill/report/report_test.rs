//! Reports as people read them, whole.

use std::collections::{BTreeMap, BTreeSet};

use ana_types::{NodeId, Zone};

use super::*;
use crate::drill::record::{
    Acknowledgement, BrokenRecord, Compared, Expectation, FORMAT, Judgement, LoadAudit, PollGap,
};

fn load() -> LoadCounts {
    LoadCounts {
        stream: "drill".to_owned(),
        stream_created: true,
        acked: 28_914,
        unacked: 0,
        retried: 9,
        throttled: 0,
        audit: Some(LoadAudit {
            read: 28_917,
            lost: 0,
            duplicated_by_retries: 3,
            duplicated_unexplained: 0,
            sequences_reused: 0,
            keys: 100,
            keys_in_order: 100,
        }),
    }
}

fn zone_down() -> FaultRow {
    let zone = Zone::new("b").expect("a zone");
    let pick = Pick::Zones(BTreeMap::from([(zone, BTreeSet::from([NodeId(2)]))]));
    FaultRow {
        number: 1,
        name: None,
        action: "zone.down".to_owned(),
        on: "one of zones".to_owned(),
        pick: Some(pick),
        planned_at_ms: 10_000,
        fired_at_ms: Some(10_020),
        reverted_at_ms: Some(40_100),
        write_gap_ms: Some(840),
        put_p99_ms: Some(41),
        normal_after_ms: Some(1240),
        note: Some("leadership moved after 0.80s".to_owned()),
    }
}

/// A run that passed, with something of everything.
pub(crate) fn record() -> Record {
    let expectation = |check: &str, judgement| Expectation {
        check: check.to_owned(),
        judgement,
    };
    Record {
        format: FORMAT,
        id: "20261128-044110-zone-loss".to_owned(),
        drill: "zone-loss".to_owned(),
        about: "Losing a zone loses no record".to_owned(),
        seed: 42,
        build: "1.3.0".to_owned(),
        started_at_ms: 1_795_840_870_123,
        duration_ms: 58_400,
        outcome: Outcome::Passed,
        why: None,
        endpoint: "http://127.0.0.1:4567".to_owned(),
        healed_at_ms: Some(40_100),
        load: Some(load()),
        replicas: Some(Compared {
            replicas: 12,
            identical: 12,
            groups: 4,
            entries: 800,
        }),
        anomalies: Vec::new(),
        faults: vec![zone_down()],
        expectations: vec![
            expectation("no_acked_record_lost", Judgement::Held { seen: None }),
            expectation(
                "write_gap <= 2s",
                Judgement::Held {
                    seen: Some("worst 0.84s".to_owned()),
                },
            ),
            expectation(
                "read_gap <= 2s",
                Judgement::NotExercised {
                    why: "nothing was measured".to_owned(),
                },
            ),
        ],
        first_broken: None,
        consumers: vec![ConsumerRow {
            name: "polling-1".to_owned(),
            records: 28_917,
            gaps: vec![PollGap {
                shard: "shardId-000000000000".to_owned(),
                at_ms: 10_100,
                length_ms: 3100,
            }],
            lag_max_ms: Some(3600),
            caught_up_after_ms: Some(6000),
            ..ConsumerRow::default()
        }],
        series: Vec::new(),
        events: Vec::new(),
        cluster: None,
        application: None,
        notes: Vec::new(),
        again: "ana drill run zone-loss --seed 42".to_owned(),
        plan: Some("drill = \"zone-loss\"\nseed = 42\n".to_owned()),
    }
}

#[test]
fn a_run_that_passed_fits_on_a_screen() {
    let text = text(&record(), Some(Path::new("/d/drills/x")), Paint::default());
    let expected = "\
zone-loss   PASS   seed 42   00:58   build 1.3.0
Losing a zone loses no record
acked 28,914   lost 0   duplicated 3 (all client retries)   order kept 100/100 keys   replicas identical 12/12
fault                      fired  reverted  write gap  p99 during  normal after  note
zone.down zone b (node 2)  10.0s     40.1s      0.84s       41 ms         1.24s  leadership moved after 0.80s
expectations 2/3 held
  held    no_acked_record_lost
  held    write_gap <= 2s  (worst 0.84s)
    -     read_gap <= 2s  not exercised: nothing was measured
consumer polling-1: 28,917 records, 1 gap in polling (3.10s), 3.60s behind at most, caught up 6.00s after the healing
again: ana drill run zone-loss --seed 42
kept: /d/drills/x
";
    assert_eq!(text, expected);
}

#[test]
fn a_broken_one_names_the_record_and_who_acknowledged_it() {
    let mut record = record();
    record.outcome = Outcome::Broken;
    record.why = Some("no_acked_record_lost: 1 found: gone".to_owned());
    record.first_broken = Some(Broken {
        check: "no_acked_record_lost".to_owned(),
        at_ms: Some(9_950),
        found: "1 found: gone".to_owned(),
        records: vec![BrokenRecord {
            shard: "shardId-000000000000".to_owned(),
            key: "k7".to_owned(),
            counter: 17,
            sequence_number: "496".to_owned(),
            wrong: "gone".to_owned(),
            acknowledged: Some(Acknowledgement {
                at_ms: 9_950,
                node: Some(2),
                term: Some(7),
                index: Some(812),
            }),
        }],
        around: vec![Event {
            at_ms: 10_020,
            what: What::LeaderChanged {
                shard: Some("drill/shardId-000000000000".to_owned()),
                from: Some(2),
                to: None,
                term: 8,
            },
        }],
    });
    let text = text(&record, None, Paint::default());
    for line in [
        "zone-loss   BROKEN   seed 42",
        "why: no_acked_record_lost: 1 found: gone",
        "first broken: no_acked_record_lost at 10.0s: 1 found: gone",
        "  record 17 of key k7 at shardId-000000000000 496: gone",
        "    acknowledged at 10.0s, while node 2 led, term 7, entry 812",
        "    10.0s  drill/shardId-000000000000: led by nobody instead of node 2, term 8",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn numbers_and_moments() {
    for (number, expected) in [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(thousands(number), expected);
    }
    for (ms, expected) in [
        (-540, "-0.5s"),
        (-20, "0.0s"),
        (0, "0.0s"),
        (12_349, "12.3s"),
    ] {
        assert_eq!(seconds(ms), expected);
    }
}

#[test]
fn a_whole_record_is_read_back_as_it_was() {
    let record = record();
    let text = serde_json::to_string(&record).expect("JSON");
    let read: Record = serde_json::from_str(&text).expect("a record");
    assert_eq!(read, record);
}
