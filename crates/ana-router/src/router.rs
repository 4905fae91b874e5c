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

use std::sync::Arc;

use ana_env::Env;
use ana_raft::{CallHandler, Group, Groups, Peers};
use ana_types::{GroupId, KinesisError, NodeId, StreamKey, StreamName};

use crate::config::RouterConfig;
use crate::context::Context;
use crate::ops;
use crate::status::ClusterStatus;
use crate::{get, iterators, list_shards, put, reshard, streams, tags};

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

    /// Stops the background work and waits for it. Groups are not closed: they belong to the caller.
    pub async fn shutdown(&self) {
        self.context.tasks.shutdown().await;
    }

    /// The cluster is founded and this node has seen it: the secret for sealed tokens is known.
    pub fn is_ready(&self) -> bool {
        self.secret().is_some()
    }

    /// Waits until [`Router::is_ready`], at most for `within`; says whether it is.
    pub async fn wait_ready(&self, within: std::time::Duration) -> bool {
        let founded = |meta: &ana_state::Metadata| meta.cluster().map(|_| ());
        crate::start::wait_until(&self.context, within, founded).await
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

    /// CreateStream.
    pub async fn create_stream(&self, request: ops::CreateStream) -> Answer<()> {
        streams::create(&self.context, request).await
    }

    /// DeleteStream.
    pub async fn delete_stream(&self, request: ops::DeleteStream) -> Answer<()> {
        streams::delete(&self.context, request).await
    }

    /// DescribeStream.
    pub async fn describe_stream(&self, request: ops::DescribeStream) -> Answer<ops::StreamView> {
        streams::describe(&self.context, request).await
    }

    /// DescribeStreamSummary.
    pub async fn describe_summary(&self, stream: ops::StreamRef) -> Answer<ops::StreamSummary> {
        streams::summary(&self.context, stream).await
    }

    /// DescribeLimits.
    pub async fn describe_limits(&self) -> Answer<ops::AccountLimits> {
        streams::limits(&self.context).await
    }

    /// ListStreams.
    pub async fn list_streams(&self, request: ops::ListStreams) -> Answer<ops::StreamPage> {
        streams::list(&self.context, request).await
    }

    /// ListShards.
    pub async fn list_shards(&self, request: ops::ListShards) -> Answer<ops::ShardPage> {
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

    /// GetShardIterator: the position to be sealed.
    pub async fn get_iterator(&self, request: ops::GetIterator) -> Answer<ops::IteratorPosition> {
        iterators::get(&self.context, request).await
    }

    /// GetRecords, the iterator opened.
    pub async fn read(&self, request: ops::ReadRequest) -> Answer<ops::ReadAnswer> {
        get::read(&self.context, request).await
    }

    /// SplitShard.
    pub async fn split_shard(&self, request: ops::SplitShard) -> Answer<()> {
        reshard::split(&self.context, request).await
    }

    /// MergeShards.
    pub async fn merge_shards(&self, request: ops::MergeShards) -> Answer<()> {
        reshard::merge(&self.context, request).await
    }

    /// IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
    pub async fn set_retention(&self, request: ops::SetRetention) -> Answer<()> {
        streams::set_retention(&self.context, request).await
    }

    /// AddTagsToStream.
    pub async fn add_tags(&self, request: ops::AddTags) -> Answer<()> {
        tags::add(&self.context, request).await
    }

    /// RemoveTagsFromStream.
    pub async fn remove_tags(&self, request: ops::RemoveTags) -> Answer<()> {
        tags::remove(&self.context, request).await
    }

    /// ListTagsForStream.
    pub async fn list_tags(&self, request: ops::ListTags) -> Answer<ops::TagPage> {
        tags::list(&self.context, request).await
    }

    /// The state of the cluster as this node sees it; needs no quorum.
    pub async fn status(&self) -> ClusterStatus {
        crate::status::collect(&self.context).await
    }
}
