//! Putting appends together into one batch, and finding each one's part in the answer. Pure.
//!
//! Must stay true: one mark for each shard; the records of one append keep their order and lie
//! together; payload bytes are copied exactly once.

use std::collections::BTreeMap;

use ana_log::Mark;
use ana_state::shard::AppendOutcome;
use ana_types::record::codec;
use ana_types::{Position, ShardIndex};
use bytes::BytesMut;

use crate::batcher::SubBatch;
use crate::entry::Batch;

/// Where one sub-batch of an append went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    shard: ShardIndex,
    mark: usize,
    /// Records of other appends before it under the same mark.
    before: u64,
}

impl Place {
    /// This sub-batch's own outcome, from the outcomes of the whole entry.
    pub(crate) fn outcome(&self, outcomes: &[AppendOutcome]) -> AppendOutcome {
        match outcomes.get(self.mark) {
            Some(&AppendOutcome::Accepted {
                shard,
                first,
                created_s,
                time_ms,
            }) => {
                let first = Position(first.0 + self.before);
                AppendOutcome::Accepted {
                    shard,
                    first,
                    created_s,
                    time_ms,
                }
            }
            Some(&other) => other,
            // A machine that keeps no shards.
            None => AppendOutcome::Unknown { shard: self.shard },
        }
    }
}

/// One entry's worth of appends.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) batch: Batch,
    /// For each append, for each of its sub-batches.
    pub(crate) places: Vec<Vec<Place>>,
}

/// Merges appends: sub-batches of one shard become one, shards in ascending order.
pub(crate) fn assemble(appends: &[Vec<SubBatch>], time_ms: u64) -> Assembled {
    let mut shards = BTreeMap::<ShardIndex, Vec<&SubBatch>>::new();
    for sub in appends.iter().flatten() {
        shards.entry(sub.shard).or_default().push(sub);
    }
    let total = appends
        .iter()
        .flatten()
        .flat_map(|sub| &sub.records)
        .map(codec::encoded_len)
        .sum();
    let mut body = BytesMut::with_capacity(total);
    let mut marks = Vec::with_capacity(shards.len());
    let mut next = BTreeMap::<ShardIndex, (usize, u64)>::new();
    for (place, (&shard, subs)) in shards.iter().enumerate() {
        let offset = body.len();
        let mut count = 0;
        for record in subs.iter().flat_map(|sub| &sub.records) {
            codec::encode_into(&mut body, record);
            count += 1;
        }
        marks.push(Mark {
            key: shard.0,
            count,
            offset: small(offset),
            len: small(body.len() - offset),
            time_ms,
        });
        next.insert(shard, (place, 0));
    }
    let mut place_of = |sub: &SubBatch| {
        let (mark, before) = next.get_mut(&sub.shard).expect("every shard has a mark");
        let place = Place {
            shard: sub.shard,
            mark: *mark,
            before: *before,
        };
        *before += u64::try_from(sub.records.len()).unwrap_or(u64::MAX);
        place
    };
    let places = appends
        .iter()
        .map(|subs| subs.iter().map(&mut place_of).collect())
        .collect();
    Assembled {
        batch: Batch {
            marks: marks.into(),
            body: body.freeze(),
        },
        places,
    }
}

fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a group's bytes in flight are bounded far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use ana_types::Record;
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn sub(shard: u32, records: &[u8]) -> SubBatch {
        let records = records
            .iter()
            .map(|&n| Record {
                partition_key: Bytes::from(format!("k{n}")),
                data: Bytes::from(vec![n; usize::from(n)]),
                encrypted: n.is_multiple_of(2),
            })
            .collect();
        SubBatch {
            shard: ShardIndex(shard),
            records,
        }
    }

    fn accepted(batch: &Batch) -> Vec<AppendOutcome> {
        batch
            .marks
            .iter()
            .map(|mark| AppendOutcome::Accepted {
                shard: ShardIndex(mark.key),
                first: Position::new(7, 0),
                created_s: 1,
                time_ms: mark.time_ms,
            })
            .collect()
    }

    #[test]
    fn refusals_are_passed_on_and_a_missing_outcome_is_unknown() {
        let Assembled { places, .. } = assemble(&[vec![sub(3, &[1]), sub(1, &[2])]], 5);
        let closed = AppendOutcome::Closed {
            shard: ShardIndex(3),
        };
        let unknown = AppendOutcome::Unknown {
            shard: ShardIndex(1),
        };
        let outcomes = [unknown, closed];
        assert_eq!(places[0][0].outcome(&outcomes), closed);
        assert_eq!(places[0][1].outcome(&outcomes), unknown);
        assert_eq!(places[0][1].outcome(&[]), unknown);
    }

    proptest! {
        /// Every record is found at the position its append is told, in the body its mark names.
        #[test]
        fn positions_name_the_records(
            appends in prop::collection::vec(
                prop::collection::vec((0u32..4, prop::collection::vec(any::<u8>(), 1..5)), 0..4),
                0..6,
            ),
        ) {
            let appends: Vec<Vec<SubBatch>> = appends
                .iter()
                .map(|subs| subs.iter().map(|(shard, records)| sub(*shard, records)).collect())
                .collect();
            let Assembled { batch, places } = assemble(&appends, 99);
            let bodies: BTreeMap<u32, Vec<Record>> = batch
                .marks
                .iter()
                .map(|mark| {
                    let from = usize::try_from(mark.offset).unwrap();
                    let body = batch.body.slice(from..from + usize::try_from(mark.len).unwrap());
                    let records: Vec<_> = codec::decode(body).collect::<Result<_, _>>().unwrap();
                    assert_eq!(records.len(), usize::try_from(mark.count).unwrap());
                    (mark.key, records)
                })
                .collect();
            let outcomes = accepted(&batch);
            for (subs, places) in appends.iter().zip(&places) {
                for (sub, place) in subs.iter().zip(places) {
                    let AppendOutcome::Accepted { shard, first, .. } = place.outcome(&outcomes) else {
                        panic!("accepted");
                    };
                    prop_assert_eq!(shard, sub.shard);
                    let from = usize::try_from(first.ordinal()).unwrap();
                    let found = &bodies[&shard.0][from..from + sub.records.len()];
                    prop_assert_eq!(found, &sub.records[..]);
                }
            }
        }
    }
}
