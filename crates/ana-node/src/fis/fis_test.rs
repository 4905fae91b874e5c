//! The service over a disk in memory: what is kept, its bounds, and what a restart finds. No cluster listens, so an
//! experiment fails, which is an end like any other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_drill::fis::api::TEMPLATES_MAX;
use ana_env::memory::{MemoryDisk, MemoryDiskOptions};
use ana_env::runtime::{Tasks, scope};
use ana_env::{Env, time};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;
use crate::cluster::layout::{make_dir, save};
use crate::config::AuthSettings;

fn test(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(scope(1, test));
}

fn disk() -> Arc<MemoryDisk> {
    let options = MemoryDiskOptions {
        sync_min: Duration::ZERO,
        sync_max: Duration::ZERO,
        ..MemoryDiskOptions::default()
    };
    Arc::new(MemoryDisk::new(1, options))
}

fn env() -> Env {
    Env {
        disk: disk(),
        ..Env::real()
    }
}

async fn opened(env: &Env) -> Opened {
    let place = Place {
        data_dir: Path::new("/data"),
        front_door: "127.0.0.1:1",
        auth: &AuthSettings::default(),
    };
    open(env, &place).await.expect("a service")
}

/// Serves until `tasks` end.
async fn serve(env: &Env, tasks: &Tasks) -> Fis {
    let opened = opened(env).await;
    tasks.spawn(opened.service.run());
    opened.fis
}

/// Status, error type and body.
async fn ask(fis: &Fis, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
    let request = Request::builder().method(method).uri(path).body(());
    let (head, ()) = request.expect("a request").into_parts();
    let body = Bytes::from(body.to_string());
    let (head, body) = fis.answer(&head, body, 0).await.into_parts();
    let header = head.headers.get("x-amzn-errortype");
    let header = header.map_or("", |value| value.to_str().expect("ASCII"));
    let body = body.collect().await.expect("a whole body").to_bytes();
    let body = serde_json::from_slice(&body).expect("JSON");
    (head.status.as_u16(), header.to_owned(), body)
}

fn template(token: &str) -> Value {
    json!({
        "clientToken": token, "description": "t", "roleArn": "arn:aws:iam::000000000000:role/fis",
        "stopConditions": [{ "source": "none" }],
        "targets": { "s": { "resourceType": "aws:kinesis:stream", "selectionMode": "ALL",
            "resourceArns": ["arn:aws:kinesis:us-east-1:000000000000:stream/s"] } },
        "actions": { "a": { "actionId": "aws:kinesis:stream-provisioned-throughput-exception",
            "parameters": { "duration": "PT1M" }, "targets": { "KinesisStreams": "s" } } },
    })
}

fn id_in(answer: &Value, pointer: &str) -> String {
    let id = answer.pointer(pointer).and_then(Value::as_str);
    id.expect("an id").to_owned()
}

#[test]
fn templates_are_bounded_and_outlive_the_process() {
    test(async {
        let (env, tasks) = (env(), Tasks::new());
        let fis = serve(&env, &tasks).await;
        for number in 0..TEMPLATES_MAX {
            let request = template(&number.to_string());
            let made = ask(&fis, "POST", "/experimentTemplates", &request);
            assert_eq!(made.await.0, 200, "{number}");
        }
        let (status, kind, body) = ask(&fis, "POST", "/experimentTemplates", &template("x")).await;
        assert_eq!(
            (status, kind.as_str()),
            (402, "ServiceQuotaExceededException")
        );
        assert!(body.to_string().contains("500"), "{body}");
        let (_, _, first) = ask(&fis, "POST", "/experimentTemplates", &template("0")).await;
        let path = format!(
            "/experimentTemplates/{}",
            id_in(&first, "/experimentTemplate/id")
        );
        fis.end().await;
        let (status, kind, _) = ask(&fis, "GET", &path, &Value::Null).await;
        assert_eq!(
            (status, kind.as_str()),
            (503, "ServiceUnavailableException")
        );

        let fis = serve(&env, &tasks).await;
        let (status, _, again) = ask(&fis, "GET", &path, &Value::Null).await;
        assert_eq!((status, &again), (200, &first));
        assert_eq!(ask(&fis, "DELETE", &path, &Value::Null).await.0, 200);
        fis.end().await;
        let fis = serve(&env, &tasks).await;
        assert_eq!(ask(&fis, "GET", &path, &Value::Null).await.0, 404);
        let (status, ..) = ask(&fis, "POST", "/experimentTemplates", &template("x")).await;
        assert_eq!(status, 200, "there is room again");
    });
}

#[test]
fn what_cannot_be_kept_was_not_made() {
    test(async {
        let disk = disk();
        let tasks = Tasks::new();
        let env = Env {
            disk: Arc::clone(&disk) as Arc<dyn ana_env::Disk>,
            ..Env::real()
        };
        let fis = serve(&env, &tasks).await;
        disk.fail_writes(Some(std::io::ErrorKind::StorageFull));
        let (status, kind, body) = ask(&fis, "POST", "/experimentTemplates", &template("t")).await;
        assert_eq!((status, kind.as_str()), (500, "InternalServerException"));
        assert!(body.to_string().contains("free space"), "{body}");
        let (_, _, listed) = ask(&fis, "GET", "/experimentTemplates", &Value::Null).await;
        assert_eq!(listed, json!({ "experimentTemplates": [] }));
        disk.fail_writes(None);
        assert_eq!(
            ask(&fis, "POST", "/experimentTemplates", &template("t"))
                .await
                .0,
            200
        );
    });
}

#[test]
fn an_experiment_without_a_cluster_fails_and_stays_so() {
    test(async {
        let (env, tasks) = (env(), Tasks::new());
        let fis = serve(&env, &tasks).await;
        let (_, _, made) = ask(&fis, "POST", "/experimentTemplates", &template("t")).await;
        let template = id_in(&made, "/experimentTemplate/id");
        let start = json!({ "clientToken": "s", "experimentTemplateId": template });
        let (status, _, started) = ask(&fis, "POST", "/experiments", &start).await;
        assert_eq!(status, 200, "{started}");
        let other =
            json!({ "clientToken": "s", "experimentTemplateId": template, "tags": { "a": "" } });
        let (status, kind, _) = ask(&fis, "POST", "/experiments", &other).await;
        assert_eq!((status, kind.as_str()), (409, "ConflictException"));
        let path = format!("/experiments/{}", id_in(&started, "/experiment/id"));
        let ended = loop {
            let (_, _, seen) = ask(&fis, "GET", &path, &Value::Null).await;
            let status = seen.pointer("/experiment/state/status").expect("a status");
            if status != "initiating" {
                break seen;
            }
            time::sleep(Duration::from_millis(5)).await;
        };
        let state = ended.pointer("/experiment/state").expect("a state");
        assert_eq!(state.get("status"), Some(&json!("failed")), "{state}");
        assert!(state.to_string().contains("could not run"), "{state}");
        fis.end().await;
        let fis = serve(&env, &tasks).await;
        assert_eq!(ask(&fis, "GET", &path, &Value::Null).await.2, ended);
        let (_, _, same) = ask(&fis, "POST", "/experiments", &start).await;
        assert_eq!(same, ended, "the token is known after a restart");
    });
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    test(async {
        let env = env();
        let dir = Path::new("/data/fis/templates");
        make_dir(env.disk.as_ref(), dir).await.expect("a directory");
        let broken = save(env.disk.as_ref(), dir, "EXT00000000000000.json", "{".into());
        broken.await.expect("written");
        let unreadable = opened(&env).await.unreadable;
        assert_eq!(unreadable.len(), 1);
        assert!(
            unreadable.concat().contains("EXT00000000000000.json"),
            "{unreadable:?}"
        );
    });
}
