//! More shards by count, by mode and by warm throughput.

use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{
    MinimumThroughputBillingCommitmentInput, MinimumThroughputBillingCommitmentInputStatus,
    MinimumThroughputBillingCommitmentOutputStatus, ScalingType, StreamMode, StreamModeDetails,
};

use super::{STREAM, active, open_shards};

const WARM_MIBPS: i32 = 6;

pub(super) async fn all(client: &Client) -> Result<()> {
    count(client).await.context("count")?;
    commitment(client).await.context("commitment")?;
    mode(client).await.context("mode")
}

async fn count(client: &Client) -> Result<()> {
    let before = i32::try_from(open_shards(client).await?.len())?;
    let scale = client.update_shard_count().stream_name(STREAM);
    let scaled = scale
        .target_shard_count(4)
        .scaling_type(ScalingType::UniformScaling)
        .send()
        .await?;
    ensure!(
        (scaled.current_shard_count(), scaled.target_shard_count()) == (Some(before), Some(4)),
        "{scaled:?}"
    );
    active(client).await?;
    let shards = open_shards(client).await?;
    let starts: Vec<_> = shards
        .iter()
        .filter_map(|shard| shard.hash_key_range())
        .map(|range| range.starting_hash_key.clone())
        .collect();
    let quarters: Vec<_> = (0..4_u128).map(|n| (n << 126).to_string()).collect();
    ensure!(starts == quarters, "{starts:?}");
    Ok(())
}

async fn commitment(client: &Client) -> Result<()> {
    let before = client.describe_account_settings().send().await?;
    let known = before.minimum_throughput_billing_commitment;
    known.context("the account's commitment")?;
    let enabled = MinimumThroughputBillingCommitmentInput::builder()
        .status(MinimumThroughputBillingCommitmentInputStatus::Enabled)
        .build()?;
    let update = client.update_account_settings();
    let update = update.minimum_throughput_billing_commitment(enabled);
    let after = update.send().await?.minimum_throughput_billing_commitment;
    let after = after.context("the account's commitment")?;
    ensure!(
        after.status == MinimumThroughputBillingCommitmentOutputStatus::Enabled,
        "{after:?}"
    );
    ensure!(after.started_at.is_some(), "{after:?}");
    Ok(())
}

/// Warm throughput needs the account's commitment and a stream on demand.
async fn mode(client: &Client) -> Result<()> {
    let arn = active(client).await?.stream_arn;
    let on_demand = StreamModeDetails::builder()
        .stream_mode(StreamMode::OnDemand)
        .build()?;
    let update = client.update_stream_mode().stream_arn(&arn);
    update.stream_mode_details(on_demand).send().await?;
    active(client).await?;
    let warm = client.update_stream_warm_throughput().stream_name(STREAM);
    let warm = warm.warm_throughput_mibps(WARM_MIBPS).send().await?;
    let target = warm.warm_throughput().and_then(|warm| warm.target_mibps());
    ensure!(target == Some(WARM_MIBPS), "{warm:?}");
    let summary = active(client).await?;
    let current = summary
        .warm_throughput()
        .and_then(|warm| warm.current_mibps());
    ensure!(current == Some(WARM_MIBPS), "{summary:?}");
    ensure!(summary.open_shard_count >= WARM_MIBPS, "{summary:?}");
    Ok(())
}
