//! `ana-node`: the program `ana`, and a whole node as a library.
//!
//! Read in this order: `config` (settings), `node` (how the layers are joined; simulations start
//! nodes by it), `service` and `admin` (what a node answers), `metrics` (what it counts), `faults` (what a disposable one
//! does wrong on purpose), then the command line: `commands` over `client`, `reading` and `verify`, `cluster`, which
//! runs many nodes on one machine, `drill`, which breaks a cluster by a plan and says what held, and `fis`, by which
//! clients of AWS FIS do that.
//!
//! Must stay true: `node`, `service`, `admin` and `faults` use no process globals, no real time and no
//! threads; everything else is for real processes.

pub mod access;
pub mod config;
pub mod node;
pub mod metrics;
pub mod service;
pub mod faults;
pub mod admin;

pub mod error;
pub mod output;
pub mod signals;
pub mod stdin;
pub mod histogram;
pub mod open_files;
pub mod aggregation;
pub mod client;
pub mod reading;
pub mod verify;
pub mod cluster;
pub mod drill;
pub mod fis;
pub mod commands;

pub use config::NodeConfig;
pub use node::{Node, NodeError};
