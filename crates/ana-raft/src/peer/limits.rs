//! Every bound of the transport, with the reason for the number.

use std::time::Duration;

/// Most bytes of a snapshot: it holds the small machine of a group, never records.
pub const SNAPSHOT_BYTES_MAX: usize = 32 << 20;
/// Most bytes of the body of a call or of its answer; the largest read is 10 MiB of records.
pub const CALL_BODY_BYTES_MAX: usize = 32 << 20;
/// A question up to here goes over the stream of small calls, where it can delay others.
pub(crate) const SMALL_CALL_BYTES: usize = 64 << 10;
/// Most bytes of one message, envelope included.
pub const FRAME_BYTES_MAX: usize = 33 << 20;

const _: () =
    assert!(SNAPSHOT_BYTES_MAX < FRAME_BYTES_MAX && CALL_BODY_BYTES_MAX < FRAME_BYTES_MAX);

/// HTTP/2 window of a stream and of a connection: one round trip of 10 ms still carries 800 MB/s.
pub(crate) const WINDOW_BYTES: u32 = 8 << 20;
/// HTTP/2 frames larger than the default 16 KiB, for fewer wakeups per append.
pub(crate) const HTTP2_FRAME_BYTES: u32 = 256 << 10;
/// Bytes of one stream that HTTP/2 buffers on the way out.
pub(crate) const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Appends of one group to one peer that wait for their answer. The receiver's openraft queues 64.
pub const APPENDS_IN_FLIGHT_MAX: usize = 32;
/// Bytes of those appends; one append is always let through.
pub(crate) const APPEND_BYTES_IN_FLIGHT_MAX: usize = 8 << 20;
/// What a receiver holds for one group beyond that before it ends the session: the sender broke
/// its bound. One largest append may stand on top.
pub(crate) const APPEND_BYTES_HELD_MAX: usize = APPEND_BYTES_IN_FLIGHT_MAX + FRAME_BYTES_MAX;

/// An append up to here, without records, may pass where the disk is full: the log keeps a reserve
/// for frames of 8 KiB together.
pub const SMALL_APPEND_BYTES: usize = 4 << 10;

/// Frames of all groups that wait to be written to one stream.
pub(crate) const QUEUE_FRAMES_MAX: usize = 256;
/// Bytes of those frames: at least one largest frame must fit.
pub(crate) const QUEUE_BYTES_MAX: usize = FRAME_BYTES_MAX;
/// Requests of all groups on one stream that wait for their answer.
pub(crate) const ANSWERS_WAITED_MAX: usize = 16 << 10;
/// Answers that wait to be written back to one stream.
pub(crate) const REPLIES_QUEUE_MAX: usize = 1024;
/// Requests other than pipelined appends that one stream of a receiver works on.
pub(crate) const REQUESTS_RUNNING_MAX: usize = 4096;
/// Calls to one peer, or from all peers, that are under way.
pub(crate) const CALLS_IN_FLIGHT_MAX: usize = 1024;
/// Connections a node accepts from its peers: four of each, and some that are about to go.
pub(crate) const CONNECTIONS_MAX: usize = 1024;

/// A dial, HTTP/2 and opening the stream included.
pub(crate) const DIAL_MAX: Duration = Duration::from_secs(1);
/// Shortest pause between two dials of one connection.
pub(crate) const DIAL_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause: a peer that comes back is found within half a second.
pub(crate) const DIAL_PAUSE_MAX: Duration = Duration::from_millis(500);
/// A connection that lived this long was a good one: the next pause is the shortest again.
pub(crate) const GOOD_CONNECTION: Duration = Duration::from_secs(1);

/// Waiting for the bulk stream to be open and to take a frame.
pub(crate) const BULK_SEND_MAX: Duration = Duration::from_secs(2);
/// Waiting for the oldest append's answer; it includes the follower's fsync.
pub(crate) const APPEND_ANSWER_MAX: Duration = Duration::from_secs(5);
/// Waiting for a heartbeat's or a vote's answer, opening the stream included.
pub(crate) const CONTROL_ANSWER_MAX: Duration = Duration::from_secs(1);
/// Waiting for a snapshot to be sent and installed.
pub(crate) const SNAPSHOT_ANSWER_MAX: Duration = Duration::from_secs(30);
/// A receiver answers a control request by then, whatever its replica does.
pub(crate) const REPLICA_ANSWER_MAX: Duration = Duration::from_secs(2);
/// Longest a call may be given.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(300);

/// How often a receiver drops the append sessions of groups that have left the node.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Pause after the listener failed (out of file descriptors, mostly).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Silence after which HTTP/2 pings the peer, and how long the answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Liveness {
    pub(crate) ping_after: Duration,
    pub(crate) answer_within: Duration,
}

/// Votes and heartbeats must find a new way within one election.
pub(crate) const CONTROL_LIVENESS: Liveness = Liveness {
    ping_after: Duration::from_millis(300),
    answer_within: Duration::from_secs(1),
};
/// A full pipe may delay a ping.
pub(crate) const BULK_LIVENESS: Liveness = Liveness {
    ping_after: Duration::from_millis(500),
    answer_within: Duration::from_millis(2500),
};
/// The accepting side only has to forget dead peers.
pub(crate) const SERVER_LIVENESS: Liveness = Liveness {
    ping_after: Duration::from_secs(2),
    answer_within: Duration::from_secs(8),
};

/// Pauses openraft makes after an unreachable peer, before it sends the next append.
pub(crate) fn append_pauses() -> impl Iterator<Item = Duration> + Send + 'static {
    std::iter::successors(Some(DIAL_PAUSE_MIN), |pause| {
        Some((*pause * 2).min(DIAL_PAUSE_MAX))
    })
}
