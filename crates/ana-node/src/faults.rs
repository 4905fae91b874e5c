//! Faults on purpose: what a disposable node can be told to do wrong, for as long as a lease lasts.
//!
//! ```text
//!   POST /_ana/faults ─> admin ─> request (checked) ─> Board ── disk, clock, links ─> ana_env::faults::FaultPlan
//!                                                       │                              (around the node's Env)
//!   gateway ─> DisturbedService ── asks before each ────'
//!                   └─> NodeService                       the keeper ends what is overdue
//! ```
//! Read in this order: `effect` (what there is), `request` and `document` (how it is asked for and told), `board`
//! (what is on), `service` and `subscription` (faults of the API), `admin` (the paths).
//!
//! Must stay true:
//! - a node that is not disposable has no board, no wrapper and no way to get one;
//! - a fault ends by itself with its lease, whatever became of whoever asked for it;
//! - an injected error is decided before the operation begins, so that it never hides a write that was made;
//! - no process globals, no real time, no threads: simulations start many nodes in one process.

pub mod effect;
pub mod document;
pub mod request;
pub mod board;
pub mod service;
mod subscription;
pub mod admin;

pub use admin::FaultAdmin;
pub use board::Board;
pub use document::{FaultDocument, FaultEntry};
pub use service::DisturbedService;

/// Faults of one node at the same time.
pub const FAULTS_MAX: usize = 64;
/// Longest lease, milliseconds: 12 hours, as long as an experiment of AWS FIS.
pub const LEASE_MS_MAX: u64 = 12 * 60 * 60 * 1000;
/// Longest id.
pub const ID_CHARS_MAX: usize = 64;
/// How long a request may be held up, milliseconds. The gateway gives up on an exchange after two minutes.
pub const API_DELAY_MS_MAX: u64 = 60_000;
/// How long a write or sync may be held up, milliseconds.
pub const DISK_DELAY_MS_MAX: u64 = 10_000;
/// How fast the time of day may run wrong either way, parts per million: half as fast, or half as fast again.
pub const DRIFT_PPM_MAX: u64 = 500_000;
/// How late bytes of a link may be, and how much later at random, milliseconds.
pub const LINK_DELAY_MS_MAX: u64 = 10_000;
/// How many bytes a second a thin link may let pass: more than any network here has.
pub const LINK_RATE_MAX: u64 = 100_000_000_000;
/// How often connections may break on average: a node needs some time to make them again.
pub const RESET_EVERY_MS_MIN: u64 = 100;
/// How old a subscription may grow before it is dropped, milliseconds: AWS ends each after five minutes.
pub const SESSION_MS_MAX: u64 = 300_000;
/// How far the time of day may jump either way, milliseconds: a year.
pub const OFFSET_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1000;

#[cfg(test)]
mod node_test;
