//! The ledger of a node: what it notes of puts and reads while whoever judges them wants to know.
//!
//! ```text
//!   POST /_ana/ledger                        {"lease_ms": 30000, "one_in": 1, "seed": 7, "streams": ["orders"]}
//!   GET  /_ana/ledger?puts_after=N&reads_after=M&max=K      a page of notes with greater numbers, oldest first
//!   POST /_ana/ledger/stop                   ends it now
//! ```
//! It is a lease, as a fault is: the node ends it by itself. Unlike a fault it is for any cluster, because no client
//! notices it. Notes hold hashes of keys and data, never the data.
//!
//! Must stay true: member names are part of the interface: members are added, never renamed.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_router::Router;
use ana_router::ledger::{LEASE_MAX, Ledger, Page, PutNote, ReadNote, Reader, Watched};
use ana_types::StreamName;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, number};

/// The beginning of the paths here, and where pages are.
pub const PATH: &str = "/_ana/ledger";
/// Where it is ended.
pub const STOP_PATH: &str = "/_ana/ledger/stop";
/// Most notes of each kind on a page.
pub const PAGE_MAX: usize = 2000;
/// Streams that one ledger names.
const STREAMS_MAX: usize = 100;
/// The reader when nobody has to show credentials.
pub const ANYONE: &str = "anyone";

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRequest {
    /// How long, if it is not renewed.
    pub lease_ms: u64,
    /// One of so many acknowledged records; each without it.
    #[serde(default = "one")]
    pub one_in: u64,
    /// Draws them.
    #[serde(default)]
    pub seed: u64,
    /// The streams; all when there is none.
    #[serde(default)]
    pub streams: BTreeSet<String>,
}

fn one() -> u64 {
    1
}

/// A page, or that the ledger is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LedgerAnswer {
    /// It is on.
    On(Box<LedgerDocument>),
    /// It is off.
    Off {
        /// The node.
        node: u64,
        /// Always false.
        on: bool,
    },
}

/// A page of notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDocument {
    /// The node.
    pub node: u64,
    /// Always true.
    pub on: bool,
    /// Changes whenever the ledger was off in between, also because its node was: notes may be missing.
    pub run: u64,
    /// The node's own time now, microseconds; that of all notes of this run.
    pub now_us: u64,
    /// How long it goes on.
    pub lease_ms: u64,
    /// One of so many acknowledged records is noted.
    pub one_in: u64,
    /// Records acknowledged since it was switched on.
    pub acknowledged: u64,
    /// Those of them that were noted.
    pub noted: u64,
    /// Records whose outcome stayed open.
    pub open: u64,
    /// When the oldest put arrived that is not answered yet.
    pub oldest_under_way_us: Option<u64>,
    /// Notes with numbers up to this are gone.
    pub puts_dropped: u64,
    /// The same of reads.
    pub reads_dropped: u64,
    /// Puts.
    pub puts: Vec<PutDocument>,
    /// Reads.
    pub reads: Vec<ReadDocument>,
}

/// A record that was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDocument {
    /// Numbers count from one.
    pub number: u64,
    /// The stream.
    pub stream: String,
    /// Its identity: a stream that was deleted and made again has two.
    pub stream_key: u64,
    /// The shard; none when the outcome is open.
    pub shard: Option<String>,
    /// The sequence number that was answered.
    pub sequence_number: Option<String>,
    /// What chose its shard, decimal.
    pub hash_key: String,
    /// A hash of partition key and data, hexadecimal.
    pub content: String,
    /// When its request arrived.
    pub arrived_us: u64,
    /// When it was answered.
    pub answered_us: u64,
}

/// An answer to a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadDocument {
    /// Numbers count from one.
    pub number: u64,
    /// The stream.
    pub stream: String,
    /// Its identity.
    pub stream_key: u64,
    /// The shard.
    pub shard: String,
    /// The ARN of a registered consumer, or an access key, or `anyone`.
    pub reader: String,
    /// The session, if it was pushed.
    pub session: Option<String>,
    /// The other end of the connection, if it was asked for.
    pub connection: Option<String>,
    /// A hash of the iterator that was used.
    pub iterator: Option<String>,
    /// A hash of the iterator that was handed out.
    pub next_iterator: Option<String>,
    /// The iterator type with which it began here.
    pub begins: Option<String>,
    /// The first position to be read: positions are those inside sequence numbers.
    pub from_position: u64,
    /// Where it goes on; none at the end of the shard.
    pub next_position: Option<u64>,
    /// The first record.
    pub first_sequence_number: Option<String>,
    /// The last record.
    pub last_sequence_number: Option<String>,
    /// Records.
    pub count: u64,
    /// How far behind it was.
    pub behind_ms: u64,
    /// When it was asked for; of an event when it was made.
    pub asked_us: u64,
    /// When it was answered.
    pub answered_us: u64,
}

/// Answers one request to a path below [`PATH`].
pub(super) fn answer(
    router: &Router,
    method: &str,
    (path, query): (&str, &str),
    body: &[u8],
) -> Answer {
    let node = router.node().0;
    let ledger = router.ledger();
    match (method, path) {
        ("GET", PATH) => page(ledger, node, query),
        ("POST", PATH) => match read(body) {
            Ok((watched, lease)) => {
                ledger.switch_on(watched, lease);
                tracing::info!(?lease, "a ledger of puts and reads is kept");
                (200, json!({ "node": node, "on": true }))
            }
            Err((field, why)) => {
                let message = format!("{field}: {why}");
                (400, json!({ "message": message, "field": field }))
            }
        },
        ("POST", STOP_PATH) => {
            ledger.switch_off();
            (200, json!({ "node": node, "on": false }))
        }
        _ => {
            let message = format!("{method} {path} is not known");
            (404, json!({ "message": message }))
        }
    }
}

fn read(body: &[u8]) -> Result<(Watched, Duration), (&'static str, String)> {
    let request: LedgerRequest = serde_json::from_slice(body).map_err(|error| {
        let like = r#"{"lease_ms": 30000, "one_in": 1, "seed": 7, "streams": []}"#;
        ("body", format!("{error}; give {like}"))
    })?;
    let lease = Duration::from_millis(request.lease_ms);
    if lease.is_zero() || lease > LEASE_MAX {
        let most = LEASE_MAX.as_millis();
        return Err(("lease_ms", format!("from 1 to {most}; renew it for longer")));
    }
    if request.one_in == 0 {
        return Err(("one_in", "at least 1, which is every record".to_owned()));
    }
    if request.streams.len() > STREAMS_MAX {
        return Err(("streams", format!("at most {STREAMS_MAX}, or none for all")));
    }
    let names = request.streams.iter().map(|name| StreamName::new(name));
    let streams = names.collect::<Result<BTreeSet<StreamName>, _>>();
    let streams = streams.map_err(|error| ("streams", error.to_string()))?;
    let watched = Watched {
        one_in: request.one_in,
        seed: request.seed,
        streams,
    };
    Ok((watched, lease))
}

fn page(ledger: &Ledger, node: u64, query: &str) -> Answer {
    let after = |name| number(query, name).unwrap_or(0);
    let max = number(query, "max").and_then(|max| usize::try_from(max).ok());
    let max = max.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let page = ledger.page((after("puts_after"), after("reads_after")), max);
    let answer = match page {
        None => LedgerAnswer::Off { node, on: false },
        Some(page) => LedgerAnswer::On(Box::new(document(node, page))),
    };
    match serde_json::to_value(&answer) {
        Ok(value) => (200, value),
        Err(error) => (500, json!({ "message": error.to_string() })),
    }
}

fn document(node: u64, page: Page) -> LedgerDocument {
    LedgerDocument {
        node,
        on: true,
        run: page.run,
        now_us: page.now_us,
        lease_ms: u64::try_from(page.lease.as_millis()).unwrap_or(u64::MAX),
        one_in: page.watched.one_in,
        acknowledged: page.counts.acknowledged,
        noted: page.counts.noted,
        open: page.counts.open,
        oldest_under_way_us: page.oldest_under_way_us,
        puts_dropped: page.puts_dropped,
        reads_dropped: page.reads_dropped,
        puts: page.puts.into_iter().map(put).collect(),
        reads: page.reads.into_iter().map(given).collect(),
    }
}

fn put((number, note): (u64, PutNote)) -> PutDocument {
    let (key, stream) = note.stream;
    PutDocument {
        number,
        stream: stream.to_string(),
        stream_key: key.0,
        shard: note.placed.map(|placed| placed.shard.to_string()),
        sequence_number: note.placed.map(|placed| placed.sequence.to_string()),
        hash_key: note.hash_key.to_string(),
        content: hex(note.content),
        arrived_us: note.arrived_us,
        answered_us: note.answered_us,
    }
}

fn given((number, note): (u64, ReadNote)) -> ReadDocument {
    let (reader, session, connection, iterator, next_iterator) = match note.reader {
        Reader::Polling {
            access_key,
            peer,
            iterator,
            next_iterator,
        } => {
            let reader = access_key.map_or(ANYONE.to_owned(), |key| key.to_string());
            let connection = Some(peer.to_string());
            let (iterator, next) = (Some(hex(iterator)), next_iterator.map(hex));
            (reader, None, connection, iterator, next)
        }
        Reader::Pushed {
            consumer_arn,
            session,
        } => {
            let reader = consumer_arn.to_string();
            (reader, Some(hex(session)), None, None, None)
        }
    };
    ReadDocument {
        number,
        stream: note.stream.to_string(),
        stream_key: note.key.0,
        shard: note.shard.to_string(),
        reader,
        session,
        connection,
        iterator,
        next_iterator,
        begins: note.begins.map(|kind| kind.as_str().to_owned()),
        from_position: note.from.0,
        next_position: note.next.map(|position| position.0),
        first_sequence_number: note.records.map(|(first, _)| first.to_string()),
        last_sequence_number: note.records.map(|(_, last)| last.to_string()),
        count: note.count,
        behind_ms: note.millis_behind,
        asked_us: note.asked_us,
        answered_us: note.answered_us,
    }
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_names_its_field() {
        let fine = r#"{"lease_ms":5,"streams":["orders"]}"#;
        let (watched, lease) = read(fine.as_bytes()).expect("it is fine");
        assert_eq!((watched.one_in, lease), (1, Duration::from_millis(5)));
        for (body, field) in [
            ("", "body"),
            ("{}", "body"),
            (r#"{"lease_ms":5,"rate":1}"#, "body"),
            (r#"{"lease_ms":0}"#, "lease_ms"),
            (r#"{"lease_ms":600001}"#, "lease_ms"),
            (r#"{"lease_ms":5,"one_in":0}"#, "one_in"),
            (r#"{"lease_ms":5,"streams":["a b"]}"#, "streams"),
        ] {
            let wrong = read(body.as_bytes()).expect_err("it is wrong");
            assert_eq!(wrong.0, field, "{body}");
        }
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let off = json!({ "node": 3, "on": false });
        let read: LedgerAnswer = serde_json::from_value(off).expect("an answer");
        assert_eq!(read, LedgerAnswer::Off { node: 3, on: false });
    }
}
