//! What a run did: how often each class of faults hit something, and things that only sometimes happen.
//!
//! A check that had nothing to look at proves nothing, and neither does a fault that never hit. Counters are kept per
//! thread, as a run is: each worker process runs one at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::class::Class;

/// Seeds below which a class may go without a hit.
pub const SEEDS_FOR_ALL: u64 = 200;

/// Everything that is looked for. What stands here and was never seen is told.
pub const SOMETIMES: &[&str] = &[
    "a leader was deposed with entries not yet committed",
    "two replicas led one group at the same time",
    "a paused leader was deposed",
    "a leadership was moved on purpose",
    "a replica rested",
    "a snapshot was installed",
    "a log was trimmed",
    "damage was found",
    "a flipped bit was noticed",
    "a flipped bit was of an entry that its log has cut off",
    "a flipped bit was of a vote that counts no more",
    "a repair ended",
    "a node lost all its data",
    "a disk counted as full",
    "a process ended because its disk failed",
    "a process did not start",
    "a put has no known fate",
    "a put was answered in part",
    "a reshard ended while faults went on",
    "an iterator came to the end of a split or merged shard",
];

thread_local! {
    static COUNTERS: RefCell<Counters> = RefCell::default();
}

/// What one run or many did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// How often each class hit something.
    pub fired: BTreeMap<String, u64>,
    /// How often each of [`SOMETIMES`] was seen.
    pub seen: BTreeMap<String, u64>,
    /// Pairs of classes of which both hit something in one run.
    pub pairs: BTreeSet<(String, String)>,
}

/// Begins a run.
pub fn begin() {
    COUNTERS.set(Counters::default());
}

/// A fault of this class hit something.
pub fn fired(class: Class) {
    COUNTERS.with_borrow_mut(|all| *all.fired.entry(class.name().to_owned()).or_default() += 1);
}

/// Something of [`SOMETIMES`] was seen.
///
/// # Panics
/// If it does not stand there.
pub fn saw(what: &'static str) {
    assert!(
        SOMETIMES.contains(&what),
        "{what:?} is counted and not listed"
    );
    COUNTERS.with_borrow_mut(|all| *all.seen.entry(what.to_owned()).or_default() += 1);
}

/// What the run did that crossed these two classes.
#[must_use]
pub fn end(pair: Option<(Class, Class)>) -> Counters {
    let mut counters = COUNTERS.take();
    if let Some((one, other)) = pair
        && [one, other]
            .iter()
            .all(|each| counters.fired.contains_key(each.name()))
    {
        counters
            .pairs
            .insert((one.name().to_owned(), other.name().to_owned()));
    }
    counters
}

impl Counters {
    /// Adds what other runs did.
    pub fn add(&mut self, other: &Counters) {
        for (mine, theirs) in [
            (&mut self.fired, &other.fired),
            (&mut self.seen, &other.seen),
        ] {
            for (what, count) in theirs {
                *mine.entry(what.clone()).or_default() += count;
            }
        }
        self.pairs.extend(other.pairs.iter().cloned());
    }

    /// Classes that hit nothing.
    pub fn idle(&self) -> impl Iterator<Item = Class> {
        Class::ALL
            .into_iter()
            .filter(|class| !self.fired.contains_key(class.name()))
    }

    /// For another process.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({"fired": self.fired, "seen": self.seen, "pairs": self.pairs})
    }

    /// What another process wrote.
    #[must_use]
    pub fn from_json(json: &Json) -> Counters {
        let counts = |name: &str| -> BTreeMap<String, u64> {
            json[name]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(what, count)| Some((what.clone(), count.as_u64()?)))
                .collect()
        };
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let pairs = json["pairs"].as_array().into_iter().flatten();
        Counters {
            fired: counts("fired"),
            seen: counts("seen"),
            pairs: pairs
                .filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)))
                .collect(),
        }
    }

    /// A table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec!["faults that hit something:".to_owned()];
        let classes = Class::ALL.map(|class| {
            let count = self.fired.get(class.name()).copied().unwrap_or_default();
            format!("{class:<14} {count:>6}")
        });
        lines.extend(
            classes
                .chunks(4)
                .map(|row| format!("  {}", row.join("   "))),
        );
        lines.push(format!(
            "pairs of classes in one run: {} of {}",
            self.pairs.len(),
            Class::pairs().count()
        ));
        lines.push("seen sometimes:".to_owned());
        lines.extend(SOMETIMES.iter().map(|what| {
            let count = self.seen.get(*what).copied().unwrap_or_default();
            format!("  {count:>6}  {what}")
        }));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Counters, begin, end, fired, saw};

    #[test]
    fn counts_add_up_and_come_through_another_process() {
        begin();
        fired(Class::Kill);
        fired(Class::Kill);
        saw("a repair ended");
        let one = end(Some((Class::Kill, Class::Ring)));
        assert!(one.pairs.is_empty(), "the ring hit nothing");
        begin();
        fired(Class::Kill);
        fired(Class::Ring);
        let mut both = end(Some((Class::Kill, Class::Ring)));
        both.add(&one);
        assert_eq!(both.fired["kill"], 3);
        assert_eq!(both.seen["a repair ended"], 1);
        assert_eq!(both.pairs.len(), 1);
        assert_eq!(Counters::from_json(&both.to_json()), both);
        assert_eq!(both.idle().count(), Class::ALL.len() - 2);
        assert!(both.table().contains("kill                3"));
    }
}
