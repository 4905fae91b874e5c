//! StopExperiment.

use ana_drill::fis::api::request::no_experiment;

use super::super::ask::Outcome;
use super::super::service::Service;

impl Service {
    pub(in crate::fis) async fn stop_experiment(&mut self, id: &str) -> Outcome {
        let now = self.now();
        let experiment = self.experiments.get(id).ok_or_else(|| no_experiment(id))?;
        let mut stopping = experiment.clone();
        stopping.stop()?;
        self.ask_stop(id).await?;
        self.files.keep_experiment(&stopping).await?;
        let answer = stopping.answer(now);
        self.experiments.insert(id.to_owned(), stopping);
        Ok(answer)
    }
}
