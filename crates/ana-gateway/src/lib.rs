//! The front door: HTTP on one port, AWS's order of checks, and a [`Service`] behind it.
//!
//! The way of a request: `listen` accepts and bounds connections, `tls` does the handshake where the client begins
//! with one, `connection` speaks HTTP/1.1 or HTTP/2 by what the client begins with (`noise` counts what it sends besides
//! requests), `request` answers: `body` reads the body within its bounds, `dispatch` finds
//! the operation in AWS's order of checks, `auth` admits the caller, `ana-wire` decodes, the
//! [`Service`] answers, `reply` puts the answer into HTTP (`subscribe` the frames of a subscription). Paths under `/_ana/` go to the
//! [`AdminHandler`] instead.
//!
//! Must stay true: this crate knows nothing of Raft, shards or routing; every wait has a bound named
//! in [`GatewayConfig`]; every task belongs to the gateway and ends with it.

mod config;
mod service;
mod listen;
mod tls;
mod connection;
mod noise;
mod request;
mod subscribe;
mod exchange;
mod body;
mod dispatch;
mod auth;
mod reply;
mod ids;

pub use auth::{
    Authentication, Credentials, CredentialsError, Principal, SignError, Signer, Verifier,
};
pub use config::GatewayConfig;
pub use listen::Gateway;
pub use service::{AdminHandler, AdminReply, Events, RequestContext, Service};
pub use tls::{PlainHttp, Tls, TlsError};
