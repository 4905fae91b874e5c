//! Benchmarks against a small server of the public API that is none of ours.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ana_env::{Env, runtime};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::load::{Load, Meter, Window};
use super::measure::Measure;
use super::open_loop::{self, Schedule};
use super::reader::{Plan, ReadMeter};
use super::readers::Readers;
use super::*;
use crate::client::access::Access;
use crate::config::Environment;
use crate::output::Format;

/// What the server has and does. It has one stream of one shard.
#[derive(Debug)]
struct Fake {
    records: Mutex<Vec<Value>>,
    requests: AtomicU64,
    unsigned: AtomicU64,
    /// Puts are answered when this is true.
    answers: watch::Sender<bool>,
    /// The first record of the next PutRecords is refused.
    refuses: AtomicBool,
    /// The last record is not given back.
    loses: AtomicBool,
}

impl Fake {
    fn new() -> Arc<Fake> {
        Arc::new(Fake {
            records: Mutex::default(),
            requests: AtomicU64::new(0),
            unsigned: AtomicU64::new(0),
            answers: watch::channel(true).0,
            refuses: AtomicBool::new(false),
            loses: AtomicBool::new(false),
        })
    }

    /// Serves for as long as the process lives; gives back what a command is given.
    async fn serve(self: &Arc<Fake>) -> Context {
        let env = Env::real();
        let listener = env.net.listen("127.0.0.1:0").await;
        let mut listener = listener.expect("a free port");
        let endpoint = listener.local_addr().parse().expect("an address");
        let fake = Arc::clone(self);
        runtime::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let fake = Arc::clone(&fake);
                let service = service_fn(move |request| {
                    let fake = Arc::clone(&fake);
                    async move { Ok::<_, Infallible>(fake.answer(request).await) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                runtime::spawn(async move { connection.await.is_ok() });
            }
        });
        let context = Context {
            env,
            endpoint,
            access: Access::default(),
            ca: None,
            credentials: None,
            format: Format::Json,
            environment: Environment::default(),
        };
        signing(&context)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let header = |name: &str| {
            let value = request.headers().get(name);
            value
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let (target, signature) = (header("x-amz-target"), header("authorization"));
        let Some((_, operation)) = target.split_once('.') else {
            return Response::new(Full::new(Bytes::from_static(b"<html>no such page</html>")));
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let zeros = format!("{:064}", 0);
        if !signature.starts_with("AWS4-HMAC-SHA256 Credential=test/") || signature.contains(&zeros)
        {
            self.unsigned.fetch_add(1, Ordering::Relaxed);
        }
        let body = request.into_body().collect().await.expect("a whole body");
        let input: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        if operation.starts_with("PutRecord") {
            let mut answers = self.answers.subscribe();
            answers.wait_for(|go| *go).await.expect("the test lives");
        }
        let output = self.carry_out(operation, &input);
        Response::new(Full::new(Bytes::from(output.to_string())))
    }

    fn carry_out(&self, operation: &str, input: &Value) -> Value {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let good = json!({ "ShardId": "shardId-000000000000", "SequenceNumber": "1" });
        match operation {
            "DescribeStream" => json!({ "StreamDescription": {
                "StreamStatus": "ACTIVE",
                "Shards": [{ "ShardId": "shardId-000000000000" }],
                "HasMoreShards": false,
            }}),
            "PutRecord" => {
                records.push(input.clone());
                good
            }
            "PutRecords" => {
                let sent = input["Records"].as_array().expect("records");
                let refused = usize::from(self.refuses.swap(false, Ordering::Relaxed));
                records.extend(sent.iter().skip(refused).cloned());
                let mut results = vec![good; sent.len()];
                results[..refused].fill(json!({ "ErrorCode": "InternalFailure" }));
                json!({ "FailedRecordCount": refused, "Records": results })
            }
            "GetShardIterator" => json!({ "ShardIterator": "0" }),
            "GetRecords" => {
                let end = records.len() - usize::from(self.loses.load(Ordering::Relaxed));
                let from = input["ShardIterator"].as_str().expect("an iterator");
                let from: usize = from.parse().expect("a place");
                let limit = usize::try_from(input["Limit"].as_u64().expect("a limit"));
                let upto = end.min(from + limit.expect("a small one"));
                json!({
                    "Records": records[from..upto],
                    "NextShardIterator": upto.to_string(),
                    "MillisBehindLatest": end - upto,
                })
            }
            _ => json!({}),
        }
    }
}

fn load(single: bool, in_flight: u32, rate_per_s: Option<u32>) -> Load {
    Load {
        stream: "s".to_owned(),
        single,
        records_per_request: if single { 1 } else { 20 },
        record_bytes: 100,
        in_flight,
        rate_per_s,
    }
}

async fn read(context: &Context, filled: &fill::Filled, per_shard: u32) -> readers::AllRead {
    let shards = stream::shards(context, "s").await.expect("shards");
    let plan = Plan {
        stream: "s".to_owned(),
        limit: 100,
        until: context.env.clock.elapsed() + Duration::from_secs(60),
        again: false,
        key_begins: Some(Arc::clone(&filled.key_begins)),
    };
    let meter = Arc::new(ReadMeter::default());
    let readers = Readers::start(context, &plan, &shards, per_shard, &meter);
    let all = readers.join(context).await.expect("they read");
    assert_eq!(meter.records(), all.total.records);
    all
}

#[tokio::test]
async fn what_was_filled_is_read_by_every_reader_and_a_loss_is_seen() {
    runtime::scope(1, async {
        let fake = Fake::new();
        let context = fake.serve().await;
        stream::ensure(&context, "s", 1).await.expect("a stream");
        for expected in [1_234, 2 * 1_234] {
            fake.refuses.store(true, Ordering::Relaxed);
            let filled = fill::fill(&context, "s", 1_234, 100, true).await;
            let filled = filled.expect("all are taken in the end");
            assert_eq!((filled.records, filled.unsure), (1_234, 0));
            let all = read(&context, &filled, 3).await;
            // Records of an earlier fill are read as well, and not taken for those of this one.
            assert_eq!(all.total.records, 3 * expected);
            assert_eq!(all.total.payload_bytes, 3 * expected * 100);
            assert_eq!((all.passes(), all.filled_read()), (1, 1_234));
            assert_eq!(all.check(&filled), Ok(()));
            fake.loses.store(true, Ordering::Relaxed);
            let all = read(&context, &filled, 2).await;
            assert!(all.check(&filled).is_err(), "one record is missing");
            fake.loses.store(false, Ordering::Relaxed);
        }
        assert_eq!(fake.unsigned.load(Ordering::Relaxed), 0);
    })
    .await;
}

#[tokio::test]
async fn a_stall_is_seen_in_the_latency_and_in_what_was_never_sent() {
    runtime::scope(2, async {
        let fake = Fake::new();
        let context = fake.serve().await;
        fake.answers.send_replace(false);
        let load = load(true, 2, Some(1_000));
        let requests = load.requests(&context).expect("requests");
        let meter = Arc::new(Meter::default());
        let writers = load.writers(&context, &requests, &meter);
        let clock = Arc::clone(&context.env.clock);
        let from = clock.elapsed();
        let window = Window {
            from,
            until: from + Duration::from_millis(200),
        };
        let released = async {
            measure::sleep_until(clock.as_ref(), window.until).await;
            fake.answers.send_replace(true);
        };
        let run = open_loop::run(
            Arc::clone(&clock),
            Schedule::new(from, 1_000, 1),
            writers,
            window,
        );
        let (counts, ()) = futures::join!(run, released);
        let counts = counts.expect("a good end");
        assert_eq!(counts.acknowledged + counts.never_sent, 200);
        // Two were sent before the answers came; on a busy machine the last ones are looked at late, and sent after.
        assert!(counts.never_sent >= 100, "{}", counts.never_sent);
        assert_eq!(counts.latency.total(), counts.acknowledged);
        // The first one was due at 0 ms, and answered after 200 ms.
        let most = counts.latency.max_us();
        assert!(most >= 200_000, "{most} us");
        assert_eq!(meter.acknowledged(), counts.acknowledged);
    })
    .await;
}

/// The names of the members, sorted.
fn names(document: &Value) -> Vec<&str> {
    let members = document.as_object().expect("an object");
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn another_server_is_measured_and_what_it_cannot_tell_is_null() {
    const NAMES: [&str; 23] = [
        "acknowledged",
        "cpu_percent_front_door",
        "cpu_percent_nodes",
        "cpu_percent_own",
        "failed_requests",
        "in_flight",
        "latency_us_max",
        "latency_us_p50",
        "latency_us_p90",
        "latency_us_p99",
        "latency_us_p999",
        "mb_per_s",
        "never_sent",
        "operation",
        "rate_per_s",
        "record_bytes",
        "records_per_request",
        "records_per_s",
        "refused",
        "seconds",
        "sent_late_us_p99",
        "stream",
        "written_bytes_per_acknowledged_byte_and_replica",
    ];
    runtime::scope(3, async {
        let fake = Fake::new();
        let context = fake.serve().await;
        for (load, operation) in [
            (load(false, 3, None), "PutRecords"),
            (load(true, 3, None), "PutRecord"),
            (load(false, 64, Some(1_000)), "PutRecords"),
        ] {
            let rate = load.rate_per_s;
            let measure = Measure::prepare(&context, load, 1, true).await;
            let measure = measure.expect("ready");
            let from = context.env.clock.elapsed() + Duration::from_millis(100);
            let window = Window {
                from,
                until: from + Duration::from_millis(300),
            };
            let measured = measure.run(window, "", || 0).await;
            let measured = measured.expect("measured");
            let document = measure.json(&measured);
            assert_eq!(names(&document), NAMES);
            assert_eq!(document["operation"], operation);
            assert_eq!(document["rate_per_s"], json!(rate));
            for unknown in ["nodes", "front_door"] {
                assert_eq!(document[format!("cpu_percent_{unknown}")], Value::Null);
            }
            let written = "written_bytes_per_acknowledged_byte_and_replica";
            assert_eq!(document[written], Value::Null);
            let acknowledged = document["acknowledged"].as_u64();
            assert!(acknowledged > Some(0), "{document}");
            if rate.is_some() {
                let due = acknowledged.unwrap_or(0) + 20 * measured.counts.never_sent;
                assert_eq!(due, 300, "300 ms of a thousand records a second");
            }
            let tables = measure.tables(&[(operation, &measured)]);
            assert!(tables.starts_with("OPERATION"), "{tables}");
        }
        assert_eq!(fake.unsigned.load(Ordering::Relaxed), 0);
        assert!(fake.requests.load(Ordering::Relaxed) > 15);
    })
    .await;
}

#[tokio::test]
async fn a_fault_that_nothing_mends_ends_it_at_once() {
    runtime::scope(4, async {
        let fake = Fake::new();
        let context = fake.serve().await;
        // Requests of 20 records, by writers who take them for 7.
        let other = Load {
            records_per_request: 7,
            ..load(false, 2, None)
        };
        let requests = load(false, 2, None).requests(&context).expect("requests");
        let meter = Arc::new(Meter::default());
        let window = Window {
            from: Duration::ZERO,
            until: Duration::MAX,
        };
        let run = other.run(&context, &requests, window, &meter).await;
        let error = run.expect_err("20 results for 7 records are unreadable");
        assert_eq!(error.exit(), Exit::Failed);
    })
    .await;
}
