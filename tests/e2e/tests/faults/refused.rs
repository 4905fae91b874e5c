//! A node of which nobody has said that it is disposable.

use std::process::Command;

use ana_e2e::cluster::ana_program;
use ana_e2e::replicas::get;
use ana_e2e::server::Server;
use anyhow::{Context, Result, ensure};

use super::post;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_disposable_takes_no_faults() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let api = &server.api;
    let fault = r#"{"id":"x","kind":"disk.full","lease_ms":1000}"#;
    for (path, body) in [
        ("/_ana/faults", fault),
        ("/_ana/faults/stop", r#"{"all":true}"#),
    ] {
        let (status, body) = post(api, path, body)?;
        ensure!(status == 403, "{path}: {status}");
        ensure!(body.contains("disposable = true"), "{body}");
    }
    let listed = get::<serde_json::Value>(api, "/_ana/faults");
    let listed = format!("{:#}", listed.err().context("a list")?);
    ensure!(listed.contains(" 403 "), "{listed}");
    let asked = Command::new(ana_program())
        .args(["fault", "add", "disk.full", "--node", "1"])
        .args(["--endpoint", &format!("http://{api}")])
        .output()?;
    let said = String::from_utf8_lossy(&asked.stderr);
    ensure!(asked.status.code() == Some(8), "{:?} {said}", asked.status);
    ensure!(said.contains("disposable = true"), "{said}");
    Ok(())
}
