//! How many files and connections the process may hold open: all that the kernel lets it have.
//!
//! Shells and service managers start programs with a low limit (1,024 is usual) below a high one, for the sake of old
//! programs that use `select`; a server takes the high one. Must stay true: clients never get all of it, because a log
//! that cannot open its next segment ends a replica.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::NodeConfig;

/// Of four open files, so many may be connections of clients; logs, peers and checkpoints have the rest.
const CLIENTS_OF_FOUR: u64 = 3;

/// Raises the limit as far as the process may, and tells what holds from then on; `None`: there is none.
pub fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit on open files stays as it was");
    }
    getrlimit(Resource::Nofile).current
}

/// Raises the limit, and lowers the number of connections where it does not suffice.
pub fn fit(config: &mut NodeConfig) {
    let Some(limit) = raise() else { return };
    let fitting = connections_within(limit);
    if fitting < config.connections_max {
        tracing::warn!(
            limit,
            wanted = config.connections_max,
            connections_max = fitting,
            "few files may be open (ulimit -Hn): fewer clients are let in at a time"
        );
        config.connections_max = fitting;
    }
}

fn connections_within(limit: u64) -> usize {
    usize::try_from(limit / 4 * CLIENTS_OF_FOUR).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_the_highest_and_a_part_of_it_is_left() {
        let highest = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise(), highest);
        for (limit, connections) in [(1024, 768), (20_000, 15_000), (1 << 20, 786_432)] {
            assert_eq!(connections_within(limit), connections);
        }
    }
}
