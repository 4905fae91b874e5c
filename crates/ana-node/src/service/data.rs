//! Records: put, iterators, get.

use ana_router::Router;
use ana_router::ops::{self, EntryError};
use ana_types::KinesisError;
use ana_wire::{
    ChildShard, Fault, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput,
    GetShardIteratorOutput, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput,
    PutRecordsResultEntry, Response,
};

use super::streams::stream_ref;
use super::tokens::Tokens;

pub(super) async fn put_record(
    router: &Router,
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
    let placed = router.put_record(request).await?;
    Ok(Response::PutRecord(PutRecordOutput {
        shard: placed.shard,
        sequence: placed.sequence,
        encrypted: placed.encrypted,
    }))
}

pub(super) async fn put_records(
    router: &Router,
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
    let results = router.put_records(request).await?;
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
    input: GetRecordsInput,
) -> Result<Response, KinesisError> {
    let iterator = tokens.open_iterator(&input.shard_iterator)?;
    let request = ops::ReadRequest {
        stream: iterator.stream,
        shard: iterator.shard,
        position: iterator.position,
        limit: input.limit,
        arn: input.stream_arn,
    };
    let answer = router.read(request).await?;
    let next = answer
        .next
        .map(|at| tokens.seal_next(iterator.stream, iterator.shard, at));
    let children = answer.children.into_iter().map(|child| ChildShard {
        shard: child.shard,
        parents: child.parents,
        range: child.range,
    });
    Ok(Response::GetRecords(GetRecordsOutput {
        records: answer.records,
        next_shard_iterator: next.transpose()?,
        millis_behind_latest: answer.millis_behind,
        child_shards: children.collect(),
    }))
}
