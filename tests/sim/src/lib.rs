//! Whole nodes in one seeded, single-threaded simulation: the real program on a simulated disk, network and clock.
//!
//! One seed decides everything: faults, their times, message delays, what a crash leaves on a disk. A run has a
//! safety phase (faults while clients work) and then a liveness phase (all faults lifted, the cluster must heal and
//! every client must get on). `oracle.rs` keeps what clients were promised; `invariants/` has one file per promise.
//!
//! Must stay true: the same seed gives the same trace, event for event (`ana-sim meta` checks it).

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulator needs --cfg tokio_unstable (.cargo/config.toml sets it; a RUSTFLAGS variable replaces that)"
);

pub mod align;
pub mod net;
pub mod http;
pub mod trace;
pub mod class;
pub mod counters;
pub mod fault;
pub mod plan;
pub mod machine;
pub mod world;
pub mod oracle;
pub mod workload;
pub mod invariants;
pub mod known;
pub mod run;
pub mod output;
pub mod commands;
