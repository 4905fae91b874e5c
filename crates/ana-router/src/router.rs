//! The router of one node: the object the program holds, one method per operation.
//!
//! Every method may be called on every node; work for another node is forwarded (`forward.rs`) and done there by
//! the same functions (`server.rs`). Methods return within the configured deadline.
//!
//! Must stay true:
//! - an acknowledged record is committed in the log of an open shard; nothing else is ever acknowledged;
//! - what may have happened is never tried a second time by us (see `leader.rs`).
//!
//! Danger: `Router` is cheap to clone; the background tasks end with [`Router::shutdown`], not with the last clone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ana_env::Env;
use ana_raft::{CallHandler, Group, GroupStatus, Groups, Peers};
use ana_types::{GroupId, HashKey, KinesisError, NodeId, ShardIndex, StreamKey, StreamName, Zone};

use crate::config::{Member, RouterConfig};
use crate::context::Context;
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
    pub async fn start(&self) -> Answer<()> {
        crate::start::start(&self.context).await
    }

    /// Gives this node's leaderships to other voters, before a planned stop; says how many were taken over. Bounded in
    /// time, and needs nobody to be there.
    pub async fn hand_over(&self) -> usize {
        crate::hand_over::hand_over(&self.context).await
    }

    /// Moves the leader of a group to another voter, and leaves it there for `lease`; says where it was.
    ///
    /// # Errors
    /// In words for a person.
    pub async fn move_leader(
        &self,
        group: GroupId,
        to: NodeId,
        lease: Duration,
    ) -> Result<NodeId, String> {
        crate::away::move_leader(&self.context, group, to, lease).await
    }

    /// Tells every node to keep leaders out of a zone for `lease` from now on, and to let them in again when it is
    /// nothing. The answer has every node of the cluster: how many groups it still leads that it should not; none
    /// when it was not reached.
    pub async fn keep_leaders_out(
        &self,
        zone: &Zone,
        lease: Duration,
    ) -> BTreeMap<NodeId, Option<u32>> {
        crate::away::keep_out(&self.context, zone, lease).await
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
    pub async fn shutdown(&self) {
        self.context.tasks.shutdown().await;
    }

    /// The cluster is founded and this node has seen it: the secret for sealed tokens is known.
    pub fn is_ready(&self) -> bool {
        self.secret().is_some()
    }

    /// Waits until [`Router::is_ready`], at most for `within`; says whether it is.
    pub async fn wait_ready(&self, within: Duration) -> bool {
        let founded = |meta: &ana_state::Metadata| meta.cluster().map(|_| ());
        crate::start::wait_until(&self.context, within, founded).await
    }

    /// Waits until this node has to end because the cluster goes on without it, and says why.
    pub async fn until_expelled(&self) -> Expelled {
        crate::membership::until_expelled(&self.context).await
    }

    /// Adds a node: it may join from now on.
    ///
    /// # Errors
    /// When the metadata refuses, or no leader of it is reached.
    pub async fn add_node(&self, member: Member) -> Result<MembersView, NodesError> {
        nodes::add(&self.context, member).await
    }

    /// Begins to drain a node, which is removed when it holds nothing any more; `force` also when its zone is left
    /// without a node.
    ///
    /// # Errors
    /// As [`Router::add_node`].
    pub async fn remove_node(&self, node: NodeId, force: bool) -> Result<MembersView, NodesError> {
        nodes::remove(&self.context, node, force).await
    }

    /// Drains a node and lets another one of its zone take its place.
    ///
    /// # Errors
    /// As [`Router::add_node`].
    pub async fn replace_node(&self, node: NodeId, by: Member) -> Result<MembersView, NodesError> {
        nodes::replace(&self.context, node, by).await
    }

    /// All nodes, where each stands, and the replicas on the move.
    ///
    /// # Errors
    /// When no leader of the metadata is reached.
    pub async fn members(&self) -> Result<MembersView, NodesError> {
        nodes::view(&self.context).await
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
    pub async fn create_stream(&self, request: ops::CreateStream) -> Answer<()> {
        rates::account(&self.context, Rated::CreateStream).await?;
        streams::create(&self.context, request).await
    }

    /// DeleteStream.
    pub async fn delete_stream(&self, request: ops::DeleteStream) -> Answer<()> {
        rates::account(&self.context, Rated::DeleteStream).await?;
        streams::delete(&self.context, request).await
    }

    /// DescribeStream.
    pub async fn describe_stream(&self, request: ops::DescribeStream) -> Answer<ops::StreamView> {
        rates::account(&self.context, Rated::DescribeStream).await?;
        streams::describe(&self.context, request).await
    }

    /// DescribeStreamSummary.
    pub async fn describe_summary(&self, stream: ops::StreamRef) -> Answer<ops::StreamSummary> {
        rates::account(&self.context, Rated::DescribeStreamSummary).await?;
        streams::summary(&self.context, stream).await
    }

    /// DescribeLimits.
    pub async fn describe_limits(&self) -> Answer<ops::AccountLimits> {
        rates::account(&self.context, Rated::DescribeLimits).await?;
        streams::limits(&self.context).await
    }

    /// ListStreams.
    pub async fn list_streams(&self, request: ops::ListStreams) -> Answer<ops::StreamPage> {
        rates::account(&self.context, Rated::ListStreams).await?;
        streams::list(&self.context, request).await
    }

    /// ListShards.
    pub async fn list_shards(&self, request: ops::ListShards) -> Answer<ops::ShardPage> {
        list_shards::count(&self.context, &request).await?;
        list_shards::list(&self.context, request).await
    }

    /// PutRecord. `Throughput` is an error of the whole request here.
    pub async fn put_record(&self, request: ops::PutRecord) -> Answer<ops::Placed> {
        put::put_record(&self.context, request).await
    }

    /// PutRecords: one result per record, in request order.
    pub async fn put_records(&self, request: ops::PutRecords) -> Answer<ops::PutResults> {
        put::put_records(&self.context, request).await
    }

    /// A dry run of PutRecord: everything it judges before it writes.
    pub async fn would_put_record(&self, request: ops::PutRecord) -> Answer<()> {
        put::would_put_record(&self.context, request).await
    }

    /// A dry run of PutRecords: everything it judges before it writes.
    pub async fn would_put_records(&self, request: ops::PutRecords) -> Answer<()> {
        put::would_put_records(&self.context, request).await
    }

    /// GetShardIterator: the position to be sealed.
    pub async fn get_iterator(&self, request: ops::GetIterator) -> Answer<ops::IteratorPosition> {
        iterators::get(&self.context, request).await
    }

    /// GetRecords, the iterator opened.
    pub async fn read(&self, request: ops::ReadRequest) -> Answer<ops::ReadAnswer> {
        get::read(&self.context, request).await
    }

    /// A dry run of SubscribeToShard: everything it judges before it takes over from an earlier subscription.
    pub async fn would_subscribe(&self, request: ops::Subscribe) -> Answer<()> {
        subscribe::would_subscribe(&self.context, request).await
    }

    /// SubscribeToShard.
    pub async fn subscribe(&self, request: ops::Subscribe) -> Answer<Subscription> {
        subscribe::subscribe(&self.context, request).await
    }

    /// SplitShard.
    pub async fn split_shard(&self, request: ops::SplitShard) -> Answer<()> {
        rates::stream(&self.context, Rated::SplitShard, &request.stream).await?;
        reshard::split(&self.context, request).await
    }

    /// MergeShards.
    pub async fn merge_shards(&self, request: ops::MergeShards) -> Answer<()> {
        rates::stream(&self.context, Rated::MergeShards, &request.stream).await?;
        reshard::merge(&self.context, request).await
    }

    /// UpdateShardCount.
    pub async fn update_shard_count(
        &self,
        request: ops::UpdateShardCount,
    ) -> Answer<ops::ShardCountChange> {
        rates::account(&self.context, Rated::UpdateShardCount).await?;
        scaling::update_shard_count(&self.context, request).await
    }

    /// UpdateStreamMode.
    pub async fn update_stream_mode(&self, request: ops::UpdateStreamMode) -> Answer<()> {
        scaling::update_stream_mode(&self.context, request).await
    }

    /// UpdateStreamWarmThroughput.
    pub async fn update_warm_throughput(
        &self,
        request: ops::UpdateWarmThroughput,
    ) -> Answer<ops::WarmThroughputChange> {
        rates::account(&self.context, Rated::UpdateStreamWarmThroughput).await?;
        scaling::update_warm_throughput(&self.context, request).await
    }

    /// IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
    pub async fn set_retention(&self, request: ops::SetRetention) -> Answer<()> {
        let what = if request.increase {
            Rated::IncreaseStreamRetentionPeriod
        } else {
            Rated::DecreaseStreamRetentionPeriod
        };
        rates::stream(&self.context, what, &request.stream).await?;
        streams::set_retention(&self.context, request).await
    }

    /// AddTagsToStream.
    pub async fn add_tags(&self, request: ops::AddTags) -> Answer<()> {
        rates::account(&self.context, Rated::AddTagsToStream).await?;
        tags::add(&self.context, request).await
    }

    /// RemoveTagsFromStream.
    pub async fn remove_tags(&self, request: ops::RemoveTags) -> Answer<()> {
        rates::stream(&self.context, Rated::RemoveTagsFromStream, &request.stream).await?;
        tags::remove(&self.context, request).await
    }

    /// ListTagsForStream.
    pub async fn list_tags(&self, request: ops::ListTags) -> Answer<ops::TagPage> {
        rates::stream(&self.context, Rated::ListTagsForStream, &request.stream).await?;
        tags::list(&self.context, request).await
    }

    /// RegisterStreamConsumer.
    pub async fn register_stream_consumer(
        &self,
        request: ops::RegisterConsumer,
    ) -> Answer<ops::ConsumerView> {
        let of = Some(request.stream_arn.as_str());
        rates::consumer(&self.context, Rated::RegisterStreamConsumer, of, None).await?;
        consumers::register(&self.context, request).await
    }

    /// DeregisterStreamConsumer.
    pub async fn deregister_stream_consumer(&self, consumer: ops::ConsumerRef) -> Answer<()> {
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
    }

    /// DescribeStreamConsumer.
    pub async fn describe_stream_consumer(
        &self,
        consumer: ops::ConsumerRef,
    ) -> Answer<ops::ConsumerView> {
        let (stream, itself) = (
            consumer.stream_arn.as_deref(),
            consumer.consumer_arn.as_deref(),
        );
        rates::consumer(&self.context, Rated::DescribeStreamConsumer, stream, itself).await?;
        consumers::describe(&self.context, consumer).await
    }

    /// ListStreamConsumers.
    pub async fn list_stream_consumers(
        &self,
        request: ops::ListConsumers,
    ) -> Answer<ops::ConsumerPage> {
        let of = Some(request.stream_arn.as_str());
        rates::consumer(&self.context, Rated::ListStreamConsumers, of, None).await?;
        consumers::list(&self.context, request).await
    }

    /// EnableEnhancedMonitoring and DisableEnhancedMonitoring.
    pub async fn set_monitoring(
        &self,
        request: ops::SetMonitoring,
    ) -> Answer<ops::MonitoringChange> {
        let what = if request.enable {
            Rated::EnableEnhancedMonitoring
        } else {
            Rated::DisableEnhancedMonitoring
        };
        rates::stream(&self.context, what, &request.stream).await?;
        settings::set_monitoring(&self.context, request).await
    }

    /// StartStreamEncryption.
    pub async fn start_stream_encryption(&self, request: ops::SetEncryption) -> Answer<()> {
        settings::start_encryption(&self.context, request).await
    }

    /// StopStreamEncryption.
    pub async fn stop_stream_encryption(&self, request: ops::SetEncryption) -> Answer<()> {
        settings::stop_encryption(&self.context, request).await
    }

    /// UpdateMaxRecordSize.
    pub async fn update_max_record_size(&self, request: ops::SetMaxRecord) -> Answer<()> {
        settings::set_max_record(&self.context, request).await
    }

    /// TagResource.
    pub async fn tag_resource(&self, request: ops::TagResource) -> Answer<()> {
        settings::tag(&self.context, request).await
    }

    /// UntagResource.
    pub async fn untag_resource(&self, request: ops::UntagResource) -> Answer<()> {
        settings::untag(&self.context, request).await
    }

    /// ListTagsForResource.
    pub async fn list_tags_for_resource(
        &self,
        resource_arn: &str,
    ) -> Answer<BTreeMap<String, String>> {
        settings::list_tags(&self.context, resource_arn).await
    }

    /// PutResourcePolicy.
    pub async fn put_resource_policy(&self, request: ops::PutResourcePolicy) -> Answer<()> {
        rates::account(&self.context, Rated::PutResourcePolicy).await?;
        policies::put(&self.context, request).await
    }

    /// GetResourcePolicy: the policy as it was put.
    pub async fn get_resource_policy(&self, resource_arn: &str) -> Answer<String> {
        rates::account(&self.context, Rated::GetResourcePolicy).await?;
        policies::get(&self.context, resource_arn).await
    }

    /// DeleteResourcePolicy.
    pub async fn delete_resource_policy(&self, resource_arn: &str) -> Answer<()> {
        rates::account(&self.context, Rated::DeleteResourcePolicy).await?;
        policies::delete(&self.context, resource_arn).await
    }

    /// DescribeAccountSettings.
    pub async fn describe_account_settings(&self) -> Answer<ops::CommitmentView> {
        rates::account(&self.context, Rated::DescribeAccountSettings).await?;
        settings::describe_account(&self.context).await
    }

    /// UpdateAccountSettings.
    pub async fn update_account_settings(
        &self,
        commitment_enabled: bool,
    ) -> Answer<ops::CommitmentView> {
        rates::account(&self.context, Rated::UpdateAccountSettings).await?;
        settings::update_account(&self.context, commitment_enabled).await
    }

    /// The state of the cluster as this node sees it; needs no quorum.
    pub async fn status(&self) -> ClusterStatus {
        crate::status::collect(&self.context).await
    }
}
