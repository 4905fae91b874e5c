//! Requests that are known, and those that are not.

use super::*;

const EXT: &str = "EXT5AFKPUZejoty38";
const EXP: &str = "EXP5AFKPUZejoty38";

/// The operation of a request that begins as those of FIS do.
fn read(method: &str, path: &str, query: &str) -> Result<Operation, Refusal> {
    assert!(
        METHODS.contains(&method) && is_path(path),
        "{method} {path}"
    );
    Operation::read(method, path, Some(query))
}

#[test]
fn templates() {
    let (all, one) = (
        "/experimentTemplates",
        format!("/experimentTemplates/{EXT}"),
    );
    let two = Page {
        results_max: 2,
        after: Some("a-b".to_owned()),
    };
    let id = || EXT.to_owned();
    for (method, path, query, expected) in [
        ("POST", all, "", Operation::CreateExperimentTemplate),
        (
            "GET",
            all,
            "maxResults=2&nextToken=a%2Db",
            Operation::ListExperimentTemplates(two),
        ),
        ("GET", &one, "", Operation::GetExperimentTemplate(id())),
        ("PATCH", &one, "", Operation::UpdateExperimentTemplate(id())),
        (
            "DELETE",
            &one,
            "",
            Operation::DeleteExperimentTemplate(id()),
        ),
    ] {
        assert_eq!(read(method, path, query), Ok(expected), "{method} {path}");
    }
}

#[test]
fn experiments_and_actions() {
    let (all, one) = ("/experiments", format!("/experiments/{EXP}"));
    let id = || EXP.to_owned();
    let of_x = Operation::ListExperiments(Page::default(), Some("x".to_owned()));
    let wait = Operation::GetAction("aws:fis:wait".to_owned());
    for (method, path, query, expected) in [
        ("POST", all, "", Operation::StartExperiment),
        ("GET", all, "experimentTemplateId=x", of_x),
        ("GET", &one, "", Operation::GetExperiment(id())),
        ("DELETE", &one, "", Operation::StopExperiment(id())),
        (
            "GET",
            "/actions",
            "",
            Operation::ListActions(Page::default()),
        ),
        ("GET", "/actions/aws%3Afis%3Await", "", wait),
    ] {
        assert_eq!(read(method, path, query), Ok(expected), "{method} {path}");
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
        ("GET", "/tags/arn%3Aaws%3Afis", 404),
    ] {
        let refusal = Operation::read(method, path, None).expect_err(path);
        assert_eq!(refusal.status, status, "{path}");
    }
    let refusal = Operation::read("GET", "/experiments", Some("maxResults=0"));
    assert_eq!(refusal.expect_err("no page").status, 400);
}
