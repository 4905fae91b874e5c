//! What the tests on real processes share: a cluster started as a user starts it, faults from outside,
//! producers that keep a ledger of what was acknowledged, and the checks that turn a ledger into a verdict.
//!
//! Nothing here knows the inside of a node: it speaks the AWS protocol by the AWS SDK for Rust, runs the
//! program `ana`, reads `ana status -o json`, and sends signals.

pub mod calls;
pub mod cluster;
pub mod ledger;
pub mod producers;
pub mod readers;
pub mod replicas;
pub mod server;
pub mod verdict;
