//! Every limit of the service, in one place, each with its source.
//!
//! Sources: *model* = the AWS service model; *quotas* = the AWS quota page; *observed* = behaviour of the
//! production service recorded by public test suites; *ours* = a choice of Anabranch where AWS publishes
//! nothing. Relations between limits are asserted at compile time at the end.

/// Bytes in a KiB.
pub const KIB: usize = 1024;
/// Bytes in a MiB.
pub const MIB: usize = 1024 * KIB;

// ---- names (model) ----

/// Characters of a stream name (model: 1..128).
pub const STREAM_NAME_CHARS_MAX: usize = 128;
/// Characters of a shard id (model: 1..128).
pub const SHARD_ID_CHARS_MAX: usize = 128;
/// Characters of a stream ARN (model: 1..2048).
pub const STREAM_ARN_CHARS_MAX: usize = 2048;
/// Digits of an account id (AWS).
pub const ACCOUNT_ID_DIGITS: usize = 12;
/// Characters of a region's name (ours).
pub const REGION_CHARS_MAX: usize = 32;
/// Characters of a zone's name (ours).
pub const ZONE_CHARS_MAX: usize = 32;
/// Unicode characters, not bytes, of a partition key (model: 1..256).
pub const PARTITION_KEY_CHARS_MAX: usize = 256;
/// Characters of a shard iterator (model: 1..512).
pub const SHARD_ITERATOR_CHARS_MAX: usize = 512;
/// Characters of a NextToken (model: 1..1048576).
pub const NEXT_TOKEN_CHARS_MAX: usize = 1_048_576;
/// Decimal digits of a sequence number on input (model: `0|([1-9]\d{0,128})`).
pub const SEQUENCE_NUMBER_DIGITS_MAX: usize = 129;
/// Decimal digits of a hash key on input (model: `0|([1-9]\d{0,38})`).
pub const HASH_KEY_DIGITS_MAX: usize = 39;

// ---- tags ----

/// Characters of a tag's key (model: 1..128).
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value (model: 0..256).
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Entries of the tag map of one request (model: 1..200).
pub const TAGS_PER_REQUEST_MAX: usize = 200;
/// Keys of one RemoveTagsFromStream (model: 1..50).
pub const TAG_KEYS_PER_REQUEST_MAX: usize = 50;
/// Tags on one resource (quotas).
pub const TAGS_PER_RESOURCE_MAX: usize = 50;
/// Entries of one page of ListTagsForStream (model: Limit 1..50).
pub const LIST_TAGS_LIMIT_MAX: usize = 50;

// ---- records and puts ----

/// Bytes of one record's data that any stream can be set to take (model: 0..10485760).
pub const RECORD_DATA_BYTES_SCHEMA_MAX: usize = 10 * MIB;
/// Default for the greatest record of a stream, key and data, in KiB (model: MaxRecordSizeInKiB).
pub const MAX_RECORD_KIB_DEFAULT: u32 = 1024;
/// Least value of MaxRecordSizeInKiB (model).
pub const MAX_RECORD_KIB_MIN: u32 = 1024;
/// Greatest value of MaxRecordSizeInKiB (model).
pub const MAX_RECORD_KIB_MAX: u32 = 10_240;
/// Records of one PutRecords (model: 1..500).
pub const PUT_RECORDS_ENTRIES_MAX: usize = 500;
/// Bytes of one PutRecords, keys and data (model text: 10 MiB).
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * MIB;
/// Bytes of a request's body: 10 MiB in base64 plus keys and punctuation (ours; AWS: about 14 MiB).
pub const REQUEST_BODY_BYTES_MAX: usize = 16 * MIB;

// ---- reads ----

/// Records of one GetRecords (model: Limit 1..10000, also the default).
pub const GET_RECORDS_LIMIT_MAX: usize = 10_000;
/// Bytes of one answer of GetRecords (model text).
pub const GET_RECORDS_BYTES_MAX: usize = 10 * MIB;
/// Life of a shard iterator, milliseconds (model text: 5 minutes; observed: 300000 ms).
pub const ITERATOR_LIFE_MS: u64 = 300_000;
/// Life of a NextToken, milliseconds (model text: 300 s).
pub const NEXT_TOKEN_LIFE_MS: u64 = 300_000;

// ---- throughput of one shard ----

/// Records per second into one shard (quotas).
pub const SHARD_WRITE_RECORDS_PER_S: u64 = 1000;
/// Bytes per second into one shard, keys and data (quotas).
pub const SHARD_WRITE_BYTES_PER_S: u64 = 1_048_576;
/// Bytes a shard may take in one burst: one record of the greatest size (quotas; bucket size inferred).
pub const SHARD_WRITE_BURST_BYTES: u64 = 10_485_760;
/// Bytes per second out of one shard by GetRecords (quotas).
pub const SHARD_READ_BYTES_PER_S: u64 = 2_097_152;
/// GetRecords per second and shard (quotas).
pub const GET_RECORDS_PER_S: u64 = 5;
/// GetShardIterator per second and open shard (quotas).
pub const GET_SHARD_ITERATOR_PER_S: u64 = 5;

// ---- subscriptions (enhanced fan-out) ----

/// Bytes per second of one consumer from one shard (model text).
pub const SUBSCRIPTION_BYTES_PER_S: u64 = 2_097_152;
/// Longest life of one subscription, milliseconds (model text: 5 minutes).
pub const SUBSCRIPTION_LIFE_MS: u64 = 300_000;
/// How long a subscription is safe from a later one of the same consumer to the same shard, milliseconds (model text).
pub const SUBSCRIPTION_TAKEOVER_AFTER_MS: u64 = 5_000;
/// Bytes of one event's records (ours; AWS publishes none), but for a single record that is larger. Every reader that
/// does not read costs its node one event: with this size, 2,048 of them stay well below 1 GiB.
pub const SUBSCRIPTION_EVENT_BYTES_MAX: usize = 256 * KIB;
/// Records of one event (ours): small records then cost no more in names and numbers than large ones in data.
pub const SUBSCRIPTION_EVENT_RECORDS_MAX: usize = 1_000;

// ---- control plane: calls per second (quotas) ----

/// CreateStream per second and account.
pub const CREATE_STREAM_PER_S: u64 = 5;
/// DeleteStream per second and account.
pub const DELETE_STREAM_PER_S: u64 = 5;
/// DescribeLimits per second and account.
pub const DESCRIBE_LIMITS_PER_S: u64 = 1;
/// DescribeStream per second and account.
pub const DESCRIBE_STREAM_PER_S: u64 = 10;
/// DescribeStreamSummary per second and account.
pub const DESCRIBE_STREAM_SUMMARY_PER_S: u64 = 20;
/// ListShards per second and stream.
pub const LIST_SHARDS_PER_S: u64 = 1000;
/// ListStreams per second and account.
pub const LIST_STREAMS_PER_S: u64 = 5;
/// ListTagsForStream per second; the quota page says per stream, the model per account.
pub const LIST_TAGS_PER_S: u64 = 5;
/// AddTagsToStream per second and account.
pub const ADD_TAGS_PER_S: u64 = 5;
/// RemoveTagsFromStream per second and account.
pub const REMOVE_TAGS_PER_S: u64 = 5;
/// SplitShard or MergeShards per second; the quota page says per stream, the model per account.
pub const RESHARD_PER_S: u64 = 5;
/// Increase- or DecreaseStreamRetentionPeriod per second and stream.
pub const RETENTION_PER_S: u64 = 5;
/// RegisterStreamConsumer, and DeregisterStreamConsumer, per second and stream.
pub const REGISTER_CONSUMER_PER_S: u64 = 5;
/// DescribeStreamConsumer per second and stream.
pub const DESCRIBE_CONSUMER_PER_S: u64 = 20;
/// ListStreamConsumers per second and stream.
pub const LIST_CONSUMERS_PER_S: u64 = 5;
/// Enable- or DisableEnhancedMonitoring per second and stream.
pub const MONITORING_PER_S: u64 = 5;
/// Put-, Get- or DeleteResourcePolicy per second and account.
pub const RESOURCE_POLICY_PER_S: u64 = 5;
/// Describe- or UpdateAccountSettings per second and account.
pub const ACCOUNT_SETTINGS_PER_S: u64 = 5;
/// UpdateShardCount per second and account (model text).
pub const UPDATE_SHARD_COUNT_PER_S: u64 = 10;
/// UpdateStreamWarmThroughput per second and account.
pub const WARM_THROUGHPUT_PER_S: u64 = 5;

// ---- streams and shards ----

/// Streams in CREATING at once per account (model text).
pub const CREATING_STREAMS_MAX: usize = 5;
/// Open shards per account, provisioned (quotas, us-east-1).
pub const SHARDS_PER_ACCOUNT_MAX: u32 = 20_000;
/// Shards of one stream, provisioned (model text of UpdateShardCount).
pub const SHARDS_PER_STREAM_MAX: u32 = 10_000;
/// ShardCount beyond which CreateStream answers a schema error (observed).
pub const SHARD_COUNT_SCHEMA_MAX: u32 = 100_000;
/// On-demand streams per account (quotas).
pub const ON_DEMAND_STREAMS_MAX: u32 = 50;
/// Shards of a new on-demand stream (documented as 4 MB/s of writes).
pub const ON_DEMAND_SHARDS_INITIAL: u32 = 4;
/// Retention of a new stream, hours, also the least (model text).
pub const RETENTION_HOURS_MIN: u32 = 24;
/// Greatest retention, hours: 365 days (model text).
pub const RETENTION_HOURS_MAX: u32 = 8760;

// ---- registered consumers ----

/// Consumers of one stream that is provisioned, or on-demand without the commitment (model text, quotas).
pub const CONSUMERS_PER_STREAM_MAX: u32 = 20;
/// Consumers of one on-demand stream while the account's commitment holds (model text, quotas).
pub const CONSUMERS_PER_STREAM_COMMITTED_MAX: u32 = 50;
/// Consumers of one stream in CREATING at once (model text).
pub const CREATING_CONSUMERS_MAX: u32 = 5;
/// Characters of a consumer's ARN (model: 1..2048).
pub const CONSUMER_ARN_CHARS_MAX: usize = 2048;

// ---- settings ----

/// Milliseconds in the rolling day of the limits that count per 24 hours.
pub const DAY_MS: u64 = 86_400_000;
/// Successful calls of StartStreamEncryption, and of StopStreamEncryption, on one stream in a rolling
/// day (model text).
pub const ENCRYPTION_CHANGES_PER_DAY: u32 = 25;
/// Characters of KeyId (model: 1..2048).
pub const KEY_ID_CHARS_MAX: usize = 2048;
/// Bytes of a resource policy (quotas: 20 KB).
pub const POLICY_BYTES_MAX: usize = 20 * KIB;
/// How long the minimum throughput billing commitment holds at least, milliseconds (user guide).
pub const COMMITMENT_LEAST_MS: u64 = DAY_MS;

// ---- capacity over time ----

/// UpdateShardCount per stream in 24 hours (model text).
pub const SHARD_COUNT_CHANGES_PER_DAY: u32 = 10;
/// Changes of the capacity mode per stream in 24 hours (quotas).
pub const MODE_CHANGES_PER_DAY: u32 = 2;
/// Greatest warm throughput, MiB/s: 10 GiB/s (model text).
pub const WARM_THROUGHPUT_MIBPS_MAX: u32 = 10_240;
/// Shards an on-demand stream may grow to: what the greatest warm throughput needs at 1 MiB/s a shard.
pub const ON_DEMAND_SHARDS_MAX: u32 = WARM_THROUGHPUT_MIBPS_MAX;
/// Writes that an on-demand stream may grow to without asking, MiB/s (quotas, most regions).
pub const ON_DEMAND_MIBPS_DEFAULT: u32 = 200;
/// Bytes per second beyond which a shard of an on-demand stream is split (documented as 500 KB/s).
pub const ON_DEMAND_SPLIT_BYTES_PER_S: u64 = 500_000;
/// Records per second beyond which it is split (ours: the same half of what a shard takes).
pub const ON_DEMAND_SPLIT_RECORDS_PER_S: u64 = 500;

// ---- listings: greatest value accepted, and entries actually given ----

/// Greatest Limit or MaxResults any listing accepts (model: 1..10000).
pub const LIST_LIMIT_SCHEMA_MAX: usize = 10_000;
/// Shards of one DescribeStream: default, and cap whatever is asked (model text).
pub const DESCRIBE_STREAM_PAGE: usize = 100;
/// Streams of one ListStreams: default and cap (model text).
pub const LIST_STREAMS_PAGE: usize = 100;
/// Shards of one ListShards: default and cap (model text).
pub const LIST_SHARDS_PAGE: usize = 1000;
/// Consumers of one ListStreamConsumers: default and cap (model text).
pub const LIST_CONSUMERS_PAGE: usize = 100;

const _: () = assert!(MAX_RECORD_KIB_MIN <= MAX_RECORD_KIB_DEFAULT);
const _: () = assert!(MAX_RECORD_KIB_DEFAULT <= MAX_RECORD_KIB_MAX);
const _: () = assert!(MAX_RECORD_KIB_MAX as usize * KIB == RECORD_DATA_BYTES_SCHEMA_MAX);
// The greatest record must be able to pass: through a request, through the bucket, and back out again.
const _: () = assert!(RECORD_DATA_BYTES_SCHEMA_MAX <= PUT_RECORDS_BYTES_MAX);
const _: () = assert!(RECORD_DATA_BYTES_SCHEMA_MAX as u64 <= SHARD_WRITE_BURST_BYTES);
const _: () = assert!(RECORD_DATA_BYTES_SCHEMA_MAX <= GET_RECORDS_BYTES_MAX);
const _: () = assert!(PUT_RECORDS_BYTES_MAX / 3 * 4 < REQUEST_BODY_BYTES_MAX);
const _: () = assert!(SHARD_WRITE_BYTES_PER_S <= SHARD_WRITE_BURST_BYTES);
// A whole PutRecords may go to one shard of one sub-batch.
const _: () =
    assert!(PUT_RECORDS_ENTRIES_MAX < crate::sequence::MAX_RECORDS_PER_SUB_BATCH as usize);
// UTF-8 needs at most 4 bytes a character; the codec has 15 bits for the length.
const _: () = assert!(PARTITION_KEY_CHARS_MAX * 4 < 1 << 15);
const _: () = assert!(RETENTION_HOURS_MIN < RETENTION_HOURS_MAX);
const _: () = assert!(TAG_KEYS_PER_REQUEST_MAX <= TAGS_PER_REQUEST_MAX);
const _: () = assert!(TAGS_PER_RESOURCE_MAX <= TAGS_PER_REQUEST_MAX);
const _: () = assert!(SHARDS_PER_STREAM_MAX <= SHARDS_PER_ACCOUNT_MAX);
const _: () = assert!(SHARDS_PER_ACCOUNT_MAX <= SHARD_COUNT_SCHEMA_MAX);
const _: () = assert!(ON_DEMAND_SHARDS_INITIAL <= SHARDS_PER_STREAM_MAX);
const _: () = assert!(DESCRIBE_STREAM_PAGE <= LIST_LIMIT_SCHEMA_MAX);
const _: () = assert!(LIST_STREAMS_PAGE <= LIST_LIMIT_SCHEMA_MAX);
const _: () = assert!(LIST_SHARDS_PAGE <= LIST_LIMIT_SCHEMA_MAX);
const _: () = assert!(LIST_CONSUMERS_PAGE <= LIST_LIMIT_SCHEMA_MAX);
const _: () = assert!(CONSUMERS_PER_STREAM_MAX <= CONSUMERS_PER_STREAM_COMMITTED_MAX);
const _: () = assert!(CREATING_CONSUMERS_MAX <= CONSUMERS_PER_STREAM_MAX);
const _: () = assert!(ON_DEMAND_SHARDS_INITIAL <= ON_DEMAND_MIBPS_DEFAULT);
const _: () = assert!(ON_DEMAND_MIBPS_DEFAULT <= ON_DEMAND_SHARDS_MAX);
const _: () = assert!(ON_DEMAND_SHARDS_MAX <= SHARD_COUNT_SCHEMA_MAX);
