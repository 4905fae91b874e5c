//! Looks out, while the load runs, for acknowledged records that no consumer was given although one was given later
//! ones. Pure.
//!
//! Must stay true: a record is missed only when it was acknowledged, a consumer has read past its place, and nobody has
//! been given it. What is not read yet is not missed.

use std::collections::{BTreeMap, BTreeSet};

use ana_check::Sequence;

/// Acknowledged and read records, shard by shard.
#[derive(Debug, Default)]
pub struct Lookout {
    shards: BTreeMap<String, Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    /// Acknowledged, and given to nobody yet.
    open: BTreeSet<Sequence>,
    /// Given to somebody before its acknowledgement came.
    early: BTreeSet<Sequence>,
    /// The furthest anybody has read.
    read_to: Option<Sequence>,
}

impl Lookout {
    /// A record was acknowledged at this place.
    pub fn acknowledged(&mut self, shard: &str, at: Sequence) {
        let watched = self.shard(shard);
        if !watched.early.remove(&at) {
            watched.open.insert(at);
        }
    }

    /// A consumer was given these records of the run, in their order, and has read up to `read_to`.
    pub fn read(&mut self, shard: &str, places: impl Iterator<Item = Sequence>, read_to: Sequence) {
        let watched = self.shard(shard);
        for at in places {
            if !watched.open.remove(&at) && watched.read_to.is_none_or(|to| to < at) {
                watched.early.insert(at);
            }
        }
        watched.read_to = watched.read_to.max(Some(read_to));
    }

    /// Records that are missed now.
    pub fn missed(&self) -> u64 {
        let missed = self.shards.values().map(|watched| {
            let Some(to) = watched.read_to else { return 0 };
            watched.open.range(..=to).count()
        });
        u64::try_from(missed.sum::<usize>()).unwrap_or(u64::MAX)
    }

    fn shard(&mut self, shard: &str) -> &mut Watched {
        if !self.shards.contains_key(shard) {
            self.shards.insert(shard.to_owned(), Watched::default());
        }
        self.shards.entry(shard.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(numbers: &[u64]) -> impl Iterator<Item = Sequence> {
        numbers.iter().copied().map(Sequence::from)
    }

    #[test]
    fn what_is_passed_over_is_missed_and_what_is_ahead_is_not() {
        let mut lookout = Lookout::default();
        for number in [1, 2, 3, 9] {
            lookout.acknowledged("s0", Sequence::from(number));
        }
        assert_eq!(lookout.missed(), 0, "nobody has read");
        lookout.read("s0", at(&[1, 3]), Sequence::from(3));
        assert_eq!(lookout.missed(), 1, "2 was passed over; 9 is to come");
        lookout.read("s0", at(&[1, 2]), Sequence::from(2));
        assert_eq!(lookout.missed(), 0, "the other consumer was given it");
    }

    #[test]
    fn an_acknowledgement_may_come_after_the_record_was_read() {
        let mut lookout = Lookout::default();
        lookout.read("s0", at(&[5]), Sequence::from(6));
        lookout.acknowledged("s0", Sequence::from(5));
        assert_eq!(lookout.missed(), 0);
        lookout.acknowledged("s0", Sequence::from(4));
        assert_eq!(
            lookout.missed(),
            1,
            "it was passed over before it was acknowledged"
        );
        lookout.acknowledged("s1", Sequence::from(4));
        assert_eq!(lookout.missed(), 1, "another shard");
    }
}
