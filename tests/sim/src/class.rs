//! The classes of faults, and which two of them a seed crosses.
//!
//! Must stay true: any 190 seeds in a row cross every two classes once; the names are printed and stay.

use std::fmt;
use std::str::FromStr;

/// A class of faults. `fault.rs` says what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Kill,
    Power,
    PowerAll,
    FailedSync,
    CutOneWay,
    CutBothWays,
    Isolate,
    Ring,
    Bridge,
    Swizzle,
    SlowLinks,
    Pause,
    SlowDisk,
    FullDisk,
    BitFlip,
    LostFiles,
    TornTail,
    ClockJump,
    ClockDrift,
    LeaderMove,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 20] = [
        Class::Kill,
        Class::Power,
        Class::PowerAll,
        Class::FailedSync,
        Class::CutOneWay,
        Class::CutBothWays,
        Class::Isolate,
        Class::Ring,
        Class::Bridge,
        Class::Swizzle,
        Class::SlowLinks,
        Class::Pause,
        Class::SlowDisk,
        Class::FullDisk,
        Class::BitFlip,
        Class::LostFiles,
        Class::TornTail,
        Class::ClockJump,
        Class::ClockDrift,
        Class::LeaderMove,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Kill => "kill",
            Class::Power => "power",
            Class::PowerAll => "power-all",
            Class::FailedSync => "failed-sync",
            Class::CutOneWay => "cut-one-way",
            Class::CutBothWays => "cut-both-ways",
            Class::Isolate => "isolate",
            Class::Ring => "ring",
            Class::Bridge => "bridge",
            Class::Swizzle => "swizzle",
            Class::SlowLinks => "slow-links",
            Class::Pause => "pause",
            Class::SlowDisk => "slow-disk",
            Class::FullDisk => "full-disk",
            Class::BitFlip => "bit-flip",
            Class::LostFiles => "lost-files",
            Class::TornTail => "torn-tail",
            Class::ClockJump => "clock-jump",
            Class::ClockDrift => "clock-drift",
            Class::LeaderMove => "leader-move",
        }
    }

    /// Every two classes, each once.
    pub fn pairs() -> impl Iterator<Item = (Class, Class)> {
        Class::ALL.into_iter().enumerate().flat_map(|(at, one)| {
            let later = Class::ALL.into_iter().skip(at + 1);
            later.map(move |other| (one, other))
        })
    }

    /// The two classes that a seed crosses.
    ///
    /// # Panics
    /// Never: the remainder is below the number of pairs.
    #[must_use]
    pub fn pair_of(seed: u64) -> (Class, Class) {
        let pairs = Class::pairs().count() as u64;
        let at = usize::try_from(seed % pairs).expect("some hundred pairs");
        Class::pairs().nth(at).expect("below their number")
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Class::ALL.into_iter().find(|class| class.name() == name);
        named.ok_or_else(|| {
            let names = Class::ALL.map(Class::name).join(", ");
            format!("there is no class of this name; there are {names}")
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Class;

    #[test]
    fn seeds_in_a_row_cross_every_two_classes_once() {
        let count = Class::ALL.len() * (Class::ALL.len() - 1) / 2;
        let crossed: BTreeSet<_> = (17..17 + count as u64).map(Class::pair_of).collect();
        assert_eq!(crossed.len(), count);
        assert!(crossed.iter().all(|(one, other)| one < other));
        let names: BTreeSet<_> = Class::ALL.into_iter().map(Class::name).collect();
        assert_eq!(names.len(), Class::ALL.len());
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        assert!("bit flip".parse::<Class>().is_err());
    }
}
