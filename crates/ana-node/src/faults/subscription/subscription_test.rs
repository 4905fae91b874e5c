//! Sessions end when a fault says so, and only those that it is meant for. Time is virtual.

use std::sync::Arc;

use ana_env::faults::FaultPlan;
use ana_env::memory::SeededRng;
use ana_env::runtime::{self, Tasks};

use super::super::effect::{ApiEffect, Effect, FaultId};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn board() -> Board {
    Board::new(FaultPlan::new(), Arc::new(SeededRng::new(5)))
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).expect("a name")
}

fn drop_sessions(after: Duration, percent: u8) -> Effect {
    Effect::Api(ApiEffect {
        action: ApiAction::DropSubscription { after },
        stream: Some(name("orders")),
        operation: None,
        percent,
    })
}

/// A session on `stream` with an event each second.
fn session(board: &Board, stream: &str) -> Events {
    let ticks = stream::unfold((), |()| async {
        time::sleep(SECOND).await;
        let event = SubscribeToShardEvent {
            records: Vec::new(),
            continuation: None,
            millis_behind_latest: 0,
            child_shards: Vec::new(),
        };
        Some((Ok(event), ()))
    });
    watched(Box::pin(ticks), board.clone(), Some(name(stream)))
}

/// How many events come in ten seconds, and when the session ends within them.
async fn read(mut events: Events) -> (usize, Option<Duration>) {
    let begun = time::now();
    let mut count = 0;
    loop {
        match time::timeout_at(begun + SECOND * 10, events.next()).await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Some(begun.elapsed())),
            Err(_elapsed) => return (count, None),
        }
    }
}

/// Reads a session on `stream`, with `work` done beside it and the board kept.
async fn read_beside(
    board: &Board,
    stream: &str,
    work: impl Future<Output = ()>,
) -> (usize, Option<Duration>) {
    let keeper = board.clone().keep();
    runtime::scope(1, async {
        let tasks = Tasks::new();
        tasks.spawn(keeper);
        let (read, ()) = futures::join!(read(session(board, stream)), work);
        tasks.shutdown().await;
        read
    })
    .await
}

async fn put_at(board: &Board, at: Duration, effect: Effect, lease: Duration) {
    time::sleep(at).await;
    let id = FaultId::new("a").expect("an id");
    board.put(id, effect, lease).expect("room");
}

#[tokio::test(start_paused = true)]
async fn a_running_session_is_dropped_at_once() {
    let board = board();
    let fault = drop_sessions(Duration::ZERO, 100);
    let work = put_at(&board, SECOND * 7 / 2, fault, SECOND);
    let (count, ended) = read_beside(&board, "orders", work).await;
    assert_eq!((count, ended), (3, Some(SECOND * 7 / 2)));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_dropped_at_an_age() {
    let board = board();
    let fault = drop_sessions(SECOND * 5 / 2, 100);
    let work = put_at(&board, Duration::from_millis(10), fault, SECOND * 60);
    let (count, ended) = read_beside(&board, "orders", work).await;
    assert_eq!((count, ended), (2, Some(SECOND * 5 / 2)));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_ends_before_that_age_drops_nothing() {
    let board = board();
    let fault = drop_sessions(SECOND * 5, 100);
    let work = put_at(&board, SECOND / 2, fault, SECOND * 3);
    let (count, ended) = read_beside(&board, "orders", work).await;
    assert_eq!(ended, None);
    assert!(count >= 9, "{count}");
}

#[tokio::test(start_paused = true)]
async fn another_streams_sessions_go_on() {
    let board = board();
    let fault = drop_sessions(Duration::ZERO, 100);
    let work = put_at(&board, SECOND, fault, SECOND * 60);
    let (_, ended) = read_beside(&board, "other", work).await;
    assert_eq!(ended, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_drawn_once_however_many_events_it_has() {
    let board = board();
    let fault = drop_sessions(Duration::ZERO, 50);
    put_at(&board, Duration::ZERO, fault, SECOND * 60).await;
    let reads = (0..100).map(|_| read(session(&board, "orders")));
    let ended = futures::future::join_all(reads).await;
    let dropped = ended.iter().filter(|(_, ended)| ended.is_some()).count();
    // Were each event drawn for, all would be gone after ten of them.
    assert!((30..70).contains(&dropped), "{dropped}");
}
