//! How much a connection sends that is of no use: HTTP/2 lets a client send frames that belong to no request (PING,
//! SETTINGS and others) at any rate, and each of them is work for us.
//!
//! ```text
//!   noise = received - heads of requests - their bodies - a part of what we sent
//! ```
//! An honest client makes next to none: it acknowledges, and gives back the window for what it reads, which is why what
//! we sent counts. Heads are counted as they were decoded, which is more than they were on the wire.
//!
//! Must stay true: counting costs a few atomic additions for each read, and is right for both protocols, because it
//! looks at no frame.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use ana_env::Stream;
use ana_env::time::{Instant, now};
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Noise that is always let pass, bytes: a burst after which the rate counts.
const BURST_BYTES: u64 = 4 * 1024 * 1024;

/// Noise that is let pass for ever, bytes a second: some 4,000 PINGs.
const RATE_BYTES: u64 = 64 * 1024;

/// One byte of noise is let pass for so many that we sent.
const SENT_PER_NOISE: usize = 4;

/// Bytes of a field besides its name and value; generous, because names and values may be longer in HPACK.
const FIELD_BYTES: usize = 64;

/// Counts for one connection.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    received: AtomicU64,
    /// Bytes of noise that are excused.
    excused: AtomicU64,
}

impl Noise {
    /// A request's head has come.
    pub(crate) fn head(&self, head: &Parts) {
        let fields = head.headers.iter();
        let bytes: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES)
            .sum();
        let target = head.uri.path_and_query().map_or(0, |it| it.as_str().len());
        self.useful(bytes + target + 4 * FIELD_BYTES);
    }

    /// A part of a request's body has come.
    pub(crate) fn body(&self, bytes: usize) {
        self.useful(bytes + FIELD_BYTES);
    }

    fn useful(&self, bytes: usize) {
        add(&self.excused, bytes);
    }
}

fn add(count: &AtomicU64, bytes: usize) {
    count.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Says when it is too much: a bucket that leaks.
#[derive(Debug)]
pub(crate) struct Gauge {
    noise: Arc<Noise>,
    looked: Instant,
    received: u64,
    excused: u64,
    level: u64,
}

impl Gauge {
    pub(crate) fn new(noise: Arc<Noise>) -> Self {
        Self {
            noise,
            looked: now(),
            received: 0,
            excused: 0,
            level: 0,
        }
    }

    /// To be asked now and then, by one.
    pub(crate) fn is_too_much(&mut self) -> bool {
        let time = now();
        // In this order: what is excused is never more than what had been received by then.
        let excused = self.noise.excused.load(Ordering::Relaxed);
        let received = self.noise.received.load(Ordering::Relaxed);
        let passed_ms = u64::try_from((time - self.looked).as_millis()).unwrap_or(u64::MAX);
        let leaked = passed_ms.saturating_mul(RATE_BYTES) / 1000;
        self.level = (self.level + (received - self.received))
            .saturating_sub(excused - self.excused)
            .saturating_sub(leaked);
        (self.looked, self.received, self.excused) = (time, received, excused);
        self.level > BURST_BYTES
    }
}

/// A connection whose bytes are counted.
pub(crate) struct Heard {
    stream: Stream,
    noise: Arc<Noise>,
}

impl Heard {
    pub(crate) fn new(stream: Stream, noise: Arc<Noise>) -> Self {
        Self { stream, noise }
    }

    fn sent(&self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.noise.useful(bytes / SENT_PER_NOISE);
        }
        written
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        add(&self.noise.received, buf.filled().len() - before);
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_too_much_and_use_is_not() {
        let noise = Arc::new(Noise::default());
        let mut gauge = Gauge::new(Arc::clone(&noise));
        let burst = usize::try_from(BURST_BYTES).expect("it fits");
        let rate = usize::try_from(RATE_BYTES).expect("it fits");
        // A body counts when it has come, and when it was read later.
        for _ in 0..100 {
            add(&noise.received, burst);
            assert!(!gauge.is_too_much());
            noise.body(burst);
            assert!(!gauge.is_too_much());
        }
        // Use leaves no credit behind.
        add(&noise.received, burst + 1);
        assert!(gauge.is_too_much());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!gauge.is_too_much());
        for _ in 0..100 {
            add(&noise.received, rate);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!gauge.is_too_much());
        }
    }
}
