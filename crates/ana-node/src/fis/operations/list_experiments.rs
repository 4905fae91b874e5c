//! ListExperiments, the oldest first.

use std::collections::BTreeMap;

use ana_drill::fis::api::page::Page;
use serde_json::Value;

use super::super::service::Service;
use super::listed;

impl Service {
    pub(in crate::fis) fn list_experiments(&self, page: &Page, template: Option<&str>) -> Value {
        let all = self.experiments.values();
        let all = all.filter(|each| template.is_none_or(|template| each.template == template));
        let all: BTreeMap<String, Value> = all.map(|each| (each.key(), each.summary())).collect();
        listed("experiments", page.of(all.into_iter()))
    }
}
