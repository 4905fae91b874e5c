//! What happens in a run, told three times: to whoever started it, to the file that others watch, and in the record.
//!
//! Must stay true: events have the order in which they happened; one that cannot be written to the file is told all the
//! same.

use std::fmt;
use std::sync::Arc;

use ana_drill::quantity::Span;

use super::record::{Event, What};
use super::store::EventLog;

/// Who hears of events as they happen.
pub type Voice = Arc<dyn Fn(&Event) + Send + Sync>;

/// The journal of one run.
pub struct Journal {
    voice: Voice,
    log: EventLog,
    /// When the drill's clock started, by the watch of the run; before it, when it is expected to.
    start: Span,
    started: bool,
    events: Vec<(Span, What)>,
    waiting: Vec<Event>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events.len();
        write!(f, "Journal({events} events)")
    }
}

impl Journal {
    /// A journal of a drill that is expected to start at `start`.
    pub fn new(voice: Voice, log: EventLog, start: Span) -> Journal {
        Journal {
            voice,
            log,
            start,
            started: false,
            events: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// The drill's clock starts.
    pub fn start(&mut self, at: Span) {
        self.start = at;
        self.started = true;
    }

    /// When the drill's clock started, if it did.
    pub fn started_at(&self) -> Option<Span> {
        self.started.then_some(self.start)
    }

    /// Something happened.
    pub fn note(&mut self, at: Span, what: What) {
        let event = Event {
            at_ms: since(self.start, at),
            what: what.clone(),
        };
        (self.voice)(&event);
        self.waiting.push(event);
        if !matches!(what, What::Figures { .. }) {
            self.events.push((at, what));
        }
    }

    /// Writes down for others what happened since the last time.
    pub async fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        if let Err(error) = self.log.add(&waiting).await {
            tracing::warn!(%error, "the events of a drill cannot be written");
        }
    }

    /// All events, counted from when the clock started.
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<&(Span, What)> = self.events.iter().collect();
        events.sort_by_key(|(at, _)| *at);
        let events = events.into_iter().map(|(at, what)| Event {
            at_ms: since(self.start, *at),
            what: what.clone(),
        });
        events.collect()
    }
}

/// Milliseconds from one moment to another, negative where it lies before.
pub fn since(start: Span, at: Span) -> i64 {
    let ms = |span: Span| i64::try_from(span.micros() / 1000).unwrap_or(i64::MAX);
    if at < start {
        -ms(start.less(at))
    } else {
        ms(at.less(start))
    }
}
