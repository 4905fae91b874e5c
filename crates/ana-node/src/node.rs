//! A whole node: the layers joined, from the log up to the listener for clients.
//!
//! ```text
//!   clients -> gateway -> service, admin -> router -> groups -> log, disk
//!                                             ^
//!   peers ---> peer server -------------------'
//! ```
//! A disposable node has faults around it: its disk, clock and links by way of `Env`, its answers by way of `service`.
//!
//! Must stay true:
//! - no process globals, no real time, no threads: simulations start many of these in one process;
//! - everything that runs was spawned inside the caller's `ana_env::runtime::scope`;
//! - the layers end in the order from clients down, so that nothing is asked of what has ended;
//! - a node that is not disposable runs on the very `Env` it was given.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ana_env::faults::{self, FaultPlan};
use ana_env::runtime::Tasks;
use ana_env::{Env, Joined, Listener, time};
use ana_gateway::{Gateway, GatewayConfig, Service};
use ana_log::LogConfig;
use ana_raft::{CheckpointStore, GroupError, Groups, PeerServer, Peers, RaftNodeConfig};
use ana_router::{Expelled, Limits, Member, Router, RouterConfig};
use ana_types::{AccountId, KinesisError, NameError, NodeId, Region, Zone};
use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::access::{self, AccessError};
use crate::admin::NodeAdmin;
use crate::config::{ConfigError, LimitsSetting, MemberConfig, NodeConfig};
use crate::faults::service::Home;
use crate::faults::{Board, DisturbedService, FaultAdmin};
use crate::metrics::Metrics;
use crate::service::NodeService;

/// How often the replicas are looked at for one that failed.
const FAILURE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// A running node. It ends with [`Node::shutdown`]; dropping it cuts everything off.
#[derive(Debug)]
pub struct Node {
    router: Router,
    groups: Groups,
    peers: Peers,
    peer_server: PeerServer,
    gateway: Tasks,
    end_gateway: watch::Sender<bool>,
    api_addr: String,
    /// The faults of a disposable node, and the task that ends them in time.
    faults: Option<(Board, Tasks)>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The settings are wrong.
    #[error("settings: {0}")]
    Config(#[from] ConfigError),
    /// A name in the settings is not possible.
    #[error("settings: {0}")]
    Name(#[from] NameError),
    /// Who may call, or the certificate, cannot be read.
    #[error("settings: {0}")]
    Access(#[from] AccessError),
    /// It cannot listen.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// The replicas cannot be opened.
    #[error("replicas: {0}")]
    Groups(#[from] GroupError),
    /// The router cannot start.
    #[error("router: {0}")]
    Router(KinesisError),
}

impl Node {
    /// Starts a node on the world of `env`.
    ///
    /// It answers at once, with 503 until the cluster is founded and known here.
    ///
    /// # Errors
    /// When the settings are wrong, the data cannot be opened, or an address is taken.
    pub fn start(
        env: Env,
        config: NodeConfig,
        checkpoints: Arc<dyn CheckpointStore>,
    ) -> BoxFuture<'static, Result<Node, NodeError>> {
        Node::start_given(env, config, checkpoints, None)
    }

    /// As [`Node::start`]; serves what comes from `given` as well.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_given(
        env: Env,
        config: NodeConfig,
        checkpoints: Arc<dyn CheckpointStore>,
        given: Option<Box<dyn Listener>>,
    ) -> BoxFuture<'static, Result<Node, NodeError>> {
        Box::pin(async move {
            config.check()?;
            let router_config = router_config(&config)?;
            let gateway_config = gateway_config(&env, &config).await?;
            // Links are between nodes: what clients send is not held back.
            let mut api = listen(&env, &config.api).await?;
            if let Some(given) = given {
                api = Box::new(Joined(api, given));
            }
            let (env, board) = disturbable(env, &config);
            let peer = listen(&env, &config.peer).await?;

            let peers = Peers::new(env.clone(), NodeId(config.node_id));
            for member in config.members.iter().chain(&config.seeds) {
                peers.set(member.node_id(), member.peer.clone());
            }
            let raft = raft_config(&config)?;
            let groups = Groups::start(env.clone(), raft, checkpoints, peers.clone()).await?;
            let router = Router::new(env.clone(), groups.clone(), peers.clone(), router_config);
            let peer_server = groups.serve_peer(peer, router.call_handler());
            router.start().await.map_err(NodeError::Router)?;

            let api_addr = api.local_addr();
            let (rng, clock) = (Arc::clone(&env.rng), Arc::clone(&env.clock));
            let metrics = Metrics::default();
            let service = service(env, &router, &metrics, board.clone());
            let admin = NodeAdmin::new(
                router.clone(),
                metrics,
                config.supervisor.clone(),
                board
                    .clone()
                    .map(|board| FaultAdmin::new(board, peers.clone())),
            );
            let admin = Arc::new(admin);
            let (end_gateway, ended) = watch::channel(false);
            let gateway = Tasks::new();
            let door = Gateway::new(rng, clock, gateway_config, service, admin);
            gateway.spawn(door.serve(api, until_true(ended)));
            let faults = board.map(|board| {
                let keeper = Tasks::new();
                keeper.spawn(board.clone().keep());
                (board, keeper)
            });
            tracing::info!(
                node = config.node_id,
                disposable = config.disposable,
                zone = config.zone,
                api = api_addr,
                "started"
            );
            Ok(Node {
                router,
                groups,
                peers,
                peer_server,
                gateway,
                end_gateway,
                api_addr,
                faults,
            })
        })
    }

    /// Where it listens for clients, with the real port.
    pub fn api_addr(&self) -> &str {
        &self.api_addr
    }

    /// Its router, for tests that look inside.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Its replicas, for tests that look inside.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Waits until a replica can no longer write (a failed fsync), and says which and why. What the
    /// disk holds is in doubt then: the process should end and recover from what it finds.
    pub async fn until_failed(&self) -> String {
        let mut looks = time::interval(FAILURE_LOOK_EVERY);
        let mut failed_before = BTreeSet::new();
        loop {
            looks.tick().await;
            let mut failed_now = BTreeSet::new();
            for (group, why) in self.groups.failed() {
                // A group that is being closed on purpose looks the same for a moment, and is gone
                // at the next look.
                if failed_before.contains(&group) {
                    return format!("group {group}: {why}");
                }
                failed_now.insert(group);
            }
            failed_before = failed_now;
        }
    }

    /// Waits until the cluster goes on without this node, which has to end then for good.
    pub async fn until_expelled(&self) -> Expelled {
        self.router.until_expelled().await
    }

    /// Before a planned end: gives leaderships away, so that clients do not wait for elections.
    pub async fn hand_over(&self) {
        let given = self.router.hand_over().await;
        tracing::info!(given, "leaderships handed over");
    }

    /// Ends the node in order: no new requests, requests under way answered, logs closed.
    pub fn shutdown(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some((board, keeper)) = &self.faults {
                // An end in order is not to be disturbed, and takes no longer for it.
                board.stop_all();
                keeper.shutdown().await;
            }
            if self.end_gateway.send(true).is_err() {
                // The gateway has ended already.
            }
            self.gateway.join().await;
            self.router.shutdown().await;
            self.peer_server.shutdown().await;
            self.groups.shutdown().await;
            self.peers.shutdown().await;
            tracing::info!("ended");
        })
    }
}

/// The world of a node that can be disturbed, and the board that says how; any other node's is left as it is.
fn disturbable(env: Env, config: &NodeConfig) -> (Env, Option<Board>) {
    if !config.disposable {
        return (env, None);
    }
    let plan = FaultPlan::new();
    let disturbed = faults::wrap(&env, &plan);
    (disturbed, Some(Board::new(plan, env.rng)))
}

fn service(env: Env, router: &Router, metrics: &Metrics, board: Option<Board>) -> Arc<dyn Service> {
    let clock = Arc::clone(&env.clock);
    let inner = NodeService::new(env, router.clone(), metrics.clone());
    let Some(board) = board else {
        return Arc::new(inner);
    };
    let config = router.config();
    let home = Home {
        account: config.account.clone(),
        region: config.region.clone(),
    };
    Arc::new(DisturbedService::new(
        inner,
        board,
        metrics.clone(),
        clock,
        home,
    ))
}

async fn until_true(mut value: watch::Receiver<bool>) {
    if value.wait_for(|value| *value).await.is_err() {
        // The node was dropped: that is an end too.
    }
}

async fn listen(env: &Env, address: &str) -> Result<Box<dyn Listener>, NodeError> {
    let failed = |source| NodeError::Listen {
        address: address.to_owned(),
        source,
    };
    env.net.listen(address).await.map_err(failed)
}

async fn gateway_config(env: &Env, config: &NodeConfig) -> Result<GatewayConfig, AccessError> {
    let disk = env.disk.as_ref();
    let tls = match &config.tls {
        Some(settings) => Some(access::tls(disk, settings).await?),
        None => None,
    };
    Ok(GatewayConfig {
        authentication: access::authentication(disk, &config.auth, &config.region).await?,
        tls,
        connections_max: config.connections_max,
        ..GatewayConfig::default()
    })
}

pub(crate) fn member(config: &MemberConfig) -> Result<Member, NameError> {
    Ok(Member {
        id: config.node_id(),
        zone: Zone::new(&config.zone)?,
        peer_addr: config.peer.clone(),
        api_addr: config.api.clone(),
    })
}

fn raft_config(config: &NodeConfig) -> Result<RaftNodeConfig, NameError> {
    let zone = Zone::new(&config.zone)?;
    let default = RaftNodeConfig::new(NodeId(config.node_id), zone, &config.data_dir);
    let log = LogConfig {
        segment_bytes: config.log.segment_bytes,
        first_segment_bytes: default
            .log
            .first_segment_bytes
            .min(config.log.segment_bytes),
        cache_bytes: usize::try_from(config.log.cache_bytes).unwrap_or(usize::MAX),
        ..default.log
    };
    Ok(RaftNodeConfig {
        heartbeat_ms: config.raft.heartbeat_ms,
        election_min_ms: config.raft.election_min_ms,
        election_max_ms: config.raft.election_max_ms,
        rest_after_ms: config.raft.rest_after_ms,
        point_bytes: config.trim.point_bytes,
        point_ms: config.trim.point_ms,
        log,
        ..default
    })
}

fn router_config(config: &NodeConfig) -> Result<RouterConfig, NameError> {
    Ok(RouterConfig {
        this: member(&config.this_member())?,
        pid: std::process::id(),
        members: config
            .members
            .iter()
            // One that joins founds nothing.
            .filter(|it| !config.join || it.id != config.node_id)
            .map(member)
            .collect::<Result<_, _>>()?,
        account: AccountId::new(&config.account)?,
        region: Region::new(&config.region)?,
        limits: match config.limits {
            LimitsSetting::Aws => Limits::Aws,
            LimitsSetting::Off => Limits::Off,
        },
        transition_ms: config.transition_ms,
        retention_hour_ms: config.retention_hour_ms,
        deadline: RouterConfig::DEADLINE,
        trim_every: Duration::from_millis(config.trim.check_ms),
        balance_every: RouterConfig::BALANCE_EVERY,
        on_demand: config.on_demand.to_router(),
        subscription_life: RouterConfig::SUBSCRIPTION_LIFE,
        subscription_takeover_after: RouterConfig::SUBSCRIPTION_TAKEOVER_AFTER,
    })
}
