//! A service that is disturbed on purpose: it asks the board before each request, then the service inside carries
//! the request out, or does not.
//!
//! Must stay true:
//! - an error that is injected was decided before the service inside heard of the request: nothing was done;
//! - an entry of PutRecords that is refused here is not in the request that the service inside gets;
//! - with no fault of the API on, a request costs one atomic read more.

use std::sync::Arc;
use std::time::Duration;

use ana_env::{Clock, time};
use ana_gateway::{Events, RequestContext, Service};
use ana_types::{AccountId, ConsumerArn, Region, ShardIndex, StreamArn, StreamName};
use ana_wire::{
    Fault, FaultKind, Operation, PutRecordsEntry, PutRecordsInput, PutRecordsOutput,
    RefusedRequest, Request, Response, StreamTarget, SubscribeToShardInput,
};
use async_trait::async_trait;

use super::board::{ApiFault, Board};
use super::effect::ApiAction;
use super::subscription;
use crate::metrics::Metrics;

/// What a request is about, as far as faults care.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressed {
    /// The stream it names, by name, ARN, iterator or consumer.
    pub stream: Option<StreamName>,
    /// The shard it names, or that its first record goes to.
    pub shard: Option<ShardIndex>,
}

impl Addressed {
    /// What a subscription is about.
    pub fn of_subscription(input: &SubscribeToShardInput) -> Addressed {
        Addressed {
            stream: stream_of_arn(&input.consumer_arn),
            shard: ShardIndex::parse_lenient(&input.shard_id),
        }
    }
}

/// The stream in the ARN of a stream or of a consumer.
pub fn stream_of_arn(arn: &str) -> Option<StreamName> {
    let of_consumer = arn.parse::<ConsumerArn>().map(|arn| arn.stream);
    let of_stream = || arn.parse::<StreamArn>();
    of_consumer
        .or_else(|_| of_stream())
        .ok()
        .map(|arn| arn.name)
}

/// A service that can tell what a request is about, from what it knows without asking anybody.
pub trait Addresses: Service {
    /// What a request is about.
    fn addressed(&self, request: &Request) -> Addressed;

    /// Where an entry goes that is put to a stream; none when the stream takes no records.
    fn destination(
        &self,
        stream: &StreamTarget,
        entry: &PutRecordsEntry,
    ) -> Option<(StreamName, ShardIndex)>;
}

/// The service of a disposable node.
#[derive(Debug)]
pub struct DisturbedService<S> {
    inner: S,
    board: Board,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    home: Home,
}

/// Where errors are reported from.
#[derive(Debug, Clone)]
pub struct Home {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl<S: Addresses> DisturbedService<S> {
    /// `inner` with the faults of `board`; what is answered here is counted by `metrics`.
    pub fn new(
        inner: S,
        board: Board,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        home: Home,
    ) -> DisturbedService<S> {
        DisturbedService {
            inner,
            board,
            metrics,
            clock,
            home,
        }
    }

    /// Has the request wait, or refuses it, as the faults say that hit it.
    async fn before(
        &self,
        context: &RequestContext,
        operation: Operation,
        addressed: &Addressed,
        faults: &[ApiFault],
    ) -> Result<(), Fault> {
        let begun = time::now();
        for fault in faults {
            if let ApiAction::Latency { delay, jitter } = fault.effect.action
                && self.board.draw(fault.effect.percent)
            {
                let delay = delay + self.board.up_to(jitter);
                self.board.hold_up(fault.serial, delay).await;
            }
        }
        let refused = faults.iter().find_map(|fault| {
            let kind = fault.effect.refusal()?;
            // It may have ended while the request waited.
            let hits = self.board.is_on(fault.serial) && self.board.draw(fault.effect.percent);
            hits.then_some(kind)
        });
        let Some(kind) = refused else {
            return Ok(());
        };
        let refusal = self.refusal(kind, operation, addressed);
        tracing::debug!(id = %context.request_id, ?refusal, "refused on purpose");
        self.metrics
            .answered(operation, Some(&refusal), begun.elapsed());
        Err(refusal)
    }

    fn refusal(&self, kind: FaultKind, operation: Operation, addressed: &Addressed) -> Fault {
        let request = RefusedRequest {
            operation,
            stream: addressed.stream.as_ref(),
            shard: addressed.shard,
            now_ms: self.clock.now_ms(),
            account: &self.home.account,
            region: &self.home.region,
        };
        Fault::injected(kind, request)
    }

    /// PutRecords of which `faults` may refuse entries. Those are taken out before anything is put, and their
    /// refusals are put into the answer at their places.
    async fn put_some(
        &self,
        context: RequestContext,
        mut input: PutRecordsInput,
        faults: &[ApiFault],
    ) -> Result<Response, Fault> {
        let all = std::mem::take(&mut input.records);
        let mut refusals = Vec::with_capacity(all.len());
        for entry in all {
            let refusal = self.entry_refusal(&input.stream, &entry, faults);
            if refusal.is_none() {
                input.records.push(entry);
            }
            refusals.push(refusal);
        }
        let answer = if input.records.is_empty() {
            let nothing = PutRecordsOutput {
                records: Vec::new(),
                encrypted: false,
            };
            self.metrics
                .answered(Operation::PutRecords, None, Duration::ZERO);
            Response::PutRecords(nothing)
        } else {
            let request = Request::PutRecords(input);
            self.inner.call(context, request).await?
        };
        Ok(match answer {
            Response::PutRecords(put) => Response::PutRecords(interleave(refusals, put)),
            other => other,
        })
    }

    /// The refusal of one entry, if a fault hits it. An entry that has nowhere to go is left to the service, which
    /// knows what to say to that.
    fn entry_refusal(
        &self,
        stream: &StreamTarget,
        entry: &PutRecordsEntry,
        faults: &[ApiFault],
    ) -> Option<Fault> {
        let mut partial = faults.iter().filter(|fault| {
            fault.effect.action == ApiAction::PartialPut && self.board.is_on(fault.serial)
        });
        if !partial.any(|fault| self.board.draw(fault.effect.percent)) {
            return None;
        }
        let (stream, shard) = self.inner.destination(stream, entry)?;
        let addressed = Addressed {
            stream: Some(stream),
            shard: Some(shard),
        };
        let kind = FaultKind::ProvisionedThroughputExceeded;
        Some(self.refusal(kind, Operation::PutRecords, &addressed))
    }

    /// The faults that are on for requests of `operation` about `addressed`.
    fn faults_of(&self, faults: Vec<ApiFault>, addressed: &Addressed) -> Vec<ApiFault> {
        let stream = addressed.stream.as_ref();
        let meant = faults.into_iter().filter(|it| it.effect.takes(stream));
        meant.collect()
    }
}

/// The answer to the whole request: refusals at their places, and the answers to what was put between them.
fn interleave(refusals: Vec<Option<Fault>>, put: PutRecordsOutput) -> PutRecordsOutput {
    let mut results = put.records.into_iter();
    let mut next = || results.next().unwrap_or_else(|| Err(Fault::internal()));
    let records = refusals.into_iter().map(|refusal| match refusal {
        Some(fault) => Err(fault),
        None => next(),
    });
    PutRecordsOutput {
        records: records.collect(),
        encrypted: put.encrypted,
    }
}

#[async_trait]
impl<S: Addresses> Service for DisturbedService<S> {
    async fn call(&self, context: RequestContext, request: Request) -> Result<Response, Fault> {
        let operation = request.operation();
        let faults = self.board.on_operation(operation);
        if faults.is_empty() {
            return self.inner.call(context, request).await;
        }
        let addressed = self.inner.addressed(&request);
        let faults = self.faults_of(faults, &addressed);
        self.before(&context, operation, &addressed, &faults)
            .await?;
        match request {
            Request::PutRecords(input) if !input.dry_run => {
                self.put_some(context, input, &faults).await
            }
            other => self.inner.call(context, other).await,
        }
    }

    async fn subscribe(
        &self,
        context: RequestContext,
        input: SubscribeToShardInput,
    ) -> Result<Events, Fault> {
        let operation = Operation::SubscribeToShard;
        let addressed = Addressed::of_subscription(&input);
        let faults = self.board.on_operation(operation);
        let faults = self.faults_of(faults, &addressed);
        self.before(&context, operation, &addressed, &faults)
            .await?;
        let events = self.inner.subscribe(context, input).await?;
        // A fault may come while the session goes on.
        let board = self.board.clone();
        Ok(subscription::watched(events, board, addressed.stream))
    }
}

#[cfg(test)]
mod service_test;
