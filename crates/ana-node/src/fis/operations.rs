//! The operations of FIS, one file each.

mod create_experiment_template;
mod delete_experiment_template;
mod get_action;
mod get_experiment;
mod get_experiment_template;
mod list_actions;
mod list_experiment_templates;
mod list_experiments;
mod start_experiment;
mod stop_experiment;
mod update_experiment_template;

use serde_json::{Map, Value};

pub(super) use get_action::get_action;
pub(super) use list_actions::list_actions;

/// A page of a list under its name, with the token of the next one.
fn listed(name: &str, (entries, next): (Vec<Value>, Option<String>)) -> Value {
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(entries));
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), Value::String(next));
    }
    Value::Object(answer)
}
