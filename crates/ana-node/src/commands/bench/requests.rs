//! The requests of a load: encoded and signed before the clock starts, sent in turn by all writers.
//!
//! Must stay true: keys are random, so that records spread over all shards, and data is random, so that nothing on the
//! way can make it smaller.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::json;

use super::load::Load;
use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::PutEntry;
use crate::client::prepared::Prepared;

/// So many different bytes are sent, about, before they are sent again.
const POOL_BYTES: usize = 32 << 20;
/// At least so many different requests, however large they are.
const REQUESTS_MIN: usize = 4;
/// And no more, however small they are.
const REQUESTS_MAX: usize = 1024;
/// What a record takes in a request beside its data: names, quotes, key.
const RECORD_FRAME_BYTES: usize = 60;

/// Requests, again and again from the first to the last.
#[derive(Debug)]
pub(super) struct Requests {
    prepared: Vec<Prepared>,
    next: AtomicUsize,
}

impl Requests {
    /// Makes them; takes a moment.
    pub(super) fn make(client: &Client, load: &Load) -> Result<Requests, ClientError> {
        let count = different(load.records_per_request, load.record_bytes);
        let prepared = (0..count).map(|_| client.prepare(load.operation(), body(client, load)));
        Ok(Requests {
            prepared: prepared.collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// The next one. There is always one.
    pub(super) fn next(&self) -> Option<&Prepared> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.prepared.get(turn % self.prepared.len().max(1))
    }
}

/// How many different requests are made.
fn different(records: u32, record_bytes: u32) -> usize {
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let in_base64 = size(record_bytes).div_ceil(3) * 4;
    let request = (in_base64 + RECORD_FRAME_BYTES).saturating_mul(size(records));
    (POOL_BYTES / request.max(1)).clamp(REQUESTS_MIN, REQUESTS_MAX)
}

fn body(client: &Client, load: &Load) -> Bytes {
    let body = if load.single {
        let record = entry(client, load.record_bytes, "");
        json!({
            "StreamName": load.stream, "PartitionKey": record.partition_key, "Data": record.data,
        })
    } else {
        let records: Vec<PutEntry> = (0..load.records_per_request)
            .map(|_| entry(client, load.record_bytes, ""))
            .collect();
        json!({ "StreamName": load.stream, "Records": records })
    };
    Bytes::from(body.to_string())
}

/// A record of random data, under a random key that begins as given.
pub(super) fn entry(client: &Client, record_bytes: u32, key_begins: &str) -> PutEntry {
    let rng = &client.env().rng;
    let mut data = vec![0; usize::try_from(record_bytes).unwrap_or(0)];
    rng.fill(&mut data);
    PutEntry::new(format!("{key_begins}{:016x}", rng.next_u64()), &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_requests_are_few_and_small_ones_are_many() {
        for (records, record_bytes, expected) in [
            (500, 1024, 46),
            (1, 1024, REQUESTS_MAX),
            (1, 0, REQUESTS_MAX),
            (1, 1_000_000, 25),
            (500, 1_000_000, REQUESTS_MIN),
        ] {
            assert_eq!(
                different(records, record_bytes),
                expected,
                "{records} x {record_bytes}"
            );
        }
    }
}
