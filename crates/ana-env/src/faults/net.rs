//! A network that holds back bytes to or from chosen peers, one way at a time.
//!
//! Held bytes are not lost: they wait, as TCP keeps sending again while a link is cut, and go on when it is
//! healed. A call that gives up must close its connection, as with a real cut.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::plan::{FaultPlan, Way};
use crate::net::{Listener, Net, Stream};

/// Another network with the plan's cuts; connections opened before a switch feel it too.
#[derive(Debug)]
pub struct FaultNet {
    inner: Arc<dyn Net>,
    plan: FaultPlan,
}

impl FaultNet {
    /// Puts `plan` around `inner`.
    pub fn new(inner: Arc<dyn Net>, plan: FaultPlan) -> FaultNet {
        FaultNet { inner, plan }
    }
}

#[async_trait]
impl Net for FaultNet {
    async fn connect(&self, addr: &str) -> io::Result<Stream> {
        let link = Link::new(&self.plan, vec![addr.to_owned()]);
        // A handshake needs both ways.
        std::future::poll_fn(|cx| {
            ready!(link.poll_free(Way::Out, cx));
            link.poll_free(Way::In, cx)
        })
        .await;
        let inner = self.inner.connect(addr).await?;
        Ok(Box::new(FaultStream { inner, link }))
    }

    async fn listen(&self, addr: &str) -> io::Result<Box<dyn Listener>> {
        let inner = self.inner.listen(addr).await?;
        Ok(Box::new(FaultListener {
            inner,
            plan: self.plan.clone(),
        }))
    }
}

struct FaultListener {
    inner: Box<dyn Listener>,
    plan: FaultPlan,
}

#[async_trait]
impl Listener for FaultListener {
    async fn accept(&mut self) -> io::Result<(Stream, String)> {
        let (inner, peer) = self.inner.accept().await?;
        let mut names = vec![peer.clone()];
        names.extend(peer.rsplit_once(':').map(|(host, _port)| host.to_owned()));
        let link = Link::new(&self.plan, names);
        Ok((Box::new(FaultStream { inner, link }), peer))
    }

    fn local_addr(&self) -> String {
        self.inner.local_addr()
    }
}

/// One connection's place on the switchboard.
struct Link {
    plan: FaultPlan,
    connection: u64,
    names: Vec<String>,
}

impl Link {
    fn new(plan: &FaultPlan, names: Vec<String>) -> Link {
        Link {
            plan: plan.clone(),
            connection: plan.new_connection(),
            names,
        }
    }

    fn poll_free(&self, way: Way, cx: &Context<'_>) -> Poll<()> {
        self.plan.poll_free(self.connection, &self.names, way, cx)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.plan.end_connection(self.connection);
    }
}

struct FaultStream {
    inner: Stream,
    link: Link,
}

impl AsyncRead for FaultStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.link.poll_free(Way::In, cx));
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for FaultStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.link.poll_free(Way::Out, cx));
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.link.poll_free(Way::Out, cx));
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.link.poll_free(Way::Out, cx));
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.link.poll_free(Way::Out, cx));
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
