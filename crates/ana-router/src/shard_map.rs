//! From a stream reference and a hash key to a shard and its group, by the metadata of this node.
//!
//! The map may be behind. That is healed, never trusted: a stream that is not found is looked for again after a
//! barrier, a shard that turns out closed makes the put wait for a newer map.
//!
//! Must stay true: the targets of a route tile the hash space and are sorted by their first key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ana_state::Metadata;
use ana_state::meta::StreamState;
use ana_types::{
    GroupId, HashKey, HashRange, KinesisError, ShardIndex, StreamArn, StreamKey, StreamName,
    StreamStatus,
};

use crate::config::RouterConfig;
use crate::context::{Context, Deadline};
use crate::ops::StreamRef;
use crate::router::Answer;

/// Routes kept; beyond it the cache starts again.
const ROUTES_MAX: usize = 1024;
const KIB: u64 = 1024;

/// Where the records of one stream go, as of one version of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) key: StreamKey,
    pub(crate) name: StreamName,
    pub(crate) status: StreamStatus,
    /// Data and partition key of one record.
    pub(crate) record_bytes_max: u64,
    /// Records put by this route are marked as put under encryption.
    pub(crate) encrypted: bool,
    /// Version of the metadata it was made from.
    pub(crate) version: u64,
    targets: Vec<Target>,
}

/// A shard that takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) range: HashRange,
    pub(crate) shard: ShardIndex,
    pub(crate) group: GroupId,
}

impl Route {
    fn new(stream: &StreamState, version: u64) -> Self {
        let mut targets: Vec<_> = stream
            .writable_shards()
            .map(|info| Target {
                range: info.range,
                shard: info.shard,
                group: info.group,
            })
            .collect();
        targets.sort_by_key(|target| target.range.start);
        Self {
            key: stream.key,
            name: stream.name.clone(),
            status: stream.status,
            record_bytes_max: u64::from(stream.max_record_kib) * KIB,
            encrypted: stream.settings.encryption_key.is_some(),
            version,
            targets,
        }
    }

    /// The shard that takes this key; none only when the stream has no shards yet.
    pub(crate) fn target(&self, key: HashKey) -> Option<Target> {
        let after = self
            .targets
            .partition_point(|target| target.range.start <= key);
        let target = *self.targets.get(after.checked_sub(1)?)?;
        debug_assert!(
            target.range.contains(key),
            "open shards tile the hash space"
        );
        Some(target)
    }

    /// Whether the stream takes records in its status.
    pub(crate) fn takes_records(&self) -> bool {
        matches!(self.status, StreamStatus::Active | StreamStatus::Updating)
    }
}

/// Routes by name, all of one version of the metadata.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    cache: Mutex<RouteCache>,
}

#[derive(Debug, Default)]
struct RouteCache {
    version: u64,
    routes: BTreeMap<StreamName, Arc<Route>>,
}

impl Routes {
    fn get(&self, meta: &Metadata, name: &StreamName) -> Option<Arc<Route>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.version != meta.version() || cache.routes.len() >= ROUTES_MAX {
            *cache = RouteCache {
                version: meta.version(),
                routes: BTreeMap::new(),
            };
        }
        if let Some(route) = cache.routes.get(name) {
            return Some(Arc::clone(route));
        }
        let route = Arc::new(Route::new(meta.stream(name)?, meta.version()));
        cache.routes.insert(name.clone(), Arc::clone(&route));
        Some(route)
    }
}

/// The name that a reference means. Needs no metadata.
pub(crate) fn resolve(config: &RouterConfig, stream: &StreamRef) -> Answer<StreamName> {
    let named = stream.name.as_deref().map(name_of).transpose()?;
    let by_arn = stream
        .arn
        .as_deref()
        .map(|arn| name_of_arn(config, arn))
        .transpose()?;
    match (named, by_arn) {
        (None, None) => Err(KinesisError::NeitherNameNorArn),
        (Some(name), None) | (None, Some(name)) => Ok(name),
        (Some(name), Some(arn)) if name == arn => Ok(name),
        (Some(name), Some(_)) => Err(KinesisError::NameAndArnDiffer {
            name: name.as_str().to_owned(),
            arn: stream.arn.clone().unwrap_or_default(),
        }),
    }
}

fn name_of(name: &str) -> Answer<StreamName> {
    // The front door has checked the pattern; whatever comes past it is our mistake, not the client's.
    StreamName::new(name).map_err(|error| KinesisError::Internal {
        why: format!("a stream name: {error}"),
    })
}

/// The name in an ARN of this account and region; any other ARN names nothing here.
pub(crate) fn name_of_arn(config: &RouterConfig, arn: &str) -> Answer<StreamName> {
    let parsed: Option<StreamArn> = arn.parse().ok();
    parsed
        .filter(|it| it.account == config.account && it.region == config.region)
        .map(|it| it.name)
        .ok_or_else(|| KinesisError::ArnNotFound {
            arn: arn.to_owned(),
        })
}

/// The route of a stream by this node's map, looked for again after a barrier when it does not take records there.
///
/// # Errors
/// `StreamNotFound` when it does not exist or does not take records.
pub(crate) async fn route(
    context: &Context,
    name: &StreamName,
    deadline: Deadline,
) -> Answer<Arc<Route>> {
    let find = || context.look(|meta| context.routes.get(meta, name));
    if let Some(route) = find()?.filter(|route| route.takes_records()) {
        return Ok(route);
    }
    context.barrier(deadline).await?;
    find()?
        .filter(|route| route.takes_records())
        .ok_or_else(|| KinesisError::StreamNotFound {
            stream: name.clone(),
        })
}

/// The shard that takes `key` by this node's map, which may be behind.
pub(crate) fn shard_of(context: &Context, name: &StreamName, key: HashKey) -> Option<ShardIndex> {
    let route = context.look(|meta| context.routes.get(meta, name));
    let route = route.ok()??;
    let target = route.takes_records().then(|| route.target(key));
    Some(target??.shard)
}

/// Waits until the map of this node is newer than `old` and takes records of that name; none at the deadline.
///
/// A stream made again under the name since then is the one that is meant now: what is left to be put was not put
/// into the old one.
///
/// # Errors
/// `StreamNotFound` when no stream takes records under that name.
pub(crate) async fn newer_route(
    context: &Context,
    old: &Route,
    deadline: Deadline,
) -> Answer<Option<Arc<Route>>> {
    let found = context
        .wait_for(deadline, |meta| {
            (meta.version() != old.version).then(|| context.routes.get(meta, &old.name))
        })
        .await?;
    match found {
        None => Ok(None),
        Some(Some(route)) if route.takes_records() => Ok(Some(route)),
        Some(_) => Err(KinesisError::StreamNotFound {
            stream: old.name.clone(),
        }),
    }
}

#[cfg(test)]
#[path = "shard_map/shard_map_test.rs"]
mod shard_map_test;
