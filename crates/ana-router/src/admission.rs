//! The rates of shards, kept by the node that leads their group: 1,000 records and 1 MiB a second in, 5 reads, 5 new
//! iterators and 2 MiB a second out.
//!
//! Pure: the time is passed in, as the monotonic time since some start. Buckets live in memory only; a new leader
//! starts with full ones, so a change of leader can let one second's worth through twice.
//!
//! Must stay true: a bucket holds at most one second of its rate, so that is the largest burst.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_types::limits::{
    GET_RECORDS_PER_S, GET_SHARD_ITERATOR_PER_S, SHARD_READ_BYTES_PER_S, SHARD_WRITE_BYTES_PER_S,
    SHARD_WRITE_RECORDS_PER_S,
};
use ana_types::{GroupId, ShardIndex};

use crate::bucket::Bucket;

/// Shards kept track of; beyond it, those that were idle long enough to be full again are dropped.
const SHARDS_MAX: usize = 4096;
/// After this long without use every bucket is full again, debts included (10 MiB at 1 MiB/s).
const FULL_AFTER: Duration = Duration::from_secs(12);

/// The rates of one shard.
#[derive(Debug, Clone, Copy)]
struct ShardRates {
    records_in: Bucket,
    bytes_in: Bucket,
    reads: Bucket,
    bytes_out: Bucket,
    iterators: Bucket,
    /// No read before this: an answer of n bytes blocks for n / 2 MiB seconds when it was more than one second's.
    read_blocked_until: Duration,
    used_at: Duration,
}

impl ShardRates {
    fn new(now: Duration) -> Self {
        Self {
            records_in: Bucket::full(SHARD_WRITE_RECORDS_PER_S, now),
            bytes_in: Bucket::full(SHARD_WRITE_BYTES_PER_S, now),
            reads: Bucket::full(GET_RECORDS_PER_S, now),
            bytes_out: Bucket::full(SHARD_READ_BYTES_PER_S, now),
            iterators: Bucket::full(GET_SHARD_ITERATOR_PER_S, now),
            read_blocked_until: Duration::ZERO,
            used_at: now,
        }
    }
}

/// Rates of all shards led here.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    shards: BTreeMap<(GroupId, ShardIndex), ShardRates>,
}

impl Admission {
    fn rates(&mut self, group: GroupId, shard: ShardIndex, now: Duration) -> &mut ShardRates {
        if self.shards.len() >= SHARDS_MAX && !self.shards.contains_key(&(group, shard)) {
            self.shards
                .retain(|_, rates| now.saturating_sub(rates.used_at) < FULL_AFTER);
        }
        let rates = self
            .shards
            .entry((group, shard))
            .or_insert_with(|| ShardRates::new(now));
        rates.used_at = rates.used_at.max(now);
        rates
    }

    /// Lets records of the given sizes (data and key) in, one by one: true for each that may be written.
    pub(crate) fn admit_records(
        &mut self,
        (group, shard): (GroupId, ShardIndex),
        sizes: impl Iterator<Item = u64>,
        now: Duration,
    ) -> Vec<bool> {
        let rates = self.rates(group, shard, now);
        rates.records_in.refill(now);
        rates.bytes_in.refill(now);
        sizes
            .map(|bytes| {
                let admitted = rates.records_in.has(1) && rates.bytes_in.has(bytes);
                if admitted {
                    rates.records_in.take(1);
                    rates.bytes_in.take(bytes);
                }
                admitted
            })
            .collect()
    }

    /// Gives back what records took that were certainly not written.
    pub(crate) fn return_records(
        &mut self,
        (group, shard): (GroupId, ShardIndex),
        records: u64,
        bytes: u64,
        now: Duration,
    ) {
        let rates = self.rates(group, shard, now);
        rates.records_in.give_back(records);
        rates.bytes_in.give_back(bytes);
    }

    /// Whether a read may begin; it counts as one then.
    pub(crate) fn admit_read(
        &mut self,
        (group, shard): (GroupId, ShardIndex),
        now: Duration,
    ) -> bool {
        let rates = self.rates(group, shard, now);
        rates.reads.refill(now);
        rates.bytes_out.refill(now);
        let admitted =
            rates.read_blocked_until <= now && rates.reads.has(1) && rates.bytes_out.has(1);
        if admitted {
            rates.reads.take(1);
        }
        admitted
    }

    /// Whether an iterator may be given out; it counts as one then.
    pub(crate) fn admit_iterator(
        &mut self,
        (group, shard): (GroupId, ShardIndex),
        now: Duration,
    ) -> bool {
        self.rates(group, shard, now).iterators.take_one(now)
    }

    /// Charges the bytes that an admitted read gave.
    pub(crate) fn charge_read(
        &mut self,
        (group, shard): (GroupId, ShardIndex),
        bytes: u64,
        now: Duration,
    ) {
        let rates = self.rates(group, shard, now);
        rates.bytes_out.refill(now);
        rates.bytes_out.take(bytes);
        if bytes > SHARD_READ_BYTES_PER_S {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(SHARD_READ_BYTES_PER_S);
            let debt = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            rates.read_blocked_until = rates.read_blocked_until.max(now.saturating_add(debt));
        }
    }

    /// Forgets the shards of groups that are gone.
    pub(crate) fn keep(&mut self, live: impl Fn(GroupId) -> bool) {
        self.shards.retain(|(group, _), _| live(*group));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ana_types::{GroupId, ShardIndex};

    use super::{Admission, FULL_AFTER, SHARDS_MAX};

    const SHARD: (GroupId, ShardIndex) = (GroupId(1), ShardIndex(0));
    const MIB: u64 = 1 << 20;

    fn at(ms: u64) -> Duration {
        Duration::from_secs(1000) + Duration::from_millis(ms)
    }

    /// Admits `count` records of `bytes` and says how many went in.
    fn put(admission: &mut Admission, count: usize, bytes: u64, ms: u64) -> usize {
        let admitted = admission.admit_records(SHARD, std::iter::repeat_n(bytes, count), at(ms));
        admitted.iter().filter(|it| **it).count()
    }

    #[test]
    fn records_and_bytes_in() {
        // (what, steps of (at ms, records, bytes each, how many go in))
        type Step = (u64, usize, u64, usize);
        let table: &[(&str, &[Step])] = &[
            (
                "a second's records at once",
                &[(0, 1500, 10, 1000), (0, 1, 10, 0)],
            ),
            (
                "refill in part",
                &[
                    (0, 1000, 1, 1000),
                    (100, 500, 1, 100),
                    (10_000, 2000, 1, 1000),
                ],
            ),
            (
                "bytes",
                &[
                    (0, 3, MIB / 2, 2),
                    (500, 3, MIB / 2, 1),
                    (1000, 1, MIB / 2, 1),
                ],
            ),
            (
                "one of 1 MiB",
                &[(0, 2, MIB, 1), (999, 1, MIB, 0), (1000, 1, MIB, 1)],
            ),
            (
                "10 MiB is paid off",
                &[(0, 1, 10 * MIB, 1), (9_000, 1, 1, 0), (9_001, 1, 1, 1)],
            ),
            (
                "10 MiB waits for a full one",
                &[(0, 1, 1, 1), (0, 1, 10 * MIB, 0), (1, 1, 10 * MIB, 1)],
            ),
            (
                "small ones pass a big one",
                &[(0, 1, 1, 1), (0, 1, MIB, 0), (0, 5, 1, 5)],
            ),
            (
                "a clock that goes back gives nothing",
                &[(50, 1000, 1, 1000), (0, 1, 1, 0)],
            ),
        ];
        for (what, steps) in table {
            let mut admission = Admission::default();
            for (ms, count, bytes, expected) in *steps {
                assert_eq!(
                    put(&mut admission, *count, *bytes, *ms),
                    *expected,
                    "{what} at {ms} ms"
                );
            }
        }
    }

    #[test]
    fn unwritten_records_are_given_back() {
        let mut admission = Admission::default();
        assert_eq!(put(&mut admission, 1000, 1, 0), 1000);
        admission.return_records(SHARD, 10, 10, at(0));
        assert_eq!(put(&mut admission, 20, 1, 0), 10);
        admission.return_records(SHARD, 5000, 5 * MIB, at(0));
        assert_eq!(
            put(&mut admission, 2000, 1, 0),
            1000,
            "never more than a full bucket"
        );
    }

    #[test]
    fn shards_do_not_share() {
        let mut admission = Admission::default();
        assert_eq!(put(&mut admission, 1000, 1, 0), 1000);
        let other = (GroupId(1), ShardIndex(1));
        assert_eq!(
            admission.admit_records(other, [1].into_iter(), at(0)),
            [true]
        );
    }

    #[test]
    fn five_reads_a_second() {
        let mut admission = Admission::default();
        let admitted = (0..7)
            .filter(|_| admission.admit_read(SHARD, at(0)))
            .count();
        assert_eq!(admitted, 5);
        assert!(!admission.admit_read(SHARD, at(199)));
        assert!(admission.admit_read(SHARD, at(200)));
    }

    #[test]
    fn five_iterators_a_second_beside_the_reads() {
        let mut admission = Admission::default();
        assert!(admission.admit_read(SHARD, at(0)));
        let admitted = (0..7)
            .filter(|_| admission.admit_iterator(SHARD, at(0)))
            .count();
        assert_eq!(admitted, 5);
        assert!(!admission.admit_iterator(SHARD, at(199)));
        assert!(admission.admit_iterator(SHARD, at(200)));
        assert!(admission.admit_read(SHARD, at(200)), "another bucket");
    }

    #[test]
    fn bytes_out_and_the_debt_of_a_large_answer() {
        let mut admission = Admission::default();
        assert!(admission.admit_read(SHARD, at(0)));
        admission.charge_read(SHARD, 10 * MIB, at(0));
        assert!(
            !admission.admit_read(SHARD, at(4_999)),
            "10 MiB at 2 MiB/s are five seconds"
        );
        assert!(admission.admit_read(SHARD, at(5_000)));

        let mut admission = Admission::default();
        for _ in 0..2 {
            assert!(admission.admit_read(SHARD, at(0)));
            admission.charge_read(SHARD, MIB, at(0));
        }
        assert!(
            !admission.admit_read(SHARD, at(0)),
            "the second's bytes are used up"
        );
        assert!(admission.admit_read(SHARD, at(1)));
    }

    #[test]
    fn idle_shards_are_dropped_when_there_are_many() {
        let mut admission = Admission::default();
        for shard in 0..u32::try_from(SHARDS_MAX).expect("small") {
            assert!(admission.admit_read((GroupId(1), ShardIndex(shard)), at(0)));
        }
        let later = at(0) + FULL_AFTER;
        assert!(admission.admit_read((GroupId(2), ShardIndex(0)), later));
        assert_eq!(admission.shards.len(), 1);
        admission.keep(|group| group != GroupId(2));
        assert!(admission.shards.is_empty());
    }
}
