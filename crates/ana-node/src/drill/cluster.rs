//! The running cluster as a drill reaches it: its nodes one by one, its supervisor, its streams.
//!
//! Must stay true: every wait is bounded, and shorter than the trouble that a drill makes, so that one node that does
//! not answer does not blind the drill.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ana_drill::topology::ShardName;
use ana_env::{Env, time};
use ana_types::{ShardIndex, StreamName};
use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::means::real::is_of_kernel;
use super::snapshot::{self, Census, Snapshot};
use crate::admin::document::{NodeEntry, StatusDocument};
use crate::client::access::Access;
use crate::client::endpoint::Endpoint;
use crate::client::error::ClientError;
use crate::client::{Client, RawAnswer, Retry};
use crate::cluster::supervisor::{NodeState, NodeView};
use crate::faults::admin::{PATH, STOP_PATH};

/// Nodes wait for each other for a second before they answer without.
const STATUS_MAX: Duration = Duration::from_secs(3);
/// Nodes that are asked for the status at once: one of each zone is enough to hear both sides of a cut.
const STATUS_NODES: usize = 3;
/// A node answers about its faults from memory.
const FAULT_MAX: Duration = Duration::from_secs(2);
/// A node reads its log for a digest.
const DIGEST_MAX: Duration = Duration::from_secs(60);
/// The supervisor lets a node stop for ten seconds before it kills it.
const ORDER_MAX: Duration = Duration::from_secs(20);
/// A list of streams or shards in a drill; a later one comes anyway.
const LIST_MAX: Duration = Duration::from_secs(2);

/// The way to a cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    env: Env,
    endpoint: Endpoint,
    access: Access,
    /// Faults are to be the kernel's own where it can do them.
    really: bool,
}

/// What the supervisor tells.
#[derive(Debug, Clone, Deserialize)]
pub struct Supervised {
    /// The data directory of `ana up`.
    pub data_dir: String,
    /// The nodes.
    pub nodes: Vec<NodeView>,
    /// Kinds of faults that the kernel carries out; none on a cluster whose nodes have no places of their own.
    #[serde(default)]
    pub kernel_faults: Vec<String>,
}

/// A request that did not lead to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    /// What happened, for a person.
    pub what: String,
    /// The field that a node found wrong, if it was that.
    pub field: Option<String>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
}

impl Refused {
    /// What never came to a request.
    pub fn new(what: impl Into<String>) -> Refused {
        Refused {
            what: what.into(),
            field: None,
            status: None,
        }
    }

    fn without_answer(who: &str, error: &ClientError) -> Refused {
        Refused::new(format!("{who}: {error}"))
    }

    fn read(who: &str, answer: &RawAnswer) -> Refused {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = answer.status.as_u16();
        let what = member("message").unwrap_or_else(|| format!("HTTP {status}"));
        Refused {
            what: format!("{who}: {what}"),
            field: member("field"),
            status: Some(status),
        }
    }
}

impl Cluster {
    /// The way to the cluster at `endpoint`.
    pub fn new(env: Env, endpoint: Endpoint, access: Access) -> Cluster {
        Cluster {
            env,
            endpoint,
            access,
            really: false,
        }
    }

    /// The same way, where faults are to be the kernel's own.
    #[must_use]
    pub fn really(mut self, really: bool) -> Cluster {
        self.really = really;
        self
    }

    /// Whether faults are to be the kernel's own.
    pub fn is_real(&self) -> bool {
        self.really
    }

    /// The seams.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The public address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A client of the public endpoint.
    pub fn client(&self) -> Client {
        Client::new(self.env.clone(), self.endpoint.clone(), self.access.clone())
    }

    /// What the supervisor tells, when there is one.
    pub async fn supervised(&self) -> Option<Supervised> {
        let path = "/_ana/supervisor/status";
        let asked = self.client().plain(Method::GET, path, STATUS_MAX).await;
        let answer = asked.ok().filter(|answer| answer.status.is_success())?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// The cluster now, with the streams as `census` knows them.
    ///
    /// # Errors
    /// When neither a node nor a supervisor answers.
    pub async fn look(&self, census: Census) -> Result<Snapshot, Refused> {
        let supervised = self.supervised().await.map(|told| told.nodes);
        let mut addresses = match &supervised {
            Some(nodes) => {
                let up = nodes.iter().filter(|node| node.state == NodeState::Up);
                one_of_each_zone(up.map(|node| (&node.zone, &node.api)))
            }
            None => Vec::new(),
        };
        let mut answers = Vec::new();
        if supervised.is_none() {
            let first: StatusDocument = self
                .ask(
                    &self.client(),
                    "the endpoint",
                    (Method::GET, "/_ana/status"),
                )
                .await?;
            let nodes = first.nodes.iter().map(|node| (&node.zone, &node.api));
            addresses = one_of_each_zone(nodes);
            answers.push(first);
        }
        let asked = addresses.iter().map(|address| async move {
            let client = self.client_at(address).ok()?;
            self.ask(&client, address, (Method::GET, "/_ana/status"))
                .await
                .ok()
        });
        answers.extend(join_all(asked).await.into_iter().flatten());
        let joined = snapshot::join(answers, supervised);
        let status = joined.ok_or_else(|| {
            Refused::new(format!(
                "no node of the cluster at {} answers",
                self.endpoint
            ))
        })?;
        Ok(Snapshot { status, census })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        client: &Client,
        who: &str,
        (method, path): (Method, &str),
    ) -> Result<T, Refused> {
        read(who, client.plain(method, path, STATUS_MAX).await)
    }

    fn client_at(&self, address: &str) -> Result<Client, Refused> {
        let endpoint = self.endpoint.beside(address).map_err(|error| {
            Refused::new(format!("the address {address} cannot be used: {error}"))
        })?;
        Ok(Client::new(self.env.clone(), endpoint, self.access.clone()))
    }

    /// A request about faults to one node.
    pub async fn ask_node(
        &self,
        node: &NodeEntry,
        (method, path): (Method, &str),
        body: &Value,
    ) -> Result<Value, Refused> {
        let who = format!("node {}", node.id);
        let client = self.client_at(&node.api)?;
        let body = Bytes::from(body.to_string());
        read(&who, client.plain_with(method, path, body, FAULT_MAX).await)
    }

    /// A node's own account of a range of a group's log.
    pub async fn digest(&self, node: &NodeEntry, path: &str) -> Result<Value, Refused> {
        let who = format!("node {}", node.id);
        let client = self.client_at(&node.api)?;
        read(&who, client.plain(Method::GET, path, DIGEST_MAX).await)
    }

    /// Switches a fault on, or off where `on` says nothing of it: at the node, or in the kernel where that is meant and
    /// the kernel does it.
    pub async fn fault(
        &self,
        node: &NodeEntry,
        kind: &str,
        on: Option<&Value>,
        id: &str,
    ) -> Result<Value, Refused> {
        let ended = json!({ "id": id });
        let body = on.unwrap_or(&ended);
        if self.really && is_of_kernel(kind) {
            let verb = if on.is_some() {
                "hold_fault"
            } else {
                "end_fault"
            };
            return self.order(&node.id.to_string(), verb, body).await;
        }
        let path = if on.is_some() { PATH } else { STOP_PATH };
        self.ask_node(node, (Method::POST, path), body).await
    }

    /// Gives an order about a node to the supervisor; `body` has its parameters.
    pub async fn order(&self, node: &str, verb: &str, body: &Value) -> Result<Value, Refused> {
        let path = format!("/_ana/supervisor/node/{node}/{verb}");
        let body = Bytes::from(body.to_string());
        let client = self.client();
        let asked = client.plain_with(Method::POST, &path, body, ORDER_MAX);
        read("the supervisor", asked.await)
    }

    /// Brings the census up to date; what cannot be learnt now stays as it was.
    pub async fn count(&self, census: &mut Census, with_tags: bool) {
        let client = self.client().with_retry(Retry::never());
        let Ok(Ok(streams)) = time::timeout(LIST_MAX, client.list_streams()).await else {
            return;
        };
        let named = streams
            .iter()
            .filter_map(|stream| StreamName::new(&stream.stream_name).ok());
        let names: BTreeSet<StreamName> = named.collect();
        census.streams.retain(|name, _| names.contains(name));
        census.open.retain(|name, _| names.contains(name));
        for name in names {
            let tags = census.streams.entry(name.clone()).or_default();
            if with_tags
                && let Ok(Ok(found)) = time::timeout(LIST_MAX, tags_of(&client, &name)).await
            {
                *tags = found;
            }
            let filter = Some(json!({ "Type": "AT_LATEST" }));
            let listing = client.list_shards(name.as_str(), filter);
            if let Ok(Ok(shards)) = time::timeout(LIST_MAX, listing).await {
                let open = shards.iter().filter(|shard| shard.is_open());
                let open = open.filter_map(|shard| ShardIndex::parse_lenient(&shard.shard_id));
                census.open.insert(name, open.collect());
            }
        }
    }
}

/// The shard of an id in a stream.
pub fn shard_name(stream: &StreamName, shard_id: &str) -> Option<ShardName> {
    Some(ShardName {
        stream: stream.clone(),
        shard: ShardIndex::parse_lenient(shard_id)?,
    })
}

async fn tags_of(
    client: &Client,
    stream: &StreamName,
) -> Result<BTreeMap<String, String>, ClientError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        tags: Vec<Tag>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tag {
        key: String,
        #[serde(default)]
        value: String,
    }
    let input = json!({ "StreamName": stream.as_str() });
    let answer = client
        .call::<_, Output>("ListTagsForStream", &input)
        .await?;
    let tags = answer.value.tags.into_iter();
    Ok(tags.map(|tag| (tag.key, tag.value)).collect())
}

fn read<T: DeserializeOwned>(
    who: &str,
    asked: Result<RawAnswer, ClientError>,
) -> Result<T, Refused> {
    let answer = asked.map_err(|error| Refused::without_answer(who, &error))?;
    if !answer.status.is_success() {
        return Err(Refused::read(who, &answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| Refused {
        what: format!("the answer of {who} is unreadable: {error}"),
        field: None,
        status: Some(answer.status.as_u16()),
    })
}

/// The first address of each zone, and no more than [`STATUS_NODES`].
fn one_of_each_zone<'a>(nodes: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<String> {
    let mut by_zone = BTreeMap::new();
    for (zone, address) in nodes {
        by_zone
            .entry(zone.clone())
            .or_insert_with(|| address.clone());
    }
    by_zone.into_values().take(STATUS_NODES).collect()
}
