//! Drill files and their plans: what is broken when, where and for how long, what must hold meanwhile, and
//! what is expected at the end.
//!
//! Must stay true:
//! - No IO, no clock, no async; the only chance is `chance`, and its seed stands in the file.
//! - A file says nothing that is passed over in silence: what nothing reads is refused.
//! - A check that saw no data is never held.
//!
//! Reading order is the order of the modules below.

pub mod quantity;
pub mod operation;
pub mod topology;
pub mod chance;
pub mod targets;
pub mod observations;
pub mod check;
pub mod error;
pub mod action;
pub mod file;
pub mod fis;
pub mod blast;
pub mod plan;
pub mod library;
mod document;
mod fields;
mod near;

pub use error::{DrillError, Fault};
pub use file::{Drill, DrillName, Load, Step, Watch};
pub use plan::{Plan, PlanError};
pub use targets::{Pick, Target};
pub use topology::Topology;

#[cfg(test)]
mod fixture;
