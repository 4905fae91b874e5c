//! Wrappers that make any seam fail on purpose, switched while the node runs.
//!
//! A [`FaultPlan`] is the switchboard; [`wrap`] puts it around an [`Env`]. With no fault switched on the
//! wrapped seams behave as the ones inside.

mod plan;
mod clock;
mod disk;
mod link;
mod queue;
mod net;

use std::sync::Arc;

pub use clock::FaultClock;
pub use disk::FaultDisk;
pub use link::{LinkFaults, Way};
pub use net::FaultNet;
pub use plan::{ClockFaults, DiskFaults, Drift, FaultPlan};

use crate::env::Env;

/// `env` with `plan` around its clock, disk and network. Randomness has no faults.
pub fn wrap(env: &Env, plan: &FaultPlan) -> Env {
    Env {
        clock: Arc::new(FaultClock::new(Arc::clone(&env.clock), plan.clone())),
        disk: Arc::new(FaultDisk::new(
            Arc::clone(&env.disk),
            plan.clone(),
            Arc::clone(&env.rng),
        )),
        net: Arc::new(FaultNet::new(
            Arc::clone(&env.net),
            plan.clone(),
            Arc::clone(&env.rng),
        )),
        rng: Arc::clone(&env.rng),
    }
}
