//! A fingerprint of a whole run: every tracing event of every node and client, with its simulated time.
//!
//! Events print real clocks in places (openraft's Instants, wall-clock times); such digits are masked, because they
//! differ between runs that are otherwise the same.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::new(Trace::default());
}

/// The fingerprint so far.
#[derive(Debug, Default)]
struct Trace {
    hasher: DefaultHasher,
    events: u64,
    keep: Option<Vec<String>>,
}

/// Begins a new fingerprint; with `keep`, the lines themselves are kept too, to find where two runs part.
pub fn begin(keep: bool) {
    TRACE.with_borrow_mut(|trace| {
        *trace = Trace {
            keep: keep.then(Vec::new),
            ..Trace::default()
        }
    });
}

/// Adds one line of the simulation itself.
pub fn note(line: &str) {
    let masked = mask(line);
    TRACE.with_borrow_mut(|trace| {
        trace.hasher.write(masked.as_bytes());
        trace.events += 1;
        if let Some(kept) = &mut trace.keep {
            kept.push(masked);
        }
    });
}

/// Fingerprint, number of events, and the kept lines.
#[must_use]
pub fn end() -> (u64, u64, Vec<String>) {
    TRACE.with_borrow_mut(|trace| {
        (
            trace.hasher.finish(),
            trace.events,
            trace.keep.take().unwrap_or_default(),
        )
    })
}

/// Digits that belong to the real clock: after `tv_sec`/`tv_nsec`, and `hh:mm:ss.ffffff`.
fn mask(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let clock = rest.len() >= 8
            && rest[2] == b':'
            && rest[5] == b':'
            && [0, 1, 3, 4, 6, 7]
                .iter()
                .all(|digit| rest[*digit].is_ascii_digit());
        let seconds = rest.starts_with(b"tv_sec: ") || rest.starts_with(b"tv_nsec: ");
        if clock || seconds {
            out.push('#');
            at += if clock {
                8
            } else {
                rest.iter().position(|byte| *byte == b' ').unwrap_or(0) + 1
            };
            while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'.') {
                at += 1;
            }
        } else {
            out.push(char::from(bytes[at]));
            at += 1;
        }
    }
    out
}

/// Sends every event to [`note`]; with `print`, also to standard error.
#[derive(Debug)]
pub struct Fingerprint {
    pub level: Level,
    pub print: bool,
}

impl Subscriber for Fingerprint {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= self.level
            && !metadata.target().starts_with("turmoil")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        let mut line = format!(
            "{:>10} {} {}",
            at.as_micros(),
            event.metadata().level(),
            event.metadata().target()
        );
        event.record(&mut Fields(&mut line));
        if self.print {
            use std::io::Write as _;
            // A closed standard error must not end a run.
            drop(writeln!(std::io::stderr(), "{line}"));
        }
        note(&line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("writing to a string");
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn real_clocks_are_masked_and_nothing_else() {
        assert_eq!(
            mask("at Instant { tv_sec: 123, tv_nsec: 456 } x"),
            "at Instant { #, # } x"
        );
        assert_eq!(
            mask("2026-11-23T12:34:56.789 index=12"),
            "2026-11-23T# index=12"
        );
        assert_eq!(mask("term 3, last 12:7"), "term 3, last 12:7");
    }
}
