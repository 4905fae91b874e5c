//! Links that are slow, lossy, thin or break: each byte arrives once, in order, and as late as it should. Time is
//! virtual, and the network below is a pipe in memory, so that a time is exact.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ana_env::faults::{FaultNet, FaultPlan, LinkFaults, Way};
use ana_env::memory::SeededRng;
use ana_env::{Listener, Net, Stream, time};
use async_trait::async_trait;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PEER: &str = "h:2";
const MS: Duration = Duration::from_millis(1);
/// tokio's timers are as fine as a millisecond.
const TICK: Duration = Duration::from_millis(2);

/// Every connect makes a pipe; the other ends are collected.
#[derive(Debug, Default)]
struct Pipes {
    others: Mutex<Vec<DuplexStream>>,
}

#[async_trait]
impl Net for Pipes {
    async fn connect(&self, _addr: &str) -> io::Result<Stream> {
        let (near, far) = tokio::io::duplex(1 << 20);
        self.others.lock().expect("no test has failed").push(far);
        Ok(Box::new(near))
    }

    async fn listen(&self, _addr: &str) -> io::Result<Box<dyn Listener>> {
        Err(ErrorKind::Unsupported.into())
    }
}

struct Bench {
    plan: FaultPlan,
    net: FaultNet,
    pipes: Arc<Pipes>,
}

impl Bench {
    fn new(seed: u64) -> Bench {
        let (plan, pipes) = (FaultPlan::new(), Arc::new(Pipes::default()));
        let rng = Arc::new(SeededRng::new(seed));
        let net = FaultNet::new(Arc::<Pipes>::clone(&pipes), plan.clone(), rng);
        Bench { plan, net, pipes }
    }

    async fn connect(&self) -> (Stream, DuplexStream) {
        let near = self.net.connect(PEER).await.expect("connected");
        let far = self.pipes.others.lock().expect("no test has failed").pop();
        (near, far.expect("the other end"))
    }

    fn set(&self, ways: &[Way], faults: LinkFaults) {
        let faults = ways.iter().map(|way| ((PEER.to_owned(), *way), faults));
        self.plan.set_links(&faults.collect());
    }

    fn heal(&self) {
        self.plan.set_links(&BTreeMap::new());
    }
}

fn delay(delay: Duration, jitter: Duration) -> LinkFaults {
    LinkFaults {
        delay,
        jitter,
        ..LinkFaults::default()
    }
}

async fn send(stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) {
    stream.write_all(bytes).await.expect("open");
    stream.flush().await.expect("open");
}

async fn receive(stream: &mut (impl AsyncReadExt + Unpin), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.expect("open");
    bytes
}

fn about(took: Duration, expected: Duration) {
    assert!(
        took >= expected && took <= expected + TICK,
        "{took:?}, not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_as_long_as_it_says_and_one_way() {
    let bench = Bench::new(1);
    let (mut near, mut far) = bench.connect().await;
    bench.set(&[Way::Out], delay(80 * MS, Duration::ZERO));
    let begun = time::now();
    let (_, got) = futures::join!(send(&mut near, b"there"), receive(&mut far, 5));
    assert_eq!(got, b"there");
    about(begun.elapsed(), 80 * MS);
    let begun = time::now();
    let (_, got) = futures::join!(send(&mut far, b"back"), receive(&mut near, 4));
    assert_eq!(got, b"back");
    about(begun.elapsed(), Duration::ZERO);

    bench.set(&[Way::In], delay(30 * MS, Duration::ZERO));
    let begun = time::now();
    futures::join!(send(&mut far, b"back"), receive(&mut near, 4));
    about(begun.elapsed(), 30 * MS);

    // A handshake is one packet there and one back.
    bench.set(&[Way::Out, Way::In], delay(30 * MS, Duration::ZERO));
    let begun = time::now();
    let (mut near, far) = bench.connect().await;
    about(begun.elapsed(), 60 * MS);
    let begun = time::now();
    drop(far);
    assert_eq!(near.read(&mut [0]).await.expect("an end"), 0);
    about(begun.elapsed(), 30 * MS);
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_together_arrives_together() {
    let bench = Bench::new(1);
    let (mut near, mut far) = bench.connect().await;
    bench.set(&[Way::Out], delay(100 * MS, Duration::ZERO));
    let begun = time::now();
    let write = async {
        // Written one after another without waiting: a delay is no wait for each.
        for number in 0..50 {
            near.write_all(&[number]).await.expect("open");
        }
        near.flush().await.expect("open");
    };
    let (_, got) = futures::join!(write, receive(&mut far, 50));
    assert_eq!(got, (0..50).collect::<Vec<u8>>());
    about(begun.elapsed(), 100 * MS);
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_on_when_the_fault_is_over() {
    let bench = Bench::new(1);
    let (mut near, mut far) = bench.connect().await;
    bench.set(&[Way::Out, Way::In], delay(3_600_000 * MS, Duration::ZERO));
    let begun = time::now();
    let heal = async {
        time::sleep(500 * MS).await;
        // A cut beside it is not its end.
        let cut = LinkFaults {
            held: true,
            ..delay(3_600_000 * MS, Duration::ZERO)
        };
        bench.set(&[Way::Out, Way::In], cut);
        time::sleep(500 * MS).await;
        bench.heal();
    };
    send(&mut far, b"back").await;
    let exchange = async {
        send(&mut near, b"there").await;
        receive(&mut near, 4).await
    };
    let (back, there, ()) = futures::join!(exchange, receive(&mut far, 5), heal);
    assert_eq!((&there[..], &back[..]), (&b"there"[..], &b"back"[..]));
    about(begun.elapsed(), 1000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_thin_link_is_shared_by_its_connections() {
    let bench = Bench::new(1);
    let (mut one, mut far_one) = bench.connect().await;
    let (mut two, mut far_two) = bench.connect().await;
    bench.set(
        &[Way::Out],
        LinkFaults {
            bytes_per_second: NonZeroU64::new(64 * 1024),
            ..LinkFaults::default()
        },
    );
    let load = vec![7; 128 * 1024];
    let begun = time::now();
    futures::join!(
        send(&mut one, &load),
        send(&mut two, &load),
        receive(&mut far_one, load.len()),
        receive(&mut far_two, load.len()),
    );
    // Twice 128 KiB at 64 KiB/s.
    about(begun.elapsed(), 4000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_thin_link_lets_a_small_message_in_between() {
    let bench = Bench::new(1);
    let (mut bulk, mut far_bulk) = bench.connect().await;
    let (mut small, mut far_small) = bench.connect().await;
    bench.set(
        &[Way::Out],
        LinkFaults {
            bytes_per_second: NonZeroU64::new(64 * 1024),
            ..LinkFaults::default()
        },
    );
    let load = vec![7; 256 * 1024];
    let message = async {
        time::sleep(1000 * MS).await;
        let begun = time::now();
        futures::join!(send(&mut small, b"beat"), receive(&mut far_small, 4));
        begun.elapsed()
    };
    let (_, _, took) = futures::join!(
        send(&mut bulk, &load),
        receive(&mut far_bulk, load.len()),
        message
    );
    assert!(took < 250 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_a_wait_of_the_piece_and_of_all_behind_it() {
    let bench = Bench::new(3);
    let (mut near, mut far) = bench.connect().await;
    let lossy = LinkFaults {
        loss_percent: 20,
        ..LinkFaults::default()
    };
    bench.set(&[Way::Out], lossy);
    let mut waits = Vec::new();
    for number in 0..500_u32 {
        let begun = time::now();
        let bytes = number.to_be_bytes();
        let (_, got) = futures::join!(send(&mut near, &bytes), receive(&mut far, 4));
        assert_eq!(got, bytes);
        waits.push(begun.elapsed());
    }
    let late = waits.iter().filter(|wait| **wait > TICK).count();
    assert!((70..130).contains(&late), "{late} of 500 are no fifth");
    // Lost once: 200 ms; twice: 200 + 400.
    assert!(waits.iter().all(|it| *it <= TICK || *it >= 200 * MS));
    let twice = waits.iter().filter(|it| **it > 600 * MS).count();
    assert!((4..40).contains(&twice), "{twice} of 500");
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_the_connections_there_are_and_no_later_one() {
    let bench = Bench::new(1);
    let (mut near, _far) = bench.connect().await;
    assert_eq!(bench.plan.reset_connections("h:3"), 0);
    let reset = async {
        time::sleep(100 * MS).await;
        bench.plan.reset_connections(PEER)
    };
    // Idle, in the middle of a read.
    let mut byte = [0];
    let (read, broken) = futures::join!(near.read(&mut byte), reset);
    assert_eq!(broken, 1);
    let error = read.expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = near.write_all(b"x").await.expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(near);
    let (mut near, mut far) = bench.connect().await;
    let (_, got) = futures::join!(send(&mut near, b"x"), receive(&mut far, 1));
    assert_eq!(got, b"x");
    assert_eq!(bench.plan.reset_connections(PEER), 1, "the old one is gone");
}

/// Links of every kind.
fn any_faults() -> impl Strategy<Value = LinkFaults> {
    (
        0..200_u64,
        0..200_u64,
        0..=60_u8,
        0..200_000_u64,
        any::<bool>(),
    )
        .prop_map(|(delay, jitter, loss_percent, rate, thin)| LinkFaults {
            held: false,
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            loss_percent,
            bytes_per_second: NonZeroU64::new(rate).filter(|rate| thin && rate.get() > 1000),
        })
}

proptest! {
    /// Whatever is on, and whenever it changes, the bytes are those that were sent.
    #[test]
    fn no_byte_is_lost_doubled_or_moved(
        faults in proptest::collection::vec(any_faults(), 1..5),
        pieces in proptest::collection::vec(1..40_000_usize, 1..12),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let bench = Bench::new(seed);
            let (near, far) = bench.connect().await;
            let total: usize = pieces.iter().sum();
            let sent: Vec<u8> = (0..total).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect();
            let (mut near_in, mut near_out) = tokio::io::split(near);
            let (mut far_in, mut far_out) = tokio::io::split(far);
            let write = async {
                let mut at = 0;
                for piece in &pieces {
                    near_out.write_all(&sent[at..at + piece]).await.expect("open");
                    at += piece;
                }
                near_out.shutdown().await.expect("open");
            };
            let echo = async {
                tokio::io::copy(&mut far_in, &mut far_out).await.expect("open");
                far_out.shutdown().await.expect("open");
            };
            let mut got = Vec::new();
            let read = async { near_in.read_to_end(&mut got).await.expect("open") };
            let change = async {
                for some in &faults {
                    bench.set(&[Way::Out, Way::In], *some);
                    time::sleep(70 * MS).await;
                }
            };
            futures::join!(write, echo, read, change);
            prop_assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
            prop_assert_eq!(got.len(), total);
            Ok::<(), TestCaseError>(())
        })?;
    }
}
