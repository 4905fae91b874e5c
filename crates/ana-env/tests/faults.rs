//! Faults come and go while connections and files are open.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_env::faults::{self, ClockFaults, DiskFaults, Drift, FaultPlan, LinkFaults, Way};
use ana_env::memory::{MemoryDisk, MemoryDiskOptions, SeededRng, TokioClock};
use ana_env::real::RealNet;
use ana_env::{Env, Open, Stream, time};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SHORT: Duration = Duration::from_millis(50);

fn env(plan: &FaultPlan) -> Env {
    let inner = Env {
        clock: Arc::new(TokioClock::new(1_000_000)),
        disk: Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default())),
        net: Arc::new(RealNet),
        rng: Arc::new(SeededRng::new(1)),
    };
    faults::wrap(&inner, plan)
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_offset() {
    let plan = FaultPlan::new();
    let env = env(&plan);
    assert_eq!(env.clock.now_ms(), 1_000_000);
    plan.set_clock_offset_ms(-400_000);
    assert_eq!(env.clock.now_ms(), 600_000);
    plan.set_clock_offset_ms(-2_000_000);
    assert_eq!(env.clock.now_ms(), 0);
    plan.clear();
    assert_eq!(env.clock.now_ms(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn the_clock_runs_wrong_from_when_it_was_right() {
    let plan = FaultPlan::new();
    let env = env(&plan);
    time::sleep(Duration::from_secs(100)).await;
    let begun = env.clock.now_ms();
    let (fast, slow) = (100_000, -500);
    let since = time::now();
    let drift = |ppm| Drift { since, ppm };
    plan.set_clock(ClockFaults {
        offset_ms: 0,
        drifts: vec![drift(fast)],
    });
    assert_eq!(env.clock.now_ms(), begun, "right when it begins");
    time::sleep(Duration::from_secs(10)).await;
    assert_eq!(env.clock.now_ms(), begun + 11_000);
    plan.set_clock(ClockFaults {
        offset_ms: 5000,
        drifts: vec![drift(slow)],
    });
    assert_eq!(env.clock.now_ms(), begun + 10_000 + 5000 - 5);
    assert_eq!(env.clock.elapsed(), Duration::from_secs(110));
    plan.clear();
    assert_eq!(env.clock.now_ms(), begun + 10_000, "right again");
}

#[tokio::test(start_paused = true)]
async fn the_disk_is_slow_full_and_broken() {
    let plan = FaultPlan::new();
    let disk = env(&plan).disk;
    let root = Path::new("/");
    let file = disk
        .open(Path::new("/f"), Open::CREATE)
        .await
        .expect("created");
    let data = || vec![Bytes::from_static(b"data")];
    file.write_sync_at(0, data()).await.expect("no fault yet");

    plan.set_disk(DiskFaults {
        sync_delay: Duration::from_secs(2),
        write_delay: Duration::from_secs(1),
        read_delay: Duration::from_secs(3),
        ..Default::default()
    });
    let before = time::now();
    file.sync().await.expect("slow");
    assert_eq!(before.elapsed().as_secs(), 2);
    file.write_at(0, data()).await.expect("slow");
    assert_eq!(before.elapsed().as_secs(), 3);
    file.write_sync_at(0, data()).await.expect("slow");
    assert_eq!(before.elapsed().as_secs(), 5);
    file.read_at(0, 1).await.expect("slow");
    assert_eq!(before.elapsed().as_secs(), 8);

    plan.set_disk(DiskFaults {
        full: true,
        ..Default::default()
    });
    file.write_at(0, data()).await.expect("within the file");
    let error = file.write_at(1, data()).await.expect_err("beyond the file");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(
        file.allocate(9).await.expect_err("full").kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(disk.space(root).await.expect("space").free_bytes, 0);
    disk.open(Path::new("/f"), Open::CREATE)
        .await
        .expect("there already");
    let error = disk
        .open(Path::new("/g"), Open::CREATE)
        .await
        .expect_err("new");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    disk.create_dir_all(root).await.expect("there already");
    disk.create_dir_all(Path::new("/d")).await.expect_err("new");

    plan.set_disk(DiskFaults {
        fail_syncs_percent: 100,
        fail_reads: true,
        ..Default::default()
    });
    file.sync().await.expect_err("fault");
    file.write_sync_at(0, data()).await.expect_err("fault");
    disk.sync_dir(root).await.expect_err("fault");
    file.read_at(0, 1).await.expect_err("fault");

    plan.set_disk(DiskFaults {
        fail_syncs_percent: 30,
        ..Default::default()
    });
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(file.sync().await.is_err());
    }
    assert!((30..90).contains(&failed), "{failed} of 200 are no third");

    plan.clear();
    file.write_sync_at(1, data()).await.expect("healed");
    assert_eq!(file.read_at(0, 5).await.expect("healed"), "ddata");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slow_disk_goes_on_when_it_is_healed() {
    let plan = FaultPlan::new();
    let disk = env(&plan).disk;
    let file = disk.open(Path::new("/f"), Open::CREATE).await;
    let file = file.expect("created");
    plan.set_disk(DiskFaults {
        sync_delay: Duration::from_secs(60),
        ..Default::default()
    });
    let before = time::now();
    let heal = async {
        time::sleep(Duration::from_secs(1)).await;
        plan.clear();
    };
    let (synced, ()) = futures::join!(file.sync(), heal);
    synced.expect("healed");
    // tokio's timers may be some milliseconds late; the delay itself would be a minute.
    assert!(time::now() - before < Duration::from_secs(2));
}

/// A connection between two nodes over real sockets: the dialler's end, then the other's.
async fn connect(dialler: &Env, other: &Env) -> (Stream, Stream, String) {
    let mut listener = other.net.listen("127.0.0.1:0").await.expect("listens");
    let addr = listener.local_addr();
    let (dialled, accepted) = futures::join!(dialler.net.connect(&addr), listener.accept());
    (
        dialled.expect("connected"),
        accepted.expect("accepted").0,
        addr,
    )
}

async fn passes(from: &mut Stream, to: &mut Stream) -> bool {
    let exchange = async {
        from.write_all(b"x").await.expect("open");
        from.flush().await.expect("open");
        to.read_u8().await.expect("open")
    };
    time::timeout(SHORT, exchange).await == Ok(b'x')
}

#[tokio::test]
async fn links_are_cut_one_way_and_healed() {
    let (plan_a, plan_b) = (FaultPlan::new(), FaultPlan::new());
    let (a, b) = (env(&plan_a), env(&plan_b));
    let (mut at_a, mut at_b, addr_b) = connect(&a, &b).await;
    assert!(passes(&mut at_a, &mut at_b).await && passes(&mut at_b, &mut at_a).await);

    plan_a.hold_outbound(&addr_b);
    assert!(!passes(&mut at_a, &mut at_b).await);
    assert!(passes(&mut at_b, &mut at_a).await);
    time::timeout(SHORT, a.net.connect(&addr_b))
        .await
        .map(drop)
        .expect_err("no handshake");

    plan_a.release(&addr_b);
    plan_a.hold_inbound(&addr_b);
    assert!(passes(&mut at_a, &mut at_b).await);
    assert!(!passes(&mut at_b, &mut at_a).await);
    plan_a.clear();
    assert_eq!(at_a.read_u8().await.expect("held, not lost"), b'x');

    let held = LinkFaults {
        held: true,
        ..LinkFaults::default()
    };
    let both = [Way::Out, Way::In].map(|way| ((addr_b.clone(), way), held));
    plan_a.set_links(&both.into());
    assert!(!passes(&mut at_a, &mut at_b).await && !passes(&mut at_b, &mut at_a).await);
    plan_a.set_links(&BTreeMap::new());
    assert_eq!(at_a.read_u8().await.expect("held, not lost"), b'x');
    assert!(passes(&mut at_a, &mut at_b).await && passes(&mut at_b, &mut at_a).await);

    // The accepting side knows its peer by host.
    plan_b.hold_outbound("127.0.0.1");
    assert!(!passes(&mut at_b, &mut at_a).await);
    assert!(passes(&mut at_a, &mut at_b).await);
}

#[tokio::test]
async fn who_waits_is_woken_by_the_release() {
    let plan = FaultPlan::new();
    let (a, b) = (env(&plan), env(&FaultPlan::new()));
    let (mut at_a, mut at_b, addr_b) = connect(&a, &b).await;
    plan.hold_outbound(&addr_b);
    let write = async {
        at_a.write_all(b"late").await.expect("open");
    };
    let heal = async {
        time::sleep(SHORT).await;
        plan.release(&addr_b);
    };
    futures::join!(write, heal);
    let mut text = [0; 4];
    at_b.read_exact(&mut text).await.expect("delivered");
    assert_eq!(&text, b"late");
}
