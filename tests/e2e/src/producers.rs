//! Several producers that put as an application would, and enter every answer in the ledger.
//!
//! Must stay true: one task owns a key and waits for each answer before its next put, so the counters of a key are
//! put in order; the SDK does not retry, so one put is one attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, client, now, pause};
use crate::ledger::{Acknowledged, Ledger, Value};

/// How a producer loads the cluster.
#[derive(Debug, Clone)]
pub struct Load {
    pub endpoint: String,
    pub stream: String,
    pub producers: u32,
    pub keys_per_producer: u32,
    /// Pause between two puts of one producer.
    pub pause_ms: u64,
    /// What the keys of these producers begin with, so that two loads on one stream keep their own orders.
    pub prefix: &'static str,
}

impl Load {
    /// Four producers with 48 keys between them, 10 ms from put to put.
    #[must_use]
    pub fn usual(endpoint: &str, stream: &str) -> Load {
        Load {
            endpoint: endpoint.to_owned(),
            stream: stream.to_owned(),
            producers: 4,
            keys_per_producer: 12,
            pause_ms: 10,
            prefix: "p",
        }
    }
}

/// Running producers; `stop` ends them.
#[derive(Debug)]
pub struct Producers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Producers {
    /// Starts them.
    #[must_use]
    pub fn start(load: &Load, ledger: &Arc<Ledger>) -> Producers {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..load.producers)
            .map(|producer| {
                let work = produce(
                    load.clone(),
                    producer,
                    Arc::clone(ledger),
                    Arc::clone(&stop),
                );
                #[expect(clippy::disallowed_methods, reason = "test clients are not simulated")]
                tokio::spawn(work)
            })
            .collect();
        Producers { stop, tasks }
    }

    /// One at each node of a cluster, so that what comes to a node that is cut off or stands still stops nobody else.
    ///
    /// # Errors
    /// When the cluster does not say which nodes it has.
    pub fn at_each_node(
        cluster: &Cluster,
        stream: &str,
        ledger: &Arc<Ledger>,
    ) -> Result<Vec<Producers>> {
        let nodes = cluster.status()?.nodes;
        let each = nodes.iter().zip(["a", "b", "c"]).map(|(node, prefix)| {
            let load = Load {
                producers: 1,
                prefix,
                ..Load::usual(&format!("http://{}", node.api), stream)
            };
            Self::start(&load, ledger)
        });
        Ok(each.collect())
    }

    /// Ends them after their present put.
    pub async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

async fn produce(load: Load, producer: u32, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) {
    let client = client(&load.endpoint, 1);
    let mut counter = 0;
    while !stop.load(Ordering::Relaxed) {
        put_round(&client, &load, producer, counter, &ledger).await;
        counter += 1;
        pause(load.pause_ms).await;
    }
}

/// One PutRecords with one record for each of the producer's keys.
async fn put_round(client: &Client, load: &Load, producer: u32, counter: u64, ledger: &Ledger) {
    let values: Vec<Value> = (0..load.keys_per_producer)
        .map(|key| Value {
            key: format!("{}{producer}-k{key}", load.prefix),
            counter,
        })
        .collect();
    let records = values.iter().map(|value| {
        PutRecordsRequestEntry::builder()
            .partition_key(&value.key)
            .data(Blob::new(value.encode()))
            .build()
            .expect("key and data are set")
    });
    let sent = now();
    let request = client
        .put_records()
        .stream_name(&load.stream)
        .set_records(Some(records.collect()));
    let answer = request.send().await;
    let answered = now();
    let Ok(answer) = answer else {
        values
            .into_iter()
            .for_each(|value| ledger.unknown(value, sent));
        return;
    };
    for (value, result) in values.into_iter().zip(answer.records) {
        match (result.shard_id, result.sequence_number) {
            (Some(shard), Some(sequence)) => {
                ledger.acknowledge(
                    value,
                    Acknowledged {
                        shard,
                        sequence,
                        sent,
                        answered,
                    },
                );
            }
            _ => ledger.unknown(value, sent),
        }
    }
}
