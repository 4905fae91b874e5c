//! Bytes of one connection and one way that are on a slow link.
//!
//! Must stay true: what went in comes out in the same order and whole, then the end of the stream or its error.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};

use super::link::{Connection, Links, Pass, Way};
use crate::time::{self, Instant};

/// What comes out of the other end.
#[derive(Debug)]
pub(super) enum Item {
    Bytes(Bytes),
    End,
    Error(io::Error),
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    /// None: it has waited enough.
    pass: Option<Pass>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    way: Way,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    timer: Option<Timer>,
}

struct Timer {
    at: Instant,
    sleep: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Timer").field(&self.at).finish()
    }
}

impl Queue {
    pub(super) fn new(way: Way) -> Queue {
        Queue {
            way,
            waiting: VecDeque::new(),
            bytes: 0,
            timer: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes in it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// `pass` is none for what may pass as soon as what is before it has. What is behind a late one waits with it.
    pub(super) fn push(&mut self, item: Item, pass: Option<Pass>) {
        if let Item::Bytes(bytes) = &item {
            self.bytes += bytes.len();
        }
        self.waiting.push_back(Waiting { item, pass });
    }

    /// Ready with the next item that may come out, left in its place; ready with none when there is none.
    pub(super) fn poll_front(
        &mut self,
        (links, connection): (&Links, &Arc<Connection>),
        cx: &mut Context<'_>,
    ) -> Poll<Option<&mut Item>> {
        let Some(front) = self.waiting.front_mut() else {
            return Poll::Ready(None);
        };
        if let Some(pass) = front.pass {
            let is_over = links.is_over(connection, self.way, pass, cx);
            if !is_over {
                ready!(poll_timer(&mut self.timer, pass.at, cx));
            }
            front.pass = None;
        }
        Poll::Ready(self.waiting.front_mut().map(|front| &mut front.item))
    }

    /// Takes `count` bytes off the item in front, or the whole item when those were the last or it has none.
    pub(super) fn advance(&mut self, count: usize) {
        let Some(front) = self.waiting.front_mut() else {
            return;
        };
        if let Item::Bytes(bytes) = &mut front.item {
            let count = count.min(bytes.len());
            bytes.advance(count);
            self.bytes -= count;
            if !bytes.is_empty() {
                return;
            }
        }
        self.waiting.pop_front();
    }
}

/// Ready at `at`.
fn poll_timer(timer: &mut Option<Timer>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if timer.as_ref().is_none_or(|timer| timer.at != at) {
        let sleep = Box::pin(time::sleep_until(at));
        *timer = Some(Timer { at, sleep });
    }
    if let Some(running) = timer {
        ready!(running.sleep.as_mut().poll(cx));
    }
    *timer = None;
    Poll::Ready(())
}
