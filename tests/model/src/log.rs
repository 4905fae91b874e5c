//! Committed logs with the real machines of `ana-state` behind them.
//!
//! A log is a chain of versions: each holds the machine after one entry and points at the version before it. A node that
//! lags stands at an earlier version of the same chain, so "every prefix of the log" costs a pointer.
//!
//! What must stay true
//! - The machine of a version comes from `Metadata::apply`, `ShardSet::command` or `ShardSet::append` and from nowhere else.
//! - Entries that change nothing are left out of the chain: the machines look at the order of indexes, not at gaps between
//!   them. Whether an entry changes something is found out by comparing machines, not by knowing commands.
//! - Two logs are equal when their entries are. Digests stand for entries; they are of 64 bits.

use ana_state::shard::AppendHeader;
use ana_state::{
    AppendOutcome, MetaCommand, MetaOutcome, Metadata, ShardCommand, ShardOutcome, ShardSet,
};
use ana_types::StreamKey;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// A replicated machine.
pub trait Machine: Clone + PartialEq + Debug {
    /// What its log holds.
    type Entry: Clone + Debug + PartialEq + Serialize;
    /// What it answers.
    type Outcome: Clone + Debug + PartialEq;

    /// The machine of a group without entries.
    fn empty() -> Self;
    /// Applies an entry.
    fn apply(&mut self, index: u64, entry: &Self::Entry) -> Self::Outcome;
    /// Applies, at this index, an entry that changes nothing but the last index.
    fn touch(&mut self, index: u64);
    /// Whether its own invariants hold.
    fn is_sound(&self) -> bool;
    /// Whether the cluster repeats this entry when it does not know whether it was done. Such entries must be idempotent.
    fn is_repeated(entry: &Self::Entry) -> bool;
    /// Whether this entry stands in the log although the machine has no memory of it.
    fn is_kept(_entry: &Self::Entry) -> bool {
        false
    }
}

impl Machine for Metadata {
    type Entry = MetaCommand;
    type Outcome = MetaOutcome;

    fn empty() -> Self {
        Self::new()
    }

    fn apply(&mut self, index: u64, entry: &MetaCommand) -> MetaOutcome {
        Self::apply(self, index, entry.clone())
    }

    fn touch(&mut self, index: u64) {
        let nobody = StreamKey(u64::MAX);
        let done = Self::apply(self, index, MetaCommand::FinishUpdate { key: nobody });
        debug_assert!(done.is_ok(), "a stream that is not there has no update");
    }

    fn is_sound(&self) -> bool {
        self.check().is_ok()
    }

    fn is_repeated(entry: &MetaCommand) -> bool {
        matches!(
            entry,
            MetaCommand::InitCluster { .. }
                | MetaCommand::ActivateStream { .. }
                | MetaCommand::FinishDelete { .. }
                | MetaCommand::ParentsClosed { .. }
                | MetaCommand::FinishReshard { .. }
                | MetaCommand::FinishUpdate { .. }
                | MetaCommand::ExpireShards { .. }
        )
    }
}

/// An entry of a data group's log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum GroupEntry {
    /// The first entry: somebody founded the group.
    Founded {
        /// Who.
        by: usize,
    },
    /// A command.
    Command(ShardCommand),
    /// One sub-batch with one record.
    Record {
        /// Its header.
        header: AppendHeader,
        /// Which put it is of.
        put: usize,
    },
}

/// What a data group says to an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupOutcome {
    /// To a founding.
    Founded,
    /// To a command.
    Command(ShardOutcome),
    /// To a record; none only if the machine gave no outcome for its one header.
    Record(Option<AppendOutcome>),
}

impl Machine for ShardSet {
    type Entry = GroupEntry;
    type Outcome = GroupOutcome;

    fn empty() -> Self {
        Self::new()
    }

    fn apply(&mut self, index: u64, entry: &GroupEntry) -> GroupOutcome {
        match entry {
            GroupEntry::Founded { .. } => {
                self.touch(index);
                GroupOutcome::Founded
            }
            GroupEntry::Command(command) => {
                GroupOutcome::Command(self.command(index, command.clone()))
            }
            GroupEntry::Record { header, .. } => {
                GroupOutcome::Record(self.append(index, &[*header]).first().copied())
            }
        }
    }

    fn touch(&mut self, index: u64) {
        let outcomes = self.append(index, &[]);
        debug_assert!(outcomes.is_empty(), "nothing was appended");
    }

    fn is_sound(&self) -> bool {
        self.check().is_ok()
    }

    fn is_repeated(entry: &GroupEntry) -> bool {
        matches!(entry, GroupEntry::Command(_))
    }

    fn is_kept(entry: &GroupEntry) -> bool {
        matches!(entry, GroupEntry::Founded { .. })
    }
}

/// One version of a log.
#[derive(Debug)]
pub struct Version<M: Machine> {
    /// The machine after the entry.
    pub machine: M,
    /// The entry; none for a log without entries.
    pub entry: Option<M::Entry>,
    before: Option<At<M>>,
    index: u64,
    digest: u64,
}

/// A place in a log: everything up to one version.
pub struct At<M: Machine>(Arc<Version<M>>);

impl<M: Machine> At<M> {
    /// A log without entries.
    #[must_use]
    pub fn start() -> Self {
        Self(Arc::new(Version {
            machine: M::empty(),
            entry: None,
            before: None,
            index: 0,
            digest: 0,
        }))
    }

    /// The machine here.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.0.machine
    }

    /// How many entries there are.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.0.index
    }

    /// Stands for all entries.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.0.digest
    }

    /// This version and those before it, newest first.
    pub fn back(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |at| at.0.before.as_ref())
    }

    /// The entry that led here.
    #[must_use]
    pub fn entry(&self) -> Option<&M::Entry> {
        self.0.entry.as_ref()
    }

    /// The version with that many entries, if there are so many.
    #[must_use]
    pub fn prefix(&self, index: u64) -> Option<&Self> {
        self.back().find(|at| at.index() == index)
    }

    /// Whether the log at `head` begins with this one.
    #[must_use]
    pub fn is_prefix_of(&self, head: &Self) -> bool {
        head.prefix(self.index()) == Some(self)
    }

    /// The version after this one on the way to `head`; none when this is the head, or of another log.
    #[must_use]
    pub fn next_towards(&self, head: &Self) -> Option<Self> {
        if !self.is_prefix_of(head) {
            return None;
        }
        head.prefix(self.index() + 1).cloned()
    }
}

impl<M: Machine> Clone for At<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Machine> PartialEq for At<M> {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl<M: Machine> Eq for At<M> {}

impl<M: Machine> Hash for At<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl<M: Machine> Debug for At<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0.index)
    }
}

/// What an entry leads to.
#[derive(Debug)]
pub struct Step<M: Machine> {
    /// The log after it: as before when it changes nothing.
    pub at: At<M>,
    /// The answer.
    pub outcome: M::Outcome,
    /// After it every entry of the log that the cluster may repeat, from the first to this one, still changes nothing when
    /// it is repeated.
    pub repeats_change_nothing: bool,
    /// The machine's own invariants hold after it.
    pub is_sound: bool,
}

type KnownSteps<M> = BTreeMap<(u64, u64), Arc<Step<M>>>;

/// Applies entries, each once: what was applied to a log before is looked up.
#[derive(Debug)]
pub struct Machines<M: Machine> {
    /// By the digest of the log and that of the entry.
    known: Mutex<KnownSteps<M>>,
    /// What the model takes to be repeated besides what the cluster repeats.
    also_repeated: fn(&M::Entry) -> bool,
}

impl<M: Machine> Machines<M> {
    /// Nothing is known yet. `also_repeated` is for protocols that are broken on purpose.
    #[must_use]
    pub fn new(also_repeated: fn(&M::Entry) -> bool) -> Self {
        Self {
            known: Mutex::default(),
            also_repeated,
        }
    }

    /// The log `at` with one more entry.
    ///
    /// # Panics
    /// When the entry does not encode, which plain values always do.
    #[must_use]
    pub fn apply(&self, at: &At<M>, entry: &M::Entry) -> Arc<Step<M>> {
        let bytes = postcard::to_stdvec(entry).expect("entries are plain values");
        let key = (at.digest(), digest_of(&bytes));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let step = known
            .entry(key)
            .or_insert_with(|| Arc::new(self.carry_out(at, entry, key)));
        Arc::clone(step)
    }

    fn carry_out(&self, at: &At<M>, entry: &M::Entry, key: (u64, u64)) -> Step<M> {
        let mut machine = at.machine().clone();
        let index = at.index() + 1;
        let outcome = machine.apply(index, entry);
        let is_sound = machine.is_sound();
        if !M::is_kept(entry) && is_as_before(at.machine(), &machine, index) {
            return Step {
                at: at.clone(),
                outcome,
                repeats_change_nothing: true,
                is_sound,
            };
        }
        let next = At(Arc::new(Version {
            machine,
            entry: Some(entry.clone()),
            before: Some(at.clone()),
            index,
            digest: digest_of(&key),
        }));
        Step {
            repeats_change_nothing: self.repeats_change_nothing(&next),
            at: next,
            outcome,
            is_sound,
        }
    }

    fn repeats_change_nothing(&self, head: &At<M>) -> bool {
        let repeated = |entry: &&M::Entry| M::is_repeated(entry) || (self.also_repeated)(entry);
        head.back()
            .filter_map(At::entry)
            .filter(repeated)
            .all(|entry| {
                let mut machine = head.machine().clone();
                let index = head.index() + 1;
                machine.apply(index, entry);
                is_as_before(head.machine(), &machine, index)
            })
    }
}

/// Whether nothing but the last index differs.
fn is_as_before<M: Machine>(before: &M, after: &M, index: u64) -> bool {
    let mut touched = before.clone();
    touched.touch(index);
    touched == *after
}

/// The same in every run: it orders nothing, it only tells values apart.
pub(crate) fn digest_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    // 0 stands for the log without entries.
    hasher.finish().max(1)
}
