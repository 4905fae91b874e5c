//! etcd: puts of keys that were never there, so that each is a new entry of its log and of its index.
//!
//! One call of etcd's API, spelt out: its client crate wants `protoc` on the machine that builds it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::closed_loop::Peer;

const PUT: &str = "/etcdserverpb.KV/Put";

/// `etcdserverpb.PutRequest`, as far as it is used.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `etcdserverpb.PutResponse`: that it came is all that is asked.
#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

pub(crate) struct Etcd {
    channel: Channel,
    /// Keys of this connection begin with it.
    prefix: String,
    next: AtomicU64,
}

impl Peer for Etcd {
    async fn put(&self, _log: usize, body: Bytes) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let request = PutRequest {
            key: Bytes::from(format!("{}/{number:016x}", self.prefix)),
            value: body,
        };
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.context("connection")?;
        let path = PathAndQuery::from_static(PUT);
        let codec = ProstCodec::<PutRequest, PutResponse>::default();
        client.unary(Request::new(request), path, codec).await?;
        Ok(())
    }
}

/// Connects to so many of the servers.
pub(crate) async fn connect(
    servers: &[String],
    connections: usize,
    logs: usize,
) -> Result<Vec<Etcd>> {
    ensure!(logs == 1, "etcd has one log");
    let run = fastrand::u64(..);
    let mut peers = Vec::new();
    for (number, server) in servers[..connections].iter().enumerate() {
        let endpoint = Endpoint::from_shared(server.clone())?.tcp_nodelay(true);
        let channel = endpoint.connect().await;
        peers.push(Etcd {
            channel: channel.with_context(|| format!("connecting to {server}"))?,
            prefix: format!("bench-{run:016x}/{number}"),
            next: AtomicU64::new(0),
        });
    }
    Ok(peers)
}
