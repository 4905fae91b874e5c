//! One stream as a single copy of the metadata would have it: what each operation may answer, and what it changes.
//!
//! Reshards and deletions are accepted first and done later; between the two the stream is busy. The model does not know
//! UpdateShardCount or on-demand scaling: a stream that uses them has no place in this history.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{ControlAnswer, ControlCall};

/// What was accepted and is not finished.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    /// CREATING.
    Create,
    /// UPDATING, shards as before.
    Replace { closed: Vec<u32>, children: u32 },
    /// UPDATING, shards as they will be.
    Finish,
    /// DELETING.
    Delete,
}

/// A stream, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Model {
    exists: bool,
    open: BTreeSet<u32>,
    next: u32,
    pending: Option<Pending>,
    /// Each with whether it is being deleted.
    consumers: BTreeMap<String, bool>,
}

impl Model {
    /// States that this one may turn into by itself.
    pub(super) fn settled(&self) -> Vec<Model> {
        let mut next = Vec::new();
        if let Some(pending) = &self.pending {
            next.push(self.with_pending_done(pending));
        }
        for (name, _) in self.consumers.iter().filter(|(_, deleting)| **deleting) {
            let mut without = self.clone();
            without.consumers.remove(name);
            next.push(without);
        }
        next
    }

    fn with_pending_done(&self, pending: &Pending) -> Model {
        let mut next = self.clone();
        next.pending = None;
        match pending {
            Pending::Create | Pending::Finish => {}
            Pending::Delete => return Model::default(),
            Pending::Replace { closed, children } => {
                next.open.retain(|shard| !closed.contains(shard));
                next.open.extend(self.next..self.next + children);
                next.next += children;
                next.pending = Some(Pending::Finish);
            }
        }
        next
    }

    /// Whether a question that changes nothing may be answered so now.
    pub(super) fn may_answer(&self, call: &ControlCall, answer: &ControlAnswer) -> bool {
        let consumer = |name: &str| self.consumers.get(name);
        match (call, answer) {
            (ControlCall::List, ControlAnswer::Open(open)) => {
                let is_same = self.open.len() == open.len()
                    && open.iter().all(|shard| self.open.contains(shard));
                self.exists
                    && (is_same || (open.is_empty() && self.pending == Some(Pending::Create)))
            }
            (ControlCall::List, ControlAnswer::NotFound) => !self.exists,
            (ControlCall::List, ControlAnswer::InUse) => self.exists && self.pending.is_some(),
            (ControlCall::DescribeConsumer { consumer: name }, ControlAnswer::Ok) => {
                consumer(name).is_some()
            }
            (ControlCall::DescribeConsumer { consumer: name }, ControlAnswer::NotFound) => {
                consumer(name).is_none()
            }
            _ => false,
        }
    }

    /// The state after an operation that was answered so; `None` if it cannot be answered so now.
    pub(super) fn after(&self, call: &ControlCall, answer: &ControlAnswer) -> Option<Model> {
        let refused = |is_right: bool| is_right.then(|| self.clone());
        match answer {
            // Without an answer it may have been done, as if it had been answered Ok.
            ControlAnswer::Ok | ControlAnswer::Unknown => self.done(call),
            ControlAnswer::NotFound => refused(self.may_be_missing(call)),
            ControlAnswer::InUse => refused(self.may_be_busy(call)),
            ControlAnswer::Open(_) | ControlAnswer::Refused => None,
        }
    }

    fn done(&self, call: &ControlCall) -> Option<Model> {
        let mut next = self.clone();
        match call {
            ControlCall::Create { shards } if !self.exists => {
                next.exists = true;
                next.open = (0..*shards).collect();
                next.next = *shards;
                next.pending = Some(Pending::Create);
            }
            // What was accepted and is under way ends with the stream.
            ControlCall::Delete if self.exists => next.pending = Some(Pending::Delete),
            ControlCall::Split { shard } => next.replace(&[*shard], 2)?,
            ControlCall::Merge { shard, adjacent } if shard != adjacent => {
                next.replace(&[*shard, *adjacent], 1)?;
            }
            ControlCall::Register { consumer } if self.exists => {
                if next.consumers.insert(consumer.clone(), false).is_some() {
                    return None;
                }
            }
            ControlCall::Deregister { consumer } => *next.consumers.get_mut(consumer)? = true,
            _ => return None,
        }
        Some(next)
    }

    fn replace(&mut self, closed: &[u32], children: u32) -> Option<()> {
        let is_ready = self.exists
            && self.pending.is_none()
            && closed.iter().all(|shard| self.open.contains(shard));
        self.pending = Some(Pending::Replace {
            closed: closed.to_vec(),
            children,
        });
        is_ready.then_some(())
    }

    fn may_be_missing(&self, call: &ControlCall) -> bool {
        let is_unknown = |shard: &u32| !self.exists || *shard >= self.next;
        match call {
            ControlCall::Delete | ControlCall::Register { .. } => !self.exists,
            ControlCall::Split { shard } => is_unknown(shard),
            ControlCall::Merge { shard, adjacent } => is_unknown(shard) || is_unknown(adjacent),
            ControlCall::Deregister { consumer } => !self.consumers.contains_key(consumer),
            ControlCall::Create { .. }
            | ControlCall::List
            | ControlCall::DescribeConsumer { .. } => false,
        }
    }

    fn may_be_busy(&self, call: &ControlCall) -> bool {
        let is_busy = self.exists && self.pending.is_some();
        match call {
            ControlCall::Create { .. } => self.exists,
            // A consumer passes through states of its own, which are not modelled.
            ControlCall::Delete => is_busy || !self.consumers.is_empty(),
            ControlCall::Register { consumer } => is_busy || self.consumers.contains_key(consumer),
            ControlCall::Deregister { consumer } => {
                is_busy || self.consumers.contains_key(consumer)
            }
            ControlCall::Split { .. } | ControlCall::Merge { .. } => is_busy,
            ControlCall::List | ControlCall::DescribeConsumer { .. } => false,
        }
    }
}
