//! What a node answers to Kinesis requests: the gateway's service over the router.
//!
//! One line per operation here; the conversions between wire shapes and router requests are in
//! `service/`, one file per area. Must stay true: no decision of the domain is made here, and a
//! domain error meets AWS's words only in `ana-wire`.

mod data;
mod shards;
mod streams;
mod tags;
mod tokens;

use ana_env::Env;
use ana_gateway::{RequestContext, Service};
use ana_router::Router;
use ana_types::{AccountId, KinesisError, Region};
use ana_wire::{Fault, Request, Response};
use async_trait::async_trait;

use self::tokens::Tokens;

/// The service of one node.
#[derive(Debug, Clone)]
pub struct NodeService {
    router: Router,
    tokens: Tokens,
    account: AccountId,
    region: Region,
}

impl NodeService {
    /// A service over `router`; `env` gives the time and the randomness of sealed tokens.
    pub fn new(env: Env, router: Router) -> NodeService {
        let config = router.config();
        let (account, region) = (config.account.clone(), config.region.clone());
        let tokens = Tokens::new(env, router.clone());
        NodeService {
            router,
            tokens,
            account,
            region,
        }
    }

    async fn carry_out(&self, request: Request) -> Result<Response, KinesisError> {
        let (router, tokens) = (&self.router, &self.tokens);
        match request {
            Request::CreateStream(input) => streams::create(router, input).await,
            Request::DeleteStream(input) => streams::delete(router, input).await,
            Request::DescribeStream(input) => streams::describe(router, input).await,
            Request::DescribeStreamSummary(input) => streams::summary(router, input).await,
            Request::DescribeLimits(_) => streams::limits(router).await,
            Request::ListStreams(input) => streams::list(router, tokens, input).await,
            Request::IncreaseStreamRetentionPeriod(input) => {
                streams::increase_retention(router, input).await
            }
            Request::DecreaseStreamRetentionPeriod(input) => {
                streams::decrease_retention(router, input).await
            }
            Request::ListShards(input) => shards::list(router, tokens, input).await,
            Request::SplitShard(input) => shards::split(router, input).await,
            Request::MergeShards(input) => shards::merge(router, input).await,
            Request::PutRecord(input) => data::put_record(router, input).await,
            Request::PutRecords(input) => self.put_records(input).await,
            Request::GetShardIterator(input) => data::iterator(router, tokens, input).await,
            Request::GetRecords(input) => data::get_records(router, tokens, input).await,
            Request::AddTagsToStream(input) => tags::add(router, input).await,
            Request::RemoveTagsFromStream(input) => tags::remove(router, input).await,
            Request::ListTagsForStream(input) => tags::list(router, input).await,
        }
    }

    async fn put_records(
        &self,
        input: ana_wire::PutRecordsInput,
    ) -> Result<Response, KinesisError> {
        let fault = |error: &KinesisError| self.fault(error);
        data::put_records(&self.router, input, fault).await
    }

    fn fault(&self, error: &KinesisError) -> Fault {
        Fault::from((error, &self.account, &self.region))
    }
}

#[async_trait]
impl Service for NodeService {
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault> {
        let operation = request.operation();
        self.carry_out(request).await.map_err(|error| {
            let id = &context.request_id;
            tracing::debug!(%id, operation = operation.name(), %error, "refused");
            self.fault(&error)
        })
    }
}
