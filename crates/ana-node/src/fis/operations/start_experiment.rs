//! StartExperiment: an experiment that is kept, and the run of its drill.

use ana_drill::fis::api::experiment::Start;
use ana_drill::fis::api::identity::{EXPERIMENT, id};
use ana_drill::fis::api::request::no_template;
use ana_drill::fis::api::{EXPERIMENTS_MAX, Experiment, Refusal};

use super::super::ask::Outcome;
use super::super::service::Service;
use crate::client::endpoint::DEFAULT;
use crate::drill::runner::Order;

impl Service {
    pub(in crate::fis) async fn start_experiment(&mut self, bytes: &[u8]) -> Outcome {
        let start = Start::read(bytes)?;
        let now = self.now();
        let mut kept = self.experiments.values();
        if let Some(before) = kept.find(|each| each.client_token == start.client_token) {
            if before.template == start.template && before.tags == start.tags {
                return Ok(before.answer(now));
            }
            return Err(Refusal::conflict(format!(
                "the clientToken started the experiment {} of another content; take another token",
                before.id
            )));
        }
        let template = self.templates.get(&start.template);
        let template = template.ok_or_else(|| no_template(&start.template))?;
        self.is_free()?;
        if self.experiments.len() >= EXPERIMENTS_MAX {
            return Err(Refusal::quota(format!(
                "{EXPERIMENTS_MAX} experiments are kept at most; end `ana up`, remove old files of {}, start it again",
                self.files.experiments().display()
            )));
        }
        let import = template.body.import()?;
        let id = id(EXPERIMENT, || self.env.rng.next_u64());
        let experiment = Experiment::new(id, start, template, now)?;
        let notes = import.not_carried.iter();
        let order = Order {
            drill: import.drill,
            notes: notes
                .map(|note| format!("not carried over: {note}"))
                .collect(),
            seed: None,
            i_know: false,
            stream: None,
            again: self.again(&experiment.template),
            // The supervisor tells the data directory: it is this process.
            data_dir: std::path::PathBuf::new(),
        };
        self.files.keep_experiment(&experiment).await?;
        let answer = experiment.answer(now);
        let id = experiment.id.clone();
        self.experiments.insert(id.clone(), experiment);
        self.begin(&id, order);
        Ok(answer)
    }

    /// The command that runs the template again; its file is one that `ana drill run` reads.
    fn again(&self, template: &str) -> String {
        let file = self.files.template(template);
        let mut again = format!("ana drill run {}", file.display());
        let endpoint = self.cluster.endpoint().to_string();
        if endpoint != DEFAULT {
            again.push_str(&format!(" --endpoint {endpoint}"));
        }
        again
    }
}
