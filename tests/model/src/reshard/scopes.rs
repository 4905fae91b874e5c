//! What is searched: small clusters in which everything that matters can happen at once.

use super::{Broken, Scope, Source};
use crate::setup::{Ask, HIGH, LOW, MIDDLE};

/// One driver's clock is right, the other's is behind by more than a second.
const CLOCKS_MS: &[u64] = &[3_500, 1_200];

const SCOPE: Scope = Scope {
    name: "",
    before: &[Ask::Create(1)],
    asks: &[],
    puts: &[(0, LOW), (1, HIGH)],
    reads: (&[1, 2], Source::Leader),
    clocks_ms: CLOCKS_MS,
    expires: false,
    broken: Broken::Nothing,
};

/// A split in the parent's group: one entry closes and opens.
pub const SPLIT: Scope = Scope {
    name: "split in one group",
    asks: &[Ask::Split(0, MIDDLE)],
    ..SCOPE
};

/// A merge of shards of two groups.
pub const MERGE: Scope = Scope {
    name: "merge over two groups",
    before: &[Ask::Create(2)],
    asks: &[Ask::Merge(0, 1)],
    ..SCOPE
};

/// A split and the merge of its children, so that orders of the first arrive during the second.
pub const SPLIT_MERGE: Scope = Scope {
    name: "split, then merge, in one group",
    asks: &[Ask::Split(0, MIDDLE), Ask::Merge(1, 2)],
    puts: &[(0, LOW)],
    ..SCOPE
};

/// Two merges over groups, the second of the first one's child.
pub const MERGES: Scope = Scope {
    name: "two merges over three groups",
    before: &[Ask::Create(3)],
    asks: &[Ask::Merge(0, 1), Ask::Merge(3, 2)],
    puts: &[(0, LOW)],
    reads: (&[2], Source::Leader),
    ..SCOPE
};

/// UpdateShardCount: a split whose children go to a group that is new, then one that stays.
pub const RESIZE: Scope = Scope {
    name: "resize into a new group",
    before: &[Ask::Create(1), Ask::Split(0, MIDDLE)],
    asks: &[Ask::Resize(4)],
    puts: &[(0, LOW)],
    ..SCOPE
};

/// A subscription that reads at a replica which may be behind.
pub const FOLLOW: Scope = Scope {
    name: "merge, read at a replica",
    reads: (&[2], Source::Replica),
    ..MERGE
};

/// A split of a stream's own accord, while the stream is deleted and made again under its name.
pub const DELETE: Scope = Scope {
    name: "own split, deletion, creation",
    before: &[Ask::Create(1), Ask::OnDemand],
    asks: &[Ask::SplitOwn(0), Ask::Delete, Ask::Create(1)],
    reads: (&[], Source::Leader),
    ..SCOPE
};

/// A stream that is deleted while it is created, and made again.
pub const EARLY_DELETE: Scope = Scope {
    name: "deletion during creation",
    before: &[],
    asks: &[Ask::Create(2), Ask::Delete, Ask::Create(1)],
    reads: (&[], Source::Leader),
    ..SCOPE
};

/// Parents expire, and with them the group that has none left, while the next reshard is under way.
pub const EXPIRY: Scope = Scope {
    name: "merge, split, expiry of parents and a group",
    before: &[Ask::Create(2)],
    asks: &[Ask::Merge(0, 1), Ask::Split(2, MIDDLE)],
    puts: &[(0, LOW)],
    reads: (&[], Source::Leader),
    expires: true,
    ..SCOPE
};

/// All scopes that must hold.
pub const SCOPES: &[Scope] = &[
    SPLIT,
    MERGE,
    SPLIT_MERGE,
    MERGES,
    RESIZE,
    FOLLOW,
    DELETE,
    EARLY_DELETE,
    EXPIRY,
];
