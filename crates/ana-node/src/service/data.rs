//! Records: put, iterators, get.

use ana_gateway::RequestContext;
use ana_router::ops::{self, EntryError};
use ana_router::{Answer, Router};
use ana_types::KinesisError;
use ana_wire::{
    ChildShard, Fault, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput,
    GetShardIteratorOutput, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput,
    PutRecordsResultEntry, Response,
};

use super::noted;
use super::streams::stream_ref;
use super::tokens::Tokens;
use crate::metrics::{Metrics, PutOutcome, ReadOutcome, bytes_of};

pub(super) async fn put_record(
    router: &Router,
    metrics: &Metrics,
    input: PutRecordInput,
) -> Result<Response, KinesisError> {
    let request = ops::PutRecord {
        stream: stream_ref(input.stream),
        entry: ops::PutEntry {
            partition_key: input.partition_key,
            explicit_hash_key: input.explicit_hash_key,
            data: input.data,
        },
        ordering: input.sequence_number_for_ordering,
    };
    if input.dry_run {
        return router
            .would_put_record(request)
            .await
            .map(|()| Response::Empty);
    }
    // What names no stream is refused by the put itself.
    let (stream, bytes) = (router.name_of(&request.stream), size(&request.entry));
    let placed = router.put_record(request).await;
    if let (Ok(stream), Some(outcome)) = (stream, outcome_of_request(&placed, bytes)) {
        metrics.put_record(&stream, outcome);
    }
    let placed = placed?;
    Ok(Response::PutRecord(PutRecordOutput {
        shard: placed.shard,
        sequence: placed.sequence,
        encrypted: placed.encrypted,
    }))
}

pub(super) async fn put_records(
    router: &Router,
    metrics: &Metrics,
    input: PutRecordsInput,
    fault: impl Fn(&KinesisError) -> Fault,
) -> Result<Response, KinesisError> {
    let entries = input.records.into_iter().map(|entry| ops::PutEntry {
        partition_key: entry.partition_key,
        explicit_hash_key: entry.explicit_hash_key,
        data: entry.data,
    });
    let (stream, entries) = (stream_ref(input.stream), entries.collect());
    let request = ops::PutRecords { stream, entries };
    if input.dry_run {
        return router
            .would_put_records(request)
            .await
            .map(|()| Response::Empty);
    }
    let stream = router.name_of(&request.stream);
    let sizes: Vec<u64> = request.entries.iter().map(size).collect();
    let results = router.put_records(request).await?;
    if let Ok(stream) = stream {
        let outcomes = results.iter().zip(sizes);
        let outcomes = outcomes.map(|(result, bytes)| outcome_of_entry(result, bytes));
        metrics.put_records(&stream, outcomes);
    }
    // The records of one request are put under one setting.
    let encrypted = results.iter().flatten().any(|placed| placed.encrypted);
    let records = results.into_iter().map(|result| match result {
        Ok(placed) => Ok(PutRecordsResultEntry {
            shard: placed.shard,
            sequence: placed.sequence,
        }),
        Err(EntryError::Throughput { shard, stream }) => {
            Err(fault(&KinesisError::Throughput { shard, stream }))
        }
        Err(EntryError::Internal) => Err(Fault::internal()),
    });
    Ok(Response::PutRecords(PutRecordsOutput {
        records: records.collect(),
        encrypted,
    }))
}

pub(super) async fn iterator(
    router: &Router,
    tokens: &Tokens,
    input: GetShardIteratorInput,
) -> Result<Response, KinesisError> {
    let request = ops::GetIterator {
        stream: stream_ref(input.stream),
        shard_id: input.shard_id,
        kind: input.kind,
        sequence: input.starting_sequence_number,
        timestamp_ms: input.timestamp_ms,
    };
    let position = router.get_iterator(request).await?;
    let shard_iterator = tokens.seal_first(position, input.kind)?;
    Ok(Response::GetShardIterator(GetShardIteratorOutput {
        shard_iterator,
    }))
}

pub(super) async fn get_records(
    router: &Router,
    tokens: &Tokens,
    metrics: &Metrics,
    (context, input): (&RequestContext, GetRecordsInput),
) -> Result<Response, KinesisError> {
    let asked_us = noted::asked(router);
    let iterator = tokens.open_iterator(&input.shard_iterator)?;
    let request = ops::ReadRequest {
        stream: iterator.stream,
        shard: iterator.shard,
        position: iterator.position,
        limit: input.limit,
        arn: input.stream_arn,
    };
    let answer = router.read(request).await;
    if let Some(outcome) = outcome_of_read(&answer)
        && let Some(stream) = router.stream_name(iterator.stream)
    {
        metrics.get_records(&stream, iterator.shard, outcome);
    }
    let answer = answer?;
    let next = answer
        .next
        .map(|at| tokens.seal_next(iterator.stream, iterator.shard, at))
        .transpose()?;
    if let Some(at_us) = asked_us {
        let asked = noted::Asked {
            at_us,
            context,
            text: &input.shard_iterator,
            iterator,
        };
        noted::polled(router, &asked, &answer, next.as_deref());
    }
    let children = answer.children.into_iter().map(|child| ChildShard {
        shard: child.shard,
        parents: child.parents,
        range: child.range,
    });
    Ok(Response::GetRecords(GetRecordsOutput {
        records: answer.records,
        next_shard_iterator: next,
        millis_behind_latest: answer.millis_behind,
        child_shards: children.collect(),
    }))
}

fn size(entry: &ops::PutEntry) -> u64 {
    bytes_of(entry.partition_key.as_bytes(), &entry.data)
}

/// What is counted of a PutRecord; nothing of one that no shard judged.
fn outcome_of_request(placed: &Answer<ops::Placed>, bytes: u64) -> Option<PutOutcome> {
    match placed {
        Ok(placed) => Some(PutOutcome::Stored {
            shard: placed.shard,
            bytes,
        }),
        Err(KinesisError::Throughput { shard, .. }) => {
            Some(PutOutcome::Throttled { shard: *shard })
        }
        Err(_) => None,
    }
}

fn outcome_of_entry(result: &Result<ops::Placed, EntryError>, bytes: u64) -> PutOutcome {
    match result {
        Ok(placed) => PutOutcome::Stored {
            shard: placed.shard,
            bytes,
        },
        Err(EntryError::Throughput { shard, .. }) => PutOutcome::Throttled { shard: *shard },
        Err(EntryError::Internal) => PutOutcome::Failed,
    }
}

/// What is counted of a GetRecords; nothing of one that no shard judged.
fn outcome_of_read(answer: &Answer<ops::ReadAnswer>) -> Option<ReadOutcome> {
    match answer {
        Ok(answer) => Some(ReadOutcome::given(&answer.records, answer.millis_behind)),
        Err(KinesisError::Throughput { .. }) => Some(ReadOutcome::Throttled),
        Err(_) => None,
    }
}
