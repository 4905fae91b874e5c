//! A put: what was sent, what was answered. 72 bytes, because a long run has millions.

use super::{At, Client, Key, Node, Shard, Value};
use crate::sequence::Sequence;

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Acknowledged with a sequence number.
    Acknowledged,
    /// Certainly not carried out: refused or throttled in every attempt.
    Refused,
    /// No answer, or one that leaves it open: it may have happened.
    Unknown,
}

/// One record that was put, with all its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    pub(crate) value: Value,
    pub(crate) key: Key,
    pub(crate) shard: Shard,
    pub(crate) sequence: Sequence,
    pub(crate) sent: At,
    pub(crate) answered_us: u64,
    node: u16,
    client: u16,
    pub(crate) outcome: Outcome,
    pub(crate) unanswered: u8,
    pub(crate) in_batch: bool,
}

/// Stands for a node or client that is not known.
const UNKNOWN: u16 = u16::MAX;

impl Put {
    /// A put that is sent now. Until more is said of it, it has no answer.
    ///
    /// `sent` is when the attempt began that was answered in the end, or the first one if none was.
    pub fn new(value: Value, key: Key, sent: At) -> Put {
        Put {
            value,
            key,
            shard: Shard(u32::MAX),
            sequence: Sequence::NONE,
            sent,
            answered_us: u64::MAX,
            node: UNKNOWN,
            client: UNKNOWN,
            outcome: Outcome::Unknown,
            unanswered: 1,
            in_batch: false,
        }
    }

    /// It was acknowledged.
    #[must_use]
    pub fn acknowledged(mut self, shard: Shard, sequence: Sequence, answered_us: u64) -> Put {
        self.outcome = Outcome::Acknowledged;
        (self.shard, self.sequence, self.answered_us) = (shard, sequence, answered_us);
        self.unanswered = 0;
        self
    }

    /// It was refused: it certainly did not happen.
    #[must_use]
    pub fn refused(mut self, answered_us: u64) -> Put {
        self.outcome = Outcome::Refused;
        self.answered_us = answered_us;
        self.unanswered = 0;
        self
    }

    /// So many of its attempts had no answer: each may have written a copy. 255 stands for more.
    #[must_use]
    pub fn unanswered(mut self, attempts: u32) -> Put {
        self.unanswered = u8::try_from(attempts).unwrap_or(u8::MAX);
        self
    }

    /// Who put it.
    #[must_use]
    pub fn by(mut self, client: Client) -> Put {
        self.client = u16::try_from(client.0).unwrap_or(UNKNOWN);
        self
    }

    /// The node that was asked.
    #[must_use]
    pub fn through(mut self, node: Node) -> Put {
        self.node = u16::try_from(node.0).unwrap_or(UNKNOWN);
        self
    }

    /// It was one of several records of a PutRecords.
    #[must_use]
    pub fn in_batch(mut self) -> Put {
        self.in_batch = true;
        self
    }

    /// Its value.
    pub fn value(&self) -> Value {
        self.value
    }

    /// What became of it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// When it was sent.
    pub fn sent(&self) -> At {
        self.sent
    }

    /// When its answer came, if one did.
    pub fn answered_us(&self) -> Option<u64> {
        (self.answered_us != u64::MAX).then_some(self.answered_us)
    }

    /// Where it was said to lie, if it was acknowledged.
    pub fn place(&self) -> Option<(Shard, Sequence)> {
        self.is_acknowledged()
            .then_some((self.shard, self.sequence))
    }

    /// The node that was asked, if it is known.
    pub fn node(&self) -> Option<Node> {
        (self.node != UNKNOWN).then_some(Node(u32::from(self.node)))
    }

    /// Who put it, if it is known.
    pub fn client(&self) -> Option<Client> {
        (self.client != UNKNOWN).then_some(Client(u32::from(self.client)))
    }

    /// Whether it was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.outcome == Outcome::Acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_fit_in_720_megabytes() {
        assert!(size_of::<Put>() <= 72, "{}", size_of::<Put>());
    }
}
