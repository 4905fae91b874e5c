//! An experiment as clients see it.

use super::super::identity::arn;
use super::super::moment::Moment;
use super::{ActionState, Experiment};
use serde_json::{Map, Value, json};

impl Experiment {
    /// The answer about it at a moment.
    pub fn answer(&self, now: Moment) -> Value {
        let mut view = self.body.object();
        for (key, value) in [
            ("id", json!(self.id)),
            ("arn", json!(self.arn())),
            ("experimentTemplateId", json!(self.template)),
            ("state", self.state()),
            ("creationTime", json!(self.created)),
            ("startTime", json!(self.created)),
            ("tags", json!(self.tags)),
            ("experimentOptions", self.options()),
            ("targetAccountConfigurationsCount", json!(0)),
        ] {
            view.insert(key.to_owned(), value);
        }
        if let Some(ended) = self.ended {
            view.insert("endTime".to_owned(), json!(ended));
        }
        // The body has it; an experiment that has no description has none to show.
        view.remove("description");
        if let Some(Value::Object(actions)) = view.get_mut("actions") {
            for (name, action) in actions {
                let state = self.actions.get(name);
                if let (Value::Object(action), Some(state)) = (action, state) {
                    show(&state.at(self.clock_started, now), action);
                }
            }
        }
        json!({ "experiment": view })
    }

    /// Its line in a list.
    pub fn summary(&self) -> Value {
        json!({
            "id": self.id,
            "arn": self.arn(),
            "experimentTemplateId": self.template,
            "state": self.state(),
            "creationTime": self.created,
            "tags": self.tags,
            "experimentOptions": self.options(),
        })
    }

    fn state(&self) -> Value {
        json!({ "status": self.status, "reason": self.reason })
    }

    fn options(&self) -> Value {
        let mut options = json!(self.body.experiment_options);
        if let Value::Object(options) = &mut options {
            options.insert("actionsMode".to_owned(), json!("run-all"));
        }
        options
    }

    fn arn(&self) -> String {
        arn(&format!("experiment/{}", self.id))
    }
}

fn show(state: &ActionState, action: &mut Map<String, Value>) {
    let mut shown = json!({ "status": state.status });
    if let (Value::Object(shown), Some(reason)) = (&mut shown, &state.reason) {
        shown.insert("reason".to_owned(), json!(reason));
    }
    action.insert("state".to_owned(), shown);
    for (key, moment) in [("startTime", state.started), ("endTime", state.ended)] {
        if let Some(moment) = moment {
            action.insert(key.to_owned(), json!(moment));
        }
    }
}
