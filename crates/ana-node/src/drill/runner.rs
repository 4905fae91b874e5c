//! Runs a drill on a cluster, from the first look to the record.
//!
//! ```text
//!   preflight (refused, or) -> Course: load, steady state, faults, healing -> closing: audits, record
//! ```
//! Must stay true:
//! - nothing is broken before everything that the drill needs was found to be there;
//! - whatever ends the run, every fault is taken away before it returns, and a run that began has a record.

mod closing;
mod course;
mod preflight;

use std::fmt;
use std::path::PathBuf;

use ana_drill::{Drill, Plan};
use ana_types::StreamName;
use tokio::sync::watch;

use self::course::Course;
pub use self::preflight::unable;
use super::cluster::Cluster;
use super::journal::Voice;
use super::record::Record;
use super::snapshot::Snapshot;
use super::store::{RunDir, Store};
use crate::cluster::lock::LockError;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The drill.
    pub drill: Drill,
    /// What could not be carried over from a template.
    pub notes: Vec<String>,
    /// The seed to take instead of the file's.
    pub seed: Option<u64>,
    /// Whether more zones may be hurt at once than is usual.
    pub i_know: bool,
    /// The stream to take instead of the file's.
    pub stream: Option<StreamName>,
    /// The command that repeats the run, without its seed.
    pub again: String,
    /// Where runs are kept when the cluster has no supervisor.
    pub data_dir: PathBuf,
}

/// Who hears of a run, and who can end it.
#[derive(Clone)]
pub struct Outlet {
    /// Told of each event as it happens.
    pub voice: Voice,
    /// How somebody asked for the end, once somebody did.
    pub stop: watch::Receiver<Option<String>>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

/// A run that was refused before anything was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// Why.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl Refusal {
    fn new(what: impl Into<String>, advice: impl Into<String>) -> Refusal {
        Refusal {
            what: what.into(),
            advice: advice.into(),
        }
    }
}

/// A drill that may run.
#[derive(Debug)]
struct Ready {
    drill: Drill,
    plan: Plan,
    seed: u64,
    seen: Snapshot,
    /// Whether the stream of the load was created for it.
    stream_created: bool,
    notes: Vec<String>,
    again: String,
    store: Store,
}

/// Where the runs of a cluster are kept.
pub async fn store_of(cluster: &Cluster, data_dir: &std::path::Path) -> Store {
    let supervised = cluster.supervised().await;
    let dir = supervised.map(|told| PathBuf::from(told.data_dir));
    let dir = dir.unwrap_or_else(|| data_dir.to_owned());
    Store::below(cluster.env(), &dir)
}

/// Runs a drill.
///
/// # Errors
/// When it is refused before anything was broken. Everything later is told in the record.
pub async fn run(
    cluster: &Cluster,
    order: Order,
    outlet: Outlet,
    began: impl FnOnce(&RunDir, u64),
) -> Result<Record, Refusal> {
    let ready = Box::pin(preflight::preflight(cluster, order)).await?;
    let _lock = ready.store.lock().await.map_err(|error| {
        let advice = match error {
            LockError::Held { .. } => "a drill is running: ana drill watch, or ana drill stop",
            LockError::Io { .. } => "check the permissions and the free space of the directory",
        };
        Refusal::new(error.to_string(), advice)
    })?;
    let now_ms = cluster.env().clock.now_ms();
    let kept = async {
        let run = ready.store.begin(ready.drill.name.as_str(), now_ms).await?;
        run.keep_drill(ready.drill.to_string()).await?;
        let log = run.log().await?;
        Ok((run, log))
    };
    let (run, log) = kept.await.map_err(|error: std::io::Error| {
        let what = format!(
            "the run cannot be kept in {}: {error}",
            ready.store.dir().display()
        );
        Refusal::new(
            what,
            "check the permissions and the free space of the directory",
        )
    })?;
    began(&run, ready.seed);
    let (course, told) = Course::new(cluster.clone(), ready, run.clone(), log, outlet);
    let record = Box::pin(course.run(told, now_ms)).await;
    if let Err(error) = run.keep_record(&record).await {
        tracing::warn!(%error, "the record of a drill cannot be written");
    }
    Ok(record)
}
