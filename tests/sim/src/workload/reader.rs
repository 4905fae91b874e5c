//! A consumer that reads every shard from the trim horizon while faults go on, and looks now and then in from elsewhere:
//! from the horizon again, from a time, from the tip. Each chain of records is noted with its answers.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_check::history::{Batch, Chain as Noted, ChainId, Start, Way};
use ana_check::{Seen, Sequence};
use ana_env::time::sleep;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::{Phase, STREAM, Shared, listing};
use crate::counters::saw;
use crate::http::{Answer, aws};
use crate::oracle::{Oracle, now};

/// Answers of a look from elsewhere.
const LOOKS: u32 = 3;

/// One shard's position.
#[derive(Debug, Default)]
struct Chain {
    noted: Option<ChainId>,
    iterator: Option<String>,
    ended: bool,
    last: Option<Sequence>,
}

/// Reads until the faults are over.
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
            if let Some(shard) = shards.get(dice.random_range(0..shards.len().max(1))) {
                look(&shared, &mut dice, &shard.id).await;
            }
        }
        for (shard, chain) in chains.iter_mut().filter(|(_, chain)| !chain.ended) {
            advance(&shared, &mut dice, (shard, Start::TrimHorizon), chain).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
    shared.end_work();
    Ok(())
}

/// A short chain from elsewhere. It never goes on over a second iterator, because that would begin somewhere new.
async fn look(shared: &Shared, dice: &mut ChaCha8Rng, shard: &str) {
    let start = match dice.random_range(0..3) {
        0 => Start::Latest,
        1 => Start::AtTimestamp(now().wall_ms - dice.random_range(0..4000)),
        _ => Start::TrimHorizon,
    };
    let mut chain = Chain::default();
    for _ in 0..=LOOKS {
        advance(shared, dice, (shard, start), &mut chain).await;
        if chain.iterator.is_none() {
            return;
        }
    }
}

async fn advance(
    shared: &Shared,
    dice: &mut ChaCha8Rng,
    (shard, start): (&str, Start),
    chain: &mut Chain,
) {
    let host = shared.any_node(dice);
    let asked = now();
    let Some(iterator) = chain.iterator.clone() else {
        let start = chain.last.map_or(start, Start::After);
        let request = iterator_request(shard, start);
        if let Answer::Ok(answer) = aws(&host, "GetShardIterator", &request).await {
            let mut oracle = shared.oracle();
            chain.iterator = answer["ShardIterator"].as_str().map(str::to_owned);
            if chain.iterator.as_deref().is_none_or(str::is_empty) {
                oracle.history.sentinel("GetShardIterator gave no iterator");
            }
            if chain.noted.is_none() {
                let (named, client) =
                    (oracle.history.shard(shard), oracle.history.client("reader"));
                let noted = Noted::new(named, client, start, Way::Polled, asked);
                chain.noted = Some(oracle.history.open_chain(noted));
            }
        }
        return;
    };
    let request = json!({"ShardIterator": iterator, "Limit": 50});
    match aws(&host, "GetRecords", &request).await {
        Answer::Ok(answer) => {
            let mut oracle = shared.oracle();
            let seen = records(&mut oracle, &answer);
            chain.last = seen.last().map(Seen::sequence).or(chain.last);
            chain.iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
            chain.ended = chain.iterator.is_none();
            if chain.ended {
                saw("an iterator came to the end of a split or merged shard");
            }
            let batch = Batch {
                asked,
                answered_us: now().us,
                behind_ms: answer["MillisBehindLatest"].as_u64(),
                continuation: None,
                is_end: chain.ended,
            };
            if let Some(noted) = chain.noted {
                oracle.history.chain_mut(noted).answered(batch, seen);
            }
        }
        Answer::Refused(_, kind, _) if kind == "ExpiredIteratorException" => chain.iterator = None,
        Answer::Refused(..) | Answer::Unknown(_) => {}
    }
}

fn iterator_request(shard: &str, start: Start) -> Json {
    let (kind, member) = match start {
        Start::TrimHorizon => ("TRIM_HORIZON", None),
        Start::Latest => ("LATEST", None),
        // Seconds with a fraction, as AWS's clients send them.
        Start::AtTimestamp(ms) => {
            let seconds = Duration::from_millis(ms).as_secs_f64();
            ("AT_TIMESTAMP", Some(("Timestamp", json!(seconds))))
        }
        Start::At(sequence) => (
            "AT_SEQUENCE_NUMBER",
            Some(("StartingSequenceNumber", json!(sequence))),
        ),
        Start::After(sequence) => (
            "AFTER_SEQUENCE_NUMBER",
            Some(("StartingSequenceNumber", json!(sequence))),
        ),
    };
    let mut request = json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": kind});
    if let Some((name, value)) = member {
        request[name] = value;
    }
    request
}

/// The records of one GetRecords answer. What is missing in one is noted as missing.
pub fn records(oracle: &mut Oracle, answer: &Json) -> Vec<Seen> {
    let mut value = |record: &Json| {
        let data = base64_simd::STANDARD.decode_to_vec(record["Data"].as_str()?);
        let text = String::from_utf8(data.ok()?).ok()?;
        oracle.read_value(text.split('\t').next()?)
    };
    let arrival_ms = |record: &Json| {
        let seconds = record["ApproximateArrivalTimestamp"].as_f64()?;
        let time = Duration::try_from_secs_f64(seconds + 0.0005).ok()?;
        u64::try_from(time.as_millis()).ok()
    };
    let seen = |record: &Json| {
        let sequence = Sequence::read(record["SequenceNumber"].as_str().unwrap_or_default());
        Seen::new(
            sequence,
            value(record),
            arrival_ms(record).unwrap_or_default(),
        )
    };
    let records = answer["Records"].as_array().into_iter().flatten();
    records.map(seen).collect()
}
