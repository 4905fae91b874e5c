//! The life of an experiment, told by its run.

use super::super::body::create;
use super::super::body::fixture::request;
use super::super::ending::How;
use super::*;
use serde_json::json;

const SECOND: u64 = 1000;

fn experiment() -> Experiment {
    let throttle = |after: Value| {
        json!({ "actionId": "aws:kinesis:stream-provisioned-throughput-exception",
            "parameters": { "duration": "PT1M" }, "targets": { "KinesisStreams": "orders" },
            "startAfter": after })
    };
    let wait = |after: Value| json!({ "actionId": "aws:fis:wait", "parameters": { "duration": "PT2M" }, "startAfter": after });
    let changes = json!({ "actions": {
        "first": throttle(json!([])), "second": throttle(json!(["then"])),
        "then": wait(json!(["first"])), "last": wait(json!(["second"])),
    } });
    let (client_token, body) = create(request(&changes).as_bytes()).expect("a template");
    let template = Template {
        id: "EXT5AFKPUZejoty38".to_owned(),
        client_token,
        created: Moment(0),
        updated: Moment(0),
        body,
    };
    let start =
        json!({ "clientToken": "t", "experimentTemplateId": template.id, "tags": { "a": "b" } });
    let start = Start::read(start.to_string().as_bytes()).expect("a start");
    let id = "EXP5AFKPUZejoty38".to_owned();
    Experiment::new(id, start, &template, Moment(0)).expect("an experiment")
}

fn ending(how: How) -> Ending {
    Ending {
        how,
        ..Ending::without_record("StopExperiment", Some("run-1".to_owned()))
    }
}

/// The states of the actions, in the order of their names.
fn actions(experiment: &Experiment, now: u64) -> Vec<String> {
    let answer = experiment.answer(Moment(now));
    let actions = answer.pointer("/experiment/actions").expect("actions");
    let actions = actions.as_object().expect("an object").values();
    actions
        .map(|action| {
            let status = action.pointer("/state/status").and_then(Value::as_str);
            status.expect("a status").to_owned()
        })
        .collect()
}

fn status(experiment: &Experiment) -> Value {
    let answer = experiment.answer(Moment(0));
    answer
        .pointer("/experiment/state/status")
        .expect("a status")
        .clone()
}

#[test]
fn one_that_passes() {
    let mut running = experiment();
    assert_eq!(running.steps, ["first", "second"]);
    assert_eq!(status(&running), "initiating");
    running.began("run-1".to_owned(), &["not carried over: x".to_owned()]);
    assert_eq!(status(&running), "running");
    assert_eq!(running.reason, "the drill runs; not carried over: x");
    running.progress(Progress::ClockStarted, Moment(10 * SECOND));
    running.progress(Progress::Fired(1), Moment(10 * SECOND));
    // first, last, second, then
    assert_eq!(
        actions(&running, 11 * SECOND),
        ["running", "pending", "pending", "pending"]
    );
    running.progress(Progress::Reverted(1), Moment(70 * SECOND));
    assert_eq!(
        actions(&running, 71 * SECOND),
        ["completed", "pending", "pending", "running"]
    );
    assert_eq!(
        actions(&running, 191 * SECOND),
        ["completed", "pending", "pending", "completed"]
    );
    running.progress(Progress::Fired(2), Moment(190 * SECOND));
    running.progress(Progress::Reverted(2), Moment(250 * SECOND));
    running.end(&ending(How::Passed), Moment(251 * SECOND));
    assert_eq!(status(&running), "completed");
    let done = ["completed", "skipped", "completed", "completed"];
    assert_eq!(actions(&running, 9999 * SECOND), done);
    let over = running.clone();
    running.end(&ending(How::Broken), Moment(300 * SECOND));
    running.progress(
        Progress::Trouble(1, "late".to_owned()),
        Moment(300 * SECOND),
    );
    running.began("another".to_owned(), &[]);
    assert_eq!(running, over, "what has ended never changes");
    running.stop().expect_err("it has ended");
    let text = serde_json::to_string(&running).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Experiment>(&text).expect("the same"),
        running
    );
}

#[test]
fn one_that_is_stopped() {
    let mut running = experiment();
    running.began("run-1".to_owned(), &[]);
    running.progress(Progress::ClockStarted, Moment(10 * SECOND));
    running.progress(Progress::Fired(1), Moment(10 * SECOND));
    running.stop().expect("it runs");
    running.stop().expect("asking again is harmless");
    assert_eq!(status(&running), "stopping");
    running.progress(Progress::Reverted(1), Moment(15 * SECOND));
    running.end(&ending(How::Stopped), Moment(16 * SECOND));
    assert_eq!(status(&running), "stopped");
    assert_eq!(
        actions(&running, 17 * SECOND),
        ["stopped", "cancelled", "cancelled", "cancelled"]
    );
}

#[test]
fn one_that_is_stopped_before_it_began_does_not_run_again() {
    let mut running = experiment();
    running.stop().expect("it begins");
    running.began("run-1".to_owned(), &[]);
    assert_eq!(status(&running), "stopping");
}

#[test]
fn one_whose_fault_does_not_fire() {
    let mut running = experiment();
    running.began("run-1".to_owned(), &[]);
    running.progress(
        Progress::Trouble(1, "node 2: no answer".to_owned()),
        Moment(SECOND),
    );
    running.progress(
        Progress::Trouble(7, "there is no such step".to_owned()),
        Moment(SECOND),
    );
    running.end(&ending(How::CouldNotRun), Moment(2 * SECOND));
    assert_eq!(status(&running), "failed");
    let answer = running.answer(Moment(0));
    let reason = answer.pointer("/experiment/actions/first/state/reason");
    assert_eq!(reason, Some(&json!("node 2: no answer")));
    assert_eq!(
        actions(&running, 0),
        ["failed", "cancelled", "cancelled", "cancelled"]
    );
}

#[test]
fn starts_that_cannot_stand() {
    let id = "EXT5AFKPUZejoty38";
    for (request, status) in [
        (json!({ "experimentTemplateId": id }), 400),
        (json!({ "clientToken": "t" }), 400),
        (
            json!({ "clientToken": "t", "experimentTemplateId": "../x" }),
            404,
        ),
        (
            json!({ "clientToken": "t", "experimentTemplateId": id, "x": 1 }),
            400,
        ),
        (
            json!({ "clientToken": "t", "experimentTemplateId": id, "experimentOptions": { "actionsMode": "skip-all" } }),
            400,
        ),
    ] {
        let refusal = Start::read(request.to_string().as_bytes()).expect_err("cannot stand");
        assert_eq!(refusal.status, status, "{request}: {}", refusal.message);
    }
}
