//! What a scrape shows of what was counted, and what it forgets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_router::ops::Monitored;
use ana_types::{ConsumerName, ShardIndex, ShardLevelMetric, StreamName};
use ana_wire::{Fault, FaultKind, Operation};

use super::{Metrics, PutOutcome, ReadOutcome, STREAMS_MAX};

fn name(text: &str) -> StreamName {
    StreamName::new(text).expect("a name")
}

fn consumer() -> ConsumerName {
    ConsumerName::new("c").expect("a name")
}

fn existing(metrics: &[ShardLevelMetric]) -> BTreeMap<StreamName, Monitored> {
    let monitored = Monitored {
        metrics: metrics.iter().copied().collect(),
        shards: BTreeSet::from([ShardIndex(0), ShardIndex(1)]),
        consumers: BTreeSet::from([consumer()]),
    };
    BTreeMap::from([(name("orders"), monitored)])
}

fn stored(shard: u32, bytes: u64) -> PutOutcome {
    PutOutcome::Stored {
        shard: ShardIndex(shard),
        bytes,
    }
}

fn given(records: u64, bytes: u64, behind_ms: u64) -> ReadOutcome {
    ReadOutcome::Given {
        records,
        bytes,
        behind_ms,
    }
}

/// A node that has seen one of everything.
fn busy() -> Metrics {
    let metrics = Metrics::default();
    let orders = name("orders");
    let throttled = PutOutcome::Throttled {
        shard: ShardIndex(1),
    };
    metrics.put_record(&orders, stored(0, 10));
    metrics.put_record(&orders, throttled);
    let several = [stored(0, 5), stored(1, 7), throttled, PutOutcome::Failed];
    metrics.put_records(&orders, several.into_iter());
    metrics.put_records(&orders, [throttled].into_iter());
    metrics.get_records(&orders, ShardIndex(0), given(2, 15, 40));
    metrics.get_records(&orders, ShardIndex(0), ReadOutcome::Throttled);
    metrics.subscribed(&orders, &consumer(), true);
    metrics.subscribed(&orders, &consumer(), false);
    metrics.pushed(&orders, &consumer(), ShardIndex(1), given(1, 7, 3));
    metrics.answered(Operation::PutRecord, None, Duration::from_millis(3));
    let fault = Fault::new(FaultKind::InvalidArgument, "no");
    metrics.answered(Operation::PutRecord, Some(&fault), Duration::from_millis(1));
    metrics
}

/// The lines of one scrape without the comments.
fn lines(metrics: &Metrics, existing: BTreeMap<StreamName, Monitored>) -> BTreeSet<String> {
    let text = metrics.render(existing, Vec::new());
    assert!(
        text.ends_with("# EOF\n"),
        "OpenMetrics ends with its mark: {text}"
    );
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(str::to_owned).collect()
}

#[test]
fn a_stream_shows_what_cloudwatch_would() {
    let seen = lines(&busy(), existing(&[]));
    let of_stream = [
        ("incoming_bytes_total", 22),
        ("incoming_records_total", 3),
        ("write_provisioned_throughput_exceeded_total", 3),
        ("read_provisioned_throughput_exceeded_total", 1),
        ("put_record_bytes_total", 10),
        ("put_record_success_total", 1),
        ("put_records_bytes_total", 12),
        ("put_records_success_total", 1),
        ("put_records_total_records_total", 5),
        ("put_records_successful_records_total", 2),
        ("put_records_failed_records_total", 1),
        ("put_records_throttled_records_total", 2),
        ("get_records_bytes_total", 15),
        ("get_records_records_total", 2),
        ("get_records_success_total", 1),
        ("get_records_iterator_age_milliseconds", 40),
    ];
    for (metric, value) in of_stream {
        let row = format!("ana_stream_{metric}{{stream_name=\"orders\"}} {value}");
        assert!(seen.contains(&row), "{row} in {seen:#?}");
    }
    let of_consumer = [
        ("success_total", 1),
        ("rate_exceeded_total", 1),
        ("event_success_total", 1),
        ("event_bytes_total", 7),
        ("event_records_total", 1),
        ("event_millis_behind_latest", 3),
    ];
    let labels = "stream_name=\"orders\",consumer_name=\"c\"";
    for (metric, value) in of_consumer {
        let row = format!("ana_consumer_subscribe_to_shard_{metric}{{{labels}}} {value}");
        assert!(seen.contains(&row), "{row} in {seen:#?}");
    }
    for result in ["ok", "InvalidArgumentException"] {
        let row = format!("ana_answers_total{{operation=\"PutRecord\",result=\"{result}\"}} 1");
        assert!(seen.contains(&row), "{row} in {seen:#?}");
    }
    let slow = "ana_operation_seconds_bucket{le=\"0.0025\",operation=\"PutRecord\"} 1";
    assert!(seen.contains(slow), "{slow} in {seen:#?}");
}

#[test]
fn shards_show_only_what_is_switched_on() {
    let metrics = busy();
    let of_shards = |switched_on: &[ShardLevelMetric]| {
        let mut seen = lines(&metrics, existing(switched_on));
        seen.retain(|line| line.starts_with("ana_shard_"));
        seen
    };
    assert_eq!(of_shards(&[]), BTreeSet::new());
    let row = |metric: &str, shard: &str, value: u64| {
        let labels = format!("stream_name=\"orders\",shard_id=\"shardId-00000000000{shard}\"");
        format!("ana_shard_{metric}{{{labels}}} {value}")
    };
    let incoming = [
        row("incoming_bytes_total", "0", 15),
        row("incoming_bytes_total", "1", 7),
    ];
    let seen = of_shards(&[ShardLevelMetric::IncomingBytes]);
    assert_eq!(seen, incoming.into_iter().collect());
    let all = [
        row("incoming_bytes_total", "0", 15),
        row("incoming_bytes_total", "1", 7),
        row("incoming_records_total", "0", 2),
        row("incoming_records_total", "1", 1),
        row("outgoing_bytes_total", "0", 15),
        row("outgoing_bytes_total", "1", 7),
        row("outgoing_records_total", "0", 2),
        row("outgoing_records_total", "1", 1),
        row("write_provisioned_throughput_exceeded_total", "0", 0),
        row("write_provisioned_throughput_exceeded_total", "1", 3),
        row("read_provisioned_throughput_exceeded_total", "0", 1),
        row("read_provisioned_throughput_exceeded_total", "1", 0),
        // Nobody read shard 1 by GetRecords: it has no age.
        row("iterator_age_milliseconds", "0", 40),
    ];
    assert_eq!(of_shards(&ShardLevelMetric::ALL), all.into_iter().collect());
}

#[test]
fn what_is_gone_is_dropped_at_a_scrape() {
    let metrics = busy();
    let mut without_shard = existing(&ShardLevelMetric::ALL);
    let orders = without_shard.get_mut(&name("orders")).expect("there");
    orders.shards.remove(&ShardIndex(1));
    orders.consumers.clear();
    let seen = lines(&metrics, without_shard);
    let gone = |line: &&String| line.contains("00000001") || line.contains("consumer_name");
    assert_eq!(seen.iter().find(gone), None);
    assert_eq!(metrics.lock().shards, 1);
    assert_eq!(metrics.lock().consumers, 0);
    let seen = lines(&metrics, BTreeMap::new());
    assert!(
        !seen.iter().any(|line| line.contains("stream_name")),
        "{seen:#?}"
    );
}

#[test]
fn streams_beyond_the_bound_are_not_counted_until_there_is_room() {
    let metrics = Metrics::default();
    for n in 0..STREAMS_MAX {
        metrics.put_record(&name(&format!("s{n}")), stored(0, 1));
    }
    metrics.put_record(&name("orders"), stored(0, 1));
    assert_eq!(metrics.lock().streams.len(), STREAMS_MAX);
    assert_eq!(
        lines(&metrics, existing(&[])).len(),
        0,
        "none of them exists"
    );
    metrics.put_record(&name("orders"), stored(0, 1));
    assert_eq!(metrics.lock().streams.len(), 1);
}
