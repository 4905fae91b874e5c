//! Puts through three whole nodes in one process, on a simulated network, disk and clock (as in `tests/sim`): everything
//! that a put costs but for the kernel, TLS and signatures. The simulator's own share is in the counts as well.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng};
use ana_env::time::sleep;
use ana_env::{Env, runtime};
use ana_node::{Node, NodeConfig};
use ana_raft::MemoryCheckpoints;
use ana_sim::http::{Answer, aws};
use ana_sim::machine::{EPOCH_MS, SimClock, api, host, zone};
use ana_sim::net::SimNet;
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
        at_most: 340_000,
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
        at_most: 66_000,
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
            let node = Node::start(env, config(node), checkpoints).await?;
            Err(node.until_failed().await.into())
        })
    });
}

/// A node as it comes, but for the limits.
fn config(node: usize) -> NodeConfig {
    let members: String = (0..NODES)
        .map(|each| {
            format!(
                "[[members]]\nid = {}\nzone = \"{}\"\npeer = \"{}:7000\"\napi = \"{}\"\n",
                each + 1,
                zone(each),
                host(each),
                api(each)
            )
        })
        .collect();
    let text = format!(
        "node_id = {}\nzone = \"{}\"\ndata_dir = \"/data\"\npeer = \"{}:7000\"\napi = \"127.0.0.1:4567\"\nlimits = \"off\"\n\
         transition_ms = 1\n{members}",
        node + 1,
        zone(node),
        host(node),
    );
    NodeConfig::parse(&text).expect("a configuration that a node accepts")
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
        load.in_flight.max(NODES * 4),
        load.batches,
    )
    .await?;
    stand.set(Stand::Ready);
    while stand.get() != Stand::Going {
        sleep(Duration::from_millis(1)).await;
    }
    send(&mut connections, load.requests, load.batches).await?;
    stand.set(Stand::Done);
    Ok(())
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

/// Sends so many requests, one at a time over each connection.
async fn send(connections: &mut [TcpStream], requests: usize, batches: bool) -> turmoil::Result {
    let next = Cell::new(0);
    let workers = connections.iter_mut().map(async |connection| {
        while next.get() < requests {
            let number = next.replace(next.get() + 1);
            put(connection, number, batches).await?;
        }
        turmoil::Result::Ok(())
    });
    join_all(workers).await.into_iter().collect()
}

async fn put(connection: &mut TcpStream, number: usize, batch: bool) -> turmoil::Result {
    let (operation, body) = if batch {
        ("PutRecords", put_records_body(number))
    } else {
        ("PutRecord", put_record_body(number))
    };
    let request = format!(
        "POST / HTTP/1.1\r\nHost: river\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(1 << 10);
    while !is_whole(&answer) {
        if connection.read_buf(&mut answer).await? == 0 {
            return Err("the connection ended".into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&answer).into())
    }
}

/// Whether head and body are there.
fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = head else { return false };
    let length = String::from_utf8_lossy(&answer[..end])
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= end + 4 + length)
}
