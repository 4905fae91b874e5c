//! The book one producer keeps: what was acknowledged, where, and what stayed open.
//!
//! A slot per counter, in memory: 32 bytes and a little, so ten million records need 400 MB.

use ana_check::Sequence;

/// What is known of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    /// Where the service said it lies; `None` while it is not acknowledged.
    pub acknowledged: Option<Sequence>,
    /// Attempts that ended without an answer although they may have written.
    pub unsure: u32,
    /// Copies seen by the reader (it stops counting at 255).
    pub copies: u8,
    /// Seen at exactly the acknowledged sequence number.
    pub found: bool,
}

/// All records of one producer; the counter is the index.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    slots: Vec<Slot>,
}

impl Ledger {
    /// The counter of the next record, which is open from now on.
    pub fn open_next(&mut self) -> u64 {
        self.slots.push(Slot::default());
        u64::try_from(self.slots.len() - 1).unwrap_or(u64::MAX)
    }

    /// The service acknowledged the record.
    pub fn acknowledge(&mut self, counter: u64, at: Sequence) {
        if let Some(slot) = self.slot_mut(counter) {
            slot.acknowledged = Some(at);
        }
    }

    /// An attempt ended without an answer.
    pub fn unsure(&mut self, counter: u64) {
        if let Some(slot) = self.slot_mut(counter) {
            slot.unsure = slot.unsure.saturating_add(1);
        }
    }

    /// The slot of a counter, if this producer ever used it.
    pub fn slot_mut(&mut self, counter: u64) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(counter).ok()?)
    }

    /// All slots with their counters.
    pub fn slots(&self) -> impl Iterator<Item = (u64, &Slot)> {
        (0..).zip(&self.slots)
    }
}
