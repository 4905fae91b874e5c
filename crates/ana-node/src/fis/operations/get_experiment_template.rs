//! GetExperimentTemplate.

use ana_drill::fis::api::request::no_template;

use super::super::ask::Outcome;
use super::super::service::Service;

impl Service {
    pub(in crate::fis) fn get_experiment_template(&self, id: &str) -> Outcome {
        let template = self.templates.get(id).ok_or_else(|| no_template(id))?;
        Ok(template.answer())
    }
}
