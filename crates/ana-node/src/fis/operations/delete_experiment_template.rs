//! DeleteExperimentTemplate. Experiments that were started are kept.

use ana_drill::fis::api::request::no_template;

use super::super::ask::Outcome;
use super::super::service::Service;

impl Service {
    pub(in crate::fis) async fn delete_experiment_template(&mut self, id: &str) -> Outcome {
        let template = self.templates.get(id).ok_or_else(|| no_template(id))?;
        let answer = template.answer();
        self.files.remove_template(id).await?;
        self.templates.remove(id);
        Ok(answer)
    }
}
