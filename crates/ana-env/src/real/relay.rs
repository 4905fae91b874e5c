//! Connections that one process accepts and another one serves: the socket itself changes hands, so that no byte of
//! it passes through the first process.
//!
//! ```text
//!   client ---> Doorway::accept -> Arrival::peek -> Relay::give ==(a socket between the processes)==> Relayed::accept
//! ```
//! Must stay true:
//! - whoever looks at an [`Arrival`] takes no byte away from whoever serves it;
//! - a connection that was given is served or closed, never both kept and served;
//! - giving never waits: a process that takes none is full at some point, and that is an error.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use async_trait::async_trait;
use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::net::{Listener, Stream};

/// What a socket is sent along with: the kernel sends none alone.
const ENVELOPE: [u8; 1] = [0];

/// A listening TCP socket whose connections can be given to another process.
#[derive(Debug)]
pub struct Doorway {
    listener: TcpListener,
}

/// A connection that nobody serves yet. Dropping it closes it.
#[derive(Debug)]
pub struct Arrival {
    stream: TcpStream,
}

/// The end that gives connections away.
#[derive(Debug)]
pub struct Relay {
    stream: UnixStream,
}

/// The end that serves what it is given; closed, it accepts nothing and waits.
#[derive(Debug)]
pub struct Relayed {
    stream: Option<UnixStream>,
}

impl Doorway {
    /// Listens at `addr`, `host:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken or none of this machine.
    pub async fn bind(addr: &str) -> io::Result<Doorway> {
        let listener = TcpListener::bind(addr).await?;
        Ok(Doorway { listener })
    }

    /// The address listened at, with its real port.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<String> {
        self.listener.local_addr().map(|addr| addr.to_string())
    }

    /// The next connection. Cancelling loses none.
    ///
    /// # Errors
    /// The kernel's: no free descriptor, for instance.
    pub async fn accept(&self) -> io::Result<Arrival> {
        let (stream, _peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Arrival { stream })
    }
}

impl Arrival {
    /// Waits for the first bytes and copies them; they stay to be read. None when the client sends nothing any more.
    ///
    /// # Errors
    /// The kernel's: the connection was reset, for instance.
    pub async fn peek<'a>(&self, first: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let count = self.stream.peek(first).await?;
        Ok(first.get(..count).unwrap_or_default())
    }

    /// To be served here after all.
    pub fn into_stream(self) -> Stream {
        Box::new(self.stream)
    }
}

impl Relay {
    /// A relay, and what the process that is to serve its connections reads from: for the standard input of a child.
    ///
    /// # Errors
    /// The kernel's: no free descriptor, for instance.
    pub fn pair() -> io::Result<(Relay, OwnedFd)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        Ok((Relay { stream }, theirs.into()))
    }

    /// Gives a connection away; the caller's own descriptor of it is then only to be dropped.
    ///
    /// # Errors
    /// When the other process has gone, takes none any more, or takes none at the moment. The connection is still whole.
    pub fn give(&self, arrival: &Arrival) -> io::Result<()> {
        self.stream.try_io(Interest::WRITABLE, || {
            let sockets = [arrival.stream.as_fd()];
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
            let mut message = SendAncillaryBuffer::new(&mut space);
            if !message.push(SendAncillaryMessage::ScmRights(&sockets)) {
                return Err(io::Error::other("a message has no room for a socket"));
            }
            let envelope = [IoSlice::new(&ENVELOPE)];
            sendmsg(&self.stream, &envelope, &mut message, SendFlags::NOSIGNAL)?;
            Ok(())
        })
    }
}

impl Relayed {
    /// Takes standard input over, which must be what [`Relay::pair`] gave; nobody else can read from it then.
    ///
    /// # Errors
    /// When it is not a socket.
    pub fn from_stdin() -> io::Result<Relayed> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        // Or it would stay open, and the giver would not see that nobody takes any more.
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Relayed::from_socket(socket)
    }

    /// Serves what comes through this socket, the other end of a [`Relay`].
    ///
    /// # Errors
    /// When it is not a socket.
    pub fn from_socket(socket: OwnedFd) -> io::Result<Relayed> {
        let stream = StdUnixStream::from(socket);
        stream.local_addr()?;
        stream.set_nonblocking(true)?;
        let stream = Some(UnixStream::from_std(stream)?);
        Ok(Relayed { stream })
    }
}

/// The socket of one message; none when there will be no more.
fn take(from: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut envelope = ENVELOPE;
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(&mut envelope)];
    let taken = recvmsg(from, &mut into, &mut message, RecvFlags::empty())?;
    if taken.bytes == 0 {
        return Ok(None);
    }
    let sockets = message.drain().filter_map(|each| match each {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let socket = sockets.flatten().next();
    // Without one, the kernel had no free descriptor for it and has closed it.
    let socket = socket.ok_or_else(|| io::Error::other("no socket came with its message"))?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    Ok(Some(socket))
}

#[async_trait]
impl Listener for Relayed {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let Some(from) = &self.stream else {
            return std::future::pending().await;
        };
        loop {
            let Some(socket) = from.async_io(Interest::READABLE, || take(from)).await? else {
                self.stream = None;
                return std::future::pending().await;
            };
            let stream = std::net::TcpStream::from(socket);
            let Ok(peer) = stream.peer_addr() else {
                // The client has gone meanwhile.
                continue;
            };
            stream.set_nonblocking(true)?;
            return Ok((Box::new(TcpStream::from_std(stream)?), peer.to_string()));
        }
    }

    fn local_addr(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn arrive(doorway: &Doorway) -> (TcpStream, Arrival) {
        let address = doorway.local_addr().expect("it listens");
        let (client, arrival) = tokio::join!(TcpStream::connect(address), doorway.accept());
        (client.expect("it listens"), arrival.expect("it listens"))
    }

    async fn doorway() -> Doorway {
        Doorway::bind("127.0.0.1:0").await.expect("a free port")
    }

    #[tokio::test]
    async fn a_connection_is_served_by_whoever_was_given_it() {
        let doorway = doorway().await;
        let (relay, socket) = Relay::pair().expect("descriptors");
        let mut relayed = Relayed::from_socket(socket).expect("a socket");
        for said in ["one", "two", "three"] {
            let (mut client, arrival) = arrive(&doorway).await;
            client.write_all(said.as_bytes()).await.expect("open");
            let mut first = [0; 2];
            let seen = arrival.peek(&mut first).await.expect("open");
            assert_eq!(seen, &said.as_bytes()[..seen.len()]);
            relay.give(&arrival).expect("somebody takes");
            drop(arrival);
            let (mut stream, peer) = relayed.accept().await.expect("it was given");
            assert_eq!(peer, client.local_addr().expect("open").to_string());
            let mut heard = vec![0; said.len()];
            stream.read_exact(&mut heard).await.expect("open");
            assert_eq!(heard, said.as_bytes(), "nothing was taken away");
            stream.write_all(b"yes").await.expect("open");
            drop(stream);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("closed");
            assert_eq!(answer, "yes");
        }
    }

    #[tokio::test]
    async fn a_giver_learns_that_nobody_takes_and_keeps_the_connection() {
        let doorway = doorway().await;
        let (relay, socket) = Relay::pair().expect("descriptors");
        let relayed = Relayed::from_socket(socket).expect("a socket");
        let (_client, arrival) = arrive(&doorway).await;
        drop(relayed);
        let error = relay.give(&arrival).expect_err("nobody takes");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let (mut client, arrival) = arrive(&doorway).await;
        assert!(relay.give(&arrival).is_err());
        let mut stream = arrival.into_stream();
        stream.write_all(b"here").await.expect("open");
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.expect("open");
        assert_eq!(&answer, b"here");
    }

    #[tokio::test]
    async fn a_giver_does_not_wait_for_one_that_stands_still() {
        let doorway = doorway().await;
        let (relay, socket) = Relay::pair().expect("descriptors");
        let (_client, arrival) = arrive(&doorway).await;
        let full = (0..100_000).find_map(|_| relay.give(&arrival).err());
        full.expect("it is full at some point");
        drop(socket);
    }

    #[tokio::test]
    async fn one_that_is_given_no_more_waits() {
        let (relay, socket) = Relay::pair().expect("descriptors");
        let mut relayed = Relayed::from_socket(socket).expect("a socket");
        drop(relay);
        let accepted = crate::time::timeout(std::time::Duration::from_millis(50), relayed.accept());
        assert!(accepted.await.is_err());
        assert!(relayed.stream.is_none(), "and does not spin");
    }

    #[test]
    fn only_a_socket_is_taken_over() {
        let file = tempfile::tempfile().expect("a file");
        assert!(Relayed::from_socket(file.into()).is_err());
    }
}
