//! Leases end by themselves, faults add up, and the end of one leaves the others alone. Time is virtual.

use ana_env::faults::FaultNet;
use ana_env::memory::SeededRng;
use ana_env::runtime::{self, Tasks};
use ana_types::NodeId;

use super::super::effect::ApiAction;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn board() -> (Board, FaultPlan) {
    let plan = FaultPlan::new();
    let board = Board::new(plan.clone(), Arc::new(SeededRng::new(7)));
    (board, plan)
}

fn id(text: &str) -> FaultId {
    FaultId::new(text).expect("an id")
}

fn slow(ms: u64) -> Effect {
    let delay = Duration::from_millis(ms);
    Effect::Disk(DiskEffect::Slow {
        write: delay,
        fsync: delay,
        read: Duration::ZERO,
    })
}

fn throttle(percent: u8) -> Effect {
    Effect::Api(ApiEffect {
        action: ApiAction::Throttle,
        stream: None,
        operation: None,
        percent,
    })
}

/// Runs `work` beside the keeper of `board`, as a node does.
async fn kept<T>(board: &Board, work: impl Future<Output = T>) -> T {
    let keeper = board.clone().keep();
    runtime::scope(1, async {
        let tasks = Tasks::new();
        tasks.spawn(keeper);
        let done = work.await;
        tasks.shutdown().await;
        done
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_by_itself() {
    let (board, plan) = board();
    kept(&board, async {
        board.put(id("a"), slow(200), SECOND * 10).expect("room");
        time::sleep(SECOND * 9).await;
        assert_eq!(plan.disk().sync_delay, Duration::from_millis(200));
        // Nobody asks the board: the keeper alone heals the disk.
        time::sleep(SECOND + Duration::from_millis(10)).await;
        assert_eq!(plan.disk(), DiskFaults::default());
        assert!(board.list().is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_renewed_by_asking_again() {
    let (board, plan) = board();
    kept(&board, async {
        let first = board.put(id("a"), slow(200), SECOND).expect("room");
        time::sleep(SECOND / 2).await;
        let again = board.put(id("a"), slow(200), SECOND).expect("room");
        assert_eq!(again.serial, first.serial);
        time::sleep(SECOND * 3 / 4).await;
        assert_eq!(board.list(), [again]);
        let other = board.put(id("a"), slow(300), SECOND).expect("room");
        assert_ne!(other.serial, first.serial, "another fault under its name");
        assert_eq!(plan.disk().sync_delay, Duration::from_millis(300));
        time::sleep(SECOND * 2).await;
        assert_eq!(plan.disk(), DiskFaults::default());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_fault_is_not_the_end_of_another() {
    let (board, plan) = board();
    kept(&board, async {
        board.put(id("slow"), slow(100), SECOND).expect("room");
        board
            .put(id("slower"), slow(300), SECOND * 5)
            .expect("room");
        let full = Effect::Disk(DiskEffect::Full);
        board.put(id("full"), full, SECOND * 9).expect("room");
        for (name, offset_ms) in [("ahead", 5000), ("behind", -2000)] {
            let jump = Effect::ClockJump { offset_ms };
            board.put(id(name), jump, SECOND * 9).expect("room");
        }
        time::sleep(SECOND * 2).await;
        assert_eq!(plan.disk().sync_delay, Duration::from_millis(300));
        assert_eq!(plan.clock_offset_ms(), 3000);
        assert!(board.stop(&id("slower")) && !board.stop(&id("slower")));
        assert!(plan.disk().full && plan.disk().sync_delay.is_zero());
        assert!(board.stop(&id("ahead")));
        assert_eq!(plan.clock_offset_ms(), -2000);
        assert_eq!(board.stop_all(), [id("behind"), id("full")]);
        assert_eq!(plan.clock_offset_ms(), 0);
        assert_eq!(plan.disk(), DiskFaults::default());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_drifts_from_when_it_was_asked_to_and_a_renewal_is_no_new_beginning() {
    let (board, plan) = board();
    let drift = |ppm| Effect::ClockDrift { ppm };
    board
        .put(id("fast"), drift(100_000), SECOND * 20)
        .expect("room");
    time::sleep(SECOND * 10).await;
    assert_eq!(plan.clock_offset_ms(), 1000);
    board
        .put(id("fast"), drift(100_000), SECOND * 20)
        .expect("room");
    board
        .put(id("slow"), drift(-50_000), SECOND * 20)
        .expect("room");
    time::sleep(SECOND * 10).await;
    assert_eq!(plan.clock_offset_ms(), 2000 - 500);
    board.stop(&id("fast"));
    assert_eq!(plan.clock_offset_ms(), -500);
    board.stop_all();
    assert_eq!(plan.clock_offset_ms(), 0);
}

#[tokio::test(start_paused = true)]
async fn links_are_held_the_way_they_were_asked_for() {
    let (board, plan) = board();
    let cut = |node: u64, way| {
        Effect::Link(LinkEffect {
            action: LinkAction::Cut,
            node: NodeId(node),
            address: format!("h:{node}"),
            way,
        })
    };
    board.put(id("x"), cut(2, Way::Out), SECOND).expect("room");
    board.put(id("y"), cut(2, Way::Both), SECOND).expect("room");
    board.put(id("z"), cut(3, Way::In), SECOND).expect("room");
    let held = format!("{plan:?}");
    for expected in ["(\"h:2\", Out, ", "(\"h:2\", In, ", "(\"h:3\", In, "] {
        assert!(held.contains(expected), "{held}");
    }
    assert!(!held.contains("(\"h:3\", Out, "), "{held}");
    board.stop(&id("y"));
    let held = format!("{plan:?}");
    assert!(held.contains("(\"h:2\", Out, "), "x still holds it: {held}");
    assert!(!held.contains("(\"h:2\", In, "), "{held}");
}

#[tokio::test(start_paused = true)]
async fn the_worst_of_several_faults_of_a_link_counts() {
    let (board, plan) = board();
    let put = |name: &str, way, action| {
        let link = LinkEffect {
            action,
            node: NodeId(2),
            address: "h:2".to_owned(),
            way,
        };
        board
            .put(id(name), Effect::Link(link), SECOND)
            .expect("room");
    };
    let delay = |delay: u32, jitter: u32| LinkAction::Delay {
        delay: SECOND * delay,
        jitter: SECOND * jitter,
    };
    let thin = |rate| LinkAction::Thin {
        bytes_per_second: std::num::NonZeroU64::new(rate).expect("not 0"),
    };
    put("a", Way::Both, delay(2, 0));
    put("b", Way::Out, delay(1, 3));
    put("c", Way::Out, LinkAction::Loss { percent: 5 });
    put("d", Way::In, thin(100));
    put("e", Way::In, thin(50));
    let now = format!("{plan:?}");
    let out = "Out, LinkFaults { held: false, delay: 2s, jitter: 3s, loss_percent: 5, bytes_per_second: None }";
    let into = "In, LinkFaults { held: false, delay: 2s, jitter: 0ns, loss_percent: 0, bytes_per_second: Some(50) }";
    assert!(now.contains(out) && now.contains(into), "{now}");
    board.stop_all();
    assert!(format!("{plan:?}").contains("links: []"));
}

/// A reset without a period is done when it is asked for, and is nothing that is on; with one it goes on, also for
/// connections that are made later, and ends with its lease.
#[tokio::test]
async fn connections_are_reset_once_or_again_and_again() {
    use ana_env::Net as _;
    use tokio::io::AsyncReadExt as _;
    let (board, plan) = board();
    let real = Arc::new(ana_env::real::RealNet);
    let net = FaultNet::new(real, plan, Arc::new(SeededRng::new(1)));
    // Whoever connects here is never written to: only a reset ends a read.
    let listener = net.listen("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr();
    let reset = |every| {
        Effect::Link(LinkEffect {
            action: LinkAction::Reset { every },
            node: NodeId(2),
            address: address.clone(),
            way: Way::Both,
        })
    };
    kept(&board, async {
        let mut near = net.connect(&address).await.expect("connected");
        board.put(id("once"), reset(None), SECOND).expect("room");
        assert!(near.read_u8().await.is_err(), "not reset");
        assert!(board.list().is_empty());
        let every = Some(Duration::from_millis(20));
        board.put(id("often"), reset(every), SECOND).expect("room");
        let mut broken = 0;
        while !board.list().is_empty() {
            let mut near = net.connect(&address).await.expect("connected");
            let read = time::timeout(SECOND, near.read_u8()).await;
            broken += u32::from(matches!(read, Ok(Err(_))));
        }
        assert!(broken >= 5, "{broken}");
        let mut near = net.connect(&address).await.expect("connected");
        let read = time::timeout(SECOND / 10, near.read_u8()).await;
        assert!(read.is_err(), "its lease is over: {read:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_api_are_not_seen_after_their_lease_whoever_keeps_them() {
    let (board, _plan) = board();
    let put = Operation::PutRecord;
    assert!(board.on_operation(put).is_empty());
    let fault = board.put(id("a"), throttle(50), SECOND).expect("room");
    assert_eq!(board.on_operation(put).len(), 1);
    assert!(board.on_operation(Operation::ListShards).is_empty());
    assert!(board.is_on(fault.serial));
    time::sleep(SECOND).await;
    assert!(board.on_operation(put).is_empty());
    assert!(!board.is_on(fault.serial));
}

#[tokio::test(start_paused = true)]
async fn whom_a_fault_holds_up_goes_on_when_it_is_over() {
    let (board, _plan) = board();
    kept(&board, async {
        let fault = board.put(id("a"), throttle(1), SECOND * 5).expect("room");
        let begun = time::now();
        board.hold_up(fault.serial, SECOND * 2).await;
        assert_eq!(time::now() - begun, SECOND * 2);
        board.hold_up(fault.serial, SECOND * 60).await;
        let waited = time::now() - begun;
        assert!(waited < SECOND * 5 + SECOND / 10, "{waited:?}");
        assert!(waited >= SECOND * 5, "{waited:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_number_of_faults_is_bounded() {
    let (board, _plan) = board();
    for number in 0..FAULTS_MAX {
        let name = id(&format!("f{number}"));
        board.put(name, throttle(1), SECOND).expect("room");
    }
    let put = |name: &str| board.put(id(name), throttle(1), SECOND);
    assert_eq!(put("one-more"), Err(TooManyFaults));
    assert!(put("f0").is_ok(), "a renewal needs no room");
    time::sleep(SECOND).await;
    assert!(put("one-more").is_ok(), "what is overdue takes no room");
}

#[tokio::test]
async fn a_percentage_is_a_percentage() {
    let (board, _plan) = board();
    let hits = |percent| (0..10_000).filter(|_| board.draw(percent)).count();
    assert_eq!(hits(100), 10_000);
    assert!((4700..5300).contains(&hits(50)), "{}", hits(50));
    assert!((50..170).contains(&hits(1)), "{}", hits(1));
}
