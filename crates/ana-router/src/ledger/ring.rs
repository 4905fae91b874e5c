//! The newest notes, numbered.
//!
//! Must stay true: never more than its bound; what was dropped is counted.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Ring<T> {
    notes: VecDeque<T>,
    max: usize,
    dropped: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Ring::new(0)
    }
}

impl<T> Ring<T> {
    pub(super) fn new(max: usize) -> Ring<T> {
        Ring {
            notes: VecDeque::new(),
            max,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, note: T) {
        self.notes.push_back(note);
        while self.notes.len() > self.max {
            self.notes.pop_front();
            self.dropped += 1;
        }
    }

    /// Notes dropped so far: those with the numbers up to this.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl<T: Clone> Ring<T> {
    /// The notes with numbers greater than `after`, `max` at most.
    pub(super) fn after(&self, after: u64, max: usize) -> Vec<(u64, T)> {
        let skipped = usize::try_from(after.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let numbered = (self.dropped + 1..).zip(&self.notes);
        let page = numbered.skip(skipped).take(max);
        page.map(|(number, note)| (number, note.clone())).collect()
    }
}
