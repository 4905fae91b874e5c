//! `ana-proto`: what nodes say to each other, generated from `/proto`.
//!
//! Nothing here is written by hand but this page; the meaning of each message stands in the
//! `.proto` files. Payload fields are [`bytes::Bytes`], so decoding a frame copies no record.
//!
//! Must stay true: this crate knows no openraft type, no socket and no clock. The conversions to
//! and from openraft's types belong to `ana-raft`.

/// Messages between replicas of one group (`/proto/raft.proto`).
pub mod raft {
    /// First and so far only version.
    #[allow(clippy::all, clippy::pedantic, reason = "generated")]
    #[allow(unused_qualifications, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("anabranch.raft.v1");
    }
}

/// The service between nodes and its envelope (`/proto/node.proto`).
pub mod node {
    /// First and so far only version.
    #[allow(
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated"
    )]
    #[allow(unused_qualifications, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("anabranch.node.v1");
    }
}
