//! The kinds of faults by name, and where each takes place.

use ana_wire::Operation;

/// The kinds of faults, by the names that operators use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Puts and gets are answered with ProvisionedThroughputExceededException.
    #[value(name = "api.throttle")]
    ApiThrottle,
    /// Requests are answered with an error of your choice.
    #[value(name = "api.error")]
    ApiError,
    /// Requests are held up before they are carried out.
    #[value(name = "api.latency")]
    ApiLatency,
    /// GetRecords is answered with ExpiredIteratorException.
    #[value(name = "api.expired_iterator")]
    ApiExpiredIterator,
    /// Entries of PutRecords are refused one by one, and not written.
    #[value(name = "api.partial_put")]
    ApiPartialPut,
    /// Sessions of SubscribeToShard end before their time.
    #[value(name = "api.drop_subscription")]
    ApiDropSubscription,
    /// Writes, syncs or reads of the disk take longer.
    #[value(name = "disk.slow")]
    DiskSlow,
    /// The disk has no room: what would make a file longer fails.
    #[value(name = "disk.full")]
    DiskFull,
    /// Syncs of the disk fail; the node ends, as with a broken disk.
    #[value(name = "disk.fsync_error")]
    DiskFsyncError,
    /// The time of day jumps.
    #[value(name = "clock.jump")]
    ClockJump,
    /// The time of day runs too fast or too slowly.
    #[value(name = "clock.drift")]
    ClockDrift,
    /// Bytes to, from, or to and from another node are held back.
    #[value(name = "link.cut")]
    LinkCut,
    /// Bytes to, from, or to and from another node are late.
    #[value(name = "link.delay")]
    LinkDelay,
    /// Bytes to, from, or to and from another node are lost now and then, and sent again.
    #[value(name = "link.loss")]
    LinkLoss,
    /// Few bytes a second pass to, from, or to and from another node.
    #[value(name = "link.thin")]
    LinkThin,
    /// Connections between two nodes break, once or again and again.
    #[value(name = "link.reset")]
    LinkReset,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Kind; 16] = [
        Kind::ApiThrottle,
        Kind::ApiError,
        Kind::ApiLatency,
        Kind::ApiExpiredIterator,
        Kind::ApiPartialPut,
        Kind::ApiDropSubscription,
        Kind::DiskSlow,
        Kind::DiskFull,
        Kind::DiskFsyncError,
        Kind::ClockJump,
        Kind::ClockDrift,
        Kind::LinkCut,
        Kind::LinkDelay,
        Kind::LinkLoss,
        Kind::LinkThin,
        Kind::LinkReset,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ApiThrottle => "api.throttle",
            Kind::ApiError => "api.error",
            Kind::ApiLatency => "api.latency",
            Kind::ApiExpiredIterator => "api.expired_iterator",
            Kind::ApiPartialPut => "api.partial_put",
            Kind::ApiDropSubscription => "api.drop_subscription",
            Kind::DiskSlow => "disk.slow",
            Kind::DiskFull => "disk.full",
            Kind::DiskFsyncError => "disk.fsync_error",
            Kind::ClockJump => "clock.jump",
            Kind::ClockDrift => "clock.drift",
            Kind::LinkCut => "link.cut",
            Kind::LinkDelay => "link.delay",
            Kind::LinkLoss => "link.loss",
            Kind::LinkThin => "link.thin",
            Kind::LinkReset => "link.reset",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where faults of the kind take place.
    pub fn family(self) -> Family {
        match self {
            Kind::ApiThrottle
            | Kind::ApiError
            | Kind::ApiLatency
            | Kind::ApiExpiredIterator
            | Kind::ApiPartialPut
            | Kind::ApiDropSubscription => Family::Api,
            Kind::DiskSlow
            | Kind::DiskFull
            | Kind::DiskFsyncError
            | Kind::ClockJump
            | Kind::ClockDrift => Family::Machine,
            Kind::LinkCut | Kind::LinkDelay | Kind::LinkLoss | Kind::LinkThin | Kind::LinkReset => {
                Family::Link
            }
        }
    }

    /// The only operations that the kind can reach; none when it can reach all.
    pub fn operations(self) -> Option<&'static [Operation]> {
        match self {
            Kind::ApiThrottle => Some(&THROTTLED),
            Kind::ApiExpiredIterator => Some(&[Operation::GetRecords]),
            Kind::ApiPartialPut => Some(&[Operation::PutRecords]),
            Kind::ApiDropSubscription => Some(&[Operation::SubscribeToShard]),
            _ => None,
        }
    }
}

/// What AWS's own fault injection throttles.
const THROTTLED: [Operation; 4] = [
    Operation::GetRecords,
    Operation::GetShardIterator,
    Operation::PutRecord,
    Operation::PutRecords,
];

/// Where a fault takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// At the door for clients, of every node that is to show it.
    Api,
    /// In one machine: its disk, its clock.
    Machine,
    /// Between two machines.
    Link,
}
