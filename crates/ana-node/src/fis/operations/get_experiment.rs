//! GetExperiment.

use ana_drill::fis::api::request::no_experiment;

use super::super::ask::Outcome;
use super::super::service::Service;

impl Service {
    pub(in crate::fis) fn get_experiment(&self, id: &str) -> Outcome {
        let experiment = self.experiments.get(id).ok_or_else(|| no_experiment(id))?;
        Ok(experiment.answer(self.now()))
    }
}
