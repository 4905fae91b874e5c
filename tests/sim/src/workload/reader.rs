//! A consumer that reads every shard from the trim horizon while faults go on, and notes each chain of records.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_env::time::sleep;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::{Phase, STREAM, Shared, listing};
use crate::counters::saw;
use crate::http::{Answer, aws};
use crate::oracle::{Seen, Value};

/// One shard's position.
#[derive(Debug, Default)]
struct Chain {
    iterator: Option<String>,
    ended: bool,
    seen: Vec<Seen>,
}

/// Reads until the faults are over; then hands its chains to the oracle.
pub async fn read(shared: Shared) -> turmoil::Result {
    shared.wait(Phase::Faults).await;
    let mut dice = shared.dice(30);
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    while shared.phase() < Phase::Healing {
        if let Some(shards) = listing(&shared, &mut dice).await {
            for shard in &shards {
                if !chains.contains_key(&shard.id) && !shard.parents.is_empty() {
                    saw("a reshard ended while faults went on");
                }
                chains.entry(shard.id.clone()).or_default();
            }
            shared.oracle().listings.push(shards);
        }
        for (shard, chain) in chains.iter_mut().filter(|(_, chain)| !chain.ended) {
            advance(&shared, &mut dice, shard, chain).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
    shared
        .oracle()
        .chains
        .extend(chains.into_values().map(|chain| chain.seen));
    shared.end_work();
    Ok(())
}

async fn advance(shared: &Shared, dice: &mut ChaCha8Rng, shard: &str, chain: &mut Chain) {
    let host = shared.any_node(dice);
    let Some(iterator) = chain.iterator.clone() else {
        let request = match chain.seen.last() {
            None => {
                json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"})
            }
            Some(last) => json!({"StreamName": STREAM, "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last.sequence}),
        };
        if let Answer::Ok(answer) = aws(&host, "GetShardIterator", &request).await {
            chain.iterator = answer["ShardIterator"].as_str().map(str::to_owned);
        }
        return;
    };
    match aws(
        &host,
        "GetRecords",
        &json!({"ShardIterator": iterator, "Limit": 50}),
    )
    .await
    {
        Answer::Ok(answer) => {
            chain.seen.extend(records(shard, &answer));
            chain.iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
            chain.ended = chain.iterator.is_none();
            if chain.ended {
                saw("an iterator came to the end of a split or merged shard");
            }
        }
        Answer::Refused(_, kind, _) if kind == "ExpiredIteratorException" => chain.iterator = None,
        Answer::Refused(..) | Answer::Unknown(_) => {}
    }
}

/// The records of one GetRecords answer.
pub fn records(shard: &str, answer: &Json) -> Vec<Seen> {
    let seen = |record: &Json| {
        let data = base64_simd::STANDARD
            .decode_to_vec(record["Data"].as_str()?)
            .ok()?;
        let text = String::from_utf8(data).ok()?;
        let value = text.split('\t').next().unwrap_or_default();
        let seconds = record["ApproximateArrivalTimestamp"].as_f64()?;
        Some(Seen {
            shard: shard.to_owned(),
            sequence: record["SequenceNumber"].as_str()?.to_owned(),
            value: Value::parse(value),
            arrival_ms: Duration::try_from_secs_f64(seconds + 0.0005)
                .ok()?
                .as_millis()
                .try_into()
                .ok()?,
        })
    };
    answer["Records"]
        .as_array()
        .map(|records| records.iter().filter_map(seen).collect())
        .unwrap_or_default()
}
