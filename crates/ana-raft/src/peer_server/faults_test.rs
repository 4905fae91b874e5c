//! Two nodes on the loopback, everything real but the replicas: what is dead, slow, cut or too large.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ana_env::runtime::scope;
use ana_env::{Env, time};
use ana_proto::node::v1::Frame;
use ana_proto::node::v1::frame::Body;
use ana_proto::raft::v1 as wire;
use ana_types::names::NodeId;
use bytes::Bytes;
use futures::{StreamExt, stream};
use openraft::errors::{RPCError, StreamingError};
use openraft::raft::VoteRequest;
use openraft::{RaftNetworkFactory, RaftNetworkV2};

use super::fakes::{
    FakeReplica, GROUP, Node, SECOND, append, heartbeat, leader_vote, option, pair, send_all,
    snapshot, to_two, until,
};
use crate::peer::connection::Dialer;
use crate::peer::limits::{
    BULK_LIVENESS, CALL_BODY_BYTES_MAX, DIAL_PAUSE_MAX, FRAME_BYTES_MAX, SNAPSHOT_BYTES_MAX,
    append_pauses,
};
use crate::peer::link::Lane;
use crate::peers::{CallError, Peers, RemoteFault};
use crate::removals::Removals;

#[tokio::test]
async fn a_dead_peer_is_not_dialled_in_a_hot_loop() {
    scope(1, async {
        let one = Node::start(1, &FakeReplica::answering()).await;
        let two = Node::start(2, &FakeReplica::answering()).await;
        one.knows(&two);
        two.server.shutdown().await;
        let mut network = to_two(&one, GROUP).await;
        let end = time::now() + SECOND;
        let mut sessions = 0;
        // As openraft does after an error, but without its pauses.
        while time::now() < end {
            let answers = send_all(&mut network, vec![append(1, 10)]).await;
            assert!(
                matches!(answers[..], [Err(RPCError::Unreachable(_))]),
                "{answers:?}"
            );
            sessions += 1;
        }
        // 0, 50, 150, 350, 750, 1250 ms.
        assert!(
            (2..=7).contains(&sessions),
            "{sessions} sessions in a second"
        );
        assert!(one.net.dials() <= sessions, "{} dials", one.net.dials());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_dialled_before_there_is_something_to_send() {
    scope(1, async {
        let (one, _two) = pair(&FakeReplica::answering()).await;
        let mut network = to_two(&one, GROUP).await;
        let answers = network.stream_append(stream::pending(), option()).await;
        let mut answers = answers.expect("errors come as items");
        let nothing = time::timeout(Duration::from_millis(100), answers.next()).await;
        assert!(nothing.is_err());
        assert_eq!(one.net.dials(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_killed_connection_recovers() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let requests: Vec<_> = (1..=5).map(|index| append(index, 10)).collect();
        let mut lost_network = network.clone();
        let lost =
            ana_env::runtime::spawn(async move { send_all(&mut lost_network, requests).await });
        until("five have come", || replica.seen().len() == 5).await;
        one.net.cut();
        let answers = time::timeout(4 * SECOND, lost)
            .await
            .expect("noticed")
            .expect("no panic");
        assert!(
            matches!(answers[..], [Err(RPCError::Network(_))]),
            "{answers:?}"
        );

        replica.permits.add_permits(100);
        let again = (1..=5).map(|index| append(index, 10)).collect();
        let answers = time::timeout(4 * SECOND, send_all(&mut network, again))
            .await
            .expect("soon");
        let matched = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Ok(_))))
            .count();
        assert_eq!(matched, 5, "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn a_silent_connection_is_found_out() {
    scope(1, async {
        let (one, _two) = pair(&FakeReplica::answering()).await;
        let mut network = to_two(&one, GROUP).await;
        assert_eq!(send_all(&mut network, vec![append(1, 10)]).await.len(), 1);
        network
            .append_entries(heartbeat(), option())
            .await
            .expect("heartbeat");
        one.net.silence();
        let started = time::now();
        let beat = network.append_entries(heartbeat(), option()).await;
        assert!(beat.is_err(), "{beat:?}");
        let answers = send_all(&mut network, vec![append(2, 10)]).await;
        assert!(
            matches!(answers[..], [Err(RPCError::Network(_))]),
            "{answers:?}"
        );
        let bound = BULK_LIVENESS.ping_after + BULK_LIVENESS.answer_within + SECOND;
        assert!(started.elapsed() < bound, "{:?}", started.elapsed());
        // Both have found a new way.
        network
            .append_entries(heartbeat(), option())
            .await
            .expect("heartbeat");
        let answers = send_all(&mut network, vec![append(2, 10)]).await;
        assert!(matches!(answers[..], [Ok(Ok(_))]), "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn another_node_at_the_address_is_no_peer() {
    scope(1, async {
        let (one, two) = pair(&FakeReplica::answering()).await;
        one.peers.set(NodeId(3), two.server.local_addr());
        let mut network = one.peers.network(GROUP).new_client(3, &()).await;
        let vote = network
            .vote(VoteRequest::new(leader_vote(), None), option())
            .await;
        assert!(matches!(vote, Err(RPCError::Unreachable(_))), "{vote:?}");
        let called = one.peers.call(NodeId(3), 1, Bytes::new(), SECOND).await;
        assert_eq!(called, Err(CallError::Unreachable));
        assert_eq!(two.calls.taken.load(Ordering::SeqCst), 0);
    })
    .await;
}

/// A call of either way without a body.
async fn call(
    peers: &Peers,
    small: bool,
    node: u64,
    kind: u32,
    within: Duration,
) -> Result<Bytes, CallError> {
    if small {
        peers
            .call_small(NodeId(node), kind, Bytes::new(), within)
            .await
    } else {
        peers.call(NodeId(node), kind, Bytes::new(), within).await
    }
}

#[tokio::test]
async fn calls_say_whether_they_may_have_happened() {
    say_whether_they_may_have_happened(false).await;
}

#[tokio::test]
async fn small_calls_say_whether_they_may_have_happened() {
    say_whether_they_may_have_happened(true).await;
}

async fn say_whether_they_may_have_happened(small: bool) {
    scope(1, async {
        let (one, two) = pair(&FakeReplica::answering()).await;
        let call_two = |kind| call(&one.peers, small, 2, kind, SECOND);
        assert_eq!(call(&one.peers, small, 9, 1, SECOND).await, UNREACHABLE);
        let failed = RemoteFault::Failed {
            why: CallError::Unreachable.to_string(),
        };
        assert_eq!(call_two(1).await, Ok(Bytes::new()));
        assert_eq!(call_two(3).await, Err(CallError::Remote(failed)));
        assert_eq!(
            call_two(77).await,
            Err(CallError::Remote(RemoteFault::UnknownKind))
        );
        assert_eq!(call_two(4).await, Err(CallError::TimedOut));
        let started = time::now();
        assert_eq!(call_two(2).await, Err(CallError::TimedOut));
        assert!(started.elapsed() < 2 * SECOND);

        // Cut while the handler has it: nobody knows.
        let taken = two.calls.taken.load(Ordering::SeqCst);
        let peers = one.peers.clone();
        let under_way =
            ana_env::runtime::spawn(async move { call(&peers, small, 2, 2, 10 * SECOND).await });
        until("the handler has it", || {
            two.calls.taken.load(Ordering::SeqCst) > taken
        })
        .await;
        two.server.shutdown().await;
        let answer = time::timeout(5 * SECOND, under_way).await.expect("noticed");
        assert_eq!(answer.expect("no panic"), Err(CallError::TimedOut));
        assert_eq!(call_two(1).await, UNREACHABLE);
    })
    .await;
}

const UNREACHABLE: Result<Bytes, CallError> = Err(CallError::Unreachable);

#[tokio::test]
async fn a_restarted_peer_takes_calls_and_frames_again() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, two) = pair(&replica).await;
        let address = two.server.local_addr().to_owned();
        let mut network = to_two(&one, GROUP).await;
        assert_eq!(send_all(&mut network, vec![append(1, 10)]).await.len(), 1);
        for small in [false, true] {
            assert!(call(&one.peers, small, 2, 1, SECOND).await.is_ok());
        }
        two.server.shutdown().await;
        let _two = Node::start_at(2, &replica, &address).await;
        // The old connection died while idle: the call goes over a new one.
        for small in [false, true] {
            let called = call(&one.peers, small, 2, 1, SECOND).await;
            assert_eq!(called, Ok(Bytes::new()), "{small}");
        }
        let again = time::timeout(2 * SECOND, async {
            loop {
                let answers = send_all(&mut network, vec![append(2, 10)]).await;
                if matches!(answers[..], [Ok(Ok(_))]) {
                    break;
                }
            }
        });
        assert!(again.await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn oversize_messages_are_refused_where_they_begin() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, _two) = pair(&replica).await;
        let body = Bytes::from(vec![0; CALL_BODY_BYTES_MAX + 1]);
        let called = one.peers.call(NodeId(2), 1, body, SECOND).await;
        assert_eq!(called, Err(CallError::Remote(RemoteFault::TooLarge)));

        let mut network = to_two(&one, GROUP).await;
        let never = std::future::pending();
        let sent = snapshot(SNAPSHOT_BYTES_MAX + 1);
        let reply = network
            .full_snapshot(leader_vote(), sent, never, option())
            .await;
        assert!(
            matches!(reply, Err(StreamingError::Unreachable(_))),
            "{reply:?}"
        );
        let answers = send_all(&mut network, vec![append(1, FRAME_BYTES_MAX)]).await;
        assert!(
            matches!(answers[..], [Err(RPCError::Unreachable(_))]),
            "{answers:?}"
        );
        assert!(replica.seen().is_empty());

        // The largest that is allowed comes through.
        let never = std::future::pending();
        let sent = snapshot(SNAPSHOT_BYTES_MAX);
        let reply = network
            .full_snapshot(leader_vote(), sent, never, option())
            .await;
        assert!(reply.is_ok(), "{reply:?}");
    })
    .await;
}

#[tokio::test]
async fn an_oversize_frame_ends_its_stream_at_the_receiver() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, two) = pair(&replica).await;
        let dialer = Dialer {
            env: Env {
                net: Arc::clone(&one.net) as _,
                ..Env::real()
            },
            this: NodeId(1),
            peer: NodeId(2),
            address: two.server.local_addr().into(),
            removals: Removals::default(),
        };
        let connection = dialer.connect(BULK_LIVENESS).await.expect("reached");
        let mut client = connection.client().max_encoding_message_size(usize::MAX);
        let data = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
        let message = wire::Snapshot {
            data,
            ..wire::Snapshot::default()
        };
        let frame = Frame {
            group: GROUP.0,
            id: 1,
            body: Some(Body::Snapshot(message)),
        };
        let frames = stream::iter([frame]).chain(stream::pending());
        let mut answers = client
            .bulk(dialer.request(frames))
            .await
            .expect("open")
            .into_inner();
        let ended = time::timeout(5 * SECOND, answers.message())
            .await
            .expect("ended");
        assert!(!matches!(ended, Ok(Some(_))), "{ended:?}");
        assert!(replica.snapshots.lock().expect("no panic").is_empty());
    })
    .await;
}

#[tokio::test]
async fn shutdown_leaves_no_task_and_cancels_waits() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let waiting = ana_env::runtime::spawn(async move {
            send_all(&mut network, vec![append(1, 10), append(2, 10)]).await
        });
        until("both have come", || replica.seen().len() == 2).await;
        one.peers.shutdown().await;
        let answers = time::timeout(4 * SECOND, waiting)
            .await
            .expect("noticed")
            .expect("no panic");
        assert!(matches!(answers[..], [Err(_)]), "{answers:?}");
        assert!(one.peers.addresses().is_empty());
        assert_eq!(
            one.peers.call(NodeId(2), 1, Bytes::new(), SECOND).await,
            UNREACHABLE
        );
        two.server.shutdown().await;
        one.server.shutdown().await;
    })
    .await;
}

#[test]
fn pauses_between_dials_end_at_their_bound() {
    let pauses: Vec<_> = append_pauses().take(6).collect();
    assert!(
        pauses.is_sorted() && pauses.last() == Some(&DIAL_PAUSE_MAX),
        "{pauses:?}"
    );
}

#[tokio::test]
async fn an_answer_nobody_waits_for_leaves_nothing_behind() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let waiting = send_all(&mut network, vec![append(1, 10), append(2, 10)]);
        let given_up = time::timeout(Duration::from_millis(300), waiting).await;
        assert!(given_up.is_err());
        let peer = one.peers.peer(NodeId(2)).expect("known");
        let link = peer
            .open(Lane::Bulk, time::now() + SECOND)
            .await
            .expect("open");
        assert_eq!(format!("{link:?}"), "OpenLink { waiting: 0 }");
    })
    .await;
}

#[tokio::test]
async fn a_removed_node_is_refused_and_told() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let ballot = VoteRequest::new(leader_vote(), None);
        network.vote(ballot.clone(), option()).await.expect("asked");
        let echo = Bytes::from_static(b"x");
        let call = async || one.peers.call(NodeId(2), 1, echo.clone(), SECOND).await;
        call().await.expect("echoed");
        let told = std::pin::pin!(one.peers.until_removed());
        let mut told = futures::FutureExt::fuse(told);

        two.groups.removed.lock().expect("no panic").push(NodeId(1));
        // The streams that are open count for nothing.
        for _ in 0..3 {
            let refused = network.vote(ballot.clone(), option()).await;
            refused.expect_err("refused");
            let refused = network.pre_vote(ballot.clone(), option()).await;
            refused.expect_err("refused");
            let refused = network.append_entries(heartbeat(), option()).await;
            refused.expect_err("refused");
        }
        assert_eq!(
            call().await,
            Err(CallError::Unreachable),
            "nobody has seen it"
        );
        let by = time::timeout(SECOND, &mut told).await;
        assert_eq!(by.ok(), Some(NodeId(2)), "it knows by now");
        assert_eq!(two.calls.taken.load(Ordering::SeqCst), 1, "only the first");
    })
    .await;
}

#[tokio::test]
async fn a_removed_node_is_not_dialled_again() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, two) = pair(&replica).await;
        assert!(one.peers.refuse(NodeId(2)), "news");
        assert!(!one.peers.refuse(NodeId(2)), "none any more");
        assert!(one.peers.is_removed(NodeId(2)));
        one.peers.remove(NodeId(2));
        one.peers.set(NodeId(2), two.server.local_addr());
        assert_eq!(one.peers.addresses(), []);
    })
    .await;
}
