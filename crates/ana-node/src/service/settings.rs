//! Settings: metrics, encryption, the greatest record, tags and policies of resources, the account.

use ana_router::{Router, ops};
use ana_types::{CommitmentStatus, KinesisError};
use ana_wire::{
    DeleteResourcePolicyInput, DescribeAccountSettingsOutput, DisableEnhancedMonitoringInput,
    EnableEnhancedMonitoringInput, GetResourcePolicyInput, GetResourcePolicyOutput,
    ListTagsForResourceInput, ListTagsForResourceOutput, MetricsChange, MetricsToSwitch,
    MinimumThroughputBillingCommitment, PutResourcePolicyInput, Response,
    StartStreamEncryptionInput, StopStreamEncryptionInput, TagResourceInput, UntagResourceInput,
    UpdateAccountSettingsInput, UpdateAccountSettingsOutput, UpdateMaxRecordSizeInput,
};

use super::streams::stream_ref;

pub(super) async fn enable_enhanced_monitoring(
    router: &Router,
    input: EnableEnhancedMonitoringInput,
) -> Result<Response, KinesisError> {
    set_monitoring(router, input, true)
        .await
        .map(Response::EnableEnhancedMonitoring)
}

pub(super) async fn disable_enhanced_monitoring(
    router: &Router,
    input: DisableEnhancedMonitoringInput,
) -> Result<Response, KinesisError> {
    set_monitoring(router, input, false)
        .await
        .map(Response::DisableEnhancedMonitoring)
}

async fn set_monitoring(
    router: &Router,
    input: MetricsToSwitch,
    enable: bool,
) -> Result<MetricsChange, KinesisError> {
    let request = ops::SetMonitoring {
        stream: stream_ref(input.stream),
        metrics: input.shard_level_metrics,
        enable,
    };
    let change = router.set_monitoring(request).await?;
    Ok(MetricsChange {
        stream_name: change.name.to_string(),
        stream_arn: change.arn,
        current_shard_level_metrics: change.before,
        desired_shard_level_metrics: change.after,
    })
}

pub(super) async fn start_stream_encryption(
    router: &Router,
    input: StartStreamEncryptionInput,
) -> Result<Response, KinesisError> {
    let request = ops::SetEncryption {
        stream: stream_ref(input.stream),
        encryption_type: input.encryption_type,
        key_id: input.key_id,
    };
    router
        .start_stream_encryption(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn stop_stream_encryption(
    router: &Router,
    input: StopStreamEncryptionInput,
) -> Result<Response, KinesisError> {
    let request = ops::SetEncryption {
        stream: stream_ref(input.stream),
        encryption_type: input.encryption_type,
        key_id: input.key_id,
    };
    router
        .stop_stream_encryption(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn update_max_record_size(
    router: &Router,
    input: UpdateMaxRecordSizeInput,
) -> Result<Response, KinesisError> {
    let request = ops::SetMaxRecord {
        stream: stream_ref(input.stream),
        max_record_kib: input.max_record_kib,
    };
    router
        .update_max_record_size(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn tag_resource(
    router: &Router,
    input: TagResourceInput,
) -> Result<Response, KinesisError> {
    let request = ops::TagResource {
        resource_arn: input.resource_arn,
        tags: input.tags,
    };
    router.tag_resource(request).await.map(|()| Response::Empty)
}

pub(super) async fn untag_resource(
    router: &Router,
    input: UntagResourceInput,
) -> Result<Response, KinesisError> {
    let request = ops::UntagResource {
        resource_arn: input.resource_arn,
        keys: input.tag_keys,
    };
    router
        .untag_resource(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn list_tags_for_resource(
    router: &Router,
    input: ListTagsForResourceInput,
) -> Result<Response, KinesisError> {
    let tags = router.list_tags_for_resource(&input.resource_arn).await?;
    Ok(Response::ListTagsForResource(ListTagsForResourceOutput {
        tags,
    }))
}

pub(super) async fn put_resource_policy(
    router: &Router,
    input: PutResourcePolicyInput,
) -> Result<Response, KinesisError> {
    let request = ops::PutResourcePolicy {
        resource_arn: input.resource_arn,
        policy: input.policy,
    };
    router
        .put_resource_policy(request)
        .await
        .map(|()| Response::Empty)
}

pub(super) async fn get_resource_policy(
    router: &Router,
    input: GetResourcePolicyInput,
) -> Result<Response, KinesisError> {
    let policy = router.get_resource_policy(&input.resource_arn).await?;
    Ok(Response::GetResourcePolicy(GetResourcePolicyOutput {
        policy,
    }))
}

pub(super) async fn delete_resource_policy(
    router: &Router,
    input: DeleteResourcePolicyInput,
) -> Result<Response, KinesisError> {
    router
        .delete_resource_policy(&input.resource_arn)
        .await
        .map(|()| Response::Empty)
}

fn commitment(view: ops::CommitmentView) -> MinimumThroughputBillingCommitment {
    MinimumThroughputBillingCommitment {
        status: view.status,
        started_at_ms: view.started_ms,
        ended_at_ms: view.ended_ms,
        earliest_allowed_end_at_ms: view.earliest_end_ms,
    }
}

pub(super) async fn describe_account_settings(router: &Router) -> Result<Response, KinesisError> {
    let view = router.describe_account_settings().await?;
    Ok(Response::DescribeAccountSettings(
        DescribeAccountSettingsOutput {
            minimum_throughput_billing_commitment: commitment(view),
        },
    ))
}

pub(super) async fn update_account_settings(
    router: &Router,
    input: UpdateAccountSettingsInput,
) -> Result<Response, KinesisError> {
    let enabled = input.minimum_throughput_billing_commitment == CommitmentStatus::Enabled;
    let view = router.update_account_settings(enabled).await?;
    Ok(Response::UpdateAccountSettings(
        UpdateAccountSettingsOutput {
            minimum_throughput_billing_commitment: commitment(view),
        },
    ))
}
