//! The API of AWS FIS on a local cluster: `aws fis --endpoint-url …` drives drills.
//!
//! ```text
//!   front door ── Fis ──asks──> Service, one task: templates and experiments in memory, each a file as well
//!                  │ who may call, what is asked          │ one experiment at a time
//!                  answer: into HTTP                      run: drill::runner in a task of its own ──news──> Service
//! ```
//! What requests, templates and states are is settled in `ana_drill::fis::api`; here are its edges. The runner works in
//! this process and not in a child: it is a library that is told to stop and gives back its record, so nothing has to
//! be read out of another process, and no child can be left over.
//!
//! Must stay true:
//! - what was answered is kept: a file is written and renamed before its answer goes out;
//! - a run that this process began is ended by it, faults first, before the nodes are;
//! - one task owns all state, and runs have a task each that ends with it.

mod answer;
mod ask;
mod files;
mod open;
mod operations;
mod run;
mod service;

pub use ask::Fis;
pub use open::{OpenError, Opened, Place, open};
pub use service::Service;

#[cfg(test)]
#[path = "fis/fis_test.rs"]
mod fis_test;
