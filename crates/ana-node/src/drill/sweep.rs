//! Takes away what a drill may have left whose runner is gone: faults that nodes hold, nodes that are down or stand still.

use ana_types::NodeId;
use http::Method;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::snapshot::Census;
use crate::faults::admin::{PATH, STOP_PATH};

/// What every fault of a drill is named by.
pub const PREFIX: &str = "drill-";

/// Takes everything away; tells what was done, a line each.
pub async fn sweep(cluster: &Cluster) -> Vec<String> {
    let mut told = Vec::new();
    let seen = match cluster.look(Census::default()).await {
        Ok(seen) => seen,
        Err(error) => return vec![error.to_string()],
    };
    for node in &seen.status.nodes {
        // Orders first: a node that stands still does not answer about its faults.
        let back = match node.state.as_str() {
            "down" => Some("start"),
            "paused" => Some("resume"),
            _ => None,
        };
        if let Some(verb) = back {
            let name = NodeId(node.id).to_string();
            told.push(match cluster.order("node", &name, verb).await {
                Ok(_) => format!("node {name}: {verb}"),
                Err(error) => format!("node {name}: {verb}: {error}"),
            });
        }
        let Ok(listed) = cluster
            .ask_node(node, (Method::GET, PATH), &Value::Null)
            .await
        else {
            continue;
        };
        let faults = listed.get("faults").and_then(Value::as_array);
        let ids = faults.into_iter().flatten();
        let ids = ids.filter_map(|fault| fault.get("id").and_then(Value::as_str));
        for id in ids.filter(|id| id.starts_with(PREFIX)) {
            let body = json!({ "id": id });
            let stopped = cluster
                .ask_node(node, (Method::POST, STOP_PATH), &body)
                .await;
            told.push(match stopped {
                Ok(_) => format!("node {}: {id} is over", node.id),
                Err(error) => error.to_string(),
            });
        }
    }
    told
}
