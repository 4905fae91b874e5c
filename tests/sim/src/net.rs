//! The network seam on turmoil's simulated TCP.

use std::io;

use ana_env::net::{Listener, Net, Stream};
use async_trait::async_trait;
use turmoil::net::{TcpListener, TcpStream};

/// Connects and listens inside the simulation. Host names are turmoil's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimNet;

#[async_trait]
impl Net for SimNet {
    async fn connect(&self, addr: &str) -> io::Result<Stream> {
        Ok(Box::new(TcpStream::connect(addr).await?))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let port: u16 = addr
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, addr.to_owned()))?;
        let listener = TcpListener::bind(("0.0.0.0", port)).await?;
        Ok(Box::new(SimListener {
            listener,
            addr: addr.to_owned(),
        }))
    }
}

struct SimListener {
    listener: TcpListener,
    addr: String,
}

#[async_trait]
impl Listener for SimListener {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((Box::new(stream), peer.to_string()))
    }

    fn local_addr(&self) -> String {
        self.addr.clone()
    }
}
