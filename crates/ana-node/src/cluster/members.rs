//! Nodes that are added to a local cluster while it runs, and those that are gone for good.
//!
//! Here is only what belongs to this machine: ids, ports, settings files, processes. Whether a node is a member of the
//! cluster is decided by the cluster (`/_ana/members`); `ana node add`, `remove` and `replace` ask both.
//!
//! Must stay true: an id is given out once; a node is in the plan before its process is started, and out of it only
//! when there is no process any more.

use std::sync::Arc;

use ana_env::Env;
use ana_types::Zone;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::layout::{self, Layout};
use super::order::{Change, Verb};
use super::ports;
use super::supervisor::Handle;
use super::supervisor_api::{Answer, wrong};
use crate::config::{MemberConfig, NodeConfig};

/// The nodes of a local cluster, as they are planned. Clones share them.
#[derive(Debug, Clone)]
pub struct Members {
    env: Env,
    supervisor: Handle,
    /// Held while a node is added or removed, over what is written to the disk: one at a time.
    layout: Arc<Mutex<Layout>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    zone: Option<String>,
}

/// The settings of one node, but for what the options of `ana up` say: who founded, who joins.
pub fn config(layout: &Layout, node: &MemberConfig) -> NodeConfig {
    let founds = layout.is_founder(node.id);
    let members = if founds {
        layout.founders()
    } else {
        layout.nodes()
    };
    let mut config = NodeConfig::new(node, layout.node_dir(node.id), members.to_vec());
    config.join = !founds;
    config.seeds = seeds(layout, node.id);
    config
}

/// Whom a founding node asks besides the others: those that were added. One that joins has all of them as members.
fn seeds(layout: &Layout, node: u64) -> Vec<MemberConfig> {
    if !layout.is_founder(node) {
        return Vec::new();
    }
    let added = layout.nodes().iter().filter(|it| !layout.is_founder(it.id));
    added.cloned().collect()
}

impl Members {
    /// The nodes of `layout`, run by `supervisor`.
    pub fn new(env: Env, layout: Layout, supervisor: Handle) -> Members {
        Members {
            env,
            supervisor,
            layout: Arc::new(Mutex::new(layout)),
        }
    }

    /// Plans a node and starts it. It waits then until the cluster takes it.
    pub async fn add(&self, body: &[u8]) -> Answer {
        let wanted: Wanted = match serde_json::from_slice(body) {
            Ok(wanted) => wanted,
            Err(error) => return wrong(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let mut layout = self.layout.lock().await;
        let zone = wanted.zone.unwrap_or_else(|| emptiest(&layout));
        if let Err(error) = Zone::new(&zone) {
            return wrong(StatusCode::BAD_REQUEST, &error.to_string());
        }
        let id = layout.next_id();
        let Some([api, peer]) = self.free_ports(&layout) else {
            return wrong(StatusCode::CONFLICT, "no free ports on this machine");
        };
        let node = MemberConfig {
            id,
            zone,
            api: format!("127.0.0.1:{api}"),
            peer: format!("127.0.0.1:{peer}"),
        };
        if let Err(why) = self.plan(&mut layout, &node).await {
            return wrong(StatusCode::CONFLICT, &why);
        }
        match self.supervisor.change(Change::Add(node.clone())).await {
            Ok(()) => (StatusCode::OK, json!(node)),
            Err(why) => wrong(StatusCode::CONFLICT, &why),
        }
    }

    /// Two free ports that no node of the plan has, running or not.
    fn free_ports(&self, layout: &Layout) -> Option<[u16; 2]> {
        let taken = |port: &u16| {
            let end = format!(":{port}");
            let known = layout.nodes().iter().chain(layout.founders());
            known
                .flat_map(|node| [&node.api, &node.peer])
                .any(|address| address.ends_with(&end))
        };
        let count = 2 + 2 * (layout.nodes().len() + layout.founders().len());
        let ports = ports::choose(None, count, || self.env.rng.next_u64())?;
        let mut free = ports.into_iter().filter(|port| !taken(port));
        Some([free.next()?, free.next()?])
    }

    /// Writes settings like those of its neighbours, and the plan.
    async fn plan(&self, layout: &mut Layout, node: &MemberConfig) -> Result<(), String> {
        let disk = self.env.disk.as_ref();
        let dir = layout.config_dir();
        let failed = |error: std::io::Error| format!("the plan cannot be written: {error}");
        let like = layout
            .nodes()
            .first()
            .ok_or("there is no node to learn from")?;
        let path = dir.join(Layout::config_name(like.id));
        let like = NodeConfig::read(disk, &path, |_| {})
            .await
            .map_err(|error| format!("settings {}: {error}", path.display()))?;
        let mut planned = layout.clone();
        planned.add(disk, node.clone()).await.map_err(failed)?;
        *layout = planned;
        let own = config(layout, node);
        let config = NodeConfig {
            node_id: own.node_id,
            zone: own.zone,
            data_dir: own.data_dir,
            api: own.api,
            peer: own.peer,
            join: own.join,
            members: own.members,
            ..like
        };
        let text = config.to_toml().into();
        layout::save(disk, &dir, &Layout::config_name(node.id), text)
            .await
            .map_err(failed)?;
        self.tell_all(layout).await
    }

    /// Writes the nodes that there are into the settings of each, for its next start: one that has lost its disk knows no
    /// others.
    async fn tell_all(&self, layout: &Layout) -> Result<(), String> {
        let disk = self.env.disk.as_ref();
        let dir = layout.config_dir();
        for node in layout.nodes() {
            let name = Layout::config_name(node.id);
            let path = dir.join(&name);
            let failed = |why: String| format!("settings {}: {why}", path.display());
            let before = NodeConfig::read(disk, &path, |_| {}).await;
            let before = before.map_err(|error| failed(error.to_string()))?;
            let NodeConfig { members, seeds, .. } = config(layout, node);
            let now = NodeConfig {
                members,
                seeds,
                ..before
            };
            layout::save(disk, &dir, &name, now.to_toml().into())
                .await
                .map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }

    /// Ends the process of a node that is no member any more, and takes it out of the plan. Its directory stays.
    pub async fn forget(&self, id: &str) -> Answer {
        let mut layout = self.layout.lock().await;
        let known = layout.nodes().iter().find(|node| node.id.to_string() == id);
        let Some(id) = known.map(|node| node.id) else {
            return wrong(StatusCode::NOT_FOUND, &format!("there is no node {id}"));
        };
        let done = async {
            // Before it stops: somebody may start it again until the plan is written.
            self.supervisor.change(Change::Leave(id)).await?;
            self.supervisor.order(Verb::Stop, vec![id]).await?;
            let forgotten = layout.forget(self.env.disk.as_ref(), id).await;
            forgotten.map_err(|error| format!("the plan cannot be written: {error}"))?;
            self.tell_all(&layout).await?;
            self.supervisor.change(Change::Forget(id)).await
        };
        match done.await {
            Ok(()) => {
                let left = layout.node_dir(id);
                (StatusCode::OK, json!({ "id": id, "data_dir": left }))
            }
            Err(why) => wrong(StatusCode::CONFLICT, &why),
        }
    }
}

/// The zone with the fewest nodes, the first of them by name.
fn emptiest(layout: &Layout) -> String {
    let zones = layout.nodes().iter().map(|node| node.zone.as_str());
    let zones: std::collections::BTreeSet<&str> = zones.collect();
    let size = |zone: &&str| layout.nodes().iter().filter(|it| it.zone == *zone).count();
    let emptiest = zones.into_iter().min_by_key(size);
    emptiest.unwrap_or("a").to_owned()
}

#[cfg(test)]
#[path = "members/members_test.rs"]
mod members_test;
