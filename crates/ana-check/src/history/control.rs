//! Operations on streams, shards and consumers, and whether such things exist.

use super::Client;

/// What was asked of one stream. Shards are named by their number in the stream, 0 for `shardId-000000000000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlCall {
    /// CreateStream with so many shards.
    Create {
        /// How many.
        shards: u32,
    },
    /// DeleteStream.
    Delete,
    /// SplitShard.
    Split {
        /// Which.
        shard: u32,
    },
    /// MergeShards.
    Merge {
        /// One.
        shard: u32,
        /// The other.
        adjacent: u32,
    },
    /// ListShards, or DescribeStream without a status: which shards are open.
    List,
    /// RegisterStreamConsumer.
    Register {
        /// Its name.
        consumer: String,
    },
    /// DeregisterStreamConsumer.
    Deregister {
        /// Its name.
        consumer: String,
    },
    /// DescribeStreamConsumer.
    DescribeConsumer {
        /// Its name.
        consumer: String,
    },
}

/// How it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlAnswer {
    /// Done or accepted; of DescribeConsumer: it is there.
    Ok,
    /// ListShards: these are open, in any order.
    Open(Vec<u32>),
    /// ResourceNotFoundException.
    NotFound,
    /// ResourceInUseException.
    InUse,
    /// Refused for a reason the model knows nothing of (limits, throttling): nothing happened.
    Refused,
    /// No answer: it may have happened, then or later.
    Unknown,
}

/// When something was asked and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// When it was asked.
    pub asked_us: u64,
    /// When it was answered; of an unknown answer: not looked at.
    pub answered_us: u64,
}

/// One operation of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The stream.
    pub stream: String,
    /// Who asked.
    pub client: Client,
    /// What.
    pub call: ControlCall,
    /// The answer.
    pub answer: ControlAnswer,
    /// When.
    pub when: Asked,
}

/// A thing that is made and deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A stream.
    Stream(String),
    /// A registered consumer of a stream.
    Consumer {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
    },
}

/// What was seen of whether something exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existence {
    /// It was asked to be made (again), whatever came of it. Without an answer (`answered_us` is `u64::MAX`) it may come
    /// about at any time after.
    Made(Subject, Asked),
    /// Its deletion was acknowledged, and it was seen to be gone.
    Gone(Subject, Asked),
    /// It was seen to be there.
    There(Subject, Asked),
}
