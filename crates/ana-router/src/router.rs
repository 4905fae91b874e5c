//! The router of one node: the object the program holds, one method per operation.
//!
//! Every method may be called on every node; work for another node is forwarded (`forward.rs`) and done there by
//! the same functions (`server.rs`). Methods return within the configured deadline.
//!
//! Must stay true:
//! - an acknowledged record is committed in the log of an open shard; nothing else is ever acknowledged;
//! - what may have happened is never tried a second time by us (see `leader.rs`).
//!
//! Every method boxes what it does, so that it is compiled here, once, and not by each crate that awaits it.
//!
//! Danger: `Router` is cheap to clone; the background tasks end with [`Router::shutdown`], not with the last clone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ana_env::Env;
use ana_raft::{CallHandler, Group, GroupStatus, Groups, Peers};
use ana_types::{GroupId, HashKey, KinesisError, NodeId, ShardIndex, StreamKey, StreamName, Zone};
use futures::future::BoxFuture;

use crate::config::{Member, RouterConfig};
use crate::context::Context;
use crate::ledger::Ledger;
use crate::membership::Expelled;
use crate::nodes::{self, MembersView, NodesError};
use crate::ops;
use crate::rates::{self, Rated};
use crate::status::ClusterStatus;
use crate::subscribe::{self, Subscription};
use crate::{
    consumers, get, iterators, list_shards, policies, put, reshard, scaling, settings, shard_map,
    streams, tags,
};

/// Result of every operation.
pub type Answer<T> = Result<T, KinesisError>;

/// The operations of one node.
#[derive(Debug, Clone)]
pub struct Router {
    context: Arc<Context>,
}

impl Router {
    /// Makes the router. Nothing runs before [`Router::start`]; the handler for peers' calls works from now on.
    pub fn new(env: Env, groups: Groups, peers: Peers, config: RouterConfig) -> Self {
        Self {
            context: Arc::new(Context::new(env, groups, peers, config)),
        }
    }

    /// What answers calls of peers; to be given to `Groups::serve_peer`.
    pub fn call_handler(&self) -> Arc<dyn CallHandler> {
        crate::server::handler(&self.context)
    }

    /// Opens the metadata group, founds it when this is a new cluster, and starts the background work.
    ///
    /// # Errors
    /// The metadata group's log cannot be opened.
    pub fn start(&self) -> BoxFuture<'_, Answer<()>> {
        Box::pin(crate::start::start(&self.context))
    }

    /// Gives this node's leaderships to other voters, before a planned stop; says how many were taken over. Bounded in
    /// time, and needs nobody to be there.
    pub fn hand_over(&self) -> BoxFuture<'_, usize> {
        Box::pin(crate::hand_over::hand_over(&self.context))
    }

    /// Moves the leader of a group to another voter, and leaves it there for `lease`; says where it was.
    ///
    /// # Errors
    /// In words for a person.
    pub fn move_leader(
        &self,
        group: GroupId,
        to: NodeId,
        lease: Duration,
    ) -> BoxFuture<'_, Result<NodeId, String>> {
        Box::pin(crate::away::move_leader(&self.context, group, to, lease))
    }

    /// Tells every node to keep leaders out of a zone for `lease` from now on, and to let them in again when it is
    /// nothing. The answer has every node of the cluster: how many groups it still leads that it should not; none
    /// when it was not reached.
    pub fn keep_leaders_out<'a>(
        &'a self,
        zone: &'a Zone,
        lease: Duration,
    ) -> BoxFuture<'a, BTreeMap<NodeId, Option<u32>>> {
        Box::pin(crate::away::keep_out(&self.context, zone, lease))
    }

    /// The zones that leaders are kept out of, as far as this node knows, and for how long yet.
    pub fn shifted_zones(&self) -> BTreeMap<Zone, Duration> {
        self.context.places.shifted()
    }

    /// The zones of the cluster's nodes.
    pub fn zones(&self) -> BTreeSet<Zone> {
        let nodes = crate::status::known_nodes(&self.context);
        nodes.into_values().map(|(member, _)| member.zone).collect()
    }

    /// Stops the background work and waits for it. Groups are not closed: they belong to the caller.
    pub fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.context.tasks.shutdown().await;
        })
    }

    /// The cluster is founded and this node has seen it: the secret for sealed tokens is known.
    pub fn is_ready(&self) -> bool {
        self.secret().is_some()
    }

    /// Waits until [`Router::is_ready`], at most for `within`; says whether it is.
    pub fn wait_ready(&self, within: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let founded = |meta: &ana_state::Metadata| meta.cluster().map(|_| ());
            crate::start::wait_until(&self.context, within, founded).await
        })
    }

    /// Waits until this node has to end because the cluster goes on without it, and says why.
    pub fn until_expelled(&self) -> BoxFuture<'_, Expelled> {
        Box::pin(crate::membership::until_expelled(&self.context))
    }

    /// Adds a node: it may join from now on.
    ///
    /// # Errors
    /// When the metadata refuses, or no leader of it is reached.
    pub fn add_node(&self, member: Member) -> BoxFuture<'_, Result<MembersView, NodesError>> {
        Box::pin(nodes::add(&self.context, member))
    }

    /// Begins to drain a node, which is removed when it holds nothing any more; `force` also when its zone is left
    /// without a node.
    ///
    /// # Errors
    /// As [`Router::add_node`].
    pub fn remove_node(
        &self,
        node: NodeId,
        force: bool,
    ) -> BoxFuture<'_, Result<MembersView, NodesError>> {
        Box::pin(nodes::remove(&self.context, node, force))
    }

    /// Drains a node and lets another one of its zone take its place.
    ///
    /// # Errors
    /// As [`Router::add_node`].
    pub fn replace_node(
        &self,
        node: NodeId,
        by: Member,
    ) -> BoxFuture<'_, Result<MembersView, NodesError>> {
        Box::pin(nodes::replace(&self.context, node, by))
    }

    /// All nodes, where each stands, and the replicas on the move.
    ///
    /// # Errors
    /// When no leader of the metadata is reached.
    pub fn members(&self) -> BoxFuture<'_, Result<MembersView, NodesError>> {
        Box::pin(nodes::view(&self.context))
    }

    /// The cluster's secret, from which the keys of sealed tokens are made.
    pub fn secret(&self) -> Option<[u8; 32]> {
        self.context.secret()
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.context.config.this.id
    }

    /// The settings.
    pub fn config(&self) -> &RouterConfig {
        &self.context.config
    }

    /// A group with a replica on this node, for the admin API.
    pub fn group(&self, id: GroupId) -> Option<Group> {
        self.context.groups.get(id)
    }

    /// The name of a stream by its identity, as this node knows it (for messages about opened iterators).
    pub fn stream_name(&self, key: StreamKey) -> Option<StreamName> {
        self.context.stream_name(key)
    }

    /// The name that a reference means; says nothing about whether there is such a stream.
    ///
    /// # Errors
    /// When it names none, or two.
    pub fn name_of(&self, stream: &ops::StreamRef) -> Answer<StreamName> {
        shard_map::resolve(&self.context.config, stream)
    }

    /// The shard that takes a record of this key by what this node knows now; none when the stream takes no records.
    pub fn shard_of(&self, stream: &StreamName, key: HashKey) -> Option<ShardIndex> {
        shard_map::shard_of(&self.context, stream, key)
    }

    /// What there is to be counted, as this node knows it.
    pub fn monitored(&self) -> BTreeMap<StreamName, ops::Monitored> {
        settings::monitored(&self.context)
    }

    /// The replicas of this node.
    pub fn replicas(&self) -> Vec<GroupStatus> {
        self.context.groups.list()
    }

    /// CreateStream.
    pub fn create_stream(&self, request: ops::CreateStream) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::CreateStream).await?;
            streams::create(&self.context, request).await
        })
    }

    /// DeleteStream.
    pub fn delete_stream(&self, request: ops::DeleteStream) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DeleteStream).await?;
            streams::delete(&self.context, request).await
        })
    }

    /// DescribeStream.
    pub fn describe_stream(
        &self,
        request: ops::DescribeStream,
    ) -> BoxFuture<'_, Answer<ops::StreamView>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DescribeStream).await?;
            streams::describe(&self.context, request).await
        })
    }

    /// DescribeStreamSummary.
    pub fn describe_summary(
        &self,
        stream: ops::StreamRef,
    ) -> BoxFuture<'_, Answer<ops::StreamSummary>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DescribeStreamSummary).await?;
            streams::summary(&self.context, stream).await
        })
    }

    /// DescribeLimits.
    pub fn describe_limits(&self) -> BoxFuture<'_, Answer<ops::AccountLimits>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DescribeLimits).await?;
            streams::limits(&self.context).await
        })
    }

    /// ListStreams.
    pub fn list_streams(
        &self,
        request: ops::ListStreams,
    ) -> BoxFuture<'_, Answer<ops::StreamPage>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::ListStreams).await?;
            streams::list(&self.context, request).await
        })
    }

    /// ListShards.
    pub fn list_shards(&self, request: ops::ListShards) -> BoxFuture<'_, Answer<ops::ShardPage>> {
        Box::pin(async move {
            list_shards::count(&self.context, &request).await?;
            list_shards::list(&self.context, request).await
        })
    }

    /// PutRecord. `Throughput` is an error of the whole request here.
    pub fn put_record(&self, request: ops::PutRecord) -> BoxFuture<'_, Answer<ops::Placed>> {
        Box::pin(put::put_record(&self.context, request))
    }

    /// PutRecords: one result per record, in request order.
    pub fn put_records(&self, request: ops::PutRecords) -> BoxFuture<'_, Answer<ops::PutResults>> {
        Box::pin(put::put_records(&self.context, request))
    }

    /// A dry run of PutRecord: everything it judges before it writes.
    pub fn would_put_record(&self, request: ops::PutRecord) -> BoxFuture<'_, Answer<()>> {
        Box::pin(put::would_put_record(&self.context, request))
    }

    /// A dry run of PutRecords: everything it judges before it writes.
    pub fn would_put_records(&self, request: ops::PutRecords) -> BoxFuture<'_, Answer<()>> {
        Box::pin(put::would_put_records(&self.context, request))
    }

    /// GetShardIterator: the position to be sealed.
    pub fn get_iterator(
        &self,
        request: ops::GetIterator,
    ) -> BoxFuture<'_, Answer<ops::IteratorPosition>> {
        Box::pin(iterators::get(&self.context, request))
    }

    /// GetRecords, the iterator opened.
    pub fn read(&self, request: ops::ReadRequest) -> BoxFuture<'_, Answer<ops::ReadAnswer>> {
        Box::pin(get::read(&self.context, request))
    }

    /// What this node notes of puts and reads while somebody wants to know.
    pub fn ledger(&self) -> &Ledger {
        &self.context.ledger
    }

    /// A dry run of SubscribeToShard: everything it judges before it takes over from an earlier subscription.
    pub fn would_subscribe(&self, request: ops::Subscribe) -> BoxFuture<'_, Answer<()>> {
        Box::pin(subscribe::would_subscribe(&self.context, request))
    }

    /// SubscribeToShard.
    pub fn subscribe(&self, request: ops::Subscribe) -> BoxFuture<'_, Answer<Subscription>> {
        Box::pin(subscribe::subscribe(&self.context, request))
    }

    /// SplitShard.
    pub fn split_shard(&self, request: ops::SplitShard) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::stream(&self.context, Rated::SplitShard, &request.stream).await?;
            reshard::split(&self.context, request).await
        })
    }

    /// MergeShards.
    pub fn merge_shards(&self, request: ops::MergeShards) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::stream(&self.context, Rated::MergeShards, &request.stream).await?;
            reshard::merge(&self.context, request).await
        })
    }

    /// UpdateShardCount.
    pub fn update_shard_count(
        &self,
        request: ops::UpdateShardCount,
    ) -> BoxFuture<'_, Answer<ops::ShardCountChange>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::UpdateShardCount).await?;
            scaling::update_shard_count(&self.context, request).await
        })
    }

    /// UpdateStreamMode.
    pub fn update_stream_mode(&self, request: ops::UpdateStreamMode) -> BoxFuture<'_, Answer<()>> {
        Box::pin(scaling::update_stream_mode(&self.context, request))
    }

    /// UpdateStreamWarmThroughput.
    pub fn update_warm_throughput(
        &self,
        request: ops::UpdateWarmThroughput,
    ) -> BoxFuture<'_, Answer<ops::WarmThroughputChange>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::UpdateStreamWarmThroughput).await?;
            scaling::update_warm_throughput(&self.context, request).await
        })
    }

    /// IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
    pub fn set_retention(&self, request: ops::SetRetention) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            let what = if request.increase {
                Rated::IncreaseStreamRetentionPeriod
            } else {
                Rated::DecreaseStreamRetentionPeriod
            };
            rates::stream(&self.context, what, &request.stream).await?;
            streams::set_retention(&self.context, request).await
        })
    }

    /// AddTagsToStream.
    pub fn add_tags(&self, request: ops::AddTags) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::AddTagsToStream).await?;
            tags::add(&self.context, request).await
        })
    }

    /// RemoveTagsFromStream.
    pub fn remove_tags(&self, request: ops::RemoveTags) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::stream(&self.context, Rated::RemoveTagsFromStream, &request.stream).await?;
            tags::remove(&self.context, request).await
        })
    }

    /// ListTagsForStream.
    pub fn list_tags(&self, request: ops::ListTags) -> BoxFuture<'_, Answer<ops::TagPage>> {
        Box::pin(async move {
            rates::stream(&self.context, Rated::ListTagsForStream, &request.stream).await?;
            tags::list(&self.context, request).await
        })
    }

    /// RegisterStreamConsumer.
    pub fn register_stream_consumer(
        &self,
        request: ops::RegisterConsumer,
    ) -> BoxFuture<'_, Answer<ops::ConsumerView>> {
        Box::pin(async move {
            let of = Some(request.stream_arn.as_str());
            rates::consumer(&self.context, Rated::RegisterStreamConsumer, of, None).await?;
            consumers::register(&self.context, request).await
        })
    }

    /// DeregisterStreamConsumer.
    pub fn deregister_stream_consumer(
        &self,
        consumer: ops::ConsumerRef,
    ) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            let (stream, itself) = (
                consumer.stream_arn.as_deref(),
                consumer.consumer_arn.as_deref(),
            );
            rates::consumer(
                &self.context,
                Rated::DeregisterStreamConsumer,
                stream,
                itself,
            )
            .await?;
            consumers::deregister(&self.context, consumer).await
        })
    }

    /// DescribeStreamConsumer.
    pub fn describe_stream_consumer(
        &self,
        consumer: ops::ConsumerRef,
    ) -> BoxFuture<'_, Answer<ops::ConsumerView>> {
        Box::pin(async move {
            let (stream, itself) = (
                consumer.stream_arn.as_deref(),
                consumer.consumer_arn.as_deref(),
            );
            rates::consumer(&self.context, Rated::DescribeStreamConsumer, stream, itself).await?;
            consumers::describe(&self.context, consumer).await
        })
    }

    /// ListStreamConsumers.
    pub fn list_stream_consumers(
        &self,
        request: ops::ListConsumers,
    ) -> BoxFuture<'_, Answer<ops::ConsumerPage>> {
        Box::pin(async move {
            let of = Some(request.stream_arn.as_str());
            rates::consumer(&self.context, Rated::ListStreamConsumers, of, None).await?;
            consumers::list(&self.context, request).await
        })
    }

    /// EnableEnhancedMonitoring and DisableEnhancedMonitoring.
    pub fn set_monitoring(
        &self,
        request: ops::SetMonitoring,
    ) -> BoxFuture<'_, Answer<ops::MonitoringChange>> {
        Box::pin(async move {
            let what = if request.enable {
                Rated::EnableEnhancedMonitoring
            } else {
                Rated::DisableEnhancedMonitoring
            };
            rates::stream(&self.context, what, &request.stream).await?;
            settings::set_monitoring(&self.context, request).await
        })
    }

    /// StartStreamEncryption.
    pub fn start_stream_encryption(
        &self,
        request: ops::SetEncryption,
    ) -> BoxFuture<'_, Answer<()>> {
        Box::pin(settings::start_encryption(&self.context, request))
    }

    /// StopStreamEncryption.
    pub fn stop_stream_encryption(&self, request: ops::SetEncryption) -> BoxFuture<'_, Answer<()>> {
        Box::pin(settings::stop_encryption(&self.context, request))
    }

    /// UpdateMaxRecordSize.
    pub fn update_max_record_size(&self, request: ops::SetMaxRecord) -> BoxFuture<'_, Answer<()>> {
        Box::pin(settings::set_max_record(&self.context, request))
    }

    /// TagResource.
    pub fn tag_resource(&self, request: ops::TagResource) -> BoxFuture<'_, Answer<()>> {
        Box::pin(settings::tag(&self.context, request))
    }

    /// UntagResource.
    pub fn untag_resource(&self, request: ops::UntagResource) -> BoxFuture<'_, Answer<()>> {
        Box::pin(settings::untag(&self.context, request))
    }

    /// ListTagsForResource.
    pub fn list_tags_for_resource<'a>(
        &'a self,
        resource_arn: &'a str,
    ) -> BoxFuture<'a, Answer<BTreeMap<String, String>>> {
        Box::pin(settings::list_tags(&self.context, resource_arn))
    }

    /// PutResourcePolicy.
    pub fn put_resource_policy(
        &self,
        request: ops::PutResourcePolicy,
    ) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::PutResourcePolicy).await?;
            policies::put(&self.context, request).await
        })
    }

    /// GetResourcePolicy: the policy as it was put.
    pub fn get_resource_policy<'a>(
        &'a self,
        resource_arn: &'a str,
    ) -> BoxFuture<'a, Answer<String>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::GetResourcePolicy).await?;
            policies::get(&self.context, resource_arn).await
        })
    }

    /// DeleteResourcePolicy.
    pub fn delete_resource_policy<'a>(
        &'a self,
        resource_arn: &'a str,
    ) -> BoxFuture<'a, Answer<()>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DeleteResourcePolicy).await?;
            policies::delete(&self.context, resource_arn).await
        })
    }

    /// DescribeAccountSettings.
    pub fn describe_account_settings(&self) -> BoxFuture<'_, Answer<ops::CommitmentView>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::DescribeAccountSettings).await?;
            settings::describe_account(&self.context).await
        })
    }

    /// UpdateAccountSettings.
    pub fn update_account_settings(
        &self,
        commitment_enabled: bool,
    ) -> BoxFuture<'_, Answer<ops::CommitmentView>> {
        Box::pin(async move {
            rates::account(&self.context, Rated::UpdateAccountSettings).await?;
            settings::update_account(&self.context, commitment_enabled).await
        })
    }

    /// The state of the cluster as this node sees it; needs no quorum.
    pub fn status(&self) -> BoxFuture<'_, ClusterStatus> {
        Box::pin(crate::status::collect(&self.context))
    }
}
