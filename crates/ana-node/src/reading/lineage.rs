//! Which shards may be read now: a shard waits until all its known parents have been read out.
//!
//! Pure. A parent that was never listed (expired, or before the starting point) holds nobody back.

use std::collections::BTreeMap;

/// Shards by id, with their parents and how far they are.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    shards: BTreeMap<String, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    parents: Vec<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    Finished,
}

impl Lineage {
    /// Makes a shard known; a shard that is known already stays as it is.
    pub fn add(&mut self, shard: String, parents: Vec<String>) {
        self.shards.entry(shard).or_insert(Known {
            parents,
            state: State::Waiting,
        });
    }

    /// The shard has been read to its end.
    pub fn finish(&mut self, shard: &str) {
        if let Some(known) = self.shards.get_mut(shard) {
            known.state = State::Finished;
        }
    }

    /// The shards that may be begun now, each handed out once.
    pub fn take_ready(&mut self) -> Vec<String> {
        let is_ready = |known: &Known| {
            known.state == State::Waiting
                && known.parents.iter().all(|parent| {
                    self.shards
                        .get(parent)
                        .is_none_or(|parent| parent.state == State::Finished)
                })
        };
        let ready: Vec<String> = self
            .shards
            .iter()
            .filter(|(_, known)| is_ready(known))
            .map(|(shard, _)| shard.clone())
            .collect();
        for shard in &ready {
            if let Some(known) = self.shards.get_mut(shard) {
                known.state = State::Reading;
            }
        }
        ready
    }

    /// Shards known.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(lineage: &mut Lineage, shard: &str, parents: &[&str]) {
        lineage.add(
            shard.to_owned(),
            parents.iter().map(|p| (*p).to_owned()).collect(),
        );
    }

    #[test]
    fn children_wait_for_every_known_parent() {
        let mut lineage = Lineage::default();
        add(&mut lineage, "a", &[]);
        add(&mut lineage, "b", &["expired"]);
        add(&mut lineage, "merged", &["a", "b"]);
        assert_eq!(lineage.take_ready(), ["a", "b"]);
        assert!(
            lineage.take_ready().is_empty(),
            "each shard is handed out once"
        );
        lineage.finish("a");
        assert!(lineage.take_ready().is_empty(), "b is still being read");
        lineage.finish("b");
        assert_eq!(lineage.take_ready(), ["merged"]);
    }

    #[test]
    fn a_child_told_twice_is_read_once() {
        let mut lineage = Lineage::default();
        add(&mut lineage, "a", &[]);
        assert_eq!(lineage.take_ready(), ["a"]);
        lineage.finish("a");
        add(&mut lineage, "c", &["a"]);
        assert_eq!(lineage.take_ready(), ["c"]);
        add(&mut lineage, "c", &["a"]);
        assert!(lineage.take_ready().is_empty());
        assert_eq!(lineage.len(), 2);
    }
}
