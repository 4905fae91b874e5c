//! What is set on a stream: tags of resources, monitoring, encryption, policies, the size of a record.

use ana_e2e::cluster::{now, pause};
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata as _;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{EncryptionType, MetricsName};

use super::{STREAM, active};

const LARGE_BYTES: usize = 1_500_000;

pub(super) async fn all(client: &Client) -> Result<()> {
    tags(client).await.context("tags")?;
    monitoring(client).await.context("monitoring")?;
    encryption(client).await.context("encryption")?;
    policies(client).await.context("policies")?;
    sizes(client).await.context("sizes")
}

async fn tags(client: &Client) -> Result<()> {
    let arn = active(client).await?.stream_arn;
    let tag = client.tag_resource().resource_arn(&arn);
    tag.tags("a", "1").tags("b", "2").send().await?;
    let untag = client.untag_resource().resource_arn(&arn);
    untag.tag_keys("b").send().await?;
    let listed = client.list_tags_for_resource().resource_arn(&arn);
    let tags = listed.send().await?.tags.unwrap_or_default();
    let [tag] = tags.as_slice() else {
        anyhow::bail!("one tag: {tags:?}");
    };
    ensure!((tag.key(), tag.value()) == ("a", Some("1")), "{tag:?}");
    Ok(())
}

async fn monitoring(client: &Client) -> Result<()> {
    let enable = client.enable_enhanced_monitoring().stream_name(STREAM);
    let on = enable
        .shard_level_metrics(MetricsName::IncomingBytes)
        .send()
        .await?;
    ensure!(on.current_shard_level_metrics().is_empty(), "{on:?}");
    ensure!(
        on.desired_shard_level_metrics() == [MetricsName::IncomingBytes],
        "{on:?}"
    );
    let summary = active(client).await?;
    let shown = summary.enhanced_monitoring();
    ensure!(
        shown
            .iter()
            .any(|each| each.shard_level_metrics() == [MetricsName::IncomingBytes]),
        "{shown:?}"
    );
    let disable = client.disable_enhanced_monitoring().stream_name(STREAM);
    let off = disable.shard_level_metrics(MetricsName::All).send().await?;
    ensure!(off.desired_shard_level_metrics().is_empty(), "{off:?}");
    active(client).await?;
    Ok(())
}

async fn encryption(client: &Client) -> Result<()> {
    let key = "alias/aws/kinesis";
    let start = client.start_stream_encryption().stream_name(STREAM);
    start
        .encryption_type(EncryptionType::Kms)
        .key_id(key)
        .send()
        .await?;
    let summary = active(client).await?;
    ensure!(
        (summary.encryption_type(), summary.key_id()) == (Some(&EncryptionType::Kms), Some(key)),
        "{summary:?}"
    );
    let started = now();
    loop {
        let put = client.put_record().stream_name(STREAM).partition_key("k");
        let put = put.data(Blob::new("sealed")).send().await?;
        if put.encryption_type() == Some(&EncryptionType::Kms) {
            break;
        }
        ensure!(started.elapsed().as_secs() < 20, "records stay unmarked");
        pause(50).await;
    }
    let stop = client.stop_stream_encryption().stream_name(STREAM);
    stop.encryption_type(EncryptionType::Kms)
        .key_id(key)
        .send()
        .await?;
    let summary = active(client).await?;
    ensure!(
        summary.encryption_type() == Some(&EncryptionType::None),
        "{summary:?}"
    );
    Ok(())
}

async fn policies(client: &Client) -> Result<()> {
    let arn = active(client).await?.stream_arn;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"111122223333"}},"Action":["kinesis:GetRecords"],"Resource":"{arn}"}}]}}"#
    );
    let put = client.put_resource_policy().resource_arn(&arn);
    put.policy(&policy).send().await?;
    let get = || client.get_resource_policy().resource_arn(&arn).send();
    ensure!(get().await?.policy() == policy, "the policy as it was put");
    client
        .delete_resource_policy()
        .resource_arn(&arn)
        .send()
        .await?;
    let gone = get().await.err().context("the policy is gone")?;
    ensure!(gone.code() == Some("ResourceNotFoundException"), "{gone:?}");
    Ok(())
}

async fn sizes(client: &Client) -> Result<()> {
    let arn = active(client).await?.stream_arn;
    let update = client.update_max_record_size().stream_arn(&arn);
    update.max_record_size_in_kib(2048).send().await?;
    let summary = active(client).await?;
    ensure!(
        summary.max_record_size_in_kib() == Some(2048),
        "{summary:?}"
    );
    let put = client.put_record().stream_name(STREAM).partition_key("k");
    put.data(Blob::new(vec![7; LARGE_BYTES])).send().await?;
    Ok(())
}
