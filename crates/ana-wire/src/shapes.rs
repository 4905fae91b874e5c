//! One file per operation: its request, its answer, how the one is read and the other written.
//!
//! A new operation adds a file here, a line in [`Request`], [`Response`], [`Request::from_fields`]
//! and [`Response::write`], and is then offered. Nothing here checks anything: the constraint table
//! (`model`, `validate`) has done so before a shape is built.

mod request;
mod response;
mod stream_target;
mod consumer;
mod common;
mod monitoring;
mod records;
mod warm_throughput;
mod account_settings;
mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod describe_limits;
mod list_streams;
mod list_shards;
mod put_record;
mod put_records;
mod get_shard_iterator;
mod get_records;
mod subscribe_to_shard;
mod split_shard;
mod merge_shards;
mod update_shard_count;
mod update_stream_mode;
mod update_stream_warm_throughput;
mod update_max_record_size;
mod increase_stream_retention_period;
mod decrease_stream_retention_period;
mod register_stream_consumer;
mod deregister_stream_consumer;
mod describe_stream_consumer;
mod list_stream_consumers;
mod add_tags_to_stream;
mod remove_tags_from_stream;
mod list_tags_for_stream;
mod tag_resource;
mod untag_resource;
mod list_tags_for_resource;
mod enable_enhanced_monitoring;
mod disable_enhanced_monitoring;
mod start_stream_encryption;
mod stop_stream_encryption;
mod put_resource_policy;
mod get_resource_policy;
mod delete_resource_policy;
mod describe_account_settings;
mod update_account_settings;

pub use account_settings::MinimumThroughputBillingCommitment;
pub use add_tags_to_stream::AddTagsToStreamInput;
pub use common::{ChildShard, Shard, StreamFacts};
pub use consumer::{ConsumerFacts, ConsumerTarget};
pub use create_stream::CreateStreamInput;
pub use decrease_stream_retention_period::DecreaseStreamRetentionPeriodInput;
pub use delete_resource_policy::DeleteResourcePolicyInput;
pub use delete_stream::DeleteStreamInput;
pub use deregister_stream_consumer::DeregisterStreamConsumerInput;
pub use describe_account_settings::{DescribeAccountSettingsInput, DescribeAccountSettingsOutput};
pub use describe_limits::{DescribeLimitsInput, DescribeLimitsOutput};
pub use describe_stream::{DescribeStreamInput, DescribeStreamOutput};
pub use describe_stream_consumer::{DescribeStreamConsumerInput, DescribeStreamConsumerOutput};
pub use describe_stream_summary::{DescribeStreamSummaryInput, DescribeStreamSummaryOutput};
pub use disable_enhanced_monitoring::{
    DisableEnhancedMonitoringInput, DisableEnhancedMonitoringOutput,
};
pub use enable_enhanced_monitoring::{
    EnableEnhancedMonitoringInput, EnableEnhancedMonitoringOutput,
};
pub use get_records::{GetRecordsInput, GetRecordsOutput};
pub use get_resource_policy::{GetResourcePolicyInput, GetResourcePolicyOutput};
pub use get_shard_iterator::{GetShardIteratorInput, GetShardIteratorOutput};
pub use increase_stream_retention_period::IncreaseStreamRetentionPeriodInput;
pub use list_shards::{ListShardsInput, ListShardsOutput, ShardFilter};
pub use list_stream_consumers::{ListStreamConsumersInput, ListStreamConsumersOutput};
pub use list_streams::{ListStreamsInput, ListStreamsOutput};
pub use list_tags_for_resource::{ListTagsForResourceInput, ListTagsForResourceOutput};
pub use list_tags_for_stream::{ListTagsForStreamInput, ListTagsForStreamOutput};
pub use merge_shards::MergeShardsInput;
pub use monitoring::{MetricsChange, MetricsToSwitch};
pub use put_record::{PutRecordInput, PutRecordOutput};
pub use put_records::{PutRecordsEntry, PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry};
pub use put_resource_policy::PutResourcePolicyInput;
pub use register_stream_consumer::{RegisterStreamConsumerInput, RegisterStreamConsumerOutput};
pub use remove_tags_from_stream::RemoveTagsFromStreamInput;
pub use request::Request;
pub use response::Response;
pub use split_shard::SplitShardInput;
pub use start_stream_encryption::StartStreamEncryptionInput;
pub use stop_stream_encryption::StopStreamEncryptionInput;
pub use stream_target::StreamTarget;
pub use subscribe_to_shard::{SubscribeToShardEvent, SubscribeToShardInput};
pub use tag_resource::TagResourceInput;
pub use untag_resource::UntagResourceInput;
pub use update_account_settings::{UpdateAccountSettingsInput, UpdateAccountSettingsOutput};
pub use update_max_record_size::UpdateMaxRecordSizeInput;
pub use update_shard_count::{UpdateShardCountInput, UpdateShardCountOutput};
pub use update_stream_mode::UpdateStreamModeInput;
pub use update_stream_warm_throughput::{
    UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput,
};
pub use warm_throughput::WarmThroughput;

#[cfg(test)]
#[path = "shapes/read_test.rs"]
mod read_test;
#[cfg(test)]
#[path = "shapes/write_test.rs"]
mod write_test;
#[cfg(test)]
#[path = "shapes/write_settings_test.rs"]
mod write_settings_test;
