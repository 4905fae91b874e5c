//! UpdateExperimentTemplate. Experiments that were started keep the template as it was.

use ana_drill::fis::api::body::update;
use ana_drill::fis::api::request::no_template;
use ana_drill::fis::api::{Refusal, Template};

use super::super::ask::Outcome;
use super::super::service::Service;
use crate::drill::runner::unable;

impl Service {
    pub(in crate::fis) async fn update_experiment_template(
        &mut self,
        id: &str,
        bytes: &[u8],
    ) -> Outcome {
        let before = self.templates.get(id).ok_or_else(|| no_template(id))?;
        let template = Template {
            body: update(&before.body, bytes)?,
            updated: self.now(),
            ..before.clone()
        };
        if let Some(why) = unable(&template.body.import()?.drill).first() {
            return Err(Refusal::validation(why.clone()));
        }
        self.files.keep_template(&template).await?;
        let answer = template.answer();
        self.templates.insert(template.id.clone(), template);
        Ok(answer)
    }
}
