//! Drills on a running cluster: break it by a plan, watch what its clients see, give everything back, and say
//! what held.
//!
//! ```text
//!   runner ── preflight ─> steady ─> course: timeline says what is due ─> hands carry it out ─> heal ─> closing
//!                                       │ lookout, meter and load measure,              audit, judge (ana-check)
//!                                       │ or ledger: what the user's own application does
//!                                       └─> journal, store: what happened, for whoever watches      report
//! ```
//! Read in this order: `record` (what a run leaves behind), `means` (how each action is carried out), `timeline`,
//! `runner`.
//!
//! Must stay true: every fault of a drill ends, whatever becomes of the drill.

pub mod record;
pub mod snapshot;
pub mod cluster;
pub mod means;
pub mod timeline;
pub mod meter;
pub mod lookout;
pub mod book;
pub mod load;
pub mod hands;
pub mod store;
pub mod journal;
pub mod audit;
pub mod ledger;
pub mod judge;
pub mod rows;
pub mod rename;
pub mod runner;
pub mod report;
pub mod simulated;
pub mod sweep;
