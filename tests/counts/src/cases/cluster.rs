//! Puts through three whole nodes in one process, on a simulated network, disk and clock (as in `tests/sim`): everything
//! that a put costs but for the kernel, TLS and signatures. The simulator's own share is in the counts as well.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng};
use ana_env::time::sleep;
use ana_env::{Env, runtime};
use ana_node::Node;
use ana_raft::MemoryCheckpoints;
use ana_sim::http::{Answer, aws, aws_head, exchange_over};
use ana_sim::machine::{EPOCH_MS, SimClock, api, config_of, host};
use ana_sim::net::SimNet;
use futures::future::join_all;
use turmoil::net::TcpStream;

use super::Case;
use super::wire::{put_record_body, put_records_body};
use crate::measured;

const NODES: usize = 3;
/// The simulated time in which a case must be over.
const LONG_MAX: Duration = Duration::from_mins(5);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "put-record-crowd",
        units: 2000,
        unit: "PutRecord, 64 in flight",
        at_most: 240_000,
        run: || {
            puts(Load {
                in_flight: 64,
                requests: 2000,
                batches: false,
            });
        },
    },
    Case {
        name: "put-records",
        units: 10_000,
        unit: "record of 1 KiB, 500 a PutRecords, 4 in flight",
        at_most: 58_000,
        run: || {
            puts(Load {
                in_flight: 4,
                requests: 20,
                batches: true,
            });
        },
    },
];

/// What is put.
#[derive(Debug, Clone, Copy)]
struct Load {
    in_flight: usize,
    requests: usize,
    batches: bool,
}

/// Where a run stands; all of it is one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Starting,
    /// The stream is there and has been written to.
    Ready,
    Going,
    Done,
}

fn puts(load: Load) {
    let mut sim = turmoil::Builder::new()
        .rng_seed(7)
        .epoch(UNIX_EPOCH + Duration::from_millis(EPOCH_MS))
        .simulation_duration(LONG_MAX)
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(1))
        .tcp_capacity(1 << 20)
        .build();
    for node in 0..NODES {
        add_node(&mut sim, node);
    }
    let stand = Rc::new(Cell::new(Stand::Starting));
    sim.client("client", runtime::scope(1, client(load, Rc::clone(&stand))));
    let mut until = |wanted| {
        while stand.get() != wanted {
            sim.step().expect("no client fails");
        }
    };
    until(Stand::Ready);
    stand.set(Stand::Going);
    measured(|| until(Stand::Done));
}

fn add_node(sim: &mut turmoil::Sim<'static>, node: usize) {
    let number = u64::try_from(node).expect("few");
    let disk = Arc::new(MemoryDisk::new(number, MemoryDiskOptions::default()));
    sim.host(host(node), move || {
        let env = Env {
            clock: Arc::new(SimClock::default()),
            disk: Arc::clone(&disk) as Arc<dyn ana_env::Disk>,
            net: Arc::new(SimNet),
            rng: Arc::new(SeededRng::new(number)),
        };
        let checkpoints = Arc::new(MemoryCheckpoints::new());
        runtime::scope(number, async move {
            let config = config_of(NODES, node, "transition_ms = 1\n");
            let node = Node::start(env, config, checkpoints).await?;
            Err(node.until_failed().await.into())
        })
    });
}

async fn client(load: Load, stand: Rc<Cell<Stand>>) -> turmoil::Result {
    create_stream().await;
    let mut connections = Vec::new();
    for number in 0..load.in_flight {
        connections.push(TcpStream::connect(api(number % NODES)).await?);
    }
    // Caches and connections between the nodes are warm when it begins.
    send(
        &mut connections,
        &load,
        &bodies(&load, load.in_flight.max(NODES * 4)),
    )
    .await?;
    let bodies = bodies(&load, load.requests);
    stand.set(Stand::Ready);
    while stand.get() != Stand::Going {
        sleep(Duration::from_millis(1)).await;
    }
    send(&mut connections, &load, &bodies).await?;
    stand.set(Stand::Done);
    Ok(())
}

fn bodies(load: &Load, requests: usize) -> Vec<String> {
    let body = if load.batches {
        put_records_body
    } else {
        put_record_body
    };
    (0..requests).map(body).collect()
}

/// Waits until nodes answer and the stream takes records.
async fn create_stream() {
    let body = r#"{"StreamName":"river","ShardCount":1}"#;
    let put = put_record_body(0);
    for (operation, body) in [("CreateStream", body), ("PutRecord", &put)] {
        let body = serde_json::from_str(body).expect("JSON");
        while !matches!(aws(&api(0), operation, &body).await, Answer::Ok(_)) {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Sends these requests, one at a time over each connection.
async fn send(connections: &mut [TcpStream], load: &Load, bodies: &[String]) -> turmoil::Result {
    let head = aws_head(
        "river",
        if load.batches {
            "PutRecords"
        } else {
            "PutRecord"
        },
    );
    let left = RefCell::new(bodies.iter());
    let workers = connections.iter_mut().map(async |connection| {
        loop {
            let next = left.borrow_mut().next();
            let Some(body) = next else {
                return turmoil::Result::Ok(());
            };
            let (status, answer) = exchange_over(connection, &head, body.as_bytes()).await?;
            if status != 200 {
                return Err(String::from_utf8_lossy(&answer).into());
            }
        }
    });
    join_all(workers).await.into_iter().collect()
}
