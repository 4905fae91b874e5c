//! The book one producer keeps: what was acknowledged, where, and what stayed open.
//!
//! A slot per counter, in memory: 40 bytes, so ten million records need 400 MB (twice that while the list grows).

use std::collections::BTreeMap;

use ana_check::Sequence;

/// What is known of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    /// Where the service said it lies; `None` while it is not acknowledged.
    pub acknowledged: Option<Sequence>,
    /// In which of the ledger's shards.
    pub shard: u32,
    /// Attempts that ended without an answer although they may have written.
    pub unsure: u32,
}

/// All records of one producer; the counter is the index.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    slots: Vec<Slot>,
    shards: BTreeMap<String, u32>,
}

impl Ledger {
    /// The counter of the next record, which is open from now on.
    pub fn open_next(&mut self) -> u64 {
        self.slots.push(Slot::default());
        u64::try_from(self.slots.len() - 1).unwrap_or(u64::MAX)
    }

    /// The service acknowledged the record.
    pub fn acknowledge(&mut self, counter: u64, shard: &str, at: Sequence) {
        let next = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        let shard = if let Some(shard) = self.shards.get(shard) {
            *shard
        } else {
            self.shards.insert(shard.to_owned(), next);
            next
        };
        if let Some(slot) = self.slot_mut(counter) {
            slot.acknowledged = Some(at);
            slot.shard = shard;
        }
    }

    /// An attempt ended without an answer.
    pub fn unsure(&mut self, counter: u64) {
        if let Some(slot) = self.slot_mut(counter) {
            slot.unsure = slot.unsure.saturating_add(1);
        }
    }

    fn slot_mut(&mut self, counter: u64) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(counter).ok()?)
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing was ever put.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All slots with their counters.
    pub fn slots(&self) -> impl Iterator<Item = (u64, &Slot)> {
        (0..).zip(&self.slots)
    }

    /// Ids of the shards that acknowledged, with the numbers they have in slots.
    pub fn shards(&self) -> impl Iterator<Item = (&str, u32)> {
        self.shards
            .iter()
            .map(|(id, number)| (id.as_str(), *number))
    }
}
