//! PutRecord and PutRecords at the node that got the request: route, send to every group at once, answer in order.
//!
//! Must stay true:
//! - answers are in the order of the request, and records of one shard keep their order;
//! - only records that a group answered as committed are acknowledged;
//! - only records that were certainly not written are sent a second time, within the deadline.

use std::collections::BTreeMap;
use std::sync::Arc;

use ana_raft::SubBatch;
use ana_types::limits::PUT_RECORDS_BYTES_MAX;
use ana_types::planted::{self, Bug};
use ana_types::{
    AnySequence, GroupId, HashKey, KinesisError, Position, Record, SequenceNumber, ShardIndex,
    StreamName,
};
use bytes::Bytes;
use futures::future::join_all;

use crate::context::{Context, Deadline};
use crate::error::LeaderError;
use crate::leader::{Repeat, at_leader};
use crate::messages::{Append, Appended, Part, Run, SubAnswer};
use crate::ops::{EntryError, Placed, PutEntry, PutRecord, PutRecords, PutResults};
use crate::router::Answer;
use crate::shard_map::{self, Route};

/// PutRecord.
pub(crate) async fn put_record(context: &Context, request: PutRecord) -> Answer<Placed> {
    let deadline = context.deadline();
    let Checked { name, route, batch } = check_record(context, request, deadline).await?;
    let (fates, gone) = batch.carry_out(context, route, deadline).await?;
    match fates.into_iter().next() {
        Some(Fate::Placed(placed)) => Ok(placed),
        Some(Fate::Throttled(shard)) => Err(KinesisError::Throughput {
            shard,
            stream: name,
        }),
        Some(Fate::Unknown) => Err(KinesisError::OutcomeUnknown {
            why: "no answer".to_owned(),
        }),
        Some(Fate::Waiting) | None => Err(gone.unwrap_or_else(not_done)),
    }
}

/// PutRecords.
pub(crate) async fn put_records(context: &Context, request: PutRecords) -> Answer<PutResults> {
    let deadline = context.deadline();
    let Checked { name, route, batch } = check_records(context, request, deadline).await?;
    let (fates, gone) = batch.carry_out(context, route, deadline).await?;
    if !fates.is_empty() && fates.iter().all(|fate| matches!(fate, Fate::Waiting)) {
        return Err(gone.unwrap_or_else(not_done));
    }
    Ok(fates
        .into_iter()
        .map(|fate| fate.into_result(&name))
        .collect())
}

/// A request that has passed every check that needs no leader: stream, keys, numbers and sizes.
#[derive(Debug)]
struct Checked {
    name: StreamName,
    route: Arc<Route>,
    batch: Batch,
}

/// A dry run of PutRecord: what it judges before it writes. The shard's rate is not touched.
pub(crate) async fn would_put_record(context: &Context, request: PutRecord) -> Answer<()> {
    let deadline = context.deadline();
    check_record(context, request, deadline).await.map(drop)
}

/// A dry run of PutRecords: what it judges before it writes. The shards' rates are not touched.
pub(crate) async fn would_put_records(context: &Context, request: PutRecords) -> Answer<()> {
    let deadline = context.deadline();
    check_records(context, request, deadline).await.map(drop)
}

async fn check_record(
    context: &Context,
    request: PutRecord,
    deadline: Deadline,
) -> Answer<Checked> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let entry = std::slice::from_ref(&request.entry);
    let route = route_of(context, &name, entry, deadline).await?;
    let key = hash_key(&request.entry)?;
    check_ordering(request.ordering.as_deref(), &name, context.now_ms())?;
    let batch = Batch::new(&route, vec![(key, request.entry)])?;
    Ok(Checked { name, route, batch })
}

async fn check_records(
    context: &Context,
    request: PutRecords,
    deadline: Deadline,
) -> Answer<Checked> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let route = route_of(context, &name, &request.entries, deadline).await?;
    let keys = request
        .entries
        .iter()
        .map(hash_key)
        .collect::<Answer<Vec<_>>>()?;
    let batch = Batch::new(&route, keys.into_iter().zip(request.entries))?;
    Ok(Checked { name, route, batch })
}

/// The route of a stream; looked for again after a barrier when a record is greater than it allows: the limit may have
/// been raised at another node a moment ago.
async fn route_of(
    context: &Context,
    name: &StreamName,
    entries: &[PutEntry],
    deadline: Deadline,
) -> Answer<Arc<Route>> {
    let route = shard_map::route(context, name, deadline).await?;
    let fits = |entry: &PutEntry| {
        let bytes = entry.partition_key.len().saturating_add(entry.data.len());
        u64::try_from(bytes).is_ok_and(|bytes| bytes <= route.record_bytes_max)
    };
    if entries.iter().all(fits) {
        return Ok(route);
    }
    context.barrier(deadline).await?;
    shard_map::route(context, name, deadline).await
}

fn not_done() -> KinesisError {
    KinesisError::Unavailable {
        why: "no group took the records within the deadline".to_owned(),
    }
}

fn hash_key(entry: &PutEntry) -> Answer<HashKey> {
    entry.explicit_hash_key.as_ref().map_or_else(
        || Ok(HashKey::of_partition_key(&entry.partition_key)),
        |text| {
            HashKey::parse_decimal(text).ok_or_else(|| KinesisError::InvalidExplicitHashKey {
                value: text.clone(),
            })
        },
    )
}

fn check_ordering(ordering: Option<&str>, stream: &StreamName, now_ms: u64) -> Answer<()> {
    let Some(value) = ordering else { return Ok(()) };
    match AnySequence::parse_for_ordering(value, now_ms) {
        Ok(_) => Ok(()),
        Err(_not_a_number) => Err(KinesisError::InvalidOrdering {
            value: value.to_owned(),
            stream: stream.clone(),
        }),
    }
}

/// What became of one record so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Not written, may be sent.
    Waiting,
    Placed(Placed),
    Throttled(ShardIndex),
    /// It may be written.
    Unknown,
}

impl Fate {
    fn into_result(self, stream: &StreamName) -> Result<Placed, EntryError> {
        match self {
            Self::Placed(placed) => Ok(placed),
            Self::Throttled(shard) => Err(EntryError::Throughput {
                shard,
                stream: stream.clone(),
            }),
            Self::Unknown | Self::Waiting => Err(EntryError::Internal),
        }
    }
}

/// The records of one request on their way.
#[derive(Debug)]
struct Batch {
    records: Vec<(HashKey, Record)>,
    fates: Vec<Fate>,
    /// The stream's encryption by the route the request began with: what its records are marked with, and what
    /// is answered.
    encrypted: bool,
}

/// Which records (by their place in the request) go to which shards of one group.
type Parcel = BTreeMap<ShardIndex, Vec<usize>>;

impl Batch {
    fn new(route: &Route, entries: impl IntoIterator<Item = (HashKey, PutEntry)>) -> Answer<Self> {
        let records: Vec<_> = entries
            .into_iter()
            .map(|(key, it)| (key, to_record(it, route.encrypted)))
            .collect();
        let size = |record: &Record| u64::try_from(record.payload_bytes()).unwrap_or(u64::MAX);
        let limit = route.record_bytes_max;
        let mut total = 0;
        for (_, record) in &records {
            let bytes = size(record);
            if bytes > limit {
                let stream = route.name.clone();
                return Err(KinesisError::RecordTooLarge {
                    stream,
                    bytes,
                    limit,
                });
            }
            total += bytes;
        }
        let limit = u64::try_from(PUT_RECORDS_BYTES_MAX).unwrap_or(u64::MAX);
        if total > limit {
            return Err(KinesisError::RequestTooLarge {
                bytes: total,
                limit,
            });
        }
        let fates = vec![Fate::Waiting; records.len()];
        let encrypted = route.encrypted;
        Ok(Self {
            records,
            fates,
            encrypted,
        })
    }

    /// Sends until nothing waits, nothing more can be done, or the deadline; the error says that the stream is gone.
    async fn carry_out(
        mut self,
        context: &Context,
        mut route: Arc<Route>,
        deadline: Deadline,
    ) -> Answer<(Vec<Fate>, Option<KinesisError>)> {
        loop {
            let parcels = self.parcels(&route)?;
            let sent = parcels.iter().map(|(group, parcel)| {
                let append = Append {
                    group: *group,
                    subs: self.sub_batches(parcel),
                };
                let repeat = if planted::is(Bug::PutSentAgain) {
                    Repeat::Safe
                } else {
                    Repeat::Never
                };
                async move { at_leader(context, *group, &append, repeat, deadline).await }
            });
            let answers = join_all(sent).await;
            let mut moved = false;
            for ((group, parcel), answer) in parcels.iter().zip(answers) {
                moved |= self.settle(*group, parcel, answer);
            }
            let gone = || context.look(|meta| meta.stream_by_key(route.key).is_none());
            if !self.fates.contains(&Fate::Waiting) {
                return Ok((self.fates, None));
            }
            if !moved && !gone()? {
                return Ok((self.fates, None));
            }
            match shard_map::newer_route(context, &route, deadline).await {
                Ok(Some(newer)) => route = newer,
                Ok(None) => return Ok((self.fates, None)),
                Err(gone) => return Ok((self.fates, Some(gone))),
            }
        }
    }

    /// The records that wait, by group and shard.
    fn parcels(&self, route: &Route) -> Answer<BTreeMap<GroupId, Parcel>> {
        let mut parcels: BTreeMap<GroupId, Parcel> = BTreeMap::new();
        for (place, ((key, _), fate)) in self.records.iter().zip(&self.fates).enumerate() {
            if *fate == Fate::Waiting {
                let target = route.target(*key).ok_or_else(|| KinesisError::Internal {
                    why: format!("no shard of stream {} takes key {key}", route.name),
                })?;
                let parcel = parcels.entry(target.group).or_default();
                parcel.entry(target.shard).or_default().push(place);
            }
        }
        Ok(parcels)
    }

    fn sub_batches(&self, parcel: &Parcel) -> Vec<SubBatch> {
        let record = |place: &usize| self.records.get(*place).map(|(_, record)| record.clone());
        parcel
            .iter()
            .map(|(shard, places)| SubBatch {
                shard: *shard,
                records: places.iter().filter_map(record).collect(),
            })
            .collect()
    }

    /// Notes the answer of one group; says whether records have to look for another shard.
    fn settle(
        &mut self,
        group: GroupId,
        parcel: &Parcel,
        answer: Result<Appended, LeaderError>,
    ) -> bool {
        match answer {
            Ok(Appended(subs)) if subs.len() == parcel.len() => {
                let mut moved = false;
                for ((shard, places), sub) in parcel.iter().zip(&subs) {
                    moved |= self.settle_shard(*shard, places, sub);
                }
                moved
            }
            Ok(_) => {
                tracing::error!(%group, "an answer to a put does not fit its question");
                self.set_all(parcel, Fate::Unknown);
                false
            }
            Err(error @ LeaderError::Unknown { .. }) => {
                tracing::warn!(%error, "the outcome of a put is unknown");
                self.set_all(parcel, Fate::Unknown);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "a put was not done");
                false
            }
        }
    }

    fn settle_shard(&mut self, shard: ShardIndex, places: &[usize], sub: &SubAnswer) -> bool {
        let throttled =
            |i: usize| u32::try_from(i).is_ok_and(|i| sub.throttled.binary_search(&i).is_ok());
        let encrypted = self.encrypted;
        let mut fates = sub
            .parts
            .iter()
            .flat_map(|part| fates_of(shard, part, encrypted));
        let mut moved = false;
        for (i, place) in places.iter().enumerate() {
            // A record that the answer does not speak of may have been written.
            let fate = if throttled(i) {
                Fate::Throttled(shard)
            } else {
                fates.next().unwrap_or(Fate::Unknown)
            };
            moved |= fate == Fate::Waiting;
            if let Some(slot) = self.fates.get_mut(*place) {
                *slot = fate;
            }
        }
        moved
    }

    fn set_all(&mut self, parcel: &Parcel, fate: Fate) {
        for place in parcel.values().flatten() {
            if let Some(slot) = self.fates.get_mut(*place) {
                *slot = fate;
            }
        }
    }
}

/// The fates that one part of an answer means, one per record.
fn fates_of(shard: ShardIndex, part: &Part, encrypted: bool) -> impl Iterator<Item = Fate> + use<> {
    let part = *part;
    let count = match part {
        Part::Placed(Run { count, .. }) | Part::Elsewhere { count } | Part::Refused { count } => {
            count
        }
    };
    (0..u64::from(count)).map(move |i| match part {
        Part::Placed(run) => {
            let position = Position(run.first.0 + i);
            let (created_s, time_s) = (run.created_s, run.time_ms / 1000);
            let sequence = SequenceNumber {
                created_s,
                shard,
                position,
                time_s,
            };
            Fate::Placed(Placed {
                shard,
                sequence,
                encrypted,
            })
        }
        Part::Elsewhere { .. } => Fate::Waiting,
        // Not written, but sending it again would be refused again: the client hears of a failure.
        Part::Refused { .. } => Fate::Unknown,
    })
}

fn to_record(entry: PutEntry, encrypted: bool) -> Record {
    Record {
        partition_key: Bytes::from(entry.partition_key),
        data: entry.data,
        encrypted,
    }
}

#[cfg(test)]
#[path = "put/put_test.rs"]
mod put_test;
