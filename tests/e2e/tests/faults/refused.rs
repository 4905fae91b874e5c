//! A node of which nobody has said that it is disposable.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ana_e2e::cluster::{ana_program, free_port, now, pause};
use ana_e2e::replicas::get;
use anyhow::{Context, Result, ensure};

use super::post;

/// One `ana server` that ends with the value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A node as somebody runs it for good, on its own and without a word about faults.
fn start_server(folder: &Path) -> Result<(Server, String)> {
    let (api, peer) = (free_port()?, free_port()?);
    let (api, peer) = (format!("127.0.0.1:{api}"), format!("127.0.0.1:{peer}"));
    let data = folder.join("data");
    let text = format!(
        "node_id = 1\nzone = \"a\"\ndata_dir = \"{}\"\napi = \"{api}\"\npeer = \"{peer}\"\n\
         [[members]]\nid = 1\nzone = \"a\"\napi = \"{api}\"\npeer = \"{peer}\"\n",
        data.display()
    );
    let config = folder.join("node.toml");
    std::fs::File::create(&config)?.write_all(text.as_bytes())?;
    let log = std::fs::File::create(folder.join("node.log"))?;
    let server = Command::new(ana_program())
        .arg("server")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok((Server(server), api))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_disposable_takes_no_faults() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, api) = start_server(folder.path())?;
    let started = now();
    while get::<serde_json::Value>(&api, "/_ana/health").is_err() {
        ensure!(started.elapsed() < Duration::from_secs(20), "not ready");
        pause(50).await;
    }
    let fault = r#"{"id":"x","kind":"disk.full","lease_ms":1000}"#;
    for (path, body) in [
        ("/_ana/faults", fault),
        ("/_ana/faults/stop", r#"{"all":true}"#),
    ] {
        let (status, body) = post(&api, path, body)?;
        ensure!(status == 403, "{path}: {status}");
        ensure!(body.contains("disposable = true"), "{body}");
    }
    let listed = get::<serde_json::Value>(&api, "/_ana/faults");
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
