//! openraft's own storage suite, on the real log and the real machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use crate::common;

use std::sync::Arc;

use ana_env::memory::{MemoryDisk, MemoryDiskOptions, TokioClock};
use ana_log::{Log, LogConfig};
use ana_raft::log_store::LogStore;
use ana_raft::state_machine::{Core, MachineKind, Shared, StateMachine};
use ana_raft::types::TC;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

/// Makes a store of its own for every case.
struct Builder {
    kind: MachineKind,
}

impl StoreBuilder<TC, LogStore, StateMachine, MemoryDisk> for Builder {
    async fn build(&self) -> Result<(MemoryDisk, LogStore, StateMachine), StorageError<TC>> {
        let disk = MemoryDisk::new(5, MemoryDiskOptions::default());
        let config = LogConfig {
            segment_bytes: 64 * 1024,
            reserve_bytes: 0,
            ..LogConfig::default()
        };
        let log = Log::open(
            Arc::new(disk.clone()),
            Arc::new(TokioClock::new(common::EPOCH_MS)),
            std::path::Path::new("/log"),
            config,
        )
        .await
        .expect("a fresh log opens");
        let log = Arc::new(log);
        let shared = Arc::new(Shared::new(self.kind, Core::new(self.kind), None));
        let machine = StateMachine::new(shared, Arc::clone(&log));
        Ok((disk, LogStore::new(log), machine))
    }
}

#[tokio::test(start_paused = true)]
async fn a_data_group_passes_the_storage_suite() {
    common::scoped(async {
        Suite::test_all(Builder {
            kind: MachineKind::Shards,
        })
        .await
        .expect("every case passes");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_metadata_group_passes_the_storage_suite() {
    common::scoped(async {
        Suite::test_all(Builder {
            kind: MachineKind::Meta,
        })
        .await
        .expect("every case passes");
    })
    .await;
}
