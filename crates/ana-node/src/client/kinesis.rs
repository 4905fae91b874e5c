//! The operations the commands use, typed: requests and answers with AWS's member names.
//!
//! Only the members that a command needs are here; unknown members of an answer are ignored.

use ana_types::HashKey;
use serde::{Deserialize, Serialize};

use super::error::ClientError;
use super::{Answer, Client};

/// Pages of a listing are followed at most this often: 10,000 shards or streams by 100.
pub(super) const PAGES_MAX: usize = 1000;

/// A member that may be absent is left out, as an SDK does.
type Absent = Option<String>;

/// The empty answer of operations without output.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Empty {}

/// `{"StreamName": ..}` and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfStream<'a> {
    stream_name: &'a str,
}

/// Hash keys of a shard, decimal.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct HashKeyRange {
    /// First key.
    pub starting_hash_key: String,
    /// Last key.
    pub ending_hash_key: String,
}

impl HashKeyRange {
    /// The first key of the upper half; `None` when there are too few keys to split.
    pub fn middle(&self) -> Option<String> {
        let start = HashKey::parse_decimal(&self.starting_hash_key)?.0;
        let end = HashKey::parse_decimal(&self.ending_hash_key)?.0;
        let middle = start + (end.checked_sub(start)? / 2) + 1;
        // The service wants more than start + 1 and less than the end.
        (middle > start.checked_add(1)? && middle < end).then(|| middle.to_string())
    }

    /// The first key, as a number.
    pub fn start(&self) -> Option<u128> {
        HashKey::parse_decimal(&self.starting_hash_key).map(|key| key.0)
    }
}

/// First and, once closed, last sequence number of a shard.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct SequenceNumberRange {
    /// Before every record of the shard.
    pub starting_sequence_number: String,
    /// After every record; absent while the shard is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_sequence_number: Absent,
}

/// A shard as ListShards tells it.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// `shardId-000000000000`.
    pub shard_id: String,
    /// Parent after a split or merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_shard_id: Absent,
    /// Second parent after a merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjacent_parent_shard_id: Absent,
    /// Its keys.
    pub hash_key_range: HashKeyRange,
    /// Its sequence numbers.
    pub sequence_number_range: SequenceNumberRange,
}

impl Shard {
    /// Its parents, none to two.
    pub fn parents(&self) -> Vec<String> {
        self.parent_shard_id
            .iter()
            .chain(&self.adjacent_parent_shard_id)
            .cloned()
            .collect()
    }

    /// Whether it takes writes.
    pub fn is_open(&self) -> bool {
        self.sequence_number_range.ending_sequence_number.is_none()
    }
}

/// A child as the answer that ends its parent tells it.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct ChildShard {
    /// The child.
    pub shard_id: String,
    /// Its parents.
    pub parent_shards: Vec<String>,
}

/// A stream as ListStreams tells it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSummary {
    /// Name.
    pub stream_name: String,
    /// ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// CREATING, ACTIVE, UPDATING or DELETING.
    pub stream_status: String,
    /// PROVISIONED or ON_DEMAND.
    #[serde(default)]
    pub stream_mode_details: Option<StreamModeDetails>,
    /// Seconds since 1970.
    #[serde(default)]
    pub stream_creation_timestamp: Option<f64>,
}

/// Capacity mode.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamModeDetails {
    /// PROVISIONED or ON_DEMAND.
    pub stream_mode: String,
}

/// What DescribeStreamSummary tells.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamDescription {
    /// Name, ARN, status, mode, creation.
    #[serde(flatten)]
    pub stream: StreamSummary,
    /// Retention.
    pub retention_period_hours: u64,
    /// Shards that take writes.
    pub open_shard_count: u64,
    /// Registered fan-out consumers.
    #[serde(default)]
    pub consumer_count: u64,
    /// NONE or KMS.
    #[serde(default)]
    pub encryption_type: Absent,
    /// The key's name when the type is KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Absent,
    /// Shard-level metrics that are on.
    #[serde(default)]
    pub enhanced_monitoring: Vec<EnhancedMetrics>,
}

/// One element of `EnhancedMonitoring`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnhancedMetrics {
    /// Names of metrics.
    #[serde(default)]
    pub shard_level_metrics: Vec<String>,
}

/// A record to put, data in base64.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEntry {
    /// Data in base64.
    pub data: String,
    /// Decides the shard.
    pub partition_key: String,
}

impl PutEntry {
    /// A record of these bytes.
    pub fn new(partition_key: String, data: &[u8]) -> PutEntry {
        PutEntry {
            data: base64_simd::STANDARD.encode_to_string(data),
            partition_key,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsInput<'a> {
    stream_name: &'a str,
    records: &'a [PutEntry],
}

/// What PutRecords tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutRecordsOutput {
    /// Records that were not acknowledged.
    pub failed_record_count: u64,
    /// One per record, in order.
    pub records: Vec<PutResult>,
}

/// The result of one record: place or error.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutResult {
    /// Its sequence number when acknowledged.
    pub sequence_number: Absent,
    /// Its shard when acknowledged.
    pub shard_id: Absent,
    /// Error name when not.
    pub error_code: Absent,
    /// Error text when not.
    pub error_message: Absent,
}

/// Where a reader begins in a shard.
#[derive(Debug, Clone, PartialEq)]
pub enum StartAt {
    /// The oldest record.
    Horizon,
    /// After the newest record.
    Latest,
    /// The record with this sequence number, or the next one.
    Sequence(String),
    /// The record after this sequence number.
    AfterSequence(String),
    /// The first record that arrived at or after this time, milliseconds since 1970.
    TimeMs(u64),
}

impl StartAt {
    /// LATEST becomes the time at which it was asked for, so that asking again later does not jump over what has come
    /// in between.
    pub fn hold_latest(&mut self, asked_ms: u64) {
        if *self == StartAt::Latest {
            *self = StartAt::TimeMs(asked_ms);
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetShardIteratorInput<'a> {
    stream_name: &'a str,
    shard_id: &'a str,
    shard_iterator_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_sequence_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetShardIteratorOutput {
    shard_iterator: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecordsInput<'a> {
    shard_iterator: &'a str,
    limit: u32,
}

/// What GetRecords tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRecordsOutput {
    /// Records in order.
    pub records: Vec<Record>,
    /// Absent at the end of a closed shard.
    pub next_shard_iterator: Absent,
    /// 0 when caught up.
    #[serde(default)]
    pub millis_behind_latest: u64,
    /// Present at the end of a closed shard.
    #[serde(default)]
    pub child_shards: Vec<ChildShard>,
}

/// A record as GetRecords tells it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// Its place in the shard.
    pub sequence_number: String,
    /// Seconds since 1970.
    pub approximate_arrival_timestamp: f64,
    /// Data in base64.
    pub data: String,
    /// The key it was put with.
    pub partition_key: String,
}

impl Record {
    /// The raw data; `None` when it is not base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        base64_simd::STANDARD
            .decode_to_vec(self.data.as_bytes())
            .ok()
    }

    /// Arrival in milliseconds since 1970.
    pub fn arrival_ms(&self) -> u64 {
        millis(self.approximate_arrival_timestamp)
    }
}

/// Seconds with a fraction as whole milliseconds; negative and absurd values become 0 and the
/// largest value.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates; nothing is computed with the result"
)]
pub fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

/// Milliseconds as seconds with a fraction; exact for any date of this millennium.
#[expect(clippy::cast_precision_loss, reason = "2^53 ms is the year 287396")]
pub fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

impl Client {
    /// CreateStream, provisioned with `shards`, on demand without.
    pub async fn create_stream(&self, name: &str, shards: Option<u32>) -> Result<(), ClientError> {
        let mode = if shards.is_some() {
            "PROVISIONED"
        } else {
            "ON_DEMAND"
        };
        let mut input = serde_json::json!({
            "StreamName": name, "StreamModeDetails": { "StreamMode": mode },
        });
        if let (Some(shards), Some(members)) = (shards, input.as_object_mut()) {
            members.insert("ShardCount".to_owned(), shards.into());
        }
        self.call::<_, Empty>("CreateStream", &input)
            .await
            .map(drop)
    }

    /// DeleteStream.
    pub async fn delete_stream(&self, name: &str) -> Result<(), ClientError> {
        self.call::<_, Empty>("DeleteStream", &OfStream { stream_name: name })
            .await
            .map(drop)
    }

    /// DescribeStreamSummary.
    pub async fn describe_summary(&self, name: &str) -> Result<StreamDescription, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            stream_description_summary: StreamDescription,
        }
        let input = OfStream { stream_name: name };
        let answer = self
            .call::<_, Output>("DescribeStreamSummary", &input)
            .await?;
        Ok(answer.value.stream_description_summary)
    }

    /// All streams, by ListStreams.
    pub async fn list_streams(&self) -> Result<Vec<StreamSummary>, ClientError> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Input {
            #[serde(skip_serializing_if = "Option::is_none")]
            exclusive_start_stream_name: Absent,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            has_more_streams: bool,
            #[serde(default)]
            stream_summaries: Vec<StreamSummary>,
        }
        let mut streams: Vec<StreamSummary> = Vec::new();
        for _page in 0..PAGES_MAX {
            let last = streams.last().map(|stream| stream.stream_name.clone());
            let input = Input {
                exclusive_start_stream_name: last,
            };
            let page: Output = self.call("ListStreams", &input).await?.value;
            let more = page.has_more_streams && !page.stream_summaries.is_empty();
            streams.extend(page.stream_summaries);
            if !more {
                break;
            }
        }
        Ok(streams)
    }

    /// All shards of a stream that pass `filter` (`{"Type": ..}`), by ListShards.
    pub async fn list_shards(
        &self,
        name: &str,
        filter: Option<serde_json::Value>,
    ) -> Result<Vec<Shard>, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            shards: Vec<Shard>,
            next_token: Absent,
        }
        let mut input = serde_json::json!({ "StreamName": name });
        if let (Some(filter), Some(members)) = (filter, input.as_object_mut()) {
            members.insert("ShardFilter".to_owned(), filter);
        }
        let mut shards = Vec::new();
        for _page in 0..PAGES_MAX {
            let page: Output = self.call("ListShards", &input).await?.value;
            shards.extend(page.shards);
            let Some(token) = page.next_token else { break };
            input = serde_json::json!({ "NextToken": token });
        }
        Ok(shards)
    }

    /// PutRecords, one call: the caller looks at each record's result.
    pub async fn put_records(
        &self,
        stream: &str,
        records: &[PutEntry],
    ) -> Result<Answer<PutRecordsOutput>, ClientError> {
        let answer: Answer<PutRecordsOutput> = self
            .call(
                "PutRecords",
                &PutRecordsInput {
                    stream_name: stream,
                    records,
                },
            )
            .await?;
        if answer.value.records.len() != records.len() {
            return Err(ClientError::Unreadable {
                operation: "PutRecords",
                why: format!(
                    "{} results for {}",
                    answer.value.records.len(),
                    records.len()
                ),
            });
        }
        Ok(answer)
    }

    /// GetShardIterator.
    pub async fn shard_iterator(
        &self,
        stream: &str,
        shard: &str,
        start: &StartAt,
    ) -> Result<String, ClientError> {
        let (kind, sequence, timestamp) = match start {
            StartAt::Horizon => ("TRIM_HORIZON", None, None),
            StartAt::Latest => ("LATEST", None, None),
            StartAt::Sequence(number) => ("AT_SEQUENCE_NUMBER", Some(number.as_str()), None),
            StartAt::AfterSequence(number) => {
                ("AFTER_SEQUENCE_NUMBER", Some(number.as_str()), None)
            }
            StartAt::TimeMs(ms) => ("AT_TIMESTAMP", None, Some(seconds(*ms))),
        };
        let input = GetShardIteratorInput {
            stream_name: stream,
            shard_id: shard,
            shard_iterator_type: kind,
            starting_sequence_number: sequence,
            timestamp,
        };
        let answer: Answer<GetShardIteratorOutput> = self.call("GetShardIterator", &input).await?;
        Ok(answer.value.shard_iterator)
    }

    /// GetRecords.
    pub async fn get_records(
        &self,
        iterator: &str,
        limit: u32,
    ) -> Result<GetRecordsOutput, ClientError> {
        let input = GetRecordsInput {
            shard_iterator: iterator,
            limit,
        };
        self.call("GetRecords", &input)
            .await
            .map(|answer| answer.value)
    }

    /// SplitShard at a decimal hash key.
    pub async fn split_shard(
        &self,
        stream: &str,
        shard: &str,
        at: &str,
    ) -> Result<(), ClientError> {
        let input = serde_json::json!({
            "StreamName": stream, "ShardToSplit": shard, "NewStartingHashKey": at,
        });
        self.call::<_, Empty>("SplitShard", &input).await.map(drop)
    }

    /// MergeShards: `lower` ends where `upper` begins.
    pub async fn merge_shards(
        &self,
        stream: &str,
        lower: &str,
        upper: &str,
    ) -> Result<(), ClientError> {
        let input = serde_json::json!({
            "StreamName": stream, "ShardToMerge": lower, "AdjacentShardToMerge": upper,
        });
        self.call::<_, Empty>("MergeShards", &input).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::HashKeyRange;

    #[test]
    fn the_middle_is_one_the_service_accepts() {
        let middle = |start: &str, end: &str| {
            let range = HashKeyRange {
                starting_hash_key: start.to_owned(),
                ending_hash_key: end.to_owned(),
            };
            range.middle()
        };
        let all = "340282366920938463463374607431768211455";
        let half = "170141183460469231731687303715884105728";
        assert_eq!(middle("0", all).as_deref(), Some(half));
        assert_eq!(middle("10", "20").as_deref(), Some("16"));
        assert_eq!(middle("10", "13").as_deref(), Some("12"));
        assert_eq!(middle("10", "12"), None, "12 is the end, 11 is start + 1");
        assert_eq!(middle("10", "10"), None);
    }
}
