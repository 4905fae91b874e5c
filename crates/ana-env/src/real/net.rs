//! TCP.

use std::io;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};

use crate::net::{Listener, Net, Stream};

/// TCP without Nagle's delay: answers are small and waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealNet;

#[async_trait]
impl Net for RealNet {
    async fn connect(&self, addr: &str) -> io::Result<Stream> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let listener = TcpListener::bind(addr).await?;
        let local_addr = listener.local_addr()?.to_string();
        Ok(Box::new(RealListener {
            listener,
            local_addr,
        }))
    }
}

struct RealListener {
    listener: TcpListener,
    local_addr: String,
}

#[async_trait]
impl Listener for RealListener {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let (stream, peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((Box::new(stream), peer.to_string()))
    }

    fn local_addr(&self) -> String {
        self.local_addr.clone()
    }
}
