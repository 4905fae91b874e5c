//! What clients were told, and what they saw, written down for the checker (`ana-check`).
//!
//! A put that was refused clearly did not happen; a put without an answer may have happened: nothing is assumed about
//! it. Times are simulated; the wall clock is that of no machine, so every machine is a little wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_check::history::{
    Asked, Control, ControlAnswer, ControlCall, Existence, Expectation, Leadership, Listing,
    Retention, Rules, Subject,
};
use ana_check::{At, History};
use ana_types::{HashKey, HashRange, ShardIndex};

use crate::http::Answer;
use crate::workload::STREAM;
use crate::world::now_ms;

/// Records this close to the end of their retention may be there or not: the horizon moves while we read, and the
/// clocks of machines are off.
const HORIZON_SLACK_MS: u64 = 2000;

/// Now, as no machine says it.
#[must_use]
pub fn now() -> At {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    At::new(micros(elapsed), now_ms())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The value of a record, unique in a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    pub key: String,
    pub counter: u32,
}

impl Value {
    /// As it is put.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.key, self.counter)
    }

    /// As it was read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Value> {
        let (key, counter) = text.split_once(' ')?;
        Some(Value {
            key: key.to_owned(),
            counter: counter.parse().ok()?,
        })
    }
}

/// A shard as a listing told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSeen {
    pub id: String,
    pub parents: Vec<String>,
    pub start: u128,
    pub end: u128,
    pub open: bool,
}

/// Everything a run's clients know.
#[derive(Debug)]
pub struct Oracle {
    pub history: History,
    /// Elections that somebody saw won: group, term, leader. A term may have several, one after another: openraft
    /// numbers elections by term and node (`docs/FINDINGS.md`).
    pub elections: BTreeSet<(u64, u64, u64)>,
    pub reshards: usize,
}

impl Oracle {
    /// An empty one; records live so long.
    #[must_use]
    pub fn new(retention_ms: u64) -> Oracle {
        let mut history = History::new(Rules {
            keys_in_order: true,
            horizon_slack_ms: HORIZON_SLACK_MS,
            // A node asks the metadata's leader before it answers.
            metadata_lag_ms: 0,
            ..Rules::default()
        });
        history.retention(Retention {
            since_us: 0,
            lives_ms: retention_ms,
        });
        Oracle {
            history,
            elections: BTreeSet::new(),
            reshards: 0,
        }
    }

    /// A value for the checker.
    pub fn value(&mut self, value: &Value) -> ana_check::Value {
        ana_check::Value::new(self.history.producer(&value.key), value.counter)
    }

    /// The value of what was read, if a producer may have made it; its put may not be settled yet.
    pub fn read_value(&mut self, text: &str) -> Option<ana_check::Value> {
        Some(self.value(&Value::parse(text)?))
    }

    /// Enters an election, once.
    pub fn elected(&mut self, group: u64, term: u64, leader: u64) {
        if self.elections.insert((group, term, leader)) {
            let leader = self.history.node(&format!("node-{leader}"));
            self.history.leader(Leadership {
                group,
                term,
                leader,
            });
        }
    }

    /// Enters what ListShards answered at an audit or on the way.
    pub fn listed(&mut self, asked: At, shards: &[ShardSeen]) {
        let answered_us = now().us;
        let seen = shards.iter().map(|shard| ana_check::history::ShardSeen {
            shard: self.history.shard(&shard.id),
            parents: shard
                .parents
                .iter()
                .map(|parent| self.history.shard(parent))
                .collect(),
            range: HashRange {
                start: HashKey(shard.start),
                end: HashKey(shard.end),
            },
            is_open: shard.open,
        });
        let shards = seen.collect();
        self.history.listing(Listing {
            asked,
            answered_us,
            shards,
        });
    }

    /// Enters an operation of the control plane and its answer.
    pub fn controlled(&mut self, client: &str, asked: At, call: ControlCall, answer: &Answer) {
        let when = Asked {
            asked_us: asked.us,
            answered_us: now().us,
        };
        let answer = control_answer(&call, answer);
        self.note_existence(&call, &answer, when);
        let client = self.history.client(client);
        self.history.control(Control {
            stream: STREAM.to_owned(),
            client,
            call,
            answer,
            when,
        });
    }

    fn note_existence(&mut self, call: &ControlCall, answer: &ControlAnswer, when: Asked) {
        let stream = || STREAM.to_owned();
        let of = |consumer: &str| Subject::Consumer {
            stream: stream(),
            consumer: consumer.to_owned(),
        };
        let made = Asked {
            answered_us: if *answer == ControlAnswer::Unknown {
                u64::MAX
            } else {
                when.answered_us
            },
            ..when
        };
        match (call, answer) {
            (ControlCall::Create { .. }, _) => {
                let made = Existence::Made(Subject::Stream(stream()), made);
                self.history.existence(made);
            }
            (ControlCall::Register { consumer }, _) => {
                self.history.existence(Existence::Made(of(consumer), made));
            }
            (ControlCall::DescribeConsumer { consumer }, ControlAnswer::Ok) => {
                self.history.existence(Existence::There(of(consumer), when));
            }
            (ControlCall::DescribeConsumer { consumer }, ControlAnswer::NotFound) => {
                self.history.existence(Existence::Gone(of(consumer), when));
            }
            (ControlCall::List, ControlAnswer::Open(_)) => {
                let there = Existence::There(Subject::Stream(stream()), when);
                self.history.existence(there);
            }
            _ => {}
        }
    }

    /// Something came about that had to, within its bound.
    pub fn came_about(&mut self, what: String, since: At, bound_ms: u64) {
        self.history.expect(Expectation {
            what,
            since_us: since.us,
            bound_us: bound_ms * 1000,
            met_us: Some(now().us),
        });
    }

    /// Whether everything got on so far.
    #[must_use]
    pub fn gets_on(&self) -> bool {
        self.history.stuck_so_far().next().is_none()
    }
}

/// The number of a shard in its stream, as the model of the control plane names it.
#[must_use]
pub fn number(shard: &str) -> u32 {
    ShardIndex::parse_lenient(shard).map_or(u32::MAX, |index| index.0)
}

fn control_answer(call: &ControlCall, answer: &Answer) -> ControlAnswer {
    match answer {
        Answer::Ok(answer) if *call == ControlCall::List => {
            let open = |shard: &&serde_json::Value| {
                shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null()
            };
            let shards = answer["Shards"].as_array().into_iter().flatten();
            let numbers = shards
                .filter(open)
                .map(|shard| number(shard["ShardId"].as_str().unwrap_or_default()));
            ControlAnswer::Open(numbers.collect())
        }
        Answer::Ok(_) => ControlAnswer::Ok,
        // A node that cannot answer may have passed the request on.
        Answer::Refused(500.., ..) | Answer::Unknown(_) => ControlAnswer::Unknown,
        Answer::Refused(_, kind, _) => match kind.as_str() {
            "ResourceNotFoundException" => ControlAnswer::NotFound,
            "ResourceInUseException" => ControlAnswer::InUse,
            _ => ControlAnswer::Refused,
        },
    }
}
