//! Operations on consumers, capacity, encryption, metrics and the account, typed like those of `kinesis`.
//!
//! Only the members that a command needs are here; unknown members of an answer are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::error::ClientError;
use super::kinesis::{Empty, PAGES_MAX};

/// A consumer as RegisterStreamConsumer, DescribeStreamConsumer and ListStreamConsumers tell it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Consumer {
    /// Its name.
    pub consumer_name: String,
    /// Its ARN, which ends with the second of its registration.
    #[serde(rename = "ConsumerARN")]
    pub consumer_arn: String,
    /// CREATING, ACTIVE or DELETING.
    pub consumer_status: String,
    /// Seconds since 1970.
    pub consumer_creation_timestamp: f64,
    /// Told by DescribeStreamConsumer alone.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
}

/// What UpdateShardCount tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardCounts {
    /// Open shards before.
    pub current_shard_count: u32,
    /// Open shards once it is done.
    pub target_shard_count: u32,
}

/// What EnableEnhancedMonitoring and DisableEnhancedMonitoring tell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    /// What was on before.
    #[serde(default)]
    pub current_shard_level_metrics: Vec<String>,
    /// What is on from now on.
    #[serde(default)]
    pub desired_shard_level_metrics: Vec<String>,
}

/// What DescribeLimits tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limits {
    /// Most open shards.
    pub shard_limit: u64,
    /// Open shards now.
    pub open_shard_count: u64,
    /// On-demand streams now.
    pub on_demand_stream_count: u64,
    /// Most on-demand streams.
    pub on_demand_stream_count_limit: u64,
}

/// The account's throughput commitment. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Commitment {
    /// ENABLED, DISABLED or ENABLED_UNTIL_EARLIEST_ALLOWED_END.
    pub status: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<f64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<f64>,
    /// Before this it cannot end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_allowed_end_at: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccountSettings {
    minimum_throughput_billing_commitment: Commitment,
}

impl Client {
    /// RegisterStreamConsumer.
    pub async fn register_consumer(
        &self,
        stream_arn: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Consumer, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            consumer: Consumer,
        }
        let mut input = json!({ "StreamARN": stream_arn, "ConsumerName": name });
        if let (false, Some(members)) = (tags.is_empty(), input.as_object_mut()) {
            members.insert("Tags".to_owned(), json!(tags));
        }
        let answer = self
            .call::<_, Output>("RegisterStreamConsumer", &input)
            .await?;
        Ok(answer.value.consumer)
    }

    /// DeregisterStreamConsumer.
    pub async fn deregister_consumer(
        &self,
        stream_arn: &str,
        name: &str,
    ) -> Result<(), ClientError> {
        let input = json!({ "StreamARN": stream_arn, "ConsumerName": name });
        self.call::<_, Empty>("DeregisterStreamConsumer", &input)
            .await
            .map(drop)
    }

    /// DescribeStreamConsumer.
    pub async fn describe_consumer(
        &self,
        stream_arn: &str,
        name: &str,
    ) -> Result<Consumer, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            consumer_description: Consumer,
        }
        let input = json!({ "StreamARN": stream_arn, "ConsumerName": name });
        let answer = self
            .call::<_, Output>("DescribeStreamConsumer", &input)
            .await?;
        Ok(answer.value.consumer_description)
    }

    /// All consumers of a stream, by ListStreamConsumers.
    pub async fn list_consumers(&self, stream_arn: &str) -> Result<Vec<Consumer>, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            #[serde(default)]
            consumers: Vec<Consumer>,
            next_token: Option<String>,
        }
        let mut consumers = Vec::new();
        let mut input = json!({ "StreamARN": stream_arn });
        for _page in 0..PAGES_MAX {
            let page: Output = self.call("ListStreamConsumers", &input).await?.value;
            consumers.extend(page.consumers);
            let Some(token) = page.next_token else { break };
            input = json!({ "StreamARN": stream_arn, "NextToken": token });
        }
        Ok(consumers)
    }

    /// UpdateShardCount, uniform.
    pub async fn update_shard_count(
        &self,
        stream: &str,
        target: u32,
    ) -> Result<ShardCounts, ClientError> {
        let input = json!({
            "StreamName": stream, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING",
        });
        let answer = self.call("UpdateShardCount", &input).await?;
        Ok(answer.value)
    }

    /// UpdateStreamMode.
    pub async fn update_stream_mode(
        &self,
        stream_arn: &str,
        mode: &str,
    ) -> Result<(), ClientError> {
        let input = json!({
            "StreamARN": stream_arn, "StreamModeDetails": { "StreamMode": mode },
        });
        self.call::<_, Empty>("UpdateStreamMode", &input)
            .await
            .map(drop)
    }

    /// StartStreamEncryption.
    pub async fn start_encryption(&self, stream: &str, key: &str) -> Result<(), ClientError> {
        self.switch_encryption("StartStreamEncryption", stream, key)
            .await
    }

    /// StopStreamEncryption.
    pub async fn stop_encryption(&self, stream: &str, key: &str) -> Result<(), ClientError> {
        self.switch_encryption("StopStreamEncryption", stream, key)
            .await
    }

    async fn switch_encryption(
        &self,
        operation: &'static str,
        stream: &str,
        key: &str,
    ) -> Result<(), ClientError> {
        let input = json!({ "StreamName": stream, "EncryptionType": "KMS", "KeyId": key });
        self.call::<_, Empty>(operation, &input).await.map(drop)
    }

    /// EnableEnhancedMonitoring or DisableEnhancedMonitoring of these metrics.
    pub async fn switch_metrics(
        &self,
        stream: &str,
        enable: bool,
        metrics: &[String],
    ) -> Result<Metrics, ClientError> {
        let operation = if enable {
            "EnableEnhancedMonitoring"
        } else {
            "DisableEnhancedMonitoring"
        };
        let input = json!({ "StreamName": stream, "ShardLevelMetrics": metrics });
        let answer = self.call(operation, &input).await?;
        Ok(answer.value)
    }

    /// DescribeLimits.
    pub async fn describe_limits(&self) -> Result<Limits, ClientError> {
        let answer = self.call("DescribeLimits", &json!({})).await?;
        Ok(answer.value)
    }

    /// DescribeAccountSettings.
    pub async fn describe_account_settings(&self) -> Result<Commitment, ClientError> {
        let answer = self
            .call::<_, AccountSettings>("DescribeAccountSettings", &json!({}))
            .await?;
        Ok(answer.value.minimum_throughput_billing_commitment)
    }

    /// UpdateAccountSettings: ENABLED or DISABLED.
    pub async fn update_commitment(&self, status: &str) -> Result<Commitment, ClientError> {
        let input = json!({ "MinimumThroughputBillingCommitment": { "Status": status } });
        let answer = self
            .call::<_, AccountSettings>("UpdateAccountSettings", &input)
            .await?;
        Ok(answer.value.minimum_throughput_billing_commitment)
    }
}
