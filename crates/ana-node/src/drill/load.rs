//! The load that a drill puts on a stream: producers that send every record until it is settled, consumers that read
//! along.
//!
//! ```text
//!   lanes (producers) --PutRecords--> endpoint --GetRecords--> consumers
//!          \________________ Book: history, measurements ________/
//! ```
//! Must stay true:
//! - consumers have their first iterators before the first record is put, so that everything put passes them;
//! - a record of a key is put only after the one before it was acknowledged or given up;
//! - no record waits for another shard's: each request holds records of one shard, as far as known.

mod consumer;
mod lane;

use std::time::Duration;

use ana_drill::Load;
use ana_env::runtime::Tasks;
use ana_env::time;
use tokio::sync::watch;

use self::consumer::Consumer;
use self::lane::Lane;
use super::book::Book;
use super::cluster::Cluster;
use crate::client::error::ClientError;
use crate::client::{Client, Retry};
use crate::error::Exit;

/// How long a stream may take to become ACTIVE.
const ACTIVE_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Records each second of one lane; a lane is a task with connections of its own.
const LANE_RATE: u32 = 2000;
const LANES_MAX: u32 = 16;
/// How long one attempt waits for its answer. A node that stands still takes connections and never answers; an SDK gives
/// up on it as well.
pub(super) const ATTEMPT_MAX: Duration = Duration::from_secs(3);

/// How the load is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    /// It goes on.
    On,
    /// No new records; consumers read up to the newest.
    Finish,
    /// At once.
    Stop,
}

/// A load under way.
#[derive(Debug)]
pub struct UnderWay {
    producers: Tasks,
    consumers: Tasks,
    producing: watch::Sender<Going>,
    consuming: watch::Sender<Going>,
}

/// Makes sure that the stream is there; says whether it was created.
///
/// # Errors
/// When it is not there and cannot be created.
pub async fn ensure_stream(client: &Client, load: &Load) -> Result<bool, ClientError> {
    let stream = load.stream.as_str();
    let created = match client.create_stream(stream, Some(load.shards)).await {
        Ok(()) => true,
        Err(error) if error.exit() == Exit::Exists => false,
        Err(error) => return Err(error),
    };
    let clock = std::sync::Arc::clone(&client.env().clock);
    let began = clock.elapsed();
    loop {
        let summary = client.describe_summary(stream).await?;
        if summary.stream.stream_status == "ACTIVE" {
            return Ok(created);
        }
        if clock.elapsed().saturating_sub(began) > ACTIVE_MAX {
            return Err(ClientError::TimedOut {
                operation: "DescribeStreamSummary",
                after: ACTIVE_MAX,
            });
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// Starts the load: first the consumers, then, when each has its iterators, the producers.
///
/// # Errors
/// When the stream cannot be read.
pub async fn start(
    cluster: &Cluster,
    load: &Load,
    book: &Book,
    seed: u64,
) -> Result<UnderWay, ClientError> {
    let (consuming, consumers_going) = watch::channel(Going::On);
    let consumers = Tasks::new();
    for number in 1..=load.consumers {
        let consumer = Consumer::open(
            client(cluster),
            load.stream.as_str(),
            book.clone(),
            (number, load.consumers),
        );
        let consumer = consumer.await?;
        consumers.spawn(consumer.run(consumers_going.clone()));
    }
    let (producing, producers_going) = watch::channel(Going::On);
    let producers = Tasks::new();
    let lanes = load
        .puts_per_second
        .div_ceil(LANE_RATE)
        .clamp(1, LANES_MAX)
        .min(load.keys);
    for lane in 0..lanes {
        let lane = Lane::new(client(cluster), load, (lane, lanes), book.clone(), seed);
        producers.spawn(lane.run(producers_going.clone()));
    }
    Ok(UnderWay {
        producers,
        consumers,
        producing,
        consuming,
    })
}

fn client(cluster: &Cluster) -> Client {
    cluster.client().with_retry(Retry::never())
}

impl UnderWay {
    /// Ends the load in order: open records get `settle` to be settled, consumers then `catch_up` to read everything.
    pub async fn finish(self, settle: Duration, catch_up: Duration) {
        self.producing.send_replace(Going::Finish);
        if time::timeout(settle, self.producers.join()).await.is_err() {
            // Lanes write down what is still open when they are told to stop.
            self.producing.send_replace(Going::Stop);
        }
        self.consuming.send_replace(Going::Finish);
        if time::timeout(catch_up, self.consumers.join())
            .await
            .is_err()
        {
            self.consuming.send_replace(Going::Stop);
        }
    }
}
