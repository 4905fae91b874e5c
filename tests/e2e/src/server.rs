//! One node as somebody runs it for good: `ana server` with a file of settings, without a supervisor and without a word
//! about faults.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cluster::{ana_program, free_port, now, pause};
use crate::replicas::get;

/// How long the node may take to be ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// A node that ends with the value.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it serves clients: `host:port`.
    pub api: String,
}

impl Server {
    /// Starts a node on a folder and waits until it is ready.
    pub async fn start(folder: &Path) -> Result<Server> {
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
        let process = Command::new(ana_program())
            .arg("server")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let server = Server { process, api };
        let started = now();
        while get::<serde_json::Value>(&server.api, "/_ana/health").is_err() {
            ensure!(started.elapsed() < READY_MAX, "the node is not ready");
            pause(50).await;
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
