//! The built-in drills: one text file each under `library/`, so that a first drill needs no file.
//!
//! Must stay true: each file is named as its drill, reads, and has a plan; all but `all-zones-power-cut` do
//! without `--i-know`. Their streams are `drill`, `drill-one` (of one shard) and `drill-reshard`, which whoever runs one
//! creates.

use crate::error::DrillError;
use crate::file::Drill;
use crate::near;

/// A built-in drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! library {
    ($($name:literal,)*) => {
        /// All built-in drills by name.
        pub static ALL: &[Entry] = &[$(
            Entry { name: $name, text: include_str!(concat!("../library/", $name, ".toml")) },
        )*];
    };
}

library! {
    "all-zones-power-cut",
    "api-5xx",
    "clock-drift",
    "clock-jump",
    "disk-full",
    "expired-iterator",
    "flaky-link",
    "follower-kill",
    "fsync-error",
    "leader-kill",
    "one-way-link",
    "partial-puts",
    "pause-leader",
    "reshard-under-fire",
    "rolling-restart",
    "slow-follower",
    "slow-leader-disk",
    "slow-zone",
    "split-brain-attempt",
    "subscriptions-dropped",
    "swizzle",
    "throttle-storm",
    "torn-tail",
    "wipe-and-rejoin",
    "zone-loss",
    "zone-shift",
}

impl Entry {
    /// The drill.
    pub fn drill(&self) -> Result<Drill, DrillError> {
        Drill::from_toml(self.text)
    }
}

/// The built-in drill of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// The built-in drill that a misspelt name probably meant.
pub fn nearest(name: &str) -> Option<&'static Entry> {
    near::nearest(name, ALL.iter().map(|entry| entry.name)).and_then(find)
}

#[cfg(test)]
#[path = "library/library_test.rs"]
mod library_test;
