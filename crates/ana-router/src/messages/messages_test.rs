//! Messages come out as they went in, and hostile bytes are refused without a panic.

use ana_raft::SubBatch;
use ana_types::limits::STREAM_NAME_CHARS_MAX;
use ana_types::{ConsumerName, GroupId, Position, Record, ShardIndex};
use bytes::Bytes;
use proptest::prelude::{any, prop, proptest};

use super::{
    Append, Appended, Body, Claim, Decline, Follow, Found, Part, Question, Reading, Records,
    RecordsFacts, Renew, Renewal, Run, SubAnswer, answer_from_body, answer_to_body,
};
use crate::subscribe::leases::{ConsumerKey, SessionId};
use crate::subscribe::sessions::SESSIONS_MAX;

fn record(key: &str, data: &[u8]) -> Record {
    Record {
        partition_key: Bytes::from(key.to_owned()),
        data: Bytes::from(data.to_vec()),
        encrypted: data.len().is_multiple_of(2),
    }
}

fn sub(shard: u32, records: Vec<Record>) -> SubBatch {
    SubBatch {
        shard: ShardIndex(shard),
        records,
    }
}

#[test]
fn an_append_goes_there_and_back_without_copies_of_records() {
    let subs = vec![
        sub(0, vec![record("a", b"1"), record("b", b"")]),
        sub(7, vec![record("", &[0xff; 1000])]),
    ];
    let body = Append {
        group: GroupId(3),
        subs: subs.clone(),
    }
    .to_body();
    let start = body.as_ptr().addr();
    let range = start..start + body.len();
    let back = Append::from_body(body).expect("it decodes");
    assert_eq!((back.group, &back.subs), (GroupId(3), &subs));
    let last = back.subs[1].records[0].data.as_ptr().addr();
    assert!(range.contains(&last), "the data is a slice of the body");
}

#[test]
fn a_reading_goes_there_and_back() {
    let facts = RecordsFacts {
        created_s: 5,
        places: vec![(Position(1), 10), (Position(2), 11)],
        next: Position(3),
        millis_behind: 0,
        ended: true,
        children: Vec::new(),
    };
    let records = vec![record("a", b"1"), record("b", b"2")];
    let reading = Reading::Records(Records {
        facts: facts.clone(),
        records: records.clone(),
    });
    let answer = answer_from_body::<Reading>(answer_to_body(&Ok(reading))).expect("it decodes");
    let Ok(Reading::Records(back)) = answer else {
        unreachable!("records were sent")
    };
    assert_eq!((back.facts, back.records), (facts, records));
}

#[test]
fn answers_and_refusals_are_told_apart() {
    let run = Run {
        first: Position(9),
        count: 2,
        created_s: 1,
        time_ms: 2,
    };
    let parts = vec![
        Part::Placed(run),
        Part::Elsewhere { count: 3 },
        Part::Refused { count: 1 },
    ];
    let done = Appended(vec![SubAnswer {
        throttled: vec![0, 4],
        parts,
    }]);
    let back = answer_from_body::<Appended>(answer_to_body(&Ok(done.clone()))).expect("decodes");
    assert_eq!(back, Ok(done));
    let decline = Decline::NotLeader { leader: None };
    let body = answer_to_body::<Appended>(&Err(decline.clone()));
    assert_eq!(
        answer_from_body::<Appended>(body).expect("decodes"),
        Err(decline)
    );
    assert!(answer_from_body::<Found>(Bytes::new()).is_err());
    assert!(answer_from_body::<Found>(Bytes::from_static(&[2, 0])).is_err());
}

#[test]
fn all_renewals_of_a_node_fit_in_one_message() {
    let name = "n".repeat(STREAM_NAME_CHARS_MAX);
    let renewal = Renewal {
        shard: ShardIndex::MAX,
        consumer: ConsumerKey {
            name: ConsumerName::new(&name).expect("the longest name"),
            created_ms: u64::MAX,
        },
        session: SessionId(u64::MAX),
        age_ms: u64::MAX,
    };
    let renew = Renew {
        group: GroupId(u64::MAX),
        sessions: vec![renewal; SESSIONS_MAX],
    };
    let body = renew.to_body();
    assert!(body.len() <= Renew::BYTES_MAX, "{} bytes", body.len());
    let back = Renew::from_body(body).expect("it decodes");
    assert_eq!(back.sessions.len(), SESSIONS_MAX);
    assert_eq!(back.sessions[7].consumer, renew.sessions[7].consumer);
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(bytes);
        // Whatever comes out, nothing panics and nothing large is reserved.
        drop(Append::from_body(body.clone()));
        drop(answer_from_body::<Reading>(body.clone()));
        drop((Claim::from_body(body.clone()), Renew::from_body(body.clone())));
        drop(Follow::from_body(body.clone()));
        drop(answer_from_body::<Appended>(body));
    }

    #[test]
    fn a_cut_append_is_refused(cut in 0_usize..60) {
        let body = Append {
            group: GroupId(1),
            subs: vec![sub(1, vec![record("key", &[7; 40])])],
        }.to_body();
        let cut = cut.min(body.len() - 1);
        assert!(Append::from_body(body.slice(..cut)).is_err());
    }
}
