//! RabbitMQ: one quorum queue for each log, a replica on every node; persistent messages with publisher confirms. A
//! confirm says that a majority has the message in its synced log.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use crate::closed_loop::Peer;

/// AMQP's word for messages that survive a restart.
const PERSISTENT: u8 = 2;

pub(crate) struct Rabbitmq {
    /// It ends with its value.
    _connection: Connection,
    channel: Channel,
    /// By log.
    queues: Vec<String>,
}

impl Peer for Rabbitmq {
    async fn put(&self, log: usize, body: Bytes) -> Result<()> {
        let sent = self.channel.basic_publish(
            "".into(),
            self.queues[log].as_str().into(),
            BasicPublishOptions::default(),
            &body,
            BasicProperties::default().with_delivery_mode(PERSISTENT),
        );
        let confirmed = sent.await?.await?;
        ensure!(confirmed.is_ack(), "{confirmed:?}");
        Ok(())
    }
}

/// Connects to so many of the servers, and declares queues of names that were never there.
pub(crate) async fn connect(
    servers: &[String],
    connections: usize,
    logs: usize,
) -> Result<Vec<Rabbitmq>> {
    let run = format!("bench-{:016x}", fastrand::u64(..));
    let queues: Vec<String> = (0..logs).map(|log| format!("{run}-{log}")).collect();
    let mut peers = Vec::new();
    for server in &servers[..connections] {
        let connection = Connection::connect(server, ConnectionProperties::default()).await;
        let connection = connection.with_context(|| format!("connecting to {server}"))?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        peers.push(Rabbitmq {
            _connection: connection,
            channel,
            queues: queues.clone(),
        });
    }
    let replicas = i64::try_from(servers.len())?;
    for queue in &queues {
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        arguments.insert(
            "x-quorum-initial-group-size".into(),
            AMQPValue::LongLongInt(replicas),
        );
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let channel = &peers[0].channel;
        let declared = channel.queue_declare(queue.as_str().into(), options, arguments);
        declared
            .await
            .with_context(|| format!("declaring {queue}"))?;
    }
    Ok(peers)
}
