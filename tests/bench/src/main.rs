//! Drives a replicated peer the way `ana bench put --single` drives a server of the Kinesis API: a closed loop of
//! acknowledged messages, one line of JSON in the end. `scripts/bench` starts the peers and runs it.

mod closed_loop;
mod etcd;
mod nats;
mod rabbitmq;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::closed_loop::Load;

/// Send messages to a replicated peer as fast as they are acknowledged, and print rate and latency as JSON.
#[derive(Debug, Parser)]
struct Cli {
    /// Which peer.
    peer: Peer,
    /// Addresses of all its nodes, as its client takes them; each gets one connection, the first one alone when one
    /// message is in flight.
    #[arg(long = "server", required = true, value_name = "URL")]
    servers: Vec<String>,
    /// Independent replicated logs, written in turn: streams of NATS, queues of RabbitMQ. etcd has one.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    logs: u16,
    #[command(flatten)]
    load: Load,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Peer {
    /// JetStream: a stream in files, a replica on each node.
    Nats,
    /// Quorum queues, a replica on each node, publisher confirms.
    Rabbitmq,
    /// Puts of keys that were never there.
    Etcd,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let logs = usize::from(cli.logs);
    let connections = if cli.load.in_flight == 1 {
        1
    } else {
        cli.servers.len()
    };
    let servers = &cli.servers;
    let report = match cli.peer {
        Peer::Nats => {
            let peers = nats::connect(servers, connections, logs).await?;
            cli.load.run(peers, logs).await?
        }
        Peer::Rabbitmq => {
            let peers = rabbitmq::connect(servers, connections, logs).await?;
            cli.load.run(peers, logs).await?
        }
        Peer::Etcd => {
            let peers = etcd::connect(servers, connections, logs).await?;
            cli.load.run(peers, logs).await?
        }
    };
    println!("{report}");
    Ok(())
}
