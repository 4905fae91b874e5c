//! A put at the leader of its group: let in what the shards' rates allow, propose it, say what became of it.
//!
//! Must stay true:
//! - the records of one shard are proposed in the order of the request;
//! - what was certainly not written gives its share of the rate back.

use ana_raft::SubBatch;
use ana_state::AppendOutcome;
use ana_types::{GroupId, Record, ShardIndex};

use crate::config::Limits;
use crate::context::Context;
use crate::error::Decline;
use crate::messages::{Append, Appended, Part, Run, SubAnswer};
use crate::server::replica;

/// A sub-batch is never split over two entries, so larger ones are cut before.
const SUB_BATCH_BYTES_MAX: usize = 1 << 20;
/// Well below what the ordinals of a position can tell apart, several requests may share a sub-batch.
const SUB_BATCH_RECORDS_MAX: usize = 4096;

/// Appends, as the leader.
pub(crate) async fn append(context: &Context, call: &Append) -> Result<Appended, Decline> {
    let group = replica(context, call.group)?;
    if !group.is_leader() {
        return Err(Decline::NotLeader {
            leader: group.leader(),
        });
    }
    let (mut answers, admitted) = admit(context, call);
    let cut = cut(&admitted);
    if cut.is_empty() {
        return Ok(Appended(answers));
    }
    let (owners, batches): (Vec<usize>, Vec<SubBatch>) = cut.into_iter().unzip();
    let counts: Vec<u32> = batches.iter().map(|batch| count(&batch.records)).collect();
    match group.append(batches).await {
        Ok(outcomes) => {
            for ((owner, count), outcome) in owners.into_iter().zip(counts).zip(outcomes) {
                let part = part_of(outcome, count);
                if let Some(answer) = answers.get_mut(owner) {
                    answer.parts.push(part);
                }
            }
            give_back_unwritten(context, call.group, &admitted, &answers);
            count_written(context, call.group, &admitted, &answers);
            Ok(Appended(answers))
        }
        Err(error) => {
            let decline = Decline::from(error);
            if !matches!(decline, Decline::Unknown(_)) {
                for sub in &admitted {
                    give_back(context, call.group, sub.shard, &sub.records);
                }
            }
            Err(decline)
        }
    }
}

/// Splits each sub-batch into what is let in and the places of what is not.
fn admit(context: &Context, call: &Append) -> (Vec<SubAnswer>, Vec<SubBatch>) {
    if context.config.limits == Limits::Off {
        return (
            vec![SubAnswer::default(); call.subs.len()],
            call.subs.clone(),
        );
    }
    let now = context.env.clock.elapsed();
    let mut admission = context.admission();
    call.subs
        .iter()
        .map(|sub| {
            let sizes = sub.records.iter().map(payload_bytes);
            let verdicts = admission.admit_records((call.group, sub.shard), sizes, now);
            let throttled = (0..)
                .zip(&verdicts)
                .filter(|(_, it)| !**it)
                .map(|(i, _)| i)
                .collect();
            let records = sub.records.iter().zip(&verdicts).filter(|(_, it)| **it);
            let records = records.map(|(record, _)| record.clone()).collect();
            let answer = SubAnswer {
                throttled,
                parts: Vec::new(),
            };
            (
                answer,
                SubBatch {
                    shard: sub.shard,
                    records,
                },
            )
        })
        .unzip()
}

/// Cuts sub-batches to the size that one entry takes; each with the place of the one it comes from.
fn cut(subs: &[SubBatch]) -> Vec<(usize, SubBatch)> {
    let mut cut = Vec::with_capacity(subs.len());
    for (owner, sub) in subs.iter().enumerate() {
        let mut records = Vec::new();
        let mut bytes = 0;
        for record in &sub.records {
            let next = record.payload_bytes();
            let full = bytes + next > SUB_BATCH_BYTES_MAX || records.len() == SUB_BATCH_RECORDS_MAX;
            if full && !records.is_empty() {
                cut.push((
                    owner,
                    SubBatch {
                        shard: sub.shard,
                        records: std::mem::take(&mut records),
                    },
                ));
                bytes = 0;
            }
            bytes += next;
            records.push(record.clone());
        }
        if !records.is_empty() {
            cut.push((
                owner,
                SubBatch {
                    shard: sub.shard,
                    records,
                },
            ));
        }
    }
    cut
}

fn part_of(outcome: AppendOutcome, count: u32) -> Part {
    match outcome {
        AppendOutcome::Accepted {
            shard: _,
            first,
            created_s,
            time_ms,
        } => Part::Placed(Run {
            first,
            count,
            created_s,
            time_ms,
        }),
        AppendOutcome::Closed { .. } | AppendOutcome::Unknown { .. } => Part::Elsewhere { count },
        AppendOutcome::Refused { shard, why } => {
            tracing::error!(%shard, %why, "the shard machine refused a sub-batch");
            Part::Refused { count }
        }
    }
}

/// Counts what was written, for those who scale by it.
fn count_written(context: &Context, group: GroupId, admitted: &[SubBatch], answers: &[SubAnswer]) {
    let now = context.env.clock.elapsed();
    let mut loads = context.loads();
    for (sub, answer) in admitted.iter().zip(answers) {
        let mut records = sub.records.iter();
        for part in &answer.parts {
            let (written, count) = match *part {
                Part::Placed(run) => (true, run.count),
                Part::Elsewhere { count } | Part::Refused { count } => (false, count),
            };
            let these = usize::try_from(count).unwrap_or(usize::MAX);
            let bytes = records.by_ref().take(these).map(payload_bytes).sum();
            if written {
                loads.count((group, sub.shard), count.into(), bytes, now);
            }
        }
    }
}

fn give_back_unwritten(
    context: &Context,
    group: GroupId,
    admitted: &[SubBatch],
    answers: &[SubAnswer],
) {
    for (sub, answer) in admitted.iter().zip(answers) {
        let mut records = sub.records.as_slice();
        for part in &answer.parts {
            let (written, count) = match *part {
                Part::Placed(run) => (true, run.count),
                Part::Elsewhere { count } | Part::Refused { count } => (false, count),
            };
            let count = usize::try_from(count)
                .unwrap_or(usize::MAX)
                .min(records.len());
            let (these, rest) = records.split_at(count);
            records = rest;
            if !written {
                give_back(context, group, sub.shard, these);
            }
        }
    }
}

fn give_back(context: &Context, group: GroupId, shard: ShardIndex, records: &[Record]) {
    if context.config.limits == Limits::Aws {
        let bytes = records.iter().map(payload_bytes).sum();
        let now = context.env.clock.elapsed();
        let count = u64::from(count(records));
        context
            .admission()
            .return_records((group, shard), count, bytes, now);
    }
}

fn payload_bytes(record: &Record) -> u64 {
    u64::try_from(record.payload_bytes()).unwrap_or(u64::MAX)
}

fn count(records: &[Record]) -> u32 {
    u32::try_from(records.len()).expect("a request has at most 500 records")
}

#[cfg(test)]
mod tests {
    use ana_raft::SubBatch;
    use ana_types::{Record, ShardIndex};
    use bytes::Bytes;

    use super::{SUB_BATCH_BYTES_MAX, cut};

    fn record(bytes: usize) -> Record {
        Record {
            partition_key: Bytes::new(),
            data: Bytes::from(vec![0; bytes]),
            encrypted: false,
        }
    }

    #[test]
    fn sub_batches_are_cut_in_order_and_to_size() {
        let half = SUB_BATCH_BYTES_MAX / 2;
        let table: &[(&[usize], &[usize])] = &[
            (&[], &[]),
            (&[1, 2, 3], &[3]),
            (&[half, half, 1], &[2, 1]),
            (&[1, SUB_BATCH_BYTES_MAX, 1], &[1, 1, 1]),
            (&[10 * SUB_BATCH_BYTES_MAX], &[1]),
        ];
        for (sizes, expected) in table {
            let records: Vec<_> = sizes.iter().map(|bytes| record(*bytes)).collect();
            let subs = [SubBatch {
                shard: ShardIndex(7),
                records: records.clone(),
            }];
            let cut = cut(&subs);
            let counts: Vec<_> = cut.iter().map(|(_, sub)| sub.records.len()).collect();
            assert_eq!(counts, *expected, "{sizes:?}");
            let back: Vec<_> = cut.into_iter().flat_map(|(_, sub)| sub.records).collect();
            assert_eq!(back, records);
        }
    }
}
