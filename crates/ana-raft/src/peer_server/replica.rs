//! One running replica as the server sees it: what openraft's handle offers, with its errors
//! reduced to the one that matters here. A fake stands in for it in tests.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use crate::types::{Raft, Snapshot, TC, Vote};

/// The replica has stopped for good, or while it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the replica has stopped")]
pub struct ReplicaStopped;

/// What other replicas may ask of one.
#[async_trait]
pub trait Replica: Send + Sync + Debug {
    /// One append that stands alone.
    async fn append(
        &self,
        request: AppendEntriesRequest<TC>,
    ) -> Result<AppendEntriesResponse<TC>, ReplicaStopped>;

    /// Appends in order, answered in order; the answers end after the first that is not a match.
    fn append_stream(
        &self,
        requests: BoxStream<'static, AppendEntriesRequest<TC>>,
    ) -> BoxStream<'static, Result<StreamAppendResult<TC>, ReplicaStopped>>;

    /// A vote is asked for.
    async fn vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped>;

    /// Would this replica vote so? Changes nothing.
    async fn pre_vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped>;

    /// Takes a snapshot in place of the log up to it.
    async fn install_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TC>, ReplicaStopped>;

    /// The leader hands over its place.
    async fn transfer_leader(
        &self,
        request: TransferLeaderRequest<TC>,
    ) -> Result<TransferLeaderResponse<TC>, ReplicaStopped>;
}

/// openraft has said why it stopped; here it only matters that it has.
fn stopped<E: std::fmt::Display>(error: E) -> ReplicaStopped {
    tracing::debug!(%error, "replica did not answer");
    ReplicaStopped
}

#[async_trait]
impl Replica for Raft {
    async fn append(
        &self,
        request: AppendEntriesRequest<TC>,
    ) -> Result<AppendEntriesResponse<TC>, ReplicaStopped> {
        self.append_entries(request).await.map_err(stopped)
    }

    fn append_stream(
        &self,
        requests: BoxStream<'static, AppendEntriesRequest<TC>>,
    ) -> BoxStream<'static, Result<StreamAppendResult<TC>, ReplicaStopped>> {
        self.stream_append(requests)
            .map(|answer| answer.map_err(stopped))
            .boxed()
    }

    async fn vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        Raft::vote(self, request).await.map_err(stopped)
    }

    async fn pre_vote(&self, request: VoteRequest<TC>) -> Result<VoteResponse<TC>, ReplicaStopped> {
        Raft::pre_vote(self, request).await.map_err(stopped)
    }

    async fn install_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TC>, ReplicaStopped> {
        self.install_full_snapshot(vote, snapshot)
            .await
            .map_err(stopped)
    }

    async fn transfer_leader(
        &self,
        request: TransferLeaderRequest<TC>,
    ) -> Result<TransferLeaderResponse<TC>, ReplicaStopped> {
        self.handle_transfer_leader(request).await.map_err(stopped)
    }
}
