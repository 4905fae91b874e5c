//! A run as it happens: a line for each event on standard error, and on a terminal a line of figures below them.

use std::sync::Mutex;
use std::sync::PoisonError;

use crate::drill::record::{Event, What};
use crate::drill::report::{event_line, figures_line};
use crate::output;

/// Tells events.
#[derive(Debug)]
pub(super) struct Live {
    quiet: bool,
    terminal: bool,
    /// Whether the last thing written is a line of figures.
    figures: Mutex<bool>,
}

impl Live {
    /// Tells nothing when `quiet`.
    pub(super) fn new(quiet: bool) -> Live {
        Live {
            quiet,
            terminal: output::person_is_watching(),
            figures: Mutex::new(false),
        }
    }

    /// Tells an event.
    pub(super) fn tell(&self, event: &Event) {
        if self.quiet {
            return;
        }
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::Figures { acked, values } if self.terminal => {
                output::sketch(&figures_line(event.at_ms, *acked, values));
                *figures = true;
            }
            What::Figures { .. } => {}
            _ => {
                if std::mem::take(&mut *figures) {
                    output::sketch("");
                }
                output::say(&event_line(event));
            }
        }
    }

    /// Takes the line of figures away, before something else is written.
    pub(super) fn end(&self) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *figures) {
            output::sketch("");
        }
    }
}
