//! One experiment as a run of a drill, in a task of its own.
//!
//! Must stay true: the last news of a run is its end; a run that breaks off without it ends its channel.

use std::sync::Arc;

use ana_drill::fis::api::ending::{Ending, How};
use ana_drill::fis::api::experiment::Progress;
use tokio::sync::{mpsc, watch};

use crate::drill::cluster::Cluster;
use crate::drill::record::{Event, Outcome, Phase, Record, What};
use crate::drill::runner::{self, Order, Outlet};
use crate::drill::store::RunDir;

/// News that may wait. Each step of a drill makes a few.
pub(super) const NEWS_WAITING: usize = 1024;

/// What a run tells.
#[derive(Debug)]
pub(super) enum News {
    /// It was not refused.
    Began(RunDir),
    /// Something happened.
    Progress(Progress),
    /// It is over.
    Over(Ending),
}

/// Runs a drill to its end.
pub(super) async fn run(
    cluster: Cluster,
    order: Order,
    stop: watch::Receiver<Option<String>>,
    news: mpsc::Sender<News>,
) {
    let voice = {
        let news = news.clone();
        move |event: &Event| {
            if let Some(progress) = progress_of(event) {
                tell(&news, News::Progress(progress));
            }
        }
    };
    let outlet = Outlet {
        voice: Arc::new(voice),
        stop,
    };
    let began = |run: &RunDir, _seed| tell(&news, News::Began(run.clone()));
    let ending = match Box::pin(runner::run(&cluster, order, outlet, began)).await {
        Ok(record) => ending_of(&record),
        Err(refusal) => {
            Ending::without_record(format!("{}; {}", refusal.what, refusal.advice), None)
        }
    };
    if news.send(News::Over(ending)).await.is_err() {
        // The service has ended: the cluster ends.
    }
}

fn tell(news: &mpsc::Sender<News>, word: News) {
    if news.try_send(word).is_err() {
        tracing::warn!("news of an experiment are lost; its report has them");
    }
}

fn progress_of(event: &Event) -> Option<Progress> {
    match &event.what {
        What::Phase {
            phase: Phase::Faults,
        } => Some(Progress::ClockStarted),
        What::FaultFired { fault, .. } => Some(Progress::Fired(*fault)),
        What::FaultReverted { fault, .. } => Some(Progress::Reverted(*fault)),
        What::FaultFailed { fault, why } => Some(Progress::Trouble(*fault, why.clone())),
        _ => None,
    }
}

/// The end that a record tells of.
pub(super) fn ending_of(record: &Record) -> Ending {
    let broken = record.first_broken.as_ref();
    let count = |is: fn(u64) -> bool| {
        let rows = record.anomalies.iter();
        rows.filter(|row| row.found == 0 && is(row.looked_at))
            .count()
    };
    Ending {
        how: match record.outcome {
            Outcome::Passed => How::Passed,
            Outcome::Broken => How::Broken,
            Outcome::CouldNotRun => How::CouldNotRun,
            Outcome::StoppedByGuard => How::Guarded,
            Outcome::StoppedByPerson => How::Stopped,
        },
        why: record.why.clone(),
        first_broken: broken.map(|broken| (broken.check.clone(), broken.found.clone())),
        run: Some(record.id.clone()),
        looked_at: count(|looked_at| looked_at > 0),
        not_exercised: count(|looked_at| looked_at == 0),
    }
}
