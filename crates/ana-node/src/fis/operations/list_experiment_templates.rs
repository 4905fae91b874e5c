//! ListExperimentTemplates, the oldest first.

use std::collections::BTreeMap;

use ana_drill::fis::api::page::Page;
use serde_json::Value;

use super::super::service::Service;
use super::listed;

impl Service {
    pub(in crate::fis) fn list_experiment_templates(&self, page: &Page) -> Value {
        let all = self.templates.values();
        let all: BTreeMap<String, Value> = all.map(|each| (each.key(), each.summary())).collect();
        listed("experimentTemplates", page.of(all.into_iter()))
    }
}
