//! An experiment: a template as it was when it was started, and what has become of it since.
//!
//! ```text
//!   initiating ──began──> running ──ended──> completed | failed | stopped
//!        └─────── stop ──> stopping ──ended──^
//! ```
//! Must stay true: an experiment that has ended never changes again.

mod action;
mod view;

use super::body::{Body, Texts, check_tags, object, token};
use super::ending::{Ending, REASON_CHARS_MAX, cut};
use super::moment::Moment;
use super::refusal::Refusal;
use super::request::template as template_id;
use super::template::{Template, key};
use crate::fis::outline;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

pub use action::{ActionState, ActionStatus, Progress};

/// Where an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is FIS's word")]
pub enum Status {
    Initiating,
    Running,
    Stopping,
    Completed,
    Stopped,
    Failed,
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// `EXP…`.
    pub id: String,
    /// The template it was started from.
    pub template: String,
    /// The token it was started with.
    pub client_token: String,
    /// The template's body as it was then.
    pub body: Body,
    /// Its own tags.
    pub tags: Texts,
    /// When it was asked for.
    pub created: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// Where it stands.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// The run of the drill, once it began.
    pub run: Option<String>,
    /// When the drill's clock started.
    pub clock_started: Option<Moment>,
    /// Its actions by name.
    pub actions: BTreeMap<String, ActionState>,
    /// The actions of the drill's steps, in their order.
    pub steps: Vec<String>,
}

/// A request of StartExperiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The token by which the request is known when it is sent again.
    pub client_token: String,
    /// The template.
    pub template: String,
    /// Tags of the experiment.
    pub tags: Texts,
}

impl Start {
    /// Reads a request.
    ///
    /// # Errors
    /// When it cannot stand.
    pub fn read(bytes: &[u8]) -> Result<Start, Refusal> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Request {
            experiment_template_id: String,
            #[serde(default)]
            experiment_options: Options,
            #[serde(default)]
            tags: Texts,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Options {
            actions_mode: Option<String>,
        }
        let mut object = object(bytes)?;
        let client_token = token(&mut object)?;
        let request: Request = serde_json::from_value(Value::Object(object))
            .map_err(|error| Refusal::validation(format!("the request: {error}")))?;
        match request.experiment_options.actions_mode.as_deref() {
            None | Some("run-all") => {}
            Some(_) => {
                return Err(Refusal::validation(
                    "actionsMode: only run-all is offered; `ana drill check FILE` tells what a template would do",
                ));
            }
        }
        check_tags(&request.tags)?;
        Ok(Start {
            client_token,
            template: template_id(&request.experiment_template_id)?,
            tags: request.tags,
        })
    }
}

impl Experiment {
    /// The experiment that `start` asks for.
    ///
    /// # Errors
    /// When the template cannot be carried over any more.
    pub fn new(
        id: String,
        start: Start,
        template: &Template,
        now: Moment,
    ) -> Result<Experiment, Refusal> {
        let planned = outline(&template.body.text());
        let planned = planned.map_err(|error| Refusal::validation(error.to_string()))?;
        let steps = planned.iter().filter(|each| !each.only_waits);
        let steps = steps.map(|each| each.name.clone()).collect();
        Ok(Experiment {
            id,
            template: start.template,
            client_token: start.client_token,
            body: template.body.clone(),
            tags: start.tags,
            created: now,
            ended: None,
            status: Status::Initiating,
            reason: "the cluster is looked at before anything is broken".to_owned(),
            run: None,
            clock_started: None,
            actions: planned
                .into_iter()
                .map(|each| (each.name.clone(), ActionState::new(&each)))
                .collect(),
            steps,
        })
    }

    /// The key by which experiments are listed: the oldest first.
    pub fn key(&self) -> String {
        key(self.created, &self.id)
    }

    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        matches!(
            self.status,
            Status::Completed | Status::Stopped | Status::Failed
        )
    }

    /// The run began; `notes` say what of the template it does not do.
    pub fn began(&mut self, run: String, notes: &[String]) {
        if self.is_over() {
            return;
        }
        self.run = Some(run);
        if self.status == Status::Initiating {
            self.status = Status::Running;
            let told: Vec<&str> = ["the drill runs"]
                .into_iter()
                .chain(notes.iter().map(String::as_str))
                .collect();
            self.reason = cut(&told.join("; "), REASON_CHARS_MAX);
        }
    }

    /// Somebody asks for the end.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn stop(&mut self) -> Result<(), Refusal> {
        if self.is_over() {
            return Err(Refusal::validation(format!(
                "the experiment {} has ended already",
                self.id
            )));
        }
        self.status = Status::Stopping;
        self.reason = "faults are taken away, then the report is made".to_owned();
        Ok(())
    }

    /// Something happened in the run.
    pub fn progress(&mut self, progress: Progress, now: Moment) {
        if self.is_over() {
            return;
        }
        let stopping = self.status == Status::Stopping;
        let of_step = |step: usize| step.checked_sub(1).and_then(|place| self.steps.get(place));
        match progress {
            Progress::ClockStarted => self.clock_started = Some(now),
            Progress::Fired(step) => {
                if let Some(action) = of_step(step).and_then(|name| self.actions.get_mut(name)) {
                    action.fired(now);
                }
            }
            Progress::Reverted(step) => {
                if let Some(action) = of_step(step).and_then(|name| self.actions.get_mut(name)) {
                    action.reverted(now, stopping);
                }
            }
            Progress::Trouble(step, why) => {
                if let Some(action) = of_step(step).and_then(|name| self.actions.get_mut(name)) {
                    action.trouble(&cut(&why, REASON_CHARS_MAX));
                }
            }
        }
    }

    /// The run is over.
    pub fn end(&mut self, ending: &Ending, now: Moment) {
        if self.is_over() {
            return;
        }
        let clock_started = self.clock_started;
        for action in self.actions.values_mut() {
            action.end(clock_started, now);
        }
        self.run = ending.run.clone().or(self.run.take());
        self.status = ending.status();
        self.reason = ending.reason();
        self.ended = Some(now);
    }
}

#[cfg(test)]
#[path = "experiment/experiment_test.rs"]
mod experiment_test;
