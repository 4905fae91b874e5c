//! The one owner of templates and experiments: a task that carries out one request after another and hears what the
//! experiment that runs tells.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_drill::fis::api::ending::Ending;
use ana_drill::fis::api::moment::Moment;
use ana_drill::fis::api::{Experiment, Operation, Refusal, Template};
use ana_env::runtime::Tasks;
use ana_env::{Env, time};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::ask::{Ask, Outcome};
use super::files::{Files, Kept};
use super::run::{NEWS_WAITING, News, ending_of, run};
use crate::cluster::lock;
use crate::drill::cluster::Cluster;
use crate::drill::runner::Order;
use crate::drill::store::{RunDir, Store};

/// How long a run gets to take its faults away when the cluster ends, and after what it is reminded that nobody waits
/// for its report.
const END_MAX: Duration = Duration::from_secs(15);
const REMIND_AFTER: Duration = Duration::from_secs(1);

/// Templates, experiments, and the one that runs.
#[derive(Debug)]
pub struct Service {
    pub(super) env: Env,
    pub(super) files: Files,
    pub(super) cluster: Cluster,
    pub(super) templates: BTreeMap<String, Template>,
    pub(super) experiments: BTreeMap<String, Experiment>,
    drills: Store,
    active: Option<Active>,
    asks: mpsc::Receiver<Ask>,
    tasks: Tasks,
}

/// The experiment that runs.
#[derive(Debug)]
struct Active {
    experiment: String,
    /// What of the template could not be carried over.
    notes: Vec<String>,
    run: Option<RunDir>,
    stop: watch::Sender<Option<String>>,
    news: mpsc::Receiver<News>,
}

impl Service {
    pub(super) fn new(
        cluster: Cluster,
        (files, kept): (Files, Kept),
        drills: Store,
        asks: mpsc::Receiver<Ask>,
    ) -> Service {
        Service {
            env: cluster.env().clone(),
            files,
            cluster,
            templates: kept.templates,
            experiments: kept.experiments,
            drills,
            active: None,
            asks,
            tasks: Tasks::new(),
        }
    }

    /// Serves until it is asked to end, or until nobody can ask any more.
    pub async fn run(mut self) {
        self.settle_what_was_left().await;
        loop {
            tokio::select! {
                biased;
                news = next(&mut self.active) => self.hear(news).await,
                ask = self.asks.recv() => match ask {
                    Some(Ask::Call { operation, body, done }) => {
                        let outcome = Box::pin(self.carry_out(operation, &body)).await;
                        if done.send(outcome).is_err() {
                            // The caller has gone; it was carried out nevertheless.
                        }
                    }
                    Some(Ask::End(done)) => {
                        Box::pin(self.end()).await;
                        if done.send(()).is_err() {
                            // It took longer than anybody waits.
                        }
                        return;
                    }
                    None => return,
                },
            }
        }
    }

    async fn carry_out(&mut self, operation: Operation, body: &Bytes) -> Outcome {
        match operation {
            Operation::CreateExperimentTemplate => self.create_experiment_template(body).await,
            Operation::GetExperimentTemplate(id) => self.get_experiment_template(&id),
            Operation::ListExperimentTemplates(page) => Ok(self.list_experiment_templates(&page)),
            Operation::UpdateExperimentTemplate(id) => {
                self.update_experiment_template(&id, body).await
            }
            Operation::DeleteExperimentTemplate(id) => self.delete_experiment_template(&id).await,
            Operation::StartExperiment => self.start_experiment(body).await,
            Operation::GetExperiment(id) => self.get_experiment(&id),
            Operation::ListExperiments(page, template) => {
                Ok(self.list_experiments(&page, template.as_deref()))
            }
            Operation::StopExperiment(id) => self.stop_experiment(&id).await,
            Operation::ListActions(page) => Ok(super::operations::list_actions(&page)),
            Operation::GetAction(id) => super::operations::get_action(&id),
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.env.clock.now_ms())
    }

    /// Refuses while a drill runs, whoever runs it.
    pub(super) fn is_free(&self) -> Result<(), Refusal> {
        if let Some(active) = &self.active {
            return Err(Refusal::conflict(format!(
                "the experiment {} runs; one at a time: wait, or stop it",
                active.experiment
            )));
        }
        match lock::holder(self.drills.dir()) {
            Ok(Some(holder)) => Err(Refusal::conflict(format!(
                "a drill of process {holder} runs; one at a time: ana drill watch, or ana drill stop"
            ))),
            // Whatever is wrong with the directory the runner tells.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Begins the run of an experiment.
    pub(super) fn begin(&mut self, experiment: &str, order: Order) {
        let (stop, asked) = watch::channel(None);
        let (told, news) = mpsc::channel(NEWS_WAITING);
        self.active = Some(Active {
            experiment: experiment.to_owned(),
            notes: order.notes.clone(),
            run: None,
            stop,
            news,
        });
        let running = run(self.cluster.clone(), order, asked, told);
        if self.tasks.spawn(running).is_none() {
            tracing::debug!("no run begins any more: the cluster ends");
        }
    }

    /// Asks the run of an experiment to end, the way `ana drill stop` does; before there is one, directly.
    pub(super) async fn ask_stop(&self, experiment: &str) -> Result<(), Refusal> {
        const HOW: &str = "StopExperiment";
        let Some(active) = self
            .active
            .as_ref()
            .filter(|active| active.experiment == experiment)
        else {
            return Ok(());
        };
        match &active.run {
            Some(run) => run.ask_stop(HOW).await.map_err(|error| {
                Refusal::internal(format!(
                    "{}: {error}; try: ana drill stop",
                    run.dir().display()
                ))
            }),
            None => {
                active.stop.send_replace(Some(HOW.to_owned()));
                Ok(())
            }
        }
    }

    async fn hear(&mut self, news: Option<News>) {
        let now = self.now();
        let Some(active) = &mut self.active else {
            return;
        };
        let Some(experiment) = self.experiments.get_mut(&active.experiment) else {
            self.active = None;
            return;
        };
        match news {
            Some(News::Began(run)) => {
                experiment.began(run.id().to_owned(), &active.notes);
                active.run = Some(run);
            }
            Some(News::Progress(progress)) => experiment.progress(progress, now),
            Some(News::Over(ending)) => {
                experiment.end(&ending, now);
                self.active = None;
            }
            None => {
                let ending = Ending::without_record("the runner broke off", None);
                experiment.end(&ending, now);
                self.active = None;
            }
        }
        if let Err(refusal) = self.files.keep_experiment(experiment).await {
            tracing::warn!(error = refusal.message, "an experiment is not kept");
        }
    }

    /// Experiments that ran when an earlier process ended: their runs tell what became of them, if anything does.
    async fn settle_what_was_left(&mut self) {
        let now = self.now();
        for experiment in self.experiments.values_mut() {
            if experiment.is_over() {
                continue;
            }
            let record = match &experiment.run {
                Some(run) => self.drills.run(run).record().await.ok().flatten(),
                None => None,
            };
            let ending = match record {
                Some(record) => ending_of(&record),
                None => {
                    let why = "`ana up` ended while it ran; its faults ended with their leases";
                    Ending::without_record(why, None)
                }
            };
            experiment.end(&ending, now);
            if let Err(refusal) = self.files.keep_experiment(experiment).await {
                tracing::warn!(error = refusal.message, "an experiment is not kept");
            }
        }
    }

    /// Ends the run, faults first, and does not wait for its audits.
    async fn end(&mut self) {
        let began = self.env.clock.elapsed();
        while let Some(active) = &self.active {
            if self.env.clock.elapsed().saturating_sub(began) > END_MAX {
                break;
            }
            active
                .stop
                .send_replace(Some("the end of `ana up`".to_owned()));
            if let Ok(news) = time::timeout(REMIND_AFTER, next(&mut self.active)).await {
                self.hear(news).await;
            }
        }
        self.tasks.shutdown().await;
        // What is still under way has lost its task, so its channel ends.
        while self.active.is_some() {
            let news = next(&mut self.active).await;
            self.hear(news).await;
        }
    }
}

/// The next news of the run, once there is one.
async fn next(active: &mut Option<Active>) -> Option<News> {
    match active {
        Some(active) => active.news.recv().await,
        None => std::future::pending().await,
    }
}
