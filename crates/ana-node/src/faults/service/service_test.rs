//! Requests through a disturbed service: what is refused never reaches the service inside, what is not is untouched.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ana_env::faults::FaultPlan;
use ana_env::memory::{SeededRng, TokioClock};
use ana_gateway::Authentication;
use ana_types::{Position, SequenceNumber};
use ana_wire::{DescribeLimitsInput, GetRecordsInput, PutRecordInput, PutRecordsResultEntry};
use bytes::Bytes;
use futures::stream;

use super::super::effect::{ApiEffect, Effect, FaultId};
use super::*;

const SHARD: ShardIndex = ShardIndex(3);

/// Carries out everything, and remembers the partition keys that were put and how often it was called.
#[derive(Debug, Default)]
struct Inner {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    put: BTreeSet<String>,
}

#[async_trait]
impl Service for Inner {
    async fn call(&self, _context: RequestContext, request: Request) -> Result<Response, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        let Request::PutRecords(input) = request else {
            return Ok(Response::Empty);
        };
        let stored = input.records.iter().map(|entry| {
            state.put.insert(entry.partition_key.clone());
            let number = entry.partition_key.parse().expect("keys are numbers");
            Ok(PutRecordsResultEntry {
                shard: SHARD,
                sequence: SequenceNumber {
                    created_s: 0,
                    shard: SHARD,
                    position: Position(number),
                    time_s: 0,
                },
            })
        });
        Ok(Response::PutRecords(PutRecordsOutput {
            records: stored.collect(),
            encrypted: true,
        }))
    }

    async fn subscribe(
        &self,
        _context: RequestContext,
        _input: SubscribeToShardInput,
    ) -> Result<Events, Fault> {
        Ok(Box::pin(stream::empty()))
    }
}

impl Addresses for Inner {
    fn addressed(&self, request: &Request) -> Addressed {
        let name = match request {
            Request::PutRecord(input) => input.stream.name.as_deref(),
            Request::PutRecords(input) => input.stream.name.as_deref(),
            Request::GetRecords(input) => Some(input.shard_iterator.as_str()),
            _ => None,
        };
        Addressed {
            stream: name.map(|name| StreamName::new(name).expect("a name")),
            shard: name.map(|_| SHARD),
        }
    }

    fn destination(
        &self,
        stream: &StreamTarget,
        _entry: &PutRecordsEntry,
    ) -> Option<(StreamName, ShardIndex)> {
        let name = stream.name.as_deref().filter(|name| *name != "gone")?;
        Some((StreamName::new(name).expect("a name"), SHARD))
    }
}

struct Bench {
    service: DisturbedService<Inner>,
    board: Board,
    state: Arc<Mutex<State>>,
}

impl Bench {
    fn new() -> Bench {
        let board = Board::new(FaultPlan::new(), Arc::new(SeededRng::new(3)));
        let inner = Inner::default();
        let state = Arc::clone(&inner.state);
        let home = Home {
            account: AccountId::default(),
            region: Region::default(),
        };
        let clock = Arc::new(TokioClock::new(1_700_000_000_000));
        let metrics = Metrics::default();
        Bench {
            service: DisturbedService::new(inner, board.clone(), metrics, clock, home),
            board,
            state,
        }
    }

    fn with(action: ApiAction, stream: Option<&str>, percent: u8) -> Bench {
        let bench = Bench::new();
        let effect = Effect::Api(ApiEffect {
            action,
            stream: stream.map(|name| StreamName::new(name).expect("a name")),
            operation: None,
            percent,
        });
        let id = FaultId::new("a").expect("an id");
        let on = bench.board.put(id, effect, Duration::from_secs(60));
        on.expect("room");
        bench
    }

    async fn call(&self, request: Request) -> Result<Response, Fault> {
        self.service.call(context(), request).await
    }

    fn calls(&self) -> usize {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls
    }

    fn put(&self) -> BTreeSet<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.put.clone()
    }
}

fn context() -> RequestContext {
    let (head, ()) = http::Request::new(()).into_parts();
    let principal = Authentication::Off.admit(&head, b"", 0);
    RequestContext {
        request_id: Default::default(),
        peer: "test".into(),
        principal: principal.expect("everybody is admitted"),
    }
}

fn target(name: &str) -> StreamTarget {
    StreamTarget {
        name: Some(name.to_owned()),
        arn: None,
    }
}

fn get(stream: &str) -> Request {
    Request::GetRecords(GetRecordsInput {
        shard_iterator: stream.to_owned(),
        limit: None,
        stream_arn: None,
        dry_run: false,
    })
}

fn put_record(stream: &str) -> Request {
    Request::PutRecord(PutRecordInput {
        stream: target(stream),
        data: Bytes::new(),
        partition_key: "1".to_owned(),
        explicit_hash_key: None,
        sequence_number_for_ordering: None,
        dry_run: false,
    })
}

fn put_records(stream: &str, count: u64) -> Request {
    let entry = |number: u64| PutRecordsEntry {
        data: Bytes::new(),
        partition_key: number.to_string(),
        explicit_hash_key: None,
    };
    Request::PutRecords(PutRecordsInput {
        stream: target(stream),
        records: (0..count).map(entry).collect(),
        dry_run: false,
    })
}

#[tokio::test(start_paused = true)]
async fn an_error_hits_its_stream_and_nothing_reaches_the_service() {
    let bench = Bench::with(ApiAction::ExpiredIterator, Some("orders"), 100);
    let fault = bench.call(get("orders")).await.expect_err("hit");
    assert_eq!(fault.kind, FaultKind::ExpiredIterator);
    assert_eq!(bench.calls(), 0);
    bench.call(get("other")).await.expect("another stream");
    bench
        .call(put_record("orders"))
        .await
        .expect("another operation");
    let limits = Request::DescribeLimits(DescribeLimitsInput {});
    bench.call(limits).await.expect("no stream");
    assert_eq!(bench.calls(), 3);
    time::sleep(Duration::from_secs(60)).await;
    bench.call(get("orders")).await.expect("the lease is over");
}

#[tokio::test]
async fn a_percentage_of_requests_is_throttled_in_the_words_of_the_shard() {
    let bench = Bench::with(ApiAction::Throttle, None, 50);
    let mut throttled = 0;
    for _ in 0..1000 {
        if let Err(fault) = bench.call(put_record("orders")).await {
            throttled += 1;
            let text = "Rate exceeded for shard shardId-000000000003 in stream orders under account 000000000000.";
            assert_eq!(fault.message.as_deref(), Some(text));
        }
    }
    assert!((400..600).contains(&throttled), "{throttled}");
    assert_eq!(bench.calls(), 1000 - throttled);
}

#[tokio::test(start_paused = true)]
async fn latency_comes_before_the_work_and_the_work_is_done() {
    let delay = Duration::from_secs(2);
    let bench = Bench::with(
        ApiAction::Latency {
            delay,
            jitter: Duration::ZERO,
        },
        None,
        100,
    );
    let begun = time::now();
    bench.call(get("orders")).await.expect("carried out");
    assert_eq!(begun.elapsed(), delay);
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn part_of_a_put_is_refused_and_exactly_the_rest_is_put() {
    let bench = Bench::with(ApiAction::PartialPut, Some("orders"), 40);
    let answer = bench.call(put_records("orders", 500)).await;
    let Ok(Response::PutRecords(output)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(output.records.len(), 500);
    let put = bench.put();
    assert!((240..360).contains(&put.len()), "{}", put.len());
    for (number, result) in (0_u64..).zip(&output.records) {
        match result {
            Ok(stored) => {
                assert_eq!(stored.sequence.position, Position(number), "at its place");
                assert!(put.contains(&number.to_string()));
            }
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::ProvisionedThroughputExceeded);
                assert!(!put.contains(&number.to_string()));
            }
        }
    }
    assert!(output.encrypted);
    bench
        .call(put_records("other", 500))
        .await
        .expect("untouched");
    assert_eq!(bench.put().len(), 500, "the same keys, every one of them");
}

#[tokio::test]
async fn a_put_that_is_refused_whole_is_not_put_at_all() {
    let bench = Bench::with(ApiAction::PartialPut, None, 100);
    let answer = bench.call(put_records("orders", 3)).await;
    let Ok(Response::PutRecords(output)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        output.records.iter().filter(|each| each.is_err()).count(),
        3
    );
    assert_eq!(bench.calls(), 0);
    // Only the service knows what is wrong with a stream that takes no records.
    bench
        .call(put_records("gone", 3))
        .await
        .expect("left alone");
    assert_eq!(bench.put().len(), 3);
    bench
        .call(put_record("orders"))
        .await
        .expect("not PutRecords");
}

#[test]
fn arns_of_streams_and_of_consumers_name_the_stream() {
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
    for (arn, name) in [
        (stream.to_owned(), Some("orders")),
        (
            format!("{stream}/consumer/billing:1700000000"),
            Some("orders"),
        ),
        ("arn:aws:s3:::bucket".to_owned(), None),
    ] {
        let found = stream_of_arn(&arn);
        assert_eq!(found.as_ref().map(StreamName::as_str), name, "{arn}");
    }
}
