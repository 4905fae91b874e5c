//! A template that is kept, as clients see it and as it lies in its file.
//!
//! The file is what `get-experiment-template` answers, so that `ana drill run FILE` runs it as well.

use super::body::Body;
use super::identity::arn;
use super::moment::Moment;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the answer about a template wraps it in.
const WRAPPED: &str = "experimentTemplate";

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// `EXT…`.
    pub id: String,
    /// The token it was made with.
    pub client_token: String,
    /// When it was made.
    pub created: Moment,
    /// When it was changed last.
    pub updated: Moment,
    /// What it says.
    pub body: Body,
}

/// What a template has beside its body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bookkeeping {
    id: String,
    client_token: String,
    creation_time: Moment,
    last_update_time: Moment,
}

impl Template {
    /// The key by which templates are listed: the oldest first.
    pub fn key(&self) -> String {
        key(self.created, &self.id)
    }

    /// The answer about it.
    pub fn answer(&self) -> Value {
        json!({ WRAPPED: self.view() })
    }

    /// Its line in a list.
    pub fn summary(&self) -> Value {
        json!({
            "id": self.id,
            "arn": self.arn(),
            "description": self.body.description,
            "creationTime": self.created,
            "lastUpdateTime": self.updated,
            "tags": self.body.tags,
        })
    }

    /// The text of its file.
    pub fn to_file(&self) -> String {
        let mut view = self.view();
        view.insert("clientToken".to_owned(), json!(self.client_token));
        format!("{:#}\n", json!({ WRAPPED: view }))
    }

    /// The template of a file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_file(text: &str) -> Result<Template, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct File {
            experiment_template: Map<String, Value>,
        }
        let File {
            experiment_template: mut object,
        } = serde_json::from_str(text)?;
        let kept: Bookkeeping = serde_json::from_value(Value::Object(object.clone()))?;
        for key in BOOKKEEPING {
            object.remove(*key);
        }
        Ok(Template {
            id: kept.id,
            client_token: kept.client_token,
            created: kept.creation_time,
            updated: kept.last_update_time,
            body: serde_json::from_value(Value::Object(object))?,
        })
    }

    fn view(&self) -> Map<String, Value> {
        let mut view = self.body.object();
        view.insert("id".to_owned(), json!(self.id));
        view.insert("arn".to_owned(), json!(self.arn()));
        view.insert("creationTime".to_owned(), json!(self.created));
        view.insert("lastUpdateTime".to_owned(), json!(self.updated));
        view.insert("targetAccountConfigurationsCount".to_owned(), json!(0));
        view
    }

    fn arn(&self) -> String {
        arn(&format!("experiment-template/{}", self.id))
    }
}

/// Members of the view that are none of the body.
const BOOKKEEPING: &[&str] = &[
    "id",
    "arn",
    "clientToken",
    "creationTime",
    "lastUpdateTime",
    "targetAccountConfigurationsCount",
];

/// A key that sorts by time.
pub(super) fn key(created: Moment, id: &str) -> String {
    format!("{:015}-{id}", created.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fis::api::body::create;
    use crate::fis::api::body::fixture::request;
    use crate::fis::import;

    #[test]
    fn a_file_gives_the_template_back_and_runs_as_a_drill() {
        let (client_token, body) = create(request(&json!({})).as_bytes()).expect("a template");
        let template = Template {
            id: "EXT5AFKPUZejoty38".to_owned(),
            client_token,
            created: Moment(1_795_840_870_123),
            updated: Moment(1_795_840_870_999),
            body,
        };
        let text = template.to_file();
        assert_eq!(Template::from_file(&text).expect("a file"), template);
        let imported = import(&text).expect("a template");
        assert_eq!(imported, template.body.import().expect("the same"));
        let shown = template.answer();
        let shown = shown.pointer("/experimentTemplate").expect("wrapped");
        assert_eq!(shown.get("creationTime"), Some(&json!(1_795_840_870.123)));
        assert_eq!(shown.get("clientToken"), None);
    }
}
