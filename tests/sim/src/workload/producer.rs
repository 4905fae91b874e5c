//! A producer owns its keys, waits for every answer before its next put, and never retries: one put, one attempt.

use std::time::Duration;

use ana_env::time::sleep;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use super::{Phase, STREAM, Shared};
use crate::counters::saw;
use crate::http::{Answer, aws};
use crate::oracle::{Promise, Value};
use crate::world::now_ms;

const KEYS: u64 = 4;
/// After the faults, this many puts in a row must be acknowledged in full...
const GOOD_IN_A_ROW: u32 = 5;
/// ...within this many milliseconds.
const RECOVER_MS: u64 = 20_000;

/// Puts until the faults are over and it has got on again.
pub async fn produce(shared: Shared, number: u64) -> turmoil::Result {
    shared.wait(Phase::Faults).await;
    let mut dice = shared.dice(20 + number);
    let (mut counter, mut good, mut healing_since) = (0, 0, None);
    while good < GOOD_IN_A_ROW {
        let whole = put(&shared, &mut dice, number, counter).await;
        counter += 1;
        if shared.phase() >= Phase::Healing {
            let since = *healing_since.get_or_insert_with(now_ms);
            good = if whole { good + 1 } else { 0 };
            if now_ms() > since + RECOVER_MS {
                shared.stuck(format!(
                    "producer {number} is not acknowledged {RECOVER_MS} ms after the faults"
                ));
                break;
            }
        }
        sleep(Duration::from_millis(dice.random_range(5..60))).await;
    }
    shared.end_work();
    Ok(())
}

/// One PutRecords; true if all of it was acknowledged.
async fn put(shared: &Shared, dice: &mut ChaCha8Rng, number: u64, counter: u64) -> bool {
    let first = dice.random_range(0..KEYS);
    let count = dice.random_range(1..=KEYS);
    let values: Vec<Value> = (0..count)
        .map(|each| Value {
            key: format!("p{number}k{}", (first + each) % KEYS),
            counter,
        })
        .collect();
    let records: Vec<Json> = values.iter().map(|value| record(value, dice)).collect();
    let sent_ms = now_ms();
    let body = json!({"StreamName": STREAM, "Records": records});
    let answer = aws(&shared.any_node(dice), "PutRecords", &body).await;
    let mut oracle = shared.oracle();
    match answer {
        Answer::Ok(answer) => {
            for (index, value) in values.into_iter().enumerate() {
                let entry = &answer["Records"][index];
                match (entry["ShardId"].as_str(), entry["SequenceNumber"].as_str()) {
                    (Some(shard), Some(sequence)) => {
                        let promise = Promise {
                            shard: shard.to_owned(),
                            sequence: sequence.to_owned(),
                            sent_ms,
                            answered_ms: now_ms(),
                        };
                        oracle.promises.insert(value, promise);
                    }
                    _ => drop(oracle.unknown.insert(value)),
                }
            }
            let whole = answer["FailedRecordCount"] == 0;
            if !whole {
                saw("a put was answered in part");
            }
            whole
        }
        // A request-level refusal may hide parts that were stored: only a put that never reached a leader is sure.
        Answer::Refused(..) | Answer::Unknown(_) => {
            saw("a put has no known fate");
            oracle.unknown.extend(values);
            false
        }
    }
}

fn record(value: &Value, dice: &mut ChaCha8Rng) -> Json {
    let mut text = value.text();
    // Some are big, so that segments roll over and logs can be trimmed. The value is what stands before the tab.
    if dice.random_bool(0.2) {
        text.push('\t');
        text.extend(std::iter::repeat_n('.', dice.random_range(100..6000)));
    }
    json!({"Data": base64_simd::STANDARD.encode_to_string(text.as_bytes()), "PartitionKey": value.key})
}
