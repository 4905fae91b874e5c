//! Two nodes on the loopback, everything real but the replicas: what is said and in which order.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ana_env::runtime::scope;
use ana_env::time;
use ana_types::names::{GroupId, NodeId};
use bytes::Bytes;
use openraft::errors::RPCError;
use openraft::raft::{
    AppendEntriesResponse, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, VoteRequest,
};
use openraft::{RaftNetworkFactory, RaftNetworkV2};

use super::fakes::{
    FakeReplica, GROUP, SECOND, append, heartbeat, leader_vote, log_id, option, pair, send_all,
    snapshot, to_two, until,
};
use crate::peer::limits::APPENDS_IN_FLIGHT_MAX;
use crate::types::TC;

#[tokio::test]
async fn every_message_comes_through() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;

        let request = VoteRequest::new(leader_vote(), Some(log_id(3)));
        let vote = network.vote(request.clone(), option()).await.expect("vote");
        assert_eq!(
            (vote.vote_granted, vote.last_log_id),
            (true, Some(log_id(41)))
        );
        let pre_vote = network.pre_vote(request, option()).await.expect("pre-vote");
        assert_eq!(
            (pre_vote.vote_granted, pre_vote.last_log_id),
            (false, Some(log_id(42)))
        );

        let beat = network
            .append_entries(heartbeat(), option())
            .await
            .expect("heartbeat");
        assert_eq!(beat, AppendEntriesResponse::Success);

        let request = TransferLeaderRequest::new(leader_vote(), 2, Some(log_id(8)));
        let handed = network
            .transfer_leader(request, option())
            .await
            .expect("transfer");
        let expected = TransferLeaderError::LogNotFlushed {
            expected: Some(log_id(8)),
            actual: None,
        };
        assert_eq!(handed, Err(expected));

        let sent = snapshot(100_000);
        let never = std::future::pending();
        let reply = network
            .full_snapshot(leader_vote(), sent.clone(), never, option())
            .await;
        assert_eq!(reply.expect("snapshot").vote, leader_vote());
        let installed = replica
            .snapshots
            .lock()
            .expect("no panic")
            .pop()
            .expect("one");
        assert_eq!(installed.meta, sent.meta);
        assert_eq!(installed.snapshot, sent.snapshot);

        let echoed = one
            .peers
            .call(NodeId(2), 1, Bytes::from_static(b"hi"), SECOND)
            .await;
        assert_eq!(echoed, Ok(Bytes::from_static(b"hi")));

        // Many at a time over one stream, each with its own answer; one that is not small goes the other way.
        let bodies = (0..300usize).map(|len| Bytes::from(vec![b'x'; len * len]));
        let calls = bodies.map(async |body| {
            let echoed = one.peers.call_small(NodeId(2), 1, body.clone(), SECOND);
            assert_eq!(echoed.await, Ok(body));
        });
        futures::future::join_all(calls).await;
    })
    .await;
}

#[tokio::test]
async fn heartbeats_go_by_the_control_stream_one_by_one() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, _two) = pair(&replica).await;
        // The replica answers no pipelined append, but heartbeats go another way.
        let mut beats = one.peers.network(GROUP).new_heartbeat_client(2, &()).await;
        let answers = send_all(&mut beats, vec![heartbeat(), heartbeat()]).await;
        assert!(
            answers.iter().all(|answer| matches!(answer, Ok(Ok(_)))),
            "{answers:?}"
        );
        assert_eq!(answers.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn pipelined_appends_stay_in_order() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let requests: Vec<_> = (1..=500).map(|index| append(index, 100)).collect();

        let answers =
            ana_env::runtime::spawn(async move { send_all(&mut network, requests).await });
        // Without an answer exactly the window arrives.
        until("the window is full", || {
            replica.seen().len() == APPENDS_IN_FLIGHT_MAX
        })
        .await;
        time::sleep(Duration::from_millis(50)).await;
        assert_eq!(replica.seen().len(), APPENDS_IN_FLIGHT_MAX);

        replica.permits.add_permits(1000);
        let answers = answers.await.expect("no panic");
        let matched: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect("sent").expect("matched"))
            .collect();
        let expected: Vec<_> = (1..=500).map(|index| Some(log_id(index))).collect();
        assert_eq!(matched, expected);
        assert_eq!(replica.seen(), (1..=500).collect::<Vec<_>>());
        assert!(replica.unanswered_max.load(Ordering::SeqCst) <= APPENDS_IN_FLIGHT_MAX);
    })
    .await;
}

#[tokio::test]
async fn bytes_in_flight_are_bounded() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        let requests: Vec<_> = (1..=8).map(|index| append(index, 3 << 20)).collect();
        let answers =
            ana_env::runtime::spawn(async move { send_all(&mut network, requests).await });
        // 3 + 3 + 3 MiB pass the bound of 8 MiB; a fourth would wait.
        until("three have come", || replica.seen().len() == 3).await;
        time::sleep(Duration::from_millis(50)).await;
        assert_eq!(replica.seen().len(), 3);
        replica.permits.add_permits(8);
        assert_eq!(answers.await.expect("no panic").len(), 8);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_ends_the_session_and_the_next_one_works() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, _two) = pair(&replica).await;
        let mut network = to_two(&one, GROUP).await;
        *replica.conflict_at.lock().expect("no panic") = Some(3);
        let answers = send_all(
            &mut network,
            (1..=20).map(|index| append(index, 10)).collect(),
        )
        .await;
        let results: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect("answered"))
            .collect();
        let expected = vec![
            Ok(Some(log_id(1))),
            Ok(Some(log_id(2))),
            Err(StreamAppendError::Conflict(log_id(2))),
        ];
        assert_eq!(results, expected);

        *replica.conflict_at.lock().expect("no panic") = None;
        let answers = send_all(
            &mut network,
            (3..=4).map(|index| append(index, 10)).collect(),
        )
        .await;
        let matched: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect("answered"))
            .collect();
        assert_eq!(matched, vec![Ok(Some(log_id(3))), Ok(Some(log_id(4)))]);
    })
    .await;
}

#[tokio::test]
async fn one_stuck_group_does_not_stop_another() {
    scope(1, async {
        let stuck = FakeReplica::holding();
        let (one, two) = pair(&stuck).await;
        let other = FakeReplica::answering();
        two.groups
            .replicas
            .lock()
            .expect("no panic")
            .insert(GroupId(8), other);
        let mut first = to_two(&one, GROUP).await;
        let requests: Vec<_> = (1..=100).map(|index| append(index, 1000)).collect();
        let stuck_answers =
            ana_env::runtime::spawn(async move { send_all(&mut first, requests).await });
        until("the window is full", || {
            stuck.seen().len() == APPENDS_IN_FLIGHT_MAX
        })
        .await;

        let mut second = to_two(&one, GroupId(8)).await;
        let requests = (1..=100).map(|index| append(index, 1000)).collect();
        let answers = time::timeout(4 * SECOND, send_all(&mut second, requests)).await;
        assert_eq!(answers.expect("not stuck").len(), 100);
        stuck_answers.abort();
    })
    .await;
}

#[tokio::test]
async fn an_unknown_group_is_refused_at_once() {
    scope(1, async {
        let (one, _two) = pair(&FakeReplica::answering()).await;
        let mut network = to_two(&one, GroupId(99)).await;
        let answers = time::timeout(4 * SECOND, send_all(&mut network, vec![append(1, 10)])).await;
        let answers = answers.expect("at once");
        assert!(refused(&answers, "GroupAbsent"), "{answers:?}");
        let request = VoteRequest::new(leader_vote(), None);
        let vote = time::timeout(4 * SECOND, network.vote(request, option()))
            .await
            .expect("at once");
        assert!(matches!(vote, Err(RPCError::Unreachable(_))), "{vote:?}");
    })
    .await;
}

fn refused(answers: &[Result<StreamAppendResult<TC>, RPCError<TC>>], reason: &str) -> bool {
    let [Err(RPCError::Unreachable(error))] = answers else {
        return false;
    };
    error.to_string().contains(reason)
}

#[tokio::test]
async fn a_full_log_takes_heartbeats_but_no_entries() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let (one, two) = pair(&replica).await;
        two.groups.full.store(true, Ordering::SeqCst);
        let mut network = to_two(&one, GROUP).await;
        let answers = send_all(&mut network, vec![append(1, 10)]).await;
        assert!(refused(&answers, "EntriesNotAdmitted"), "{answers:?}");
        let answers = send_all(&mut network, vec![heartbeat()]).await;
        assert!(matches!(answers[..], [Ok(Ok(None))]), "{answers:?}");
        let alone = network.append_entries(append(1, 10), option()).await;
        assert!(matches!(alone, Err(RPCError::Unreachable(_))), "{alone:?}");
        assert_eq!(
            replica.seen(),
            vec![0],
            "only the heartbeat reached the replica"
        );
    })
    .await;
}

#[tokio::test]
async fn a_node_just_started_does_not_vote() {
    scope(1, async {
        let (one, two) = pair(&FakeReplica::answering()).await;
        two.groups.silent.store(true, Ordering::SeqCst);
        let mut network = to_two(&one, GROUP).await;
        let request = VoteRequest::new(leader_vote(), None);
        for asked in [
            network.vote(request.clone(), option()).await,
            network.pre_vote(request.clone(), option()).await,
        ] {
            assert!(matches!(asked, Err(RPCError::Unreachable(_))), "{asked:?}");
        }
        two.groups.silent.store(false, Ordering::SeqCst);
        assert!(network.vote(request, option()).await.is_ok());
    })
    .await;
}
