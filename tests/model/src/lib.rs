//! Models of the protocols that no single test reaches: every order of events of three nodes, as far as a stated bound.
//!
//! - [`reshard`]: splits, merges, resizes, deletion, and the puts and readers that race with them;
//! - [`life`]: data groups on three nodes: opened, founded, deleted, by nodes that lag, restart and lose power;
//! - [`repair`]: eviction and readmission of a damaged replica, on a Raft that is small enough to be searched whole;
//! - [`lease`]: reads by lease while leaders change and clocks run at different speeds.
//!
//! The first two apply every command to the machines of `ana-state` ([`log`]): the transition function is the product's
//! own. What the product does around them (drivers, routers, nodes that reconcile) is modelled by what each step may
//! know when it is taken.
//!
//! What must stay true: each property is broken by a named variant of the protocol ([`reshard::Broken`] and its like),
//! and a test sees the search find it. A property that nothing can break proves nothing.

pub mod explore;
pub mod lease;
pub mod life;
pub mod log;
pub mod repair;
pub mod reshard;
pub mod setup;
