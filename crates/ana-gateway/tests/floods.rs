//! An honest client beside attackers, over real sockets: its slowest call but a few stays what it was, and files are
//! given back.
//!
//! Gateway, client and attackers share one machine, which may be busy with more: calls are compared with those before
//! the attack, and what no user would notice passes in any case.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ana_env::runtime::{Tasks, scope};
use ana_env::time::{now, sleep};
use ana_env::{Env, Stream};
use ana_gateway::GatewayConfig;
use common::floods::{self, Flood};
use common::frames::{self, GOOD, INITIAL_WINDOW, frame, head, settings};
use common::{BOTO3_HEAD, RawClient, boto3};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

const PUT: &str = r#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"user-1"}"#;
const GET: &str = r#"{"ShardIterator":"AAAA"}"#;

const ATTACKERS: usize = 8;
const CONNECTIONS_MAX: usize = 64;
const CROWD: usize = 300;
/// Between two bursts of an attacker, and before it comes again after it was cut off.
const PAUSE: Duration = Duration::from_millis(10);

const CALLS: usize = 200;
const BETWEEN_CALLS: Duration = Duration::from_millis(2);
const SLOWDOWN_MAX: u32 = 2;
/// What passes in any case.
const P99_FLOOR: Duration = Duration::from_millis(50);

/// Files that come and go by themselves.
const OTHER_FILES: usize = 8;
const CLOSED_WITHIN: Duration = Duration::from_secs(20);

/// Files of this process, sockets among them; 0 where the kernel does not say.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// A gateway on a socket, and an honest client that is connected to it.
struct Scene {
    address: String,
    honest: RawClient<Stream>,
    /// Without attackers.
    files: usize,
    quiet: Duration,
}

impl Scene {
    /// The 99th percentile of the honest client's calls.
    async fn p99(&mut self) -> Duration {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            sleep(BETWEEN_CALLS).await;
            let began = now();
            let reply = self.honest.call("PutRecord", PUT).await;
            times.push(now() - began);
            assert_eq!(reply.status, 200);
        }
        times.sort_unstable();
        times[CALLS * 99 / 100 - 1]
    }

    /// The honest client's calls while `attack` goes on, which counts what it does.
    async fn under(
        &mut self,
        what: &str,
        attack: impl AsyncFnOnce(&str, &Tasks, &Arc<AtomicUsize>),
    ) {
        let (tasks, done) = (Tasks::new(), Arc::new(AtomicUsize::new(0)));
        attack(&self.address, &tasks, &done).await;
        let p99 = self.p99().await;
        let files = open_files();
        let most = (self.quiet * SLOWDOWN_MAX).max(P99_FLOOR);
        assert!(
            p99 < most,
            "{what}: {p99:?}, and {:?} without it",
            self.quiet
        );
        let files_max = self.files + ATTACKERS.max(CROWD) + CONNECTIONS_MAX + OTHER_FILES;
        assert!(files <= files_max, "{what}: {files} files");
        assert!(
            done.load(Ordering::Relaxed) >= ATTACKERS,
            "{what}: nobody attacked"
        );
        tasks.shutdown().await;
        let began = now();
        while open_files() > self.files + OTHER_FILES {
            let files = open_files();
            assert!(
                now() - began < CLOSED_WITHIN,
                "{what} left {files} files open"
            );
            sleep(PAUSE).await;
        }
    }
}

async fn scene() -> (Scene, tokio::sync::oneshot::Sender<()>) {
    let net = Env::real().net;
    let listener = net.listen("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr();
    let config = GatewayConfig {
        connections_max: CONNECTIONS_MAX,
        ..GatewayConfig::default()
    };
    let (stop, _service, _serving) = common::run(config, listener);
    let honest = RawClient(net.connect(&address).await.expect("a connection"));
    let mut scene = Scene {
        address,
        honest,
        files: 0,
        quiet: Duration::ZERO,
    };
    scene.quiet = scene.p99().await;
    scene.files = open_files();
    (scene, stop)
}

/// Floods one connection after the other, and takes what comes back.
#[expect(clippy::infinite_loop, reason = "it ends with the scene's tasks")]
async fn flood(address: &str, flood: &Flood, bursts: &AtomicUsize) {
    let net = Env::real().net;
    loop {
        sleep(PAUSE).await;
        let Ok(stream) = net.connect(address).await else {
            continue;
        };
        let (mut reading, mut writing) = split(stream);
        let drain = async {
            let mut buffer = vec![0; 64 * 1024];
            while matches!(reading.read(&mut buffer).await, Ok(1..)) {}
        };
        let send = async {
            let hello = [frames::PREFACE, &settings(&[]), &flood.opening].concat();
            let mut sent = writing.write_all(&hello).await;
            for round in 0.. {
                if sent.is_err() {
                    return;
                }
                sent = writing.write_all(&(flood.burst)(round)).await;
                bursts.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE).await;
            }
        };
        tokio::join!(drain, send);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_client_beside_floods() {
    scope(1, async {
        let (mut scene, _stop) = scene().await;
        for each in floods::of_nothing()
            .into_iter()
            .chain(floods::of_requests())
        {
            let each = Arc::new(each);
            let attack = async |address: &str, tasks: &Tasks, done: &Arc<AtomicUsize>| {
                for _ in 0..ATTACKERS {
                    let (address, each, done) =
                        (address.to_owned(), Arc::clone(&each), Arc::clone(done));
                    tasks.spawn(async move { flood(&address, &each, &done).await });
                }
            };
            scene.under(each.what, attack).await;
        }
    })
    .await;
}

/// What each of a crowd says before it falls silent and reads nothing.
fn silences() -> Vec<(&'static str, Vec<u8>)> {
    let hello =
        |first: &[(u16, u32)], rest: &[u8]| [frames::PREFACE, &settings(first), rest].concat();
    let mut get = GOOD;
    get[4].1 = b"Kinesis_20131202.GetRecords";
    let asks = frames::request(1, &get, GET.as_bytes());
    let half = [head(1, 0, &GOOD), frame(frames::DATA, 0, 1, b"{")].concat();
    let boto3_head = BOTO3_HEAD.replace("OPERATION", "PutRecord");
    vec![
        ("nothing", Vec::new()),
        ("half a head", boto3_head.clone().into_bytes()),
        (
            "half a body",
            format!("{boto3_head}Content-Length: 9999\r\n\r\n{{").into_bytes(),
        ),
        ("an answer that is not read", boto3("GetRecords", GET)),
        ("the preface", hello(&[], b"")),
        ("half a body over HTTP/2", hello(&[], &half)),
        ("a window of 0", hello(&[(INITIAL_WINDOW, 0)], &asks)),
        ("a window that is not opened", hello(&[], &asks)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_client_beside_a_silent_crowd() {
    scope(1, async {
        let (mut scene, _stop) = scene().await;
        for (what, says) in silences() {
            let attack = async |address: &str, tasks: &Tasks, done: &Arc<AtomicUsize>| {
                let net = Env::real().net;
                for _ in 0..CROWD {
                    let mut stream = net.connect(address).await.expect("the kernel accepts");
                    let (says, done) = (says.clone(), Arc::clone(done));
                    tasks.spawn(async move {
                        // Most of the crowd finds the gateway full.
                        let said = stream.write_all(&says).await;
                        done.fetch_add(usize::from(said.is_ok()), Ordering::Relaxed);
                        std::future::pending::<()>().await;
                    });
                }
            };
            scene.under(what, attack).await;
        }
    })
    .await;
}
