//! What a node answers to Kinesis requests: the gateway's service over the router.
//!
//! One line per operation here; the conversions between wire shapes and router requests are in
//! `service/`, one file per area. Must stay true: no decision of the domain is made here, and a
//! domain error meets AWS's words only in `ana-wire`.

mod addressed;
mod consumers;
mod data;
mod noted;
mod scaling;
mod settings;
mod shards;
mod streams;
mod subscribe;
mod tags;
mod tokens;

use ana_env::{Env, time};
use ana_gateway::{Events, RequestContext, Service};
use ana_router::Router;
use ana_types::{AccountId, KinesisError, Region};
use ana_wire::{Fault, Operation, Request, Response, SubscribeToShardInput};
use async_trait::async_trait;

use self::noted::Pushes;
use self::tokens::Tokens;
use crate::metrics::Metrics;

/// The service of one node.
#[derive(Debug, Clone)]
pub struct NodeService {
    router: Router,
    tokens: Tokens,
    metrics: Metrics,
    account: AccountId,
    region: Region,
}

impl NodeService {
    /// A service over `router`, whose answers `metrics` counts; `env` gives the time and the randomness of sealed
    /// tokens.
    pub fn new(env: Env, router: Router, metrics: Metrics) -> NodeService {
        let config = router.config();
        let (account, region) = (config.account.clone(), config.region.clone());
        let tokens = Tokens::new(env, router.clone());
        NodeService {
            router,
            tokens,
            metrics,
            account,
            region,
        }
    }

    async fn carry_out(
        &self,
        context: &RequestContext,
        request: Request,
    ) -> Result<Response, KinesisError> {
        use Request as R;
        let (router, tokens, metrics) = (&self.router, &self.tokens, &self.metrics);
        match request {
            R::CreateStream(input) => streams::create(router, input).await,
            R::DeleteStream(input) => streams::delete(router, input).await,
            R::DescribeStream(input) => streams::describe(router, input).await,
            R::DescribeStreamSummary(input) => streams::summary(router, input).await,
            R::DescribeLimits(_) => streams::limits(router).await,
            R::ListStreams(input) => streams::list(router, tokens, input).await,
            R::IncreaseStreamRetentionPeriod(input) => {
                streams::increase_retention(router, input).await
            }
            R::DecreaseStreamRetentionPeriod(input) => {
                streams::decrease_retention(router, input).await
            }
            R::ListShards(input) => shards::list(router, tokens, input).await,
            R::SplitShard(input) => shards::split(router, input).await,
            R::MergeShards(input) => shards::merge(router, input).await,
            R::UpdateShardCount(input) => scaling::update_shard_count(router, input).await,
            R::UpdateStreamMode(input) => scaling::update_stream_mode(router, input).await,
            R::UpdateStreamWarmThroughput(input) => {
                scaling::update_stream_warm_throughput(router, input).await
            }
            R::PutRecord(input) => data::put_record(router, metrics, input).await,
            R::PutRecords(input) => self.put_records(input).await,
            R::GetShardIterator(input) => data::iterator(router, tokens, input).await,
            R::GetRecords(input) => self.get_records(context, input).await,
            R::SubscribeToShard(_) => Err(KinesisError::Internal {
                why: "a subscription has events for an answer: it goes through `subscribe`"
                    .to_owned(),
            }),
            R::RegisterStreamConsumer(input) => {
                consumers::register_stream_consumer(router, input).await
            }
            R::DeregisterStreamConsumer(input) => {
                consumers::deregister_stream_consumer(router, input).await
            }
            R::DescribeStreamConsumer(input) => {
                consumers::describe_stream_consumer(router, input).await
            }
            R::ListStreamConsumers(input) => {
                consumers::list_stream_consumers(router, tokens, input).await
            }
            R::AddTagsToStream(input) => tags::add(router, input).await,
            R::RemoveTagsFromStream(input) => tags::remove(router, input).await,
            R::ListTagsForStream(input) => tags::list(router, input).await,
            R::TagResource(input) => settings::tag_resource(router, input).await,
            R::UntagResource(input) => settings::untag_resource(router, input).await,
            R::ListTagsForResource(input) => settings::list_tags_for_resource(router, input).await,
            R::EnableEnhancedMonitoring(input) => {
                settings::enable_enhanced_monitoring(router, input).await
            }
            R::DisableEnhancedMonitoring(input) => {
                settings::disable_enhanced_monitoring(router, input).await
            }
            R::StartStreamEncryption(input) => {
                settings::start_stream_encryption(router, input).await
            }
            R::StopStreamEncryption(input) => settings::stop_stream_encryption(router, input).await,
            R::UpdateMaxRecordSize(input) => settings::update_max_record_size(router, input).await,
            R::PutResourcePolicy(input) => settings::put_resource_policy(router, input).await,
            R::GetResourcePolicy(input) => settings::get_resource_policy(router, input).await,
            R::DeleteResourcePolicy(input) => settings::delete_resource_policy(router, input).await,
            R::DescribeAccountSettings(_) => settings::describe_account_settings(router).await,
            R::UpdateAccountSettings(input) => {
                settings::update_account_settings(router, input).await
            }
        }
    }

    async fn put_records(
        &self,
        input: ana_wire::PutRecordsInput,
    ) -> Result<Response, KinesisError> {
        let fault = |error: &KinesisError| self.fault(error);
        data::put_records(&self.router, &self.metrics, input, fault).await
    }

    async fn get_records(
        &self,
        context: &RequestContext,
        input: ana_wire::GetRecordsInput,
    ) -> Result<Response, KinesisError> {
        let (router, tokens) = (&self.router, &self.tokens);
        data::get_records(router, tokens, &self.metrics, (context, input)).await
    }

    async fn begin_subscription(&self, input: SubscribeToShardInput) -> Result<Events, Fault> {
        let (router, metrics) = (&self.router, &self.metrics);
        if input.dry_run {
            let checked = subscribe::would_subscribe(router, input).await;
            return Err(checked.map_or_else(|error| self.fault(&error), |()| Fault::dry_run()));
        }
        let pushes = Pushes::new(router, &input.consumer_arn, input.kind);
        let subscription = subscribe::subscribe(router, metrics, input).await;
        let subscription = subscription.map_err(|error| self.fault(&error))?;
        let service = self.clone();
        let fault = move |error: &KinesisError| service.fault(error);
        Ok(Box::pin(subscribe::events(
            subscription,
            (metrics.clone(), pushes),
            fault,
        )))
    }

    fn fault(&self, error: &KinesisError) -> Fault {
        Fault::from((error, &self.account, &self.region))
    }
}

#[async_trait]
impl Service for NodeService {
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault> {
        let (operation, is_dry_run) = (request.operation(), request.is_dry_run());
        let begun = time::now();
        let answer = self.carry_out(&context, request).await.map_err(|error| {
            let id = &context.request_id;
            tracing::debug!(%id, operation = operation.name(), %error, "refused");
            self.fault(&error)
        });
        let answer = match answer {
            Ok(_) if is_dry_run => Err(Fault::dry_run()),
            other => other,
        };
        self.metrics
            .answered(operation, answer.as_ref().err(), begun.elapsed());
        answer
    }

    async fn subscribe(
        &self,
        context: RequestContext,
        input: SubscribeToShardInput,
    ) -> Result<Events, Fault> {
        let begun = time::now();
        let answer = self.begin_subscription(input).await.map_err(|fault| {
            tracing::debug!(id = %context.request_id, ?fault, "no subscription");
            fault
        });
        let operation = Operation::SubscribeToShard;
        self.metrics
            .answered(operation, answer.as_ref().err(), begun.elapsed());
        answer
    }
}
