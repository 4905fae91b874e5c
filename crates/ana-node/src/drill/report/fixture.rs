//! A record with something in every place, so that a test of a report can ask for all of it.

use serde_json::{Value, json};

use super::super::record::{
    Acknowledgement, AnomalyRow, ApplicationSection, Broken, BrokenRecord, ClusterSection, Event,
    Expectation, ForeignConsumer, ForeignPuts, Judgement, Outcome, PollGap, Record, Series,
    SeriesUnit,
};
use super::report_test::record;

/// Members whose texts are words of the form itself: another word would not be read.
const WORDS_OF_THE_FORM: [&str; 6] = ["verdict", "event", "outcome", "phase", "unit", "metric"];

/// A run that broke, with every kind of row, event and section.
pub(super) fn full() -> Record {
    let mut run = record();
    run.outcome = Outcome::Broken;
    run.why = Some("no_acked_record_lost: 1 found: gone".to_owned());
    run.expectations = expectations();
    run.events = events();
    run.first_broken = Some(broken(&run.events));
    run.series = all_series();
    run.anomalies = anomalies();
    run.cluster = Some(cluster());
    run.application = Some(application());
    run.notes = vec!["created the stream drill".to_owned()];
    for fault in &mut run.faults {
        fault.name = Some("the first".to_owned());
    }
    let mut silent = run.faults[0].clone();
    silent.number = 2;
    silent.pick = None;
    (silent.fired_at_ms, silent.reverted_at_ms) = (None, None);
    silent.note = Some("did not fire: no such node".to_owned());
    run.faults.push(silent);
    run
}

fn expectations() -> Vec<Expectation> {
    vec![
        expectation("order_per_key_kept", Judgement::Held { seen: None }),
        expectation(
            "write_gap <= 2s",
            Judgement::Held {
                seen: Some("worst 0.84s".to_owned()),
            },
        ),
        expectation(
            "no_acked_record_lost",
            Judgement::Broken {
                at_ms: Some(9950),
                found: "1 found: gone".to_owned(),
            },
        ),
        expectation(
            "read_gap <= 2s",
            Judgement::NotExercised {
                why: "nothing was measured".to_owned(),
            },
        ),
    ]
}

/// Of puts that were not the drill's own.
fn cluster() -> ClusterSection {
    ClusterSection {
        puts: vec![ForeignPuts {
            stream: "orders".to_owned(),
            sampled: 1200,
            lost: Some(1),
            duplicated: None,
            duplicated_by_retries: Some(2),
            reordered: Some(0),
            examples: vec!["4961".to_owned()],
            not_exercised: vec!["duplicated: one in 2 records was noted".to_owned()],
        }],
        acknowledged: 1250,
        open: 3,
        missing: vec!["node 2 lost its notes".to_owned()],
    }
}

/// Of readers that were not the drill's own.
fn application() -> ApplicationSection {
    ApplicationSection {
        consumers: vec![ForeignConsumer {
            name: "billing".to_owned(),
            stream: "orders".to_owned(),
            records: 1210,
            looked_at: 1200,
            skipped: 3,
            read_again: 17,
            went_back: 1,
            gaps: 2,
            gap_max_ms: Some(3100),
            longest: vec![PollGap {
                shard: "orders/shardId-000000000000".to_owned(),
                at_ms: 10_000,
                length_ms: 3100,
            }],
            lag_max_ms: 3600,
            caught_up_after_ms: Some(6000),
            findings: vec!["passed over 3 records".to_owned()],
            ..ForeignConsumer::default()
        }],
    }
}

fn expectation(check: &str, judgement: Judgement) -> Expectation {
    Expectation {
        check: check.to_owned(),
        judgement,
    }
}

fn broken(around: &[Event]) -> Broken {
    Broken {
        check: "no_acked_record_lost".to_owned(),
        at_ms: Some(9950),
        found: "1 found: gone".to_owned(),
        records: vec![BrokenRecord {
            shard: "shardId-000000000000".to_owned(),
            key: "k7".to_owned(),
            counter: 17,
            sequence_number: "496".to_owned(),
            wrong: "gone".to_owned(),
            acknowledged: Some(Acknowledgement {
                at_ms: 9950,
                node: Some(2),
                term: Some(7),
                index: Some(812),
            }),
        }],
        around: around.to_vec(),
    }
}

fn events() -> Vec<Event> {
    let events = json!([
        { "at_ms": -5000, "event": "phase", "phase": "steady" },
        { "at_ms": 0, "event": "phase", "phase": "faults" },
        { "at_ms": 10_020, "event": "fault_fired", "fault": 1, "action": "zone.down", "pick": "zone b (node 2)" },
        { "at_ms": 10_100, "event": "node_state", "node": 2, "zone": "b", "state": "down" },
        { "at_ms": 10_400, "event": "leader_changed", "shard": "drill/shardId-000000000000", "from": 2, "term": 8 },
        { "at_ms": 11_000, "event": "leader_changed", "to": 3, "term": 9 },
        { "at_ms": 12_000, "event": "note", "text": "a word" },
        { "at_ms": 13_000, "event": "fault_failed", "fault": 2, "why": "no such node" },
        { "at_ms": 14_000, "event": "guard_tripped", "check": "acked_lost > 0", "found": "acked_lost was 1" },
        { "at_ms": 15_000, "event": "stop_asked", "how": "Ctrl-C" },
        { "at_ms": 40_100, "event": "fault_reverted", "fault": 1, "action": "zone.down" },
        { "at_ms": 40_100, "event": "phase", "phase": "healing" },
        { "at_ms": 50_000, "event": "phase", "phase": "audit" },
    ]);
    serde_json::from_value(events).expect("events")
}

/// A series of a metric.
pub(super) fn series(metric: &str, unit: SeriesUnit, points: &[(i64, u64)]) -> Series {
    Series {
        metric: metric.to_owned(),
        unit,
        points: points.to_vec(),
    }
}

fn all_series() -> Vec<Series> {
    vec![
        series(
            "put_success_rate",
            SeriesUnit::ThousandthsOfPercent,
            &[(-4000, 100_000), (10_200, 60_000), (48_000, 100_000)],
        ),
        series(
            "get_success_rate",
            SeriesUnit::ThousandthsOfPercent,
            &[(-4000, 100_000)],
        ),
        series(
            "write_gap",
            SeriesUnit::Micros,
            &[
                (-4000, 20_000),
                (10_200, 300_000),
                (10_500, 600_000),
                (10_800, 840_000),
                (11_100, 30_000),
            ],
        ),
        series(
            "put_p99",
            SeriesUnit::Micros,
            &[(-4000, 9000), (48_000, 41_000)],
        ),
        series(
            "acked_per_second",
            SeriesUnit::Count,
            &[(-3000, 200), (11_000, 30), (12_000, 200), (48_000, 200)],
        ),
    ]
}

fn anomalies() -> Vec<AnomalyRow> {
    let row = |id: &str, looked_at, found, findings: &[&str]| AnomalyRow {
        id: id.to_owned(),
        promise: format!("the promise of {id}"),
        looked_at,
        found,
        findings: findings.iter().map(|each| (*each).to_owned()).collect(),
    };
    vec![
        row("A1", 900, 1, &["record 17 of key k7 is gone"]),
        row("A4", 900, 0, &[]),
        row("A20", 0, 0, &[]),
    ]
}

/// The record with each of its texts followed by `<script>N</script>`, a quote and characters that no document can
/// hold, N being another number for each; and what stands where, so that a new member is seen as well.
pub(super) fn hostile(record: &Record) -> (Record, Vec<(String, String)>) {
    let mut value = serde_json::to_value(record).expect("JSON");
    let mut planted = Vec::new();
    plant(&mut value, "", &mut planted);
    let hostile = serde_json::from_value(value).expect("a record still");
    (hostile, planted)
}

fn plant(value: &mut Value, place: &str, planted: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            let evil = format!("\"'/><script>{}</script>&\u{1b}\u{0}", planted.len());
            text.push_str(&evil);
            planted.push((place.to_owned(), evil));
        }
        Value::Array(all) => {
            for each in all {
                plant(each, place, planted);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                // Zones and numbers of nodes have a form of their own, which does not allow this.
                let is_pick = name == "pick" && member.is_object();
                if !is_pick && !WORDS_OF_THE_FORM.contains(&name.as_str()) {
                    plant(member, &format!("{place}.{name}"), planted);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
