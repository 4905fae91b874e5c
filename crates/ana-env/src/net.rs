//! The seam of the network: connections between addresses given as text.

use std::fmt::{self, Debug};
use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// One connection, both ways. Dropping it closes it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection of any kind.
pub type Stream = Box<dyn Io>;

/// Connects and listens.
///
/// A connect may take as long as the network likes: bound it by [`crate::time::timeout`].
#[async_trait]
pub trait Net: Send + Sync + Debug {
    /// Connects to `addr`, `host:port`.
    async fn connect(&self, addr: &str) -> io::Result<Stream>;

    /// Listens at `addr`, `host:port`; port 0 takes a free one, see [`Listener::local_addr`].
    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>>;
}

/// A listening socket. Dropping it stops listening.
#[async_trait]
pub trait Listener: Send {
    /// The next connection and the peer's address as text. Cancelling loses no connection.
    async fn accept(&mut self) -> io::Result<(Stream, String)>;

    /// The address listened at, with its real port.
    fn local_addr(&self) -> String;
}

/// Two listeners as one, with the address of the first.
pub struct Joined(pub Box<dyn Listener>, pub Box<dyn Listener>);

impl Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Joined").field(&self.local_addr()).finish()
    }
}

#[async_trait]
impl Listener for Joined {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        tokio::select! {
            accepted = self.0.accept() => accepted,
            accepted = self.1.accept() => accepted,
        }
    }

    fn local_addr(&self) -> String {
        self.0.local_addr()
    }
}
