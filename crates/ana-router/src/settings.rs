//! Settings: shard-level metrics, encryption switches, the greatest record, tags of resources, the account's
//! commitment. Rules and refusals are the metadata machine's, but for the form of a key id.
//!
//! Must stay true: reads come after a barrier, so that what one node acknowledged another node shows.

use std::collections::BTreeMap;

use ana_state::meta::{Commitment, ConsumerCommand, ConsumerState, SettingCommand, StreamState};
use ana_state::{MetaCommand, MetaReply};
use ana_types::{
    AccountId, ConsumerName, EncryptionType, KinesisError, Region, SettingError, StreamName,
    stream_arn,
};

use crate::consumers::{self, Named};
use crate::context::Context;
use crate::ops::{
    CommitmentView, Monitored, MonitoringChange, SetEncryption, SetMaxRecord, SetMonitoring,
    StreamRef, TagResource, UntagResource,
};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{self, carry_out};

/// What a `ResourceARN` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Stream(StreamName),
    Consumer(
        StreamName,
        ConsumerName,
        u64, /* second of its creation */
    ),
}

impl Resource {
    /// What an ARN names. Needs no metadata; whether it is there is asked later.
    pub(crate) fn of_arn(context: &Context, arn: &str) -> Answer<Self> {
        if let Ok(stream) = shard_map::name_of_arn(&context.config, arn) {
            return Ok(Self::Stream(stream));
        }
        consumers::parse_arn(&context.config, arn)
            .map(|it| Self::Consumer(it.stream.name, it.name, it.created_s))
            .ok_or_else(|| {
                let arn = arn.to_owned();
                SettingError::ResourceNotFound { arn }.into()
            })
    }
}

impl Resource {
    /// Looks at it as of now.
    pub(crate) async fn look_at<R>(
        self,
        context: &Context,
        of_stream: impl FnOnce(&StreamState) -> R,
        of_consumer: impl FnOnce(&ConsumerState) -> R,
    ) -> Answer<R> {
        match self {
            Self::Stream(stream) => {
                let stream = StreamRef::by_name(stream.as_str());
                streams::look_at(context, &stream, of_stream).await
            }
            Self::Consumer(stream, consumer, created_s) => {
                let named = Named {
                    stream,
                    consumer,
                    created_s: Some(created_s),
                };
                consumers::look_at(context, &named, |_, consumer| of_consumer(consumer)).await
            }
        }
    }
}

/// EnableEnhancedMonitoring and DisableEnhancedMonitoring.
pub(crate) async fn set_monitoring(
    context: &Context,
    request: SetMonitoring,
) -> Answer<MonitoringChange> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let command = MetaCommand::Setting(SettingCommand::SetMonitoring {
        stream: name.clone(),
        metrics: request.metrics,
        enable: request.enable,
        now_ms: context.now_ms(),
    });
    match context.command(command, context.deadline()).await? {
        MetaReply::Monitoring { before, after } => Ok(MonitoringChange {
            arn: stream_arn(&context.config.region, &context.config.account, &name),
            name,
            before,
            after,
        }),
        other => Err(unfitting("a change of metrics", &other)),
    }
}

/// What there is to be counted, by this node's map; nothing while it has none.
pub(crate) fn monitored(context: &Context) -> BTreeMap<StreamName, Monitored> {
    let of = |stream: &StreamState| {
        let taking = stream.writable_shards().map(|info| info.shard);
        Monitored {
            metrics: stream.settings.shard_level_metrics.clone(),
            shards: stream.shards.keys().copied().chain(taking).collect(),
            consumers: stream.consumers.keys().cloned().collect(),
        }
    };
    let all = context.look(|meta| {
        let streams = meta.streams().values();
        streams.map(|it| (it.name.clone(), of(it))).collect()
    });
    all.unwrap_or_default()
}

fn unfitting(what: &str, reply: &MetaReply) -> KinesisError {
    KinesisError::Internal {
        why: format!("the answer to {what}: {reply:?}"),
    }
}

/// StartStreamEncryption.
pub(crate) async fn start_encryption(context: &Context, request: SetEncryption) -> Answer<()> {
    check_type(request.encryption_type)?;
    if !is_key_id(&request.key_id) {
        let key = request.key_id;
        return Err(SettingError::KeyNotFound { key }.into());
    }
    set_encryption(context, &request.stream, Some(request.key_id)).await
}

/// StopStreamEncryption. Which key is named does not matter: there is one at most.
pub(crate) async fn stop_encryption(context: &Context, request: SetEncryption) -> Answer<()> {
    check_type(request.encryption_type)?;
    set_encryption(context, &request.stream, None).await
}

fn check_type(encryption_type: EncryptionType) -> Answer<()> {
    match encryption_type {
        EncryptionType::Kms => Ok(()),
        EncryptionType::None => Err(SettingError::EncryptionTypeNotKms.into()),
    }
}

async fn set_encryption(context: &Context, stream: &StreamRef, key: Option<String>) -> Answer<()> {
    let stream = shard_map::resolve(&context.config, stream)?;
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::Setting(SettingCommand::SetEncryption {
            stream,
            key,
            now_ms,
        }),
    )
    .await
}

/// Whether a text names a key as KMS names keys: a key id, `alias/NAME`, or the ARN of either.
fn is_key_id(text: &str) -> bool {
    let Some(arn) = text.strip_prefix("arn:") else {
        return is_alias(text) || is_bare_key(text);
    };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let [partition, "kms", region, account, resource] = parts.as_slice() else {
        return false;
    };
    let key = resource.strip_prefix("key/");
    partition.starts_with("aws")
        && Region::new(region).is_ok()
        && AccountId::new(account).is_ok()
        && (is_alias(resource) || key.is_some_and(is_bare_key))
}

fn is_alias(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
    text.strip_prefix("alias/")
        .is_some_and(|name| !name.is_empty() && name.chars().all(letter))
}

/// A GUID, or the id of a key of many regions.
fn is_bare_key(text: &str) -> bool {
    const GUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    const MULTI_REGION_DIGITS: usize = 32;
    let hex = |text: &str, digits| {
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if let Some(digits) = text.strip_prefix("mrk-") {
        return hex(digits, MULTI_REGION_DIGITS);
    }
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == GUID_GROUPS.len()
        && groups
            .iter()
            .zip(GUID_GROUPS)
            .all(|(group, digits)| hex(group, digits))
}

/// UpdateMaxRecordSize.
pub(crate) async fn set_max_record(context: &Context, request: SetMaxRecord) -> Answer<()> {
    let stream = shard_map::resolve(&context.config, &request.stream)?;
    let now_ms = context.now_ms();
    carry_out(
        context,
        MetaCommand::Setting(SettingCommand::SetMaxRecord {
            stream,
            max_record_kib: request.max_record_kib,
            now_ms,
        }),
    )
    .await
}

/// TagResource.
pub(crate) async fn tag(context: &Context, request: TagResource) -> Answer<()> {
    let tags = request.tags;
    let command = match Resource::of_arn(context, &request.resource_arn)? {
        Resource::Stream(stream) => MetaCommand::Setting(SettingCommand::AddTags { stream, tags }),
        Resource::Consumer(stream, consumer, created_s) => {
            MetaCommand::Consumer(ConsumerCommand::AddTags {
                stream,
                consumer,
                created_s,
                tags,
            })
        }
    };
    carry_out(context, command).await
}

/// UntagResource.
pub(crate) async fn untag(context: &Context, request: UntagResource) -> Answer<()> {
    let keys = request.keys.into_iter().collect();
    let command = match Resource::of_arn(context, &request.resource_arn)? {
        Resource::Stream(stream) => {
            MetaCommand::Setting(SettingCommand::RemoveTags { stream, keys })
        }
        Resource::Consumer(stream, consumer, created_s) => {
            MetaCommand::Consumer(ConsumerCommand::RemoveTags {
                stream,
                consumer,
                created_s,
                keys,
            })
        }
    };
    carry_out(context, command).await
}

/// ListTagsForResource.
pub(crate) async fn list_tags(
    context: &Context,
    resource_arn: &str,
) -> Answer<BTreeMap<String, String>> {
    let resource = Resource::of_arn(context, resource_arn)?;
    let of_stream = |stream: &StreamState| stream.tags.clone();
    let of_consumer = |consumer: &ConsumerState| consumer.tags.clone();
    resource.look_at(context, of_stream, of_consumer).await
}

/// DescribeAccountSettings.
pub(crate) async fn describe_account(context: &Context) -> Answer<CommitmentView> {
    let commitment = context
        .look_now(context.deadline(), ana_state::Metadata::commitment)
        .await?;
    Ok(commitment_view(commitment))
}

/// UpdateAccountSettings.
pub(crate) async fn update_account(context: &Context, enabled: bool) -> Answer<CommitmentView> {
    let now_ms = context.now_ms();
    let command = MetaCommand::Setting(SettingCommand::SetCommitment { enabled, now_ms });
    match context.command(command, context.deadline()).await? {
        MetaReply::Commitment(commitment) => Ok(commitment_view(commitment)),
        other => Err(unfitting("a change of the account", &other)),
    }
}

fn commitment_view(commitment: Commitment) -> CommitmentView {
    let Commitment {
        status,
        started_ms,
        ended_ms,
        earliest_end_ms,
    } = commitment;
    CommitmentView {
        status,
        started_ms,
        ended_ms,
        earliest_end_ms,
    }
}

/// Ends the commitment when it was asked to end and the time has come.
pub(crate) async fn end_commitment(context: &Context) -> Answer<()> {
    let now_ms = context.now_ms();
    let ends_at_ms = context.look(|meta| meta.commitment().ends_at_ms())?;
    if ends_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
        let command = MetaCommand::Setting(SettingCommand::EndCommitment { now_ms });
        context.command_again(command, context.deadline()).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "settings/settings_test.rs"]
mod settings_test;
