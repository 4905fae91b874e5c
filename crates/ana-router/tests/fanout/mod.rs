//! Consumers, and a reader that remembers what it was given.

#![expect(clippy::panic, reason = "a helper says what it met")]
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::time::Duration;

use ana_env::time;
use ana_raft::{Command, Reply};
use ana_router::Subscription;
use ana_router::ops::{ChildShard, CreateStream, IteratorKind, Subscribe, SubscriptionEvent};
use ana_state::meta::ConsumerCommand;
use ana_state::{MetaCommand, MetaReply};
use ana_types::{ConsumerName, GroupId, KinesisError, SequenceNumber, ShardIndex, StreamName};

use crate::common::{Cluster, active, eventually};

/// Longer than any event may take, a dead node included.
const PATIENCE: Duration = Duration::from_secs(15);

/// Makes the stream `s` with a consumer `c`; its ARN.
pub(crate) async fn with_stream(cluster: &Cluster, shards: u32) -> String {
    let create = CreateStream {
        name: "s".to_owned(),
        shard_count: Some(shards),
        ..CreateStream::default()
    };
    cluster.any().create_stream(create).await.expect("created");
    active(cluster.any(), "s").await;
    register(cluster, "c").await
}

/// Registers an ACTIVE consumer of `s`; its ARN.
pub(crate) async fn register(cluster: &Cluster, name: &str) -> String {
    let arn = register_only(cluster, name).await;
    let name = consumer(name);
    let (key, created_ms) = eventually("the consumer is known", async || {
        let meta = cluster.any().group(GroupId::METADATA)?;
        meta.meta(|meta| {
            let stream = meta.stream(&stream())?;
            let consumer = stream.consumers.get(&name)?;
            Some((stream.key, consumer.created_ms))
        })
    })
    .await;
    let activate = ConsumerCommand::Activate {
        key,
        consumer: name,
        created_ms,
        now_ms: ana_env::Env::real().clock.now_ms(),
    };
    command(cluster, activate).await.expect("activated");
    arn
}

/// Registers a consumer of `s`, which is CREATING for a while; its ARN.
pub(crate) async fn register_only(cluster: &Cluster, name: &str) -> String {
    let register = ConsumerCommand::Register {
        stream: stream(),
        consumer: consumer(name),
        tags: BTreeMap::new(),
        now_ms: ana_env::Env::real().clock.now_ms(),
    };
    let reply = command(cluster, register).await.expect("registered");
    let MetaReply::Consumer { created_ms } = reply else {
        panic!("{reply:?}");
    };
    let arn = active(cluster.any(), "s").await.arn;
    format!("{arn}/consumer/{name}:{}", created_ms / 1000)
}

/// Deregisters a consumer of `s`; false when it could not be said whether that was done.
pub(crate) async fn deregister(cluster: &Cluster, name: &str) -> bool {
    let deregister = ConsumerCommand::Deregister {
        stream: stream(),
        consumer: consumer(name),
        created_s: None,
        now_ms: ana_env::Env::real().clock.now_ms(),
    };
    command(cluster, deregister).await.is_some()
}

async fn command(cluster: &Cluster, command: ConsumerCommand) -> Option<MetaReply> {
    let leader = cluster.leader(GroupId::METADATA).await;
    let meta = cluster.router(leader.0).group(GroupId::METADATA)?;
    match meta
        .command(Command::Meta(MetaCommand::Consumer(command)))
        .await
    {
        Ok(Reply::Meta(outcome)) => Some(outcome.expect("carried out")),
        Ok(other) => panic!("{other:?}"),
        Err(_not_now) => None,
    }
}

fn stream() -> StreamName {
    StreamName::new("s").expect("a name")
}

fn consumer(name: &str) -> ConsumerName {
    ConsumerName::new(name).expect("a name")
}

/// Shard 0 from a position that needs no number.
pub(crate) fn from(arn: &str, kind: IteratorKind) -> Subscribe {
    Subscribe {
        consumer_arn: arn.to_owned(),
        shard_id: ShardIndex(0).to_string(),
        kind,
        sequence: None,
        timestamp_ms: None,
    }
}

/// Shard 0 from the tip.
pub(crate) fn latest(arn: &str) -> Subscribe {
    from(arn, IteratorKind::Latest)
}

/// Shard 0 from where an event said.
pub(crate) fn go_on(arn: &str, kind: IteratorKind, told: Option<SequenceNumber>) -> Subscribe {
    Subscribe {
        sequence: Some(told.expect("the shard goes on").to_string()),
        ..from(arn, kind)
    }
}

/// The texts of records.
pub(crate) fn texts(records: &[(SequenceNumber, String)]) -> Vec<String> {
    records.iter().map(|(_, text)| text.clone()).collect()
}

/// An event, its data as text.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) texts: Vec<(SequenceNumber, String)>,
    pub(crate) arrivals_ms: Vec<u64>,
    pub(crate) continuation: Option<SequenceNumber>,
    pub(crate) millis_behind: u64,
    pub(crate) children: Vec<ChildShard>,
}

/// Reads a subscription, and checks of every event what holds of all.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) subscription: Subscription,
    pub(crate) seen: Vec<(SequenceNumber, String)>,
    pub(crate) last: Option<SequenceNumber>,
}

impl Reader {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self {
            subscription,
            seen: Vec::new(),
            last: None,
        }
    }

    /// The next event; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let next = time::timeout(PATIENCE, self.subscription.next()).await;
        let event = next.expect("an event in time").expect("no error")?;
        Some(self.check(event))
    }

    fn check(&mut self, event: SubscriptionEvent) -> Event {
        assert_eq!(event.continuation.is_none(), !event.children.is_empty());
        let arrivals_ms = event.records.iter().map(|it| it.arrival_ms).collect();
        let texts: Vec<_> = event
            .records
            .into_iter()
            .map(|it| {
                (
                    it.sequence,
                    String::from_utf8(it.data.to_vec()).expect("our own text"),
                )
            })
            .collect();
        for (sequence, _) in &texts {
            assert!(
                self.last.is_none_or(|last| last < *sequence),
                "numbers grow"
            );
        }
        if let Some(told) = event.continuation {
            let before = texts.last().map(|it| it.0).max(self.last);
            assert!(
                before.is_none_or(|before| before <= told),
                "{told} after {before:?}"
            );
            self.last = Some(told);
        }
        self.seen.extend(texts.iter().cloned());
        Event {
            texts,
            arrivals_ms,
            continuation: event.continuation,
            millis_behind: event.millis_behind,
            children: event.children,
        }
    }

    /// The next event, which there must be.
    pub(crate) async fn event(&mut self) -> Event {
        self.next().await.expect("the session lasts")
    }

    /// Reads on until so many records were seen in all; the last of their texts.
    pub(crate) async fn until(&mut self, count: usize) -> Vec<String> {
        let until = time::now() + PATIENCE;
        while self.seen.len() < count {
            assert!(
                time::now() < until,
                "{} of {count} records",
                self.seen.len()
            );
            self.event().await;
        }
        self.seen_texts()
    }

    /// Reads on until a record says this.
    pub(crate) async fn until_text(&mut self, text: &str) {
        let until = time::now() + PATIENCE;
        while self.seen.last().is_none_or(|it| it.1 != text) {
            assert!(time::now() < until, "{text} is not seen");
            self.event().await;
        }
    }

    pub(crate) fn seen_texts(&self) -> Vec<String> {
        texts(&self.seen)
    }

    /// Reads on to the end of the shard: all records, and the last event.
    pub(crate) async fn read_to_end(&mut self) -> (Vec<(SequenceNumber, String)>, Event) {
        let until = time::now() + PATIENCE;
        loop {
            assert!(time::now() < until, "the shard does not end");
            let event = self.event().await;
            if event.continuation.is_none() {
                return (self.seen.clone(), event);
            }
        }
    }

    /// Reads on until it is ended with an error.
    pub(crate) async fn error(&mut self) -> KinesisError {
        let until = time::now() + PATIENCE;
        loop {
            let next = time::timeout_at(until, self.subscription.next()).await;
            match next.expect("an error in time") {
                Ok(Some(event)) => {
                    self.check(event);
                }
                Ok(None) => panic!("ended without an error"),
                Err(error) => {
                    let after = self.subscription.next().await;
                    assert!(matches!(after, Ok(None)), "nothing comes after an error");
                    return error;
                }
            }
        }
    }
}
