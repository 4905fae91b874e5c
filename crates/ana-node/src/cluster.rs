//! A whole cluster on this machine, as `ana up` runs it: nodes as child processes, one address
//! before them.
//!
//! ```text
//!   clients --> front_door (one port) --socket--> a live node (roster, fed by health and exits)
//!                   |
//!                   '-- /_ana/supervisor/* --> supervisor_api --orders--> supervisor --> child
//! ```
//! Must stay true:
//! - a node that dies stays down until somebody starts it: nothing hides a crash; one that is paused goes on by
//!   itself when its lease is over;
//! - no child outlives this process, however it ends;
//! - a data directory is used by one `ana up` at a time.

pub mod layout;
pub mod lock;
pub mod certificates;
pub mod ports;
pub mod child;
pub mod roster;
pub mod meddle;
pub mod real;
pub mod order;
pub mod supervisor;
pub mod members;
pub mod supervisor_api;
pub mod health;
pub mod front_door;
