//! Starting one replica: log, snapshot, checkpoint, openraft, tasks.
//!
//! ```text
//!   log ─ corrupt ──────────────────────────────────────────► a replica that only says so
//!    └─ snapshot ─► checkpoint (if it belongs to this log) ─► openraft re-applies the tail
//! ```
//!
//! Must stay true: openraft is never started on a log that lacks what the machine needs. It would
//! take an empty machine for the truth.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ana_env::disk::Disk;
use ana_env::{Env, runtime};
use ana_log::{Health, Log, LogError};
use ana_types::GroupId;
use openraft::RaftNetworkFactory;
use openraft::network::NetSnapshot;

use crate::batcher::Batcher;
use crate::checkpoint::{self, CheckpointStore};
use crate::config::RaftNodeConfig;
use crate::damaged;
use crate::error::GroupError;
use crate::group::{DiskUse, Group, Inner, Running};
use crate::left::{self, Left};
use crate::log_store::LogStore;
use crate::points::Image;
use crate::rebuild;
use crate::rest::Rest;
use crate::snapshot;
use crate::state_machine::{Core, MachineKind, Shared, StateMachine};
use crate::succession::{Losses, Successor};
use crate::trimmer::{Pointer, Trimmer};
use crate::types::{Raft, SnapshotData, TC};
use crate::upkeep::{Checkpointer, Gate, Gatekeeper, Rejoin, Watchman};

/// What every replica of a node is started with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The seams.
    pub env: Env,
    /// The settings.
    pub config: Arc<RaftNodeConfig>,
    /// Where checkpoints lie.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Disk use of the node.
    pub disk_use: DiskUse,
    /// Which nodes' streams ended.
    pub losses: Losses,
}

impl Group {
    /// Opens the replica of a group on this node and starts it. It founds nothing.
    ///
    /// A damaged log is no error: the replica exists, does not run, and its status says why.
    ///
    /// # Errors
    /// When the directory or the log cannot be opened, or the settings contradict each other.
    pub async fn open<N>(
        parts: Parts,
        id: GroupId,
        kind: MachineKind,
        network: N,
    ) -> Result<Self, GroupError>
    where
        N: RaftNetworkFactory<TC>,
        N::Network: NetSnapshot<TC, SnapshotData = SnapshotData>,
    {
        let raft_config = Arc::new(parts.config.raft(id)?);
        let io = |source| GroupError::Io { group: id, source };
        let dir = parts.config.group_dir(id);
        let Found { rejoin, lost, left } = prepare(&parts, &dir).await.map_err(io)?;
        let log = open_log(&parts, &dir)
            .await
            .map_err(|source| GroupError::Log { group: id, source })?;
        let log = Arc::new(log);
        damaged::recall(&*parts.env.disk, &dir, &log, rejoin.is_some())
            .await
            .map_err(io)?;
        let owed = match left {
            Some(left) => left::restore(&parts.env, &dir, left, &log)
                .await
                .map_err(io)?,
            None => None,
        };

        let (core, image, broken) = match recover(&parts, id, kind, &log).await {
            Ok((core, image)) => (core, image, None),
            Err(error) => (Core::new(kind), None, Some(error.to_string())),
        };
        let shared = Arc::new(Shared::new(kind, core, image));
        let gate = Arc::new(
            gate(&parts, &log)
                .rejoining(rejoin.is_some())
                .owing(owed.is_some()),
        );
        let mut inner = Inner {
            id,
            env: parts.env.clone(),
            config: Arc::clone(&parts.config),
            dir,
            disk_use: Arc::clone(&parts.disk_use),
            log,
            shared,
            gate,
            rest: Arc::new(Rest::new(Arc::clone(&parts.env.clock))),
            running: None,
            owed,
            broken,
            changing: tokio::sync::Mutex::default(),
            placed: std::sync::Mutex::default(),
            lost,
        };
        let is_sound = !lost && inner.broken.is_none();
        if is_sound && !matches!(inner.log.health(), Health::Corrupt { .. }) {
            match build(&inner, raft_config, network).await {
                Ok(raft) => inner.running = Some(run(&parts, &inner, raft, rejoin)),
                Err(why) => inner.broken = Some(why),
            }
        }
        if let Some(why) = &inner.broken {
            tracing::error!(group = %id, %why, "replica does not run");
        }
        if lost {
            tracing::warn!(group = %id, "replica was lost and does not run");
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

/// What lies in a group's directory beside its log.
struct Found {
    /// The mark of a repair.
    rejoin: Option<Rejoin>,
    /// The mark of a replica that was lost.
    lost: bool,
    /// What an earlier replica has left behind.
    left: Option<Left>,
}

/// Makes the group's directory, durably, and reads the marks in it.
async fn prepare(parts: &Parts, dir: &Path) -> io::Result<Found> {
    let disk = &*parts.env.disk;
    let is_empty = match disk.list(dir).await {
        Ok(entries) => entries.is_empty(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    make_dir(disk, dir).await?;
    if is_empty && rebuild::is_under_way(disk, &parts.config.data_dir).await? {
        rebuild::mark_lost(disk, dir).await?;
    }
    let left = left::prepare(&parts.env, dir).await?;
    let lost = rebuild::is_lost(disk, dir).await?;
    let rejoin = Rejoin::load(&parts.env, dir).await?;
    Ok(Found { rejoin, lost, left })
}

/// Makes a directory and what is missing above it, all of it durable. A directory whose entry in
/// its parent is lost with the power takes everything in it along.
pub(crate) async fn make_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let mut made = vec![dir];
    for ancestor in dir.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match disk.list(ancestor).await {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => made.push(ancestor),
            Err(error) => return Err(error),
        }
    }
    disk.create_dir_all(dir).await?;
    let parents = made.iter().filter_map(|path| path.parent());
    for parent in parents.filter(|path| !path.as_os_str().is_empty()) {
        disk.sync_dir(parent).await?;
    }
    Ok(())
}

async fn open_log(parts: &Parts, dir: &Path) -> Result<Log, LogError> {
    let disk = Arc::clone(&parts.env.disk);
    Log::open(
        disk,
        Arc::clone(&parts.env.clock),
        dir,
        parts.config.log.clone(),
    )
    .await
}

/// The state to start with, and the durable snapshot.
async fn recover(
    parts: &Parts,
    id: GroupId,
    kind: MachineKind,
    log: &Log,
) -> io::Result<(Core, Option<Image>)> {
    if matches!(log.health(), Health::Corrupt { .. }) {
        return Ok((Core::new(kind), None));
    }
    let image = snapshot::load(log).await?;
    let core = checkpoint::load(&*parts.checkpoints, id, kind, log).await;
    let core = core.unwrap_or_else(|| Core::new(kind));
    let reach = image
        .as_ref()
        .map(|image| image.log_id.index)
        .max(core.applied.map(|id| id.index));
    let purged = log.bounds().purged.map(|id| id.index);
    if reach < purged {
        // The snapshot is durable before the log is cut, so it was there and is lost. That is damage like any other:
        // what the replica holds is no basis to go on from, and its peers have all of it.
        log.declare_corrupt(format!(
            "it begins after {purged:?}, but snapshot and checkpoint reach to {reach:?}"
        ));
        return Ok((Core::new(kind), None));
    }
    Ok((core, image))
}

/// A replica that has never heard of a leader has promised nothing and may vote at once.
fn gate(parts: &Parts, log: &Log) -> Gate {
    let bounds = log.bounds();
    let fresh = log.vote().is_none() && bounds.last.is_none() && bounds.purged.is_none();
    let silence = if fresh {
        Duration::ZERO
    } else {
        parts.config.silence()
    };
    Gate::new(parts.env.clock.elapsed() + silence)
}

async fn build<N>(inner: &Inner, config: Arc<openraft::Config>, network: N) -> Result<Raft, String>
where
    N: RaftNetworkFactory<TC>,
    N::Network: NetSnapshot<TC, SnapshotData = SnapshotData>,
{
    let store = LogStore::new(Arc::clone(&inner.log));
    let machine = StateMachine::new(Arc::clone(&inner.shared), Arc::clone(&inner.log));
    let raft = Raft::build(inner.config.node.0, config, network, store, machine)
        .await
        .map_err(|fatal| fatal.to_string())?;
    // The gatekeeper lets it stand for election when the silence is over.
    raft.runtime_config().elect(false);
    raft.run();
    Ok(raft)
}

fn run(parts: &Parts, inner: &Inner, raft: Raft, rejoin: Option<Rejoin>) -> Running {
    let tasks = runtime::Tasks::new();
    let config = &inner.config;
    let (batcher, batch_loop) = Batcher::new(
        Arc::clone(&inner.env.clock),
        raft.clone(),
        Arc::clone(&inner.shared),
        config.queued_bytes_max,
        config.propose_deadline(),
    );
    let batcher = Arc::new(batcher);
    let checkpointer = Arc::new(Checkpointer {
        group: inner.id,
        config: Arc::clone(config),
        shared: Arc::clone(&inner.shared),
        store: Arc::clone(&parts.checkpoints),
    });
    let trimmer = Trimmer {
        group: inner.id,
        raft: raft.clone(),
        log: Arc::clone(&inner.log),
        shared: Arc::clone(&inner.shared),
    };
    let pointer = Pointer {
        group: inner.id,
        config: Arc::clone(config),
        raft: raft.clone(),
        shared: Arc::clone(&inner.shared),
        batcher: Arc::clone(&batcher),
        rest: Arc::clone(&inner.rest),
    };
    let gatekeeper = gatekeeper(inner, raft.clone(), rejoin);
    let watchman = Watchman {
        group: inner.id,
        raft: raft.clone(),
        log: Arc::clone(&inner.log),
    };
    let successor = Successor {
        group: inner.id,
        node: config.node,
        env: inner.env.clone(),
        config: Arc::clone(config),
        raft: raft.clone(),
        gate: Arc::clone(&inner.gate),
        rest: Arc::clone(&inner.rest),
        losses: parts.losses.clone(),
    };
    let spawned = [
        tasks.spawn(watchman.run()),
        tasks.spawn(batch_loop.run()),
        tasks.spawn(trimmer.run()),
        tasks.spawn(pointer.run()),
        tasks.spawn(gatekeeper.run()),
        tasks.spawn(successor.run()),
        tasks.spawn(Arc::clone(&checkpointer).run()),
    ];
    assert!(spawned.iter().all(Option::is_some), "new tasks are open");
    Running {
        raft,
        batcher,
        checkpointer,
        tasks,
    }
}

fn gatekeeper(inner: &Inner, raft: Raft, rejoin: Option<Rejoin>) -> Gatekeeper {
    Gatekeeper {
        group: inner.id,
        node: inner.config.node,
        env: inner.env.clone(),
        dir: inner.dir.clone(),
        gate: Arc::clone(&inner.gate),
        rejoin,
        owed: inner.owed.clone(),
        log: Arc::clone(&inner.log),
        raft,
        shared: Arc::clone(&inner.shared),
    }
}
