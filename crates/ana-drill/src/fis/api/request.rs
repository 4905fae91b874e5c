//! From method, path and query to the operation that is asked for.

use super::identity::{EXPERIMENT, TEMPLATE, is_id};
use super::page::Page;
use super::refusal::Refusal;

/// The methods of FIS.
pub const METHODS: [&str; 4] = ["GET", "POST", "PATCH", "DELETE"];
/// How the paths of FIS begin, those of operations that are not offered as well: a client sends all its requests over
/// one connection. Kinesis has `POST /` alone, so nothing is ever meant for both.
pub const PATHS: [&str; 6] = [
    "/actions",
    "/experimentTemplates",
    "/experiments",
    "/safetyLevers",
    "/tags/",
    "/targetResourceTypes",
];

/// Whether a path is one of FIS.
pub fn is_path(path: &str) -> bool {
    PATHS.iter().any(|each| path.starts_with(each))
}

/// An operation, with what the request's head says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is FIS's operation of its name")]
pub enum Operation {
    CreateExperimentTemplate,
    GetExperimentTemplate(String),
    ListExperimentTemplates(Page),
    UpdateExperimentTemplate(String),
    DeleteExperimentTemplate(String),
    StartExperiment,
    GetExperiment(String),
    ListExperiments(Page, Option<String>),
    StopExperiment(String),
    ListActions(Page),
    GetAction(String),
}

impl Operation {
    /// The operation of a request.
    ///
    /// # Errors
    /// When there is none, or its parameters cannot stand.
    pub fn read(method: &str, path: &str, query: Option<&str>) -> Result<Operation, Refusal> {
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let query = Query::read(query.unwrap_or_default());
        Ok(match (method, segments.as_slice()) {
            ("POST", ["experimentTemplates"]) => Operation::CreateExperimentTemplate,
            ("GET", ["experimentTemplates"]) => Operation::ListExperimentTemplates(query.page()?),
            ("GET", ["experimentTemplates", id]) => Operation::GetExperimentTemplate(template(id)?),
            ("PATCH", ["experimentTemplates", id]) => {
                Operation::UpdateExperimentTemplate(template(id)?)
            }
            ("DELETE", ["experimentTemplates", id]) => {
                Operation::DeleteExperimentTemplate(template(id)?)
            }
            ("POST", ["experiments"]) => Operation::StartExperiment,
            ("GET", ["experiments"]) => {
                let of = query.value("experimentTemplateId").map(str::to_owned);
                Operation::ListExperiments(query.page()?, of)
            }
            ("GET", ["experiments", id]) => Operation::GetExperiment(experiment(id)?),
            ("DELETE", ["experiments", id]) => Operation::StopExperiment(experiment(id)?),
            ("GET", ["actions"]) => Operation::ListActions(query.page()?),
            ("GET", ["actions", id]) => Operation::GetAction((*id).to_owned()),
            _ => {
                return Err(Refusal::unknown_operation(format!(
                    "{method} {path} is not offered; docs/DRILLS.md lists the operations"
                )));
            }
        })
    }
}

/// The id of a template that may exist.
pub(super) fn template(id: &str) -> Result<String, Refusal> {
    if is_id(id, TEMPLATE) {
        return Ok(id.to_owned());
    }
    Err(no_template(id))
}

/// The refusal where a template is not there.
pub fn no_template(id: &str) -> Refusal {
    Refusal::not_found(format!(
        "there is no experiment template {id:?}; try: aws fis list-experiment-templates"
    ))
}

fn experiment(id: &str) -> Result<String, Refusal> {
    if is_id(id, EXPERIMENT) {
        return Ok(id.to_owned());
    }
    Err(no_experiment(id))
}

/// The refusal where an experiment is not there.
pub fn no_experiment(id: &str) -> Refusal {
    Refusal::not_found(format!(
        "there is no experiment {id:?}; try: aws fis list-experiments"
    ))
}

struct Query(Vec<(String, String)>);

impl Query {
    fn read(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Query(
            pairs
                .map(|(key, value)| (decoded(key), decoded(value)))
                .collect(),
        )
    }

    fn value(&self, key: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(each, _)| each == key);
        found.map(|(_, value)| value.as_str())
    }

    fn page(&self) -> Result<Page, Refusal> {
        Page::read(self.value("maxResults"), self.value("nextToken"))
    }
}

/// Percent signs resolved; one without two digits stands for itself.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, tail @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            out.push(high << 4 | low);
            rest = tail;
            continue;
        }
        out.push(byte);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
#[path = "request/request_test.rs"]
mod request_test;
