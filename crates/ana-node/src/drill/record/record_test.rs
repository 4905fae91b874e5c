//! A record is read back as it was written.

use std::collections::{BTreeMap, BTreeSet};

use ana_drill::targets::Pick;
use ana_types::{NodeId, Zone};
use serde_json::json;

use super::*;

#[test]
fn an_event_is_one_flat_object() {
    let event = Event {
        at_ms: -250,
        what: What::LeaderChanged {
            shard: Some("drill/shardId-000000000000".to_owned()),
            from: Some(2),
            to: None,
            term: 7,
        },
    };
    let value = serde_json::to_value(&event).expect("JSON");
    let flat = json!({
        "at_ms": -250, "event": "leader_changed", "shard": "drill/shardId-000000000000", "from": 2, "term": 7,
    });
    assert_eq!(value, flat);
    assert_eq!(
        serde_json::from_value::<Event>(value).expect("an event"),
        event
    );
}

#[test]
fn an_expectation_is_one_flat_object() {
    let expectation = Expectation {
        check: "write_gap <= 2s".to_owned(),
        judgement: Judgement::Broken {
            at_ms: Some(12_500),
            found: "write_gap was 2500ms".to_owned(),
        },
    };
    let value = serde_json::to_value(&expectation).expect("JSON");
    let flat = json!({
        "check": "write_gap <= 2s", "verdict": "broken", "at_ms": 12_500, "found": "write_gap was 2500ms",
    });
    assert_eq!(value, flat);
    let read: Expectation = serde_json::from_value(value).expect("an expectation");
    assert_eq!(read, expectation);
}

#[test]
fn a_row_keeps_its_pick_in_members() {
    let zone = Zone::new("b").expect("a zone");
    let row = FaultRow {
        number: 1,
        name: None,
        action: "zone.down".to_owned(),
        on: "one of zones".to_owned(),
        pick: Some(Pick::Zones(BTreeMap::from([(
            zone,
            BTreeSet::from([NodeId(2), NodeId(5)]),
        )]))),
        planned_at_ms: 5000,
        fired_at_ms: Some(5003),
        reverted_at_ms: None,
        write_gap_ms: Some(840),
        put_p99_ms: None,
        normal_after_ms: None,
        note: None,
    };
    let value = serde_json::to_value(&row).expect("JSON");
    assert_eq!(value["pick"], json!({ "zones": { "b": [2, 5] } }));
    assert_eq!(
        serde_json::from_value::<FaultRow>(value).expect("a row"),
        row
    );
}
