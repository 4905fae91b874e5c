//! Mistakes that the simulation must find: each sits where it would really be made, behind [`is`].
//!
//! Without the feature `planted`, which only `ana-sim` asks for, [`is`] is a constant `false` and [`Kept`] holds nothing,
//! so that no trace of this is left in a program.
//!
//! Must stay true: a mistake is chosen by name when a simulation starts, and none is otherwise; a program that serves
//! anybody refuses to start when [`COMPILED_IN`] is true.

/// Whether mistakes can be chosen in this build.
pub const COMPILED_IN: bool = cfg!(feature = "planted");

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// ana-log: entries count as durable when they are written, without `fdatasync`.
    AckBeforeSync = 1,
    /// ana-log: a vote is answered at once and reaches the disk with whatever is written next.
    VoteNotDurable,
    /// ana-log: a frame that does not verify is taken for the end of the log, whatever lies behind it.
    MiddleIsTail,
    /// ana-log: the directory is not synced when a segment gets its name.
    DirectoryNotSynced,
    /// ana-raft: a read at whoever thinks to lead asks neither the lease nor a quorum.
    StaleLease,
    /// ana-raft: an append whose answer did not come counts as stored.
    MinorityAck,
    /// ana-raft: a leader counts positions by itself and goes on where it was when it led before.
    SequenceReused,
    /// ana-raft: a snapshot carries no members.
    SnapshotWithoutMembers,
    /// ana-raft, ana-state: a checkpoint says one entry less than it holds, and the machine takes an entry twice.
    AppliedTwice,
    /// ana-state: the children of a split or merge open while the parents still take records.
    ChildrenBeforeFence,
    /// ana-router: logs are cut at half the retention.
    RetentionTooEarly,
    /// ana-router: an iterator's shard loses all but its lowest two bits.
    IteratorOfOtherShard,
    /// ana-router: a put whose fate is not known is sent again.
    PutSentAgain,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 13] = [
        Bug::AckBeforeSync,
        Bug::VoteNotDurable,
        Bug::MiddleIsTail,
        Bug::DirectoryNotSynced,
        Bug::StaleLease,
        Bug::MinorityAck,
        Bug::SequenceReused,
        Bug::SnapshotWithoutMembers,
        Bug::AppliedTwice,
        Bug::ChildrenBeforeFence,
        Bug::RetentionTooEarly,
        Bug::IteratorOfOtherShard,
        Bug::PutSentAgain,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Bug::AckBeforeSync => "ack-before-sync",
            Bug::VoteNotDurable => "vote-not-durable",
            Bug::MiddleIsTail => "middle-is-tail",
            Bug::DirectoryNotSynced => "directory-not-synced",
            Bug::StaleLease => "stale-lease",
            Bug::MinorityAck => "minority-ack",
            Bug::SequenceReused => "sequence-reused",
            Bug::SnapshotWithoutMembers => "snapshot-without-members",
            Bug::AppliedTwice => "applied-twice",
            Bug::ChildrenBeforeFence => "children-before-fence",
            Bug::RetentionTooEarly => "retention-too-early",
            Bug::IteratorOfOtherShard => "iterator-of-other-shard",
            Bug::PutSentAgain => "put-sent-again",
        }
    }
}

#[cfg(feature = "planted")]
mod chosen {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    /// 0: none.
    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// Chooses the mistake of this process.
    pub fn plant(bug: Bug) {
        CHOSEN.store(bug as u8, Ordering::Relaxed);
    }

    /// Whether this mistake is to be made.
    pub fn is(bug: Bug) -> bool {
        CHOSEN.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(feature = "planted")]
pub use chosen::{is, plant};

/// Whether this mistake is to be made: never in this build.
#[cfg(not(feature = "planted"))]
pub const fn is(_: Bug) -> bool {
    false
}

/// Something that only a mistake needs to remember. It holds nothing without the feature.
#[derive(Debug, Clone, Copy)]
pub struct Kept<T> {
    #[cfg(feature = "planted")]
    value: Option<T>,
    #[cfg(not(feature = "planted"))]
    value: std::marker::PhantomData<T>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            value: Default::default(),
        }
    }
}

impl<T: Copy> Kept<T> {
    /// Remembers a value where mistakes can be made.
    pub fn keep(&mut self, value: impl FnOnce() -> T) {
        #[cfg(feature = "planted")]
        {
            self.value = Some(value());
        }
        #[cfg(not(feature = "planted"))]
        drop(value);
    }

    /// What was remembered; nothing in other builds.
    pub fn get(self) -> Option<T> {
        #[cfg(feature = "planted")]
        return self.value;
        #[cfg(not(feature = "planted"))]
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Bug, COMPILED_IN, Kept, is};

    #[test]
    fn nothing_is_wrong_and_nothing_is_kept_unless_the_feature_asks() {
        let names: BTreeSet<&str> = Bug::ALL.into_iter().map(Bug::name).collect();
        assert_eq!(names.len(), Bug::ALL.len());
        assert!(Bug::ALL.into_iter().all(|bug| !is(bug)));
        let mut kept = Kept::default();
        kept.keep(|| 7_u64);
        assert_eq!(kept.get(), COMPILED_IN.then_some(7));
        assert_eq!(size_of::<Kept<u64>>() == 0, !COMPILED_IN);
    }
}
