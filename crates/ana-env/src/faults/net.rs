//! A network that holds back, delays, loses or thins out bytes to or from chosen peers, one way at a time, and breaks
//! connections.
//!
//! Below is a stream, as TCP makes one: no byte is ever missing, doubled or out of its place. What a real network
//! loses is sent again, so a loss is a wait of the piece and of all behind it; what is held by a cut goes on when it
//! is healed. A call that gives up must close its connection, as with a real one.
//!
//! Bytes that are late wait here, in both directions: those to a peer after they were written, those from it after
//! they were read. Whoever writes has to flush, and a flush waits until they have left.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::link::{Connection, LinkFaults, Links, Pass, Way};
use super::plan::FaultPlan;
use super::queue::{Item, Queue};
use crate::net::{Listener, Net, Stream};
use crate::rng::Rng;
use crate::time;

/// What the packets of a handshake weigh on a thin link.
const HANDSHAKE_BYTES: usize = 60;

/// Another network with the plan's faults; connections opened before a switch feel it too.
#[derive(Debug)]
pub struct FaultNet {
    inner: Arc<dyn Net>,
    plan: FaultPlan,
    rng: Arc<dyn Rng>,
}

impl FaultNet {
    /// Puts `plan` around `inner`; `rng` decides which bytes a random fault hits.
    pub fn new(inner: Arc<dyn Net>, plan: FaultPlan, rng: Arc<dyn Rng>) -> FaultNet {
        FaultNet { inner, plan, rng }
    }
}

#[async_trait]
impl Net for FaultNet {
    async fn connect(&self, addr: &str) -> io::Result<Stream> {
        let mut stream = FaultStream::new(&self.plan, &self.rng, vec![addr.to_owned()]);
        // A handshake needs both ways, and a packet each.
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        stream.inner = Some(self.inner.connect(addr).await?);
        Ok(Box::new(stream))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let inner = self.inner.listen(addr).await?;
        Ok(Box::new(FaultListener {
            inner,
            plan: self.plan.clone(),
            rng: Arc::clone(&self.rng),
        }))
    }
}

struct FaultListener {
    inner: Box<dyn Listener>,
    plan: FaultPlan,
    rng: Arc<dyn Rng>,
}

#[async_trait]
impl Listener for FaultListener {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let (inner, peer) = self.inner.accept().await?;
        let mut names = vec![peer.clone()];
        names.extend(peer.rsplit_once(':').map(|(host, _port)| host.to_owned()));
        let mut stream = FaultStream::new(&self.plan, &self.rng, names);
        stream.inner = Some(inner);
        Ok((Box::new(stream), peer))
    }

    fn local_addr(&self) -> String {
        self.inner.local_addr()
    }
}

struct FaultStream {
    /// None until it is connected.
    inner: Option<Stream>,
    plan: FaultPlan,
    rng: Arc<dyn Rng>,
    connection: Arc<Connection>,
    outbound: Queue,
    inbound: Queue,
    /// Whether the handshake is on its way.
    greets: bool,
}

impl FaultStream {
    fn new(plan: &FaultPlan, rng: &Arc<dyn Rng>, names: Vec<String>) -> FaultStream {
        FaultStream {
            inner: None,
            plan: plan.clone(),
            rng: Arc::clone(rng),
            connection: plan.links().enter(names),
            outbound: Queue::new(Way::Out),
            inbound: Queue::new(Way::In),
            greets: false,
        }
    }

    fn links(&self) -> &Links {
        self.plan.links()
    }

    fn schedule(&self, way: Way, bytes: usize) -> Option<Pass> {
        let sent = (bytes, time::now());
        self.links()
            .schedule(&self.connection, way, sent, &*self.rng)
    }

    /// An error when the connection was reset; bytes may pass this way when it is ready.
    fn poll_free(&self, way: Way, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.links().poll_free(&self.connection, way, cx).map(Ok)
    }

    /// What the connection inside has to wait for, a reset ends as well.
    fn pending<T>(&self, way: Way, cx: &Context<'_>) -> Poll<io::Result<T>> {
        self.connection.wake_by_change(way, cx);
        if self.connection.is_reset() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Pending
    }

    fn inner(&mut self) -> io::Result<Pin<&mut Stream>> {
        let inner = self.inner.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(inner))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for way in [Way::Out, Way::In] {
            ready!(self.poll_free(way, cx))?;
        }
        if !self.greets {
            self.greets = true;
            let (there, back) = (
                self.schedule(Way::Out, HANDSHAKE_BYTES),
                self.schedule(Way::In, HANDSHAKE_BYTES),
            );
            // The answer sets out when the greeting has arrived.
            let way = there.map(|it| it.at.saturating_duration_since(time::now()));
            let back = back.map(|it| it.later(way.unwrap_or_default()));
            self.outbound.push(Item::Bytes(Bytes::new()), there);
            self.inbound.push(Item::Bytes(Bytes::new()), back);
        }
        let at = (self.plan.links(), &self.connection);
        for queue in [&mut self.outbound, &mut self.inbound] {
            while ready!(queue.poll_front(at, cx)).is_some() {
                queue.advance(0);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when nothing waits any more to go out.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_free(Way::Out, cx))?;
        if self.outbound.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let at = (self.plan.links(), &self.connection);
        while let Some(item) = ready!(self.outbound.poll_front(at, cx)) {
            let inner = self.inner.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let Item::Bytes(bytes) = item else {
                self.outbound.advance(0);
                continue;
            };
            match Pin::new(inner).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.outbound.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.pending(Way::Out, cx),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what there is from the connection inside, so that its way begins now.
    fn take_in(&mut self, cx: &mut Context<'_>, shape: &LinkFaults) -> io::Result<()> {
        let mut scratch = vec![0; shape.piece_bytes()];
        while self.inbound.bytes() < shape.bytes_on_the_way() {
            let mut buf = ReadBuf::new(&mut scratch);
            let item = match self.inner()?.poll_read(cx, &mut buf) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if buf.filled().is_empty() => Item::End,
                Poll::Ready(Ok(())) => Item::Bytes(Bytes::copy_from_slice(buf.filled())),
                Poll::Ready(Err(error)) => Item::Error(error),
            };
            let (bytes, is_last) = match &item {
                Item::Bytes(bytes) => (bytes.len(), false),
                Item::End | Item::Error(_) => (0, true),
            };
            let pass = self.schedule(Way::In, bytes);
            self.inbound.push(item, pass);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Gives out what has come in and is due.
    fn poll_arrived(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let at = (self.plan.links(), &self.connection);
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let given = match self.inbound.poll_front(at, cx) {
                Poll::Ready(Some(Item::Bytes(bytes))) => {
                    let count = bytes.len().min(buf.remaining());
                    buf.put_slice(bytes.get(..count).unwrap_or_default());
                    count
                }
                // What was read before it goes out first.
                Poll::Ready(Some(_)) if buf.filled().len() > before => break,
                Poll::Ready(Some(Item::End)) => {
                    self.inbound.advance(0);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Some(Item::Error(error))) => {
                    let error = std::mem::replace(error, io::ErrorKind::Other.into());
                    self.inbound.advance(0);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) | Poll::Pending => break,
            };
            self.inbound.advance(given);
        }
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.pending(Way::In, cx)
    }
}

impl Drop for FaultStream {
    fn drop(&mut self) {
        self.links().leave(&self.connection);
    }
}

impl AsyncRead for FaultStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_free(Way::In, cx))?;
        let shape = this.links().shape(&this.connection, Way::In);
        if this.inbound.is_empty() && shape.is_none() {
            let read = this.inner()?.poll_read(cx, buf);
            return match read {
                Poll::Pending => this.pending(Way::In, cx),
                Poll::Ready(read) => Poll::Ready(read),
            };
        }
        this.take_in(cx, &shape.unwrap_or_default())?;
        this.poll_arrived(cx, buf)
    }
}

impl AsyncWrite for FaultStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_free(Way::Out, cx))?;
        let shape = this.links().shape(&this.connection, Way::Out);
        if this.outbound.is_empty() && shape.is_none() {
            let written = this.inner()?.poll_write(cx, buf);
            return match written {
                Poll::Pending => this.pending(Way::Out, cx),
                Poll::Ready(written) => Poll::Ready(written),
            };
        }
        if let Poll::Ready(Err(error)) = this.poll_sent(cx) {
            return Poll::Ready(Err(error));
        }
        let shape = shape.unwrap_or_default();
        if this.outbound.bytes() >= shape.bytes_on_the_way() {
            return Poll::Pending;
        }
        let taken = buf.len().min(shape.piece_bytes());
        let taken = buf.get(..taken).unwrap_or_default();
        let pass = this.schedule(Way::Out, taken.len());
        this.outbound
            .push(Item::Bytes(Bytes::copy_from_slice(taken)), pass);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        self.inner()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let shape = this.links().shape(&this.connection, Way::Out);
        if !this.outbound.is_empty() || shape.is_some() {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            let first = first.map_or(&[][..], |buf| &**buf);
            return self.poll_write(cx, first);
        }
        ready!(this.poll_free(Way::Out, cx))?;
        let written = this.inner()?.poll_write_vectored(cx, bufs);
        match written {
            Poll::Pending => this.pending(Way::Out, cx),
            Poll::Ready(written) => Poll::Ready(written),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|inner| inner.is_write_vectored())
    }
}
