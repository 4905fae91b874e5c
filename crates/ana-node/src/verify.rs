//! `ana verify`: is everything that was acknowledged still there, once, in order?
//!
//! ```text
//!   producers --PutRecords--> endpoint        each keeps its own book of what was acknowledged
//!                                |
//!   judge <-- Follower <--GetRecords-- (afterwards, from the trim horizon, along the lineage)
//! ```
//! A record is `{run, producer, counter, crc}`; counter `c` goes to key `c mod keys`, and the next
//! record of a key is sent only after the previous one was settled, so the order per key is known.
//!
//! Must stay true:
//! - "acknowledged" means: an answer with a sequence number arrived here; it is then expected at
//!   exactly that sequence number;
//! - an attempt without an answer may have written: its record may be there twice, or without an
//!   acknowledgement, and neither is held against the cluster.

pub mod judge;
pub mod ledger;
pub mod payload;
pub mod producer;
pub mod report;
