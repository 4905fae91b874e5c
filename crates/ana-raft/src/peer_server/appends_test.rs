//! Sessions of one connection, fed by hand.

use std::sync::Arc;

use ana_env::runtime::scope;
use ana_proto::node::v1::frame::Body;
use ana_proto::node::v1::{Frame, RefusalReason};
use ana_proto::raft::v1 as wire;
use ana_types::names::GroupId;

use super::GroupLookup;
use super::appends::AppendSessions;
use super::fakes::{FakeGroups, FakeReplica, GROUP, append, until};
use crate::convert;
use crate::peer::limits::APPENDS_IN_FLIGHT_MAX;

fn message(index: u64, session: u64) -> wire::Append {
    convert::append_to_wire(&append(index, 10), session).expect("encodes")
}

fn groups(replica: &Arc<FakeReplica>) -> Arc<FakeGroups> {
    let groups = FakeGroups::default();
    groups
        .replicas
        .lock()
        .expect("no panic")
        .insert(GROUP, Arc::clone(replica));
    Arc::new(groups)
}

fn sessions(groups: &Arc<FakeGroups>) -> AppendSessions {
    AppendSessions::new(Arc::clone(groups) as Arc<dyn GroupLookup>)
}

fn refused(frames: Vec<Frame>) -> Vec<(u64, RefusalReason)> {
    let reason = |body| match body {
        Some(Body::Refusal(refusal)) => refusal.reason(),
        other => panic!("no refusal: {other:?}"),
    };
    frames
        .into_iter()
        .map(|frame| (frame.id, reason(frame.body)))
        .collect()
}

async fn settled(sessions: &mut AppendSessions) -> Vec<Frame> {
    let output = sessions.next().await.expect("an answer");
    sessions.settle(output)
}

#[tokio::test]
async fn after_a_conflict_the_same_session_is_refused_and_a_newer_one_begins() {
    scope(1, async {
        let replica = FakeReplica::answering();
        *replica.conflict_at.lock().expect("no panic") = Some(2);
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        for (id, index) in [(10, 1), (11, 2), (12, 3)] {
            assert!(sessions.take(GROUP, id, message(index, 5)).is_empty());
        }
        let first = settled(&mut sessions).await;
        assert!(matches!(
            first[..],
            [Frame {
                id: 10,
                body: Some(Body::AppendReply(_)),
                ..
            }]
        ));
        let mut second = settled(&mut sessions).await;
        let rest = second.split_off(1);
        assert!(matches!(
            second[..],
            [Frame {
                id: 11,
                body: Some(Body::AppendReply(_)),
                ..
            }]
        ));
        assert_eq!(refused(rest), [(12, RefusalReason::SessionClosed)]);

        // On its way when the session ended, or older still.
        for session in [5, 4] {
            let frames = sessions.take(GROUP, 13, message(4, session));
            assert_eq!(refused(frames), [(13, RefusalReason::SessionClosed)]);
        }
        assert!(sessions.take(GROUP, 14, message(3, 6)).is_empty());
        let answered = loop {
            let frames = settled(&mut sessions).await;
            if !frames.is_empty() {
                break frames;
            }
        };
        assert!(matches!(
            answered[..],
            [Frame {
                id: 14,
                body: Some(Body::AppendReply(_)),
                ..
            }]
        ));
    })
    .await;
}

#[tokio::test]
async fn a_newer_session_replaces_one_that_waits() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        assert!(sessions.take(GROUP, 1, message(1, 1)).is_empty());
        until("it has come", || replica.seen() == [1]).await;
        let frames = sessions.take(GROUP, 2, message(1, 2));
        assert_eq!(refused(frames), [(1, RefusalReason::SessionClosed)]);
        replica.permits.add_permits(10);
        // A late request of the first session leaves the second alone, as does its late answer.
        let frames = sessions.take(GROUP, 3, message(2, 1));
        assert_eq!(refused(frames), [(3, RefusalReason::SessionClosed)]);
        let mut answered = Vec::new();
        while answered.is_empty() {
            answered = settled(&mut sessions).await;
        }
        assert!(
            matches!(answered[..], [Frame { id: 2, .. }]),
            "{answered:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_sender_without_a_bound_is_refused() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        let taken = u64::try_from(APPENDS_IN_FLIGHT_MAX).expect("small");
        for index in 1..=taken {
            assert!(sessions.take(GROUP, index, message(index, 1)).is_empty());
        }
        let frames = refused(sessions.take(GROUP, 99, message(taken + 1, 1)));
        let (last, before) = frames.split_last().expect("refusals");
        assert_eq!(*last, (99, RefusalReason::Overloaded));
        let expected: Vec<_> = (1..=taken)
            .map(|id| (id, RefusalReason::SessionClosed))
            .collect();
        assert_eq!(before, expected);
    })
    .await;
}

#[tokio::test]
async fn bytes_held_for_one_group_are_bounded() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        let large = |index| convert::append_to_wire(&append(index, 8 << 20), 1).expect("encodes");
        for index in 1..=5 {
            assert!(sessions.take(GROUP, index, large(index)).is_empty());
        }
        let frames = refused(sessions.take(GROUP, 6, large(6)));
        assert_eq!(frames.last(), Some(&(6, RefusalReason::Overloaded)));
        assert_eq!(frames.len(), 6, "the session has ended");
    })
    .await;
}

#[tokio::test]
async fn a_group_that_leaves_ends_its_session() {
    scope(1, async {
        let replica = FakeReplica::holding();
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        assert!(sessions.take(GROUP, 1, message(1, 1)).is_empty());
        assert!(sessions.sweep().is_empty());
        groups.replicas.lock().expect("no panic").clear();
        assert_eq!(refused(sessions.sweep()), [(1, RefusalReason::GroupAbsent)]);
        let frames = sessions.take(GROUP, 2, message(1, 2));
        assert_eq!(refused(frames), [(2, RefusalReason::GroupAbsent)]);
        let frames = sessions.take(GroupId(1234), 3, message(1, 1));
        assert_eq!(refused(frames), [(3, RefusalReason::GroupAbsent)]);
    })
    .await;
}

#[tokio::test]
async fn nonsense_is_refused_and_never_reaches_the_replica() {
    scope(1, async {
        let replica = FakeReplica::answering();
        let groups = groups(&replica);
        let mut sessions = sessions(&groups);
        let mut broken = message(1, 1);
        broken.vote = None;
        let frames = sessions.take(GROUP, 1, broken);
        assert_eq!(refused(frames), [(1, RefusalReason::Malformed)]);
        // A session number below the first is no session.
        let frames = sessions.take(GROUP, 2, message(1, 0));
        assert_eq!(refused(frames), [(2, RefusalReason::SessionClosed)]);
        assert!(replica.seen().is_empty());
    })
    .await;
}
