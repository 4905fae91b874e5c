//! Sealed things a client carries for us: shard iterators and listing tokens.
//!
//! The secret is the cluster's, so any node opens what another sealed; the nonce is random and
//! never used twice.

use ana_env::Env;
use ana_router::Router;
use ana_router::ops::{CheckedFilter, ConsumerListPosition, IteratorPosition, ShardListPosition};
use ana_types::{IteratorKind, KinesisError, Position, ShardIndex, StreamKey, StreamName};
use ana_wire::iterator::{Nonce, Secret, ShardIterator};
use ana_wire::token::{NextPage, PageFilter};

/// Seals and opens.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    env: Env,
    router: Router,
}

impl Tokens {
    pub(super) fn new(env: Env, router: Router) -> Tokens {
        Tokens { env, router }
    }

    /// An iterator for a position that was asked for.
    pub(super) fn seal_first(
        &self,
        at: IteratorPosition,
        kind: IteratorKind,
    ) -> Result<String, KinesisError> {
        self.seal_iterator(at.stream, at.shard, at.position, Some(kind))
    }

    /// An iterator that goes on after a read.
    pub(super) fn seal_next(
        &self,
        stream: StreamKey,
        shard: ShardIndex,
        position: Position,
    ) -> Result<String, KinesisError> {
        self.seal_iterator(stream, shard, position, None)
    }

    fn seal_iterator(
        &self,
        stream: StreamKey,
        shard: ShardIndex,
        position: Position,
        kind: Option<IteratorKind>,
    ) -> Result<String, KinesisError> {
        let issued_ms = self.env.clock.now_ms();
        let iterator = ShardIterator {
            stream,
            shard,
            position,
            issued_ms,
            kind,
        };
        Ok(iterator.seal(&self.secret()?, &self.nonce()))
    }

    pub(super) fn open_iterator(&self, text: &str) -> Result<ShardIterator, KinesisError> {
        ShardIterator::open(text, &self.secret()?, self.env.clock.now_ms())
    }

    pub(super) fn seal_shards(&self, next: &ShardListPosition) -> Result<String, KinesisError> {
        let filter = match next.filter {
            CheckedFilter::FromTrimHorizon => PageFilter::FromTrimHorizon,
            CheckedFilter::AtTrimHorizon => PageFilter::AtTrimHorizon,
            CheckedFilter::AtLatest => PageFilter::AtLatest,
            CheckedFilter::AtTimestamp(ms) => PageFilter::AtTimestamp(ms),
            CheckedFilter::FromTimestamp(ms) => PageFilter::FromTimestamp(ms),
        };
        self.seal_page(&NextPage::Shards {
            stream: next.stream,
            after: next.after,
            filter,
        })
    }

    pub(super) fn open_shards(&self, text: &str) -> Result<ShardListPosition, KinesisError> {
        let NextPage::Shards {
            stream,
            after,
            filter,
        } = self.open_page(text)?
        else {
            return Err(KinesisError::InvalidToken);
        };
        let filter = match filter {
            PageFilter::FromTrimHorizon => CheckedFilter::FromTrimHorizon,
            PageFilter::AtTrimHorizon => CheckedFilter::AtTrimHorizon,
            PageFilter::AtLatest => CheckedFilter::AtLatest,
            PageFilter::AtTimestamp(ms) => CheckedFilter::AtTimestamp(ms),
            PageFilter::FromTimestamp(ms) => CheckedFilter::FromTimestamp(ms),
        };
        Ok(ShardListPosition {
            stream,
            after,
            filter,
        })
    }

    pub(super) fn seal_streams(&self, after: StreamName) -> Result<String, KinesisError> {
        self.seal_page(&NextPage::Streams { after })
    }

    pub(super) fn open_streams(&self, text: &str) -> Result<StreamName, KinesisError> {
        match self.open_page(text)? {
            NextPage::Streams { after } => Ok(after),
            NextPage::Shards { .. } | NextPage::Consumers { .. } => Err(KinesisError::InvalidToken),
        }
    }

    pub(super) fn seal_consumers(
        &self,
        next: ConsumerListPosition,
    ) -> Result<String, KinesisError> {
        let ConsumerListPosition { stream, after } = next;
        self.seal_page(&NextPage::Consumers { stream, after })
    }

    pub(super) fn open_consumers(&self, text: &str) -> Result<ConsumerListPosition, KinesisError> {
        match self.open_page(text)? {
            NextPage::Consumers { stream, after } => Ok(ConsumerListPosition { stream, after }),
            NextPage::Shards { .. } | NextPage::Streams { .. } => Err(KinesisError::InvalidToken),
        }
    }

    fn seal_page(&self, page: &NextPage) -> Result<String, KinesisError> {
        Ok(page.seal(&self.secret()?, &self.nonce(), self.env.clock.now_ms()))
    }

    fn open_page(&self, text: &str) -> Result<NextPage, KinesisError> {
        NextPage::open(text, &self.secret()?, self.env.clock.now_ms())
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = Nonce::default();
        self.env.rng.fill(&mut nonce);
        nonce
    }

    fn secret(&self) -> Result<Secret, KinesisError> {
        self.router
            .secret()
            .ok_or_else(|| KinesisError::Unavailable {
                why: "the cluster is not founded, or this node has not heard of it yet".to_owned(),
            })
    }
}
