//! SubscribeToShard: records as they are pushed, over chunked HTTP/1.1 as boto3 reads them.
//!
//! Must stay true: `next` may be dropped while it waits and nothing is lost; no more than one frame is held; every
//! wait is bounded.

use std::sync::Arc;
use std::time::Duration;

use ana_env::time;
use ana_wire::event_stream::{Frame, Reader};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use super::connections::Connections;
use super::error::{AwsError, ClientError};
use super::kinesis::{ChildShard, Record, StartAt, seconds};
use super::{ATTEMPT_TIMEOUT, Client};

const OPERATION: &str = "SubscribeToShard";

/// An idle shard says so every few seconds: longer silence is a dead connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A subscription under way.
#[derive(Debug)]
pub struct Subscription {
    body: Incoming,
    frames: Reader,
    /// Their task moves the bytes: it must not end with the client.
    _connections: Arc<Connections>,
}

/// What one event tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pushed {
    /// Records in order; none on an idle shard.
    pub records: Vec<Record>,
    /// Where a next subscription goes on; absent at the end of a closed shard.
    pub continuation_sequence_number: Option<String>,
    /// 0 when caught up.
    #[serde(default)]
    pub millis_behind_latest: u64,
    /// Present at the end of a closed shard.
    #[serde(default)]
    pub child_shards: Vec<ChildShard>,
}

impl Client {
    /// SubscribeToShard, one attempt on a connection of its own.
    pub async fn subscribe(
        &self,
        consumer_arn: &str,
        shard: &str,
        start: &StartAt,
    ) -> Result<Subscription, ClientError> {
        let input = json!({
            "ConsumerARN": consumer_arn, "ShardId": shard, "StartingPosition": position(start),
        });
        let request = self.kinesis_request(OPERATION, Bytes::from(input.to_string()))?;
        let open = self.connections.open(request);
        let body = self.bounded(OPERATION, ATTEMPT_TIMEOUT, open).await?;
        let body = body.map_err(|raw| ClientError::Aws(AwsError::read(OPERATION, &raw)))?;
        Ok(Subscription {
            body,
            frames: Reader::new(),
            _connections: Arc::clone(&self.connections),
        })
    }
}

fn position(start: &StartAt) -> serde_json::Value {
    match start {
        StartAt::Horizon => json!({ "Type": "TRIM_HORIZON" }),
        StartAt::Latest => json!({ "Type": "LATEST" }),
        StartAt::Sequence(number) => {
            json!({ "Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": number })
        }
        StartAt::AfterSequence(number) => {
            json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number })
        }
        StartAt::TimeMs(ms) => json!({ "Type": "AT_TIMESTAMP", "Timestamp": seconds(*ms) }),
    }
}

impl Subscription {
    /// The next event; `None` when the service ends the subscription, as it does after five minutes.
    ///
    /// # Errors
    /// What the service says instead of an event, and every way in which the connection can fail.
    pub async fn next(&mut self) -> Result<Option<Pushed>, ClientError> {
        loop {
            while let Some(frame) = self.frames.next_frame().map_err(|e| unreadable(&e))? {
                if let Some(pushed) = judge(frame)? {
                    return Ok(Some(pushed));
                }
            }
            let Ok(part) = time::timeout(SILENCE_MAX, self.body.frame()).await else {
                return Err(ClientError::TimedOut {
                    operation: OPERATION,
                    after: SILENCE_MAX,
                });
            };
            match part {
                Some(Ok(part)) => {
                    // A part without data is a trailer, and says nothing.
                    if let Some(bytes) = part.data_ref() {
                        self.frames.push(bytes);
                    }
                }
                Some(Err(error)) => return Err(broken(error.to_string())),
                None if self.frames.is_between_frames() => return Ok(None),
                None => return Err(broken("it ended within an event".to_owned())),
            }
        }
    }
}

/// An event, or the fault that a frame stands for; `None` for the start of the answer.
fn judge(frame: Frame) -> Result<Option<Pushed>, ClientError> {
    match frame {
        Frame::InitialResponse => Ok(None),
        Frame::Event { payload, .. } => serde_json::from_slice(&payload)
            .map(Some)
            .map_err(|error| unreadable(&error)),
        Frame::Exception { kind, message }
        | Frame::Error {
            code: kind,
            message,
        } => Err(ClientError::Aws(AwsError {
            operation: OPERATION,
            status: status_of(&kind),
            kind,
            message: message.unwrap_or_default(),
            request_id: None,
        })),
    }
}

/// The status that the same fault has as an answer of its own: it decides whether trying again helps.
fn status_of(kind: &str) -> u16 {
    match kind {
        "InternalFailure" | "InternalFailureException" => 500,
        "ServiceUnavailable" => 503,
        _ => 400,
    }
}

fn unreadable(error: &dyn std::error::Error) -> ClientError {
    ClientError::Unreadable {
        operation: OPERATION,
        why: error.to_string(),
    }
}

fn broken(why: String) -> ClientError {
    ClientError::NoAnswer {
        operation: OPERATION,
        why,
        sent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn faults_within_the_stream_are_judged_like_answers() {
        for (kind, exit, retry) in [
            ("ResourceInUseException", Exit::Exists, false),
            ("ResourceNotFoundException", Exit::NotFound, false),
            ("InternalFailureException", Exit::Unavailable, true),
            ("ServiceUnavailable", Exit::Unavailable, true),
            ("LimitExceededException", Exit::Throttled, true),
        ] {
            let frame = Frame::Exception {
                kind: kind.to_owned(),
                message: None,
            };
            let error = judge(frame).expect_err("a fault");
            assert_eq!((error.exit(), error.is_worth_a_retry()), (exit, retry));
        }
    }

    #[test]
    fn events_are_read_with_and_without_their_optional_members() {
        let event = |payload: &'static str| {
            judge(Frame::Event {
                kind: "SubscribeToShardEvent".to_owned(),
                payload: Bytes::from_static(payload.as_bytes()),
            })
        };
        let idle = event(
            r#"{"Records":[],"ContinuationSequenceNumber":"7","MillisBehindLatest":0,"New":1}"#,
        );
        let idle = idle.expect("readable").expect("an event");
        assert_eq!(idle.continuation_sequence_number.as_deref(), Some("7"));
        let end = event(
            r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"s1","ParentShards":["s0"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]}"#,
        );
        let end = end.expect("readable").expect("an event");
        assert_eq!(end.continuation_sequence_number, None);
        assert_eq!(end.child_shards[0].shard_id, "s1");
        assert!(event("{}").is_err());
        assert!(judge(Frame::InitialResponse).expect("no fault").is_none());
    }

    #[test]
    fn every_start_has_its_position() {
        for (start, wanted) in [
            (StartAt::Horizon, json!({"Type": "TRIM_HORIZON"})),
            (StartAt::Latest, json!({"Type": "LATEST"})),
            (
                StartAt::Sequence("7".to_owned()),
                json!({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": "7"}),
            ),
            (
                StartAt::AfterSequence("7".to_owned()),
                json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "7"}),
            ),
            (
                StartAt::TimeMs(1500),
                json!({"Type": "AT_TIMESTAMP", "Timestamp": 1.5}),
            ),
        ] {
            assert_eq!(position(&start), wanted);
        }
    }
}
