//! The counts as families of Prometheus: one table each for streams, shards, consumers and replicas.
//!
//! Must stay true: the name of a family is that of CloudWatch in snake case, so that an operator finds one from the other.

use std::collections::BTreeMap;
use std::fmt;

use ana_raft::{GroupHealth, GroupStatus, Role};
use ana_router::ops::Monitored;
use ana_types::{ShardLevelMetric, StreamName};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::counts::{ConsumerCounts, ShardCounts, StreamCounts};

/// Everything that one scrape shows besides the families of the library.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) counts: BTreeMap<StreamName, StreamCounts>,
    pub(super) existing: BTreeMap<StreamName, Monitored>,
    pub(super) replicas: Vec<GroupStatus>,
}

/// A family: its name, what it means, its type, and its value in `T`.
struct Column<T> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: fn(&T) -> Option<u64>,
}

const fn counter<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<u64>,
) -> Column<T> {
    Column {
        name,
        help,
        kind: MetricType::Counter,
        value,
    }
}

const fn gauge<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<u64>,
) -> Column<T> {
    Column {
        name,
        help,
        kind: MetricType::Gauge,
        value,
    }
}

#[rustfmt::skip]
const STREAM: &[Column<StreamCounts>] = &[
    counter("stream_incoming_bytes", "IncomingBytes", |it| Some(it.incoming_bytes)),
    counter("stream_incoming_records", "IncomingRecords", |it| Some(it.incoming_records)),
    counter("stream_write_provisioned_throughput_exceeded", "WriteProvisionedThroughputExceeded: records", |it| Some(it.write_throttled)),
    counter("stream_read_provisioned_throughput_exceeded", "ReadProvisionedThroughputExceeded: calls", |it| Some(it.read_throttled)),
    counter("stream_put_record_bytes", "PutRecord.Bytes", |it| Some(it.put_record.bytes)),
    counter("stream_put_record_success", "PutRecord.Success", |it| Some(it.put_record.success)),
    counter("stream_put_records_bytes", "PutRecords.Bytes", |it| Some(it.put_records.bytes)),
    counter("stream_put_records_success", "PutRecords.Success: requests with a record stored", |it| Some(it.put_records.success)),
    counter("stream_put_records_total_records", "PutRecords.TotalRecords", |it| Some(it.put_records.total_records)),
    counter("stream_put_records_successful_records", "PutRecords.SuccessfulRecords", |it| Some(it.put_records.successful_records)),
    counter("stream_put_records_failed_records", "PutRecords.FailedRecords", |it| Some(it.put_records.failed_records)),
    counter("stream_put_records_throttled_records", "PutRecords.ThrottledRecords", |it| Some(it.put_records.throttled_records)),
    counter("stream_get_records_bytes", "GetRecords.Bytes", |it| Some(it.get_records.bytes)),
    counter("stream_get_records_records", "GetRecords.Records", |it| Some(it.get_records.records)),
    counter("stream_get_records_success", "GetRecords.Success", |it| Some(it.get_records.success)),
    gauge("stream_get_records_iterator_age_milliseconds", "GetRecords.IteratorAgeMilliseconds of the last answer", |it| it.iterator_age_ms),
];

/// Shown only where EnableEnhancedMonitoring asked for it.
#[rustfmt::skip]
const SHARD: &[(ShardLevelMetric, Column<ShardCounts>)] = &[
    (ShardLevelMetric::IncomingBytes, counter("shard_incoming_bytes", "IncomingBytes", |it| Some(it.incoming_bytes))),
    (ShardLevelMetric::IncomingRecords, counter("shard_incoming_records", "IncomingRecords", |it| Some(it.incoming_records))),
    (ShardLevelMetric::OutgoingBytes, counter("shard_outgoing_bytes", "OutgoingBytes", |it| Some(it.outgoing_bytes))),
    (ShardLevelMetric::OutgoingRecords, counter("shard_outgoing_records", "OutgoingRecords", |it| Some(it.outgoing_records))),
    (ShardLevelMetric::WriteProvisionedThroughputExceeded, counter("shard_write_provisioned_throughput_exceeded", "WriteProvisionedThroughputExceeded: records", |it| Some(it.write_throttled))),
    (ShardLevelMetric::ReadProvisionedThroughputExceeded, counter("shard_read_provisioned_throughput_exceeded", "ReadProvisionedThroughputExceeded: calls", |it| Some(it.read_throttled))),
    (ShardLevelMetric::IteratorAgeMilliseconds, gauge("shard_iterator_age_milliseconds", "IteratorAgeMilliseconds of the last answer", |it| it.iterator_age_ms)),
];

#[rustfmt::skip]
const CONSUMER: &[Column<ConsumerCounts>] = &[
    counter("consumer_subscribe_to_shard_success", "SubscribeToShard.Success", |it| Some(it.subscriptions)),
    counter("consumer_subscribe_to_shard_rate_exceeded", "SubscribeToShard.RateExceeded", |it| Some(it.rate_exceeded)),
    counter("consumer_subscribe_to_shard_event_success", "SubscribeToShardEvent.Success", |it| Some(it.events.success)),
    counter("consumer_subscribe_to_shard_event_bytes", "SubscribeToShardEvent.Bytes", |it| Some(it.events.bytes)),
    counter("consumer_subscribe_to_shard_event_records", "SubscribeToShardEvent.Records", |it| Some(it.events.records)),
    gauge("consumer_subscribe_to_shard_event_millis_behind_latest", "SubscribeToShardEvent.MillisBehindLatest of the last event", |it| it.behind_ms),
];

#[rustfmt::skip]
const REPLICA: &[Column<GroupStatus>] = &[
    gauge("replica_is_leader", "1 while this node leads the group", |it| Some(u64::from(it.role == Role::Leader))),
    gauge("replica_is_healthy", "1 while the replica does its part", |it| Some(u64::from(it.health == GroupHealth::Ok))),
    gauge("replica_term", "Term of the group as this node knows it", |it| Some(it.term)),
    gauge("replica_last_index", "Last entry of its log", |it| it.last_index),
    gauge("replica_applied_index", "Last entry it applied", |it| it.applied_index),
    gauge("replica_log_bytes", "Bytes of its log on disk", |it| Some(it.log_bytes)),
    gauge("replica_is_resting", "1 while the replica rests, because there is nothing to do", |it| Some(u64::from(it.resting))),
    gauge("replica_queued_bytes", "Bytes of records that wait or are on their way", |it| Some(it.queued_bytes)),
];

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for column in STREAM {
            let rows = self.counts.iter();
            family(
                &mut encoder,
                column,
                rows.map(|(stream, row)| (stream_label(stream), row)),
            )?;
        }
        for (metric, column) in SHARD {
            family(&mut encoder, column, self.shards_with(*metric))?;
        }
        for column in CONSUMER {
            family(&mut encoder, column, self.consumers())?;
        }
        for column in REPLICA {
            let rows = self.replicas.iter();
            family(
                &mut encoder,
                column,
                rows.map(|row| ([("group", row.id.to_string())], row)),
            )?;
        }
        Ok(())
    }
}

fn stream_label(stream: &StreamName) -> [(&'static str, String); 1] {
    [("stream_name", stream.to_string())]
}

impl Scrape {
    fn shards_with(
        &self,
        metric: ShardLevelMetric,
    ) -> impl Iterator<Item = ([(&'static str, String); 2], &ShardCounts)> {
        let switched_on = move |stream: &StreamName| {
            let there = self.existing.get(stream);
            there.is_some_and(|it| it.metrics.contains(&metric))
        };
        let shown = self
            .counts
            .iter()
            .filter(move |(stream, _)| switched_on(stream));
        shown.flat_map(|(stream, counts)| {
            counts.shards.iter().map(|(shard, row)| {
                let [stream] = stream_label(stream);
                ([stream, ("shard_id", shard.to_string())], row)
            })
        })
    }

    fn consumers(&self) -> impl Iterator<Item = ([(&'static str, String); 2], &ConsumerCounts)> {
        self.counts.iter().flat_map(|(stream, counts)| {
            counts.consumers.iter().map(|(consumer, row)| {
                let [stream] = stream_label(stream);
                ([stream, ("consumer_name", consumer.to_string())], row)
            })
        })
    }
}

/// One family with its rows; nothing at all when there are none.
fn family<'r, T: 'r, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    column: &Column<T>,
    rows: impl Iterator<Item = ([(&'static str, String); N], &'r T)>,
) -> Result<(), fmt::Error> {
    let shown = rows.filter_map(|(labels, row)| Some((labels, (column.value)(row)?)));
    let mut shown = shown.peekable();
    if shown.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(column.name, column.help, None, column.kind)?;
    for (labels, value) in shown {
        let row = metric.encode_family(&labels)?;
        match column.kind {
            MetricType::Counter => ConstCounter::new(value).encode(row)?,
            _ => ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(row)?,
        }
    }
    Ok(())
}
