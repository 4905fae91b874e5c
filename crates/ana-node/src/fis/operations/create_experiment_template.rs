//! CreateExperimentTemplate.

use ana_drill::fis::api::body::create;
use ana_drill::fis::api::identity::{TEMPLATE, id};
use ana_drill::fis::api::{Refusal, TEMPLATES_MAX, Template};

use super::super::ask::Outcome;
use super::super::service::Service;
use crate::drill::runner::unable;

impl Service {
    pub(in crate::fis) async fn create_experiment_template(&mut self, bytes: &[u8]) -> Outcome {
        let (client_token, body) = create(bytes)?;
        if let Some(why) = unable(&body.import()?.drill).first() {
            return Err(Refusal::validation(why.clone()));
        }
        let mut kept = self.templates.values();
        if let Some(before) = kept.find(|each| each.client_token == client_token) {
            if before.body == body {
                return Ok(before.answer());
            }
            return Err(Refusal::conflict(format!(
                "the clientToken made the template {} of another content; take another token",
                before.id
            )));
        }
        if self.templates.len() >= TEMPLATES_MAX {
            return Err(Refusal::quota(format!(
                "{TEMPLATES_MAX} experiment templates are kept at most; delete some"
            )));
        }
        let now = self.now();
        let template = Template {
            id: id(TEMPLATE, || self.env.rng.next_u64()),
            client_token,
            created: now,
            updated: now,
            body,
        };
        self.files.keep_template(&template).await?;
        let answer = template.answer();
        self.templates.insert(template.id.clone(), template);
        Ok(answer)
    }
}
