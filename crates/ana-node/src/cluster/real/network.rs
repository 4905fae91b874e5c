//! The bridge, the nodes' namespaces and their cables.

use std::path::Path;

use super::names::Names;
use super::program::{run, run_with};

async fn ip(words: &str) -> Result<(), String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    run("ip", &words).await.map(drop)
}

/// Whether this machine has a network device of that name.
fn has_device(name: &str) -> Result<bool, String> {
    let file = Path::new("/sys/class/net").join(name);
    file.try_exists()
        .map_err(|error| format!("network devices cannot be looked at: {error}"))
}

pub(super) async fn make_bridge(names: &Names) -> Result<(), String> {
    let (bridge, address) = (names.bridge(), names.bridge_address());
    let network = names.network();
    let routes = run("ip", &["route", "show", network.as_str()]).await?;
    if !routes.trim().is_empty() {
        return Err(format!(
            "the network {network} is there already, perhaps of another cluster of this kind: take another --data-dir"
        ));
    }
    ip(&format!("link add {bridge} type bridge")).await?;
    ip(&format!("addr add {address} dev {bridge}")).await?;
    ip(&format!("link set {bridge} up")).await
}

pub(super) async fn remove_bridge(names: &Names) -> Result<(), String> {
    let bridge = names.bridge();
    if has_device(&bridge)? {
        ip(&format!("link del {bridge}")).await?;
    }
    Ok(())
}

/// Makes a node's namespace and its cable to the bridge.
pub(super) async fn connect(names: &Names, id: u64) -> Result<(), String> {
    let (namespace, cable) = (names.of_node(id), names.cable(id));
    let (bridge, address) = (names.bridge(), names.address(id));
    ip(&format!("netns add {namespace}")).await?;
    ip(&format!(
        "link add {cable} type veth peer name eth0 netns {namespace}"
    ))
    .await?;
    ip(&format!("link set {cable} master {bridge} up")).await?;
    ip(&format!("-n {namespace} addr add {address}/24 dev eth0")).await?;
    ip(&format!("-n {namespace} link set eth0 up")).await?;
    ip(&format!("-n {namespace} link set lo up")).await
}

pub(super) async fn disconnect(names: &Names, id: u64) -> Result<(), String> {
    // The cable goes with its namespace, but not before the last socket in it.
    let cable = names.cable(id);
    if has_device(&cable)? {
        ip(&format!("link del {cable}")).await?;
    }
    let there = names.namespace_file(id).try_exists();
    if there.map_err(|error| format!("namespaces cannot be looked at: {error}"))? {
        ip(&format!("netns del {}", names.of_node(id))).await?;
    }
    Ok(())
}

/// Replaces the rules of a node's namespace, at once.
pub(super) async fn set_rules(names: &Names, id: u64, rules: &str) -> Result<(), String> {
    let namespace = format!("--net={}", names.namespace_file(id).display());
    run_with("nsenter", &[namespace.as_str(), "nft", "-f", "-"], rules)
        .await
        .map(drop)
}
