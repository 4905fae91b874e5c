//! There and back again, through the encoded bytes.

use std::collections::BTreeSet;

use bytes::Bytes;
use openraft::EntryPayload;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::entry::{Batch, Proposal};

fn ids() -> impl Strategy<Value = LogId> {
    (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(term, node_id, index)| LogId {
        leader_id: LeaderId { term, node_id },
        index,
    })
}

fn votes() -> impl Strategy<Value = Vote> {
    (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(term, node_id, committed)| Vote {
        leader_id: LeaderId { term, node_id },
        committed,
    })
}

fn batches() -> impl Strategy<Value = Batch> {
    let lens = proptest::collection::vec((any::<u32>(), 0_u32..50, any::<u64>()), 0..5);
    lens.prop_map(|parts| {
        let mut offset = 0;
        let mut marks = Vec::new();
        for (key, len, time_ms) in parts {
            marks.push(Mark {
                key,
                count: 1,
                offset,
                len,
                time_ms,
            });
            offset += len;
        }
        let len = usize::try_from(offset).expect("small");
        Batch {
            marks: marks.into(),
            body: Bytes::from(vec![9; len]),
        }
    })
}

fn payloads() -> impl Strategy<Value = EntryPayload<Proposal, u64, ()>> {
    prop_oneof![
        Just(EntryPayload::Blank),
        batches().prop_map(|batch| EntryPayload::Normal(Proposal::Batch(batch))),
        any::<Vec<u8>>().prop_map(|b| EntryPayload::Normal(Proposal::Command(Bytes::from(b)))),
        any::<u64>().prop_map(|time_ms| EntryPayload::Normal(Proposal::Point { time_ms })),
        any::<u64>().prop_map(|upto| EntryPayload::Normal(Proposal::Trim { upto })),
        proptest::collection::btree_set(any::<u64>(), 1..4).prop_map(|voters| {
            EntryPayload::Membership(Membership::new_with_defaults(vec![voters], [1, 2]))
        }),
    ]
}

proptest! {
    #[test]
    fn appends(
        vote in votes(),
        prev in proptest::option::of(ids()),
        commit in proptest::option::of(ids()),
        entries in proptest::collection::vec((ids(), payloads()), 0..4),
        session in any::<u64>(),
    ) {
        let entries: Vec<_> =
            entries.into_iter().map(|(log_id, payload)| Entry { log_id, payload }).collect();
        let request =
            AppendEntriesRequest { vote, prev_log_id: prev, entries, leader_commit: commit };
        let bytes = append_to_wire(&request, session).expect("encodes").encode_to_vec();
        let message = wire::Append::decode(Bytes::from(bytes)).expect("decodes");
        prop_assert_eq!(message.session, session);
        let back = append_from_wire(message).expect("means something");
        prop_assert_eq!(back.vote, request.vote);
        prop_assert_eq!(back.prev_log_id, request.prev_log_id);
        prop_assert_eq!(back.leader_commit, request.leader_commit);
        prop_assert_eq!(back.entries, request.entries);
    }

    #[test]
    fn answers(vote in votes(), id in proptest::option::of(ids()), at in ids(), granted: bool) {
        for result in [
            Ok(id),
            Err(StreamAppendError::Conflict(at)),
            Err(StreamAppendError::HigherVote(vote)),
        ] {
            let back = append_result_from_wire(append_result_to_wire(&result)).expect("whole");
            prop_assert_eq!(back, result);
        }
        let reply = VoteResponse::new(vote, id, granted);
        prop_assert_eq!(ballot_reply_from_wire(ballot_reply_to_wire(&reply)).expect("whole"), reply);
        let mut request = VoteRequest::new(vote, id);
        request.leadership_transfer = granted;
        prop_assert_eq!(ballot_from_wire(ballot_to_wire(&request)).expect("whole"), request);
        let request = TransferLeaderRequest::new(vote, 5, id);
        prop_assert_eq!(transfer_from_wire(transfer_to_wire(&request)).expect("whole"), request);
        for reply in [
            Ok(()),
            Err(TransferLeaderError::VoteChanged { expected: vote, actual: vote }),
            Err(TransferLeaderError::LogNotFlushed { expected: id, actual: Some(at) }),
        ] {
            let back = transfer_reply_from_wire(transfer_reply_to_wire(&reply)).expect("whole");
            prop_assert_eq!(back, reply);
        }
    }
}

#[test]
fn what_is_missing_or_false_is_an_error() {
    assert!(matches!(
        append_from_wire(wire::Append::default()),
        Err(ConvertError::Missing { field: "vote" })
    ));
    let strange = wire::Entry {
        kind: 256,
        index: 4,
        ..wire::Entry::default()
    };
    assert!(matches!(
        entry_from_wire(strange),
        Err(ConvertError::Kind {
            index: 4,
            kind: 256
        })
    ));
    let mark = wire::Mark {
        offset: u32::MAX,
        len: u32::MAX,
        ..wire::Mark::default()
    };
    let outside = wire::Entry {
        kind: 2,
        marks: vec![mark],
        ..wire::Entry::default()
    };
    assert!(matches!(
        entry_from_wire(outside),
        Err(ConvertError::Mark { index: 0 })
    ));
    let voters = wire::VoterSet { nodes: vec![1, 2] };
    let headless = wire::Membership {
        configs: vec![voters],
        nodes: vec![1],
        log_id: None,
    };
    assert!(matches!(
        membership_from_wire(headless),
        Err(ConvertError::Membership)
    ));
}

#[test]
fn an_empty_and_a_joint_membership_survive() {
    let joint = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([3, 4])];
    for membership in [
        Membership::default(),
        Membership::new_with_defaults(joint, [1, 2, 3, 4, 5]),
    ] {
        let stored = StoredMembership::new(None, membership);
        let back = membership_from_wire(membership_to_wire(&stored)).expect("whole");
        assert_eq!(back, stored);
    }
}
