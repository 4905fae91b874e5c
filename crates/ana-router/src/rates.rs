//! How often the operations of the control plane may be called: for the account, or for one stream.
//!
//! An account has one counter for each operation, not one for each node, so calls are counted at one place: the leader
//! of the metadata group, which these operations ask in any case. Counters live in its memory only; a new leader starts
//! with full buckets, so a change of leader can let one second's worth through twice.
//!
//! Must stay true:
//! - a call is counted before it does anything, and a refused one has done nothing;
//! - rates protect the cluster and never stop it: a call that cannot be counted in time goes on uncounted, and asks the
//!   metadata leader for what it needs itself;
//! - with [`Limits::Off`] nothing is counted and nobody asked.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_types::limits as l;
use ana_types::{ConsumerArn, GroupId, KinesisError, LimitKind, StreamName};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::config::Limits;
use crate::context::{Context, Deadline};
use crate::error::Decline;
use crate::leader::{Repeat, at_leader};
use crate::messages::{Spend, Spent};
use crate::ops::StreamRef;
use crate::router::Answer;
use crate::server::replica;
use crate::shard_map;

/// A call waits no longer to be counted. Together with the deadline of the call itself (4 s) it stays below the 5 s after
/// which an answer must have been given.
const COUNTED_WITHIN: Duration = Duration::from_millis(500);
/// Buckets kept; beyond it those that are full again are dropped. Names in requests need not be those of streams, so the
/// number of streams does not bound it.
const BUCKETS_MAX: usize = 16_384;
/// After this long without use every bucket is full again.
const FULL_AFTER: Duration = Duration::from_secs(1);

/// Operations with a published rate. UpdateMaxRecordSize, TagResource, UntagResource and ListTagsForResource have none,
/// and Start- and StopStreamEncryption and UpdateStreamMode only numbers per day, which are part of a stream's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Rated {
    AddTagsToStream,
    CreateStream,
    DecreaseStreamRetentionPeriod,
    DeleteResourcePolicy,
    DeleteStream,
    DeregisterStreamConsumer,
    DescribeAccountSettings,
    DescribeLimits,
    DescribeStream,
    DescribeStreamConsumer,
    DescribeStreamSummary,
    DisableEnhancedMonitoring,
    EnableEnhancedMonitoring,
    GetResourcePolicy,
    IncreaseStreamRetentionPeriod,
    ListShards,
    ListStreamConsumers,
    ListStreams,
    ListTagsForStream,
    MergeShards,
    PutResourcePolicy,
    RegisterStreamConsumer,
    RemoveTagsFromStream,
    SplitShard,
    UpdateAccountSettings,
    UpdateShardCount,
    UpdateStreamWarmThroughput,
}

/// Who shares a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Account,
    Stream,
}

impl Rated {
    /// Calls per second, and who shares them. AWS's quota page and its operations' own texts disagree about tags,
    /// resharding and registering consumers (per stream, per account); the quota page is newer and more generous, and a
    /// client that keeps to the stricter rule is served either way.
    fn rule(self) -> (u64, Scope) {
        use Scope::{Account, Stream};
        match self {
            Self::AddTagsToStream => (l::ADD_TAGS_PER_S, Account),
            Self::CreateStream => (l::CREATE_STREAM_PER_S, Account),
            Self::DecreaseStreamRetentionPeriod | Self::IncreaseStreamRetentionPeriod => {
                (l::RETENTION_PER_S, Stream)
            }
            Self::DeleteResourcePolicy | Self::GetResourcePolicy | Self::PutResourcePolicy => {
                (l::RESOURCE_POLICY_PER_S, Account)
            }
            Self::DeleteStream => (l::DELETE_STREAM_PER_S, Account),
            Self::DeregisterStreamConsumer | Self::RegisterStreamConsumer => {
                (l::REGISTER_CONSUMER_PER_S, Stream)
            }
            Self::DescribeAccountSettings | Self::UpdateAccountSettings => {
                (l::ACCOUNT_SETTINGS_PER_S, Account)
            }
            Self::DescribeLimits => (l::DESCRIBE_LIMITS_PER_S, Account),
            Self::DescribeStream => (l::DESCRIBE_STREAM_PER_S, Account),
            Self::DescribeStreamConsumer => (l::DESCRIBE_CONSUMER_PER_S, Stream),
            Self::DescribeStreamSummary => (l::DESCRIBE_STREAM_SUMMARY_PER_S, Account),
            Self::DisableEnhancedMonitoring | Self::EnableEnhancedMonitoring => {
                (l::MONITORING_PER_S, Stream)
            }
            Self::ListShards => (l::LIST_SHARDS_PER_S, Stream),
            Self::ListStreamConsumers => (l::LIST_CONSUMERS_PER_S, Stream),
            Self::ListStreams => (l::LIST_STREAMS_PER_S, Account),
            Self::ListTagsForStream => (l::LIST_TAGS_PER_S, Stream),
            Self::MergeShards | Self::SplitShard => (l::RESHARD_PER_S, Stream),
            Self::RemoveTagsFromStream => (l::REMOVE_TAGS_PER_S, Stream),
            Self::UpdateShardCount => (l::UPDATE_SHARD_COUNT_PER_S, Account),
            Self::UpdateStreamWarmThroughput => (l::WARM_THROUGHPUT_PER_S, Account),
        }
    }

    /// The error of a call too many.
    fn exceeded(self, stream: Option<StreamName>) -> KinesisError {
        let (per_s, _) = self.rule();
        let operation = format!("{self:?}");
        KinesisError::LimitExceeded(match stream {
            None => LimitKind::AccountRate { operation, per_s },
            Some(stream) => LimitKind::StreamRate {
                operation,
                stream,
                per_s,
            },
        })
    }
}

/// The counters of the whole cluster.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: BTreeMap<(Rated, Option<StreamName>), Counted>,
}

#[derive(Debug)]
struct Counted {
    bucket: Bucket,
    used_at: Duration,
}

impl Rates {
    /// Counts one call, if it may be made.
    fn spend(&mut self, what: Rated, stream: Option<&StreamName>, now: Duration) -> bool {
        let key = (what, stream.cloned());
        if self.buckets.len() >= BUCKETS_MAX && !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        let (per_s, _) = what.rule();
        let counted = self.buckets.entry(key).or_insert_with(|| Counted {
            bucket: Bucket::full(per_s, now),
            used_at: now,
        });
        counted.used_at = counted.used_at.max(now);
        counted.bucket.take_one(now)
    }

    fn make_room(&mut self, now: Duration) {
        self.buckets
            .retain(|_, counted| now.saturating_sub(counted.used_at) < FULL_AFTER);
        if self.buckets.len() >= BUCKETS_MAX {
            // So many in one second are no real streams; whoever is among them gets a second's worth more.
            self.buckets.clear();
        }
    }
}

/// Counts a call, as the metadata leader. It needs no barrier: a leader that was deposed counts for a moment longer.
pub(crate) fn spend(context: &Context, call: &Spend) -> Result<Spent, Decline> {
    let group = replica(context, GroupId::METADATA)?;
    if !group.is_leader() {
        return Err(Decline::NotLeader {
            leader: group.leader(),
        });
    }
    let now = context.env.clock.elapsed();
    let admitted = context.rates().spend(call.what, call.stream.as_ref(), now);
    Ok(Spent(admitted))
}

/// Counts a call on the account's rate.
///
/// # Errors
/// `LimitExceeded` when the rate is used up.
pub(crate) async fn account(context: &Context, what: Rated) -> Answer<()> {
    debug_assert_eq!(what.rule().1, Scope::Account);
    count(context, what, None).await
}

/// Counts a call on the rate of its stream.
///
/// # Errors
/// `LimitExceeded` when the rate is used up. What names no stream is left to the operation to refuse.
pub(crate) async fn stream(context: &Context, what: Rated, stream: &StreamRef) -> Answer<()> {
    match shard_map::resolve(&context.config, stream) {
        Ok(name) => named(context, what, name).await,
        Err(_its_own_error) => Ok(()),
    }
}

/// The same for a stream whose name is known.
pub(crate) async fn named(context: &Context, what: Rated, name: StreamName) -> Answer<()> {
    debug_assert_eq!(what.rule().1, Scope::Stream);
    count(context, what, Some(name)).await
}

/// The same for a consumer, by its ARN or that of its stream.
pub(crate) async fn consumer(
    context: &Context,
    what: Rated,
    stream_arn: Option<&str>,
    consumer_arn: Option<&str>,
) -> Answer<()> {
    let of_stream = stream_arn.and_then(|arn| shard_map::name_of_arn(&context.config, arn).ok());
    let of_consumer = || Some(consumer_arn?.parse::<ConsumerArn>().ok()?.stream.name);
    match of_stream.or_else(of_consumer) {
        Some(name) => named(context, what, name).await,
        None => Ok(()),
    }
}

async fn count(context: &Context, what: Rated, stream: Option<StreamName>) -> Answer<()> {
    if context.config.limits == Limits::Off {
        return Ok(());
    }
    let call = Spend { what, stream };
    let deadline = Deadline::after(COUNTED_WITHIN);
    match at_leader(context, GroupId::METADATA, &call, Repeat::Safe, deadline).await {
        Ok(Spent(false)) => Err(what.exceeded(call.stream)),
        Ok(Spent(true)) => Ok(()),
        Err(error) => {
            tracing::debug!(?what, %error, "not counted");
            Ok(())
        }
    }
}

#[cfg(test)]
#[path = "rates/rates_test.rs"]
mod rates_test;
