//! The front door: HTTP on one port, AWS's order of checks, and a [`Service`] behind it.
//!
//! The way of a request: `listen` accepts and bounds connections, `connection` speaks HTTP/1.1 or
//! HTTP/2 by what the client begins with, `request` answers: `body` reads the body within its bounds, `dispatch` finds
//! the operation in AWS's order of checks, `auth` admits the caller, `ana-wire` decodes, the
//! [`Service`] answers, `reply` puts the answer into HTTP. Paths under `/_ana/` go to the
//! [`AdminHandler`] instead.
//!
//! Must stay true: this crate knows nothing of Raft, shards or routing; every wait has a bound named
//! in [`GatewayConfig`]; every task belongs to the gateway and ends with it.

mod config;
mod service;
mod listen;
mod connection;
mod request;
mod exchange;
mod body;
mod dispatch;
mod auth;
mod reply;
mod ids;

pub use auth::Authentication;
pub use config::GatewayConfig;
pub use listen::Gateway;
pub use service::{AdminHandler, AdminReply, RequestContext, Service};
