//! From method, path and query to the operation that is asked for.

use super::identity::{EXPERIMENT, TEMPLATE, is_id};
use super::page::Page;
use super::refusal::Refusal;

/// How the requests of FIS begin. Kinesis has `POST /` alone, so nothing is ever meant for both.
pub const BEGINNINGS: &[&str] = &[
    "GET /experimentTemplates",
    "POST /experimentTemplates",
    "PATCH /experimentTemplates",
    "DELETE /experimentTemplates",
    "GET /experiments",
    "POST /experiments",
    "DELETE /experiments",
    "GET /actions",
];

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
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let (ext, exp) = ("EXT5AFKPUZejoty38", "EXP5AFKPUZejoty38");
        let two = Page {
            results_max: 2,
            after: Some("a-b".to_owned()),
        };
        for (method, path, query, expected) in [
            (
                "POST",
                "/experimentTemplates".to_owned(),
                "",
                Operation::CreateExperimentTemplate,
            ),
            (
                "GET",
                "/experimentTemplates".to_owned(),
                "maxResults=2&nextToken=a%2Db",
                Operation::ListExperimentTemplates(two),
            ),
            (
                "GET",
                format!("/experimentTemplates/{ext}"),
                "",
                Operation::GetExperimentTemplate(ext.to_owned()),
            ),
            (
                "PATCH",
                format!("/experimentTemplates/{ext}"),
                "",
                Operation::UpdateExperimentTemplate(ext.to_owned()),
            ),
            (
                "DELETE",
                format!("/experimentTemplates/{ext}"),
                "",
                Operation::DeleteExperimentTemplate(ext.to_owned()),
            ),
            (
                "POST",
                "/experiments".to_owned(),
                "",
                Operation::StartExperiment,
            ),
            (
                "GET",
                "/experiments".to_owned(),
                "experimentTemplateId=x",
                Operation::ListExperiments(Page::default(), Some("x".to_owned())),
            ),
            (
                "GET",
                format!("/experiments/{exp}"),
                "",
                Operation::GetExperiment(exp.to_owned()),
            ),
            (
                "DELETE",
                format!("/experiments/{exp}"),
                "",
                Operation::StopExperiment(exp.to_owned()),
            ),
            (
                "GET",
                "/actions".to_owned(),
                "",
                Operation::ListActions(Page::default()),
            ),
            (
                "GET",
                "/actions/aws%3Afis%3Await".to_owned(),
                "",
                Operation::GetAction("aws:fis:wait".to_owned()),
            ),
        ] {
            let begins = BEGINNINGS
                .iter()
                .any(|each| format!("{method} {path}").starts_with(each));
            assert!(begins, "{method} {path} is taken for FIS");
            assert_eq!(
                Operation::read(method, &path, Some(query)),
                Ok(expected),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (method, path, status) in [
            ("GET", "/experimentTemplates/EXP5AFKPUZejoty38", 404),
            ("GET", "/experimentTemplates/..%2F..%2Fcluster", 404),
            ("GET", "/experiments/x", 404),
            ("PATCH", "/experiments/EXP5AFKPUZejoty38", 404),
            ("GET", "/experiments/EXP5AFKPUZejoty38/resolvedTargets", 404),
            ("GET", "/actions?", 404),
            ("GET", "/experiments/", 404),
        ] {
            let refusal = Operation::read(method, path, None).expect_err(path);
            assert_eq!(refusal.status, status, "{path}");
        }
        let refusal = Operation::read("GET", "/experiments", Some("maxResults=0"));
        assert_eq!(refusal.expect_err("no page").status, 400);
    }
}
