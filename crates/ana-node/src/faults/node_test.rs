//! Faults of a whole node in this process, over real sockets and a disk in memory.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::{Env, runtime, time};
use ana_raft::MemoryCheckpoints;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::admin::{PATH, STOP_PATH};
use crate::client::access::Access;
use crate::client::error::ClientError;
use crate::client::{Client, Retry};
use crate::config::MemberConfig;
use crate::{Node, NodeConfig};

const WAIT_MAX: Duration = Duration::from_secs(20);

struct Bench {
    node: Node,
    client: Client,
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

impl Bench {
    /// A node alone in its cluster, ready to serve.
    async fn start(disposable: bool) -> Bench {
        let member = MemberConfig {
            id: 1,
            zone: "a".to_owned(),
            api: free_address(),
            peer: free_address(),
        };
        let mut config = NodeConfig::new(&member, "/data".into(), vec![member.clone()]);
        config.disposable = disposable;
        let env = Env {
            disk: Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default())),
            ..Env::real()
        };
        let checkpoints = Arc::new(MemoryCheckpoints::default());
        let node = Node::start(env, config, checkpoints).await;
        let node = node.expect("it starts");
        let endpoint = member.api.parse().expect("an endpoint");
        let client = Client::new(Env::real(), endpoint, Access::default());
        let bench = Bench {
            node,
            client: client.with_retry(Retry::never()),
        };
        assert!(bench.node.router().wait_ready(WAIT_MAX).await, "not ready");
        bench
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = if method == Method::GET {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let answer = self.client.plain_with(method, path, body, WAIT_MAX).await;
        let answer = answer.expect("an answer");
        let body = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status.as_u16(), body)
    }

    async fn add(&self, fault: Value) {
        let (status, body) = self.admin(Method::POST, PATH, &fault).await;
        assert_eq!(status, 200, "{body}");
    }

    async fn stop_all(&self) {
        let (status, body) = self
            .admin(Method::POST, STOP_PATH, &json!({ "all": true }))
            .await;
        assert_eq!(status, 200, "{body}");
    }

    async fn call(&self, operation: &'static str, input: Value) -> Result<Value, ClientError> {
        let answer = self.client.call::<_, Value>(operation, &input).await;
        answer.map(|answer| answer.value)
    }

    async fn create(&self, stream: &str) {
        let created = self.call(
            "CreateStream",
            json!({ "StreamName": stream, "ShardCount": 1 }),
        );
        created.await.expect("created");
        let begun = time::now();
        let named = json!({ "StreamName": stream });
        loop {
            let summary = self.call("DescribeStreamSummary", named.clone()).await;
            let summary = summary.expect("a summary");
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
                return;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{summary}");
            time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn put(&self, stream: &str) -> Result<Value, ClientError> {
        let input = json!({ "StreamName": stream, "PartitionKey": "k", "Data": "aGk=" });
        self.call("PutRecord", input).await
    }

    async fn iterator(&self, stream: &str) -> Value {
        let input = json!({
            "StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON",
        });
        let answer = self.call("GetShardIterator", input).await;
        answer.expect("an iterator")["ShardIterator"].clone()
    }

    async fn get(&self, iterator: &Value) -> Result<Value, ClientError> {
        let input = json!({ "ShardIterator": iterator });
        self.call("GetRecords", input).await
    }
}

fn refusal(answer: Result<Value, ClientError>) -> (String, String) {
    match answer {
        Err(ClientError::Aws(error)) => (error.kind, error.message),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn faults_of_the_api_find_their_stream_however_it_is_named() {
    runtime::scope(1, async {
        let bench = Bench::start(true).await;
        for stream in ["orders", "other"] {
            bench.create(stream).await;
            bench.put(stream).await.expect("put");
        }
        let (hit, spared) = (
            bench.iterator("orders").await,
            bench.iterator("other").await,
        );
        let expired = json!({
            "id": "e", "kind": "api.expired_iterator", "lease_ms": 60_000, "stream": "orders",
        });
        bench.add(expired).await;
        let (kind, message) = refusal(bench.get(&hit).await);
        assert_eq!(kind, "ExpiredIteratorException");
        assert!(message.starts_with("Iterator expired."), "{message}");
        let read = bench.get(&spared).await.expect("the other stream");
        assert_eq!(read["Records"].as_array().map(Vec::len), Some(1));
        let status = bench.admin(Method::GET, "/_ana/status", &Value::Null).await;
        assert_eq!(status.1["faults"][0]["id"], "e");
        assert_eq!(status.1["faults"][0]["on_node"], 1);
        bench.stop_all().await;
        let read = bench.get(&hit).await.expect("the same iterator");
        assert_eq!(read["Records"].as_array().map(Vec::len), Some(1));

        bench
            .add(json!({ "id": "t", "kind": "api.throttle", "lease_ms": 60_000, "stream": "orders" }))
            .await;
        let (kind, message) = refusal(bench.put("orders").await);
        assert_eq!(kind, "ProvisionedThroughputExceededException");
        assert_eq!(
            message,
            "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000."
        );
        bench.put("other").await.expect("the other stream");
        let by_arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
        let input = json!({ "StreamARN": by_arn, "PartitionKey": "k", "Data": "aGk=" });
        refusal(bench.call("PutRecord", input).await);
        bench.stop_all().await;
        let read = bench.get(&hit).await.expect("read");
        let records = read["Records"].as_array().map(Vec::len);
        assert_eq!(records, Some(1), "what was refused was not written");
        bench.node.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_put_that_is_refused_is_not_in_the_stream() {
    runtime::scope(2, async {
        let bench = Bench::start(true).await;
        bench.create("orders").await;
        bench
            .add(json!({ "id": "p", "kind": "api.partial_put", "lease_ms": 60_000, "percent": 40 }))
            .await;
        let entry = |number: u32| json!({ "PartitionKey": number.to_string(), "Data": "aGk=" });
        let entries: Vec<Value> = (0..100).map(entry).collect();
        let input = json!({ "StreamName": "orders", "Records": entries });
        let answer = bench.call("PutRecords", input).await.expect("answered");
        let results = answer["Records"].as_array().cloned().unwrap_or_default();
        let promised: Vec<&str> = results
            .iter()
            .filter_map(|result| result["SequenceNumber"].as_str())
            .collect();
        assert_eq!(results.len(), 100);
        assert_eq!(answer["FailedRecordCount"], 100 - promised.len());
        assert!((30..90).contains(&promised.len()), "{}", promised.len());
        let iterator = bench.iterator("orders").await;
        let read = bench.get(&iterator).await.expect("read");
        let records = read["Records"].as_array().cloned().unwrap_or_default();
        let stored: Vec<&str> = records
            .iter()
            .filter_map(|record| record["SequenceNumber"].as_str())
            .collect();
        assert_eq!(stored, promised);
        bench.node.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn disk_and_clock_are_the_nodes_own() {
    runtime::scope(3, async {
        let bench = Bench::start(true).await;
        bench.create("orders").await;
        let slow = json!({ "id": "s", "kind": "disk.slow", "lease_ms": 2000, "delay_ms": 400 });
        bench.add(slow).await;
        let begun = time::now();
        bench.put("orders").await.expect("slow, not broken");
        assert!(begun.elapsed() >= Duration::from_millis(400));
        // Nobody stops it.
        loop {
            let sent = time::now();
            bench.put("orders").await.expect("put");
            if sent.elapsed() < Duration::from_millis(400) {
                break;
            }
            assert!(begun.elapsed() < WAIT_MAX, "still slow");
        }
        assert!(begun.elapsed() > Duration::from_secs(1), "too early");

        let ahead =
            json!({ "id": "c", "kind": "clock.jump", "lease_ms": 60_000, "offset_ms": 600_000 });
        let iterator = bench.iterator("orders").await;
        bench.get(&iterator).await.expect("a fresh iterator");
        bench.add(ahead).await;
        let (kind, _) = refusal(bench.get(&iterator).await);
        assert_eq!(kind, "ExpiredIteratorException", "ten minutes have passed");
        bench.stop_all().await;
        bench
            .get(&iterator)
            .await
            .expect("the clock is right again");

        let broken = json!({ "id": "f", "kind": "disk.fsync_error", "lease_ms": 60_000 });
        bench.add(broken).await;
        assert!(bench.put("orders").await.is_err(), "not acknowledged");
        let failed = time::timeout(WAIT_MAX, bench.node.until_failed()).await;
        let why = failed.expect("the node notices");
        assert!(why.contains("injected"), "{why}");
        bench.node.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_not_disposable_refuses_and_says_why() {
    runtime::scope(4, async {
        let bench = Bench::start(false).await;
        let fault = json!({ "id": "x", "kind": "disk.full", "lease_ms": 1000 });
        let all = json!({ "all": true });
        for (method, path, body) in [
            (Method::GET, PATH, &Value::Null),
            (Method::POST, PATH, &fault),
            (Method::POST, STOP_PATH, &all),
        ] {
            let (status, answer) = bench.admin(method, path, body).await;
            assert_eq!((status, &answer["key"]), (403, &json!("disposable")));
            let message = answer["message"].as_str().unwrap_or_default();
            assert!(message.contains("disposable = true"), "{message}");
        }
        let status = bench.admin(Method::GET, "/_ana/status", &Value::Null).await;
        assert_eq!(status.1["disposable"], false);
        bench.node.shutdown().await;
    })
    .await;
}
