//! Addresses for the nodes of a local cluster: near the front door's port when they are free.

use std::collections::BTreeSet;
use std::net::TcpListener;

/// Above this, the kernel gives ports to outgoing connections and would take ours while we are
/// down.
const EPHEMERAL_FIRST: u16 = 32_768;
const SEARCH_FIRST: u16 = 10_000;
/// Random tries before giving up.
const TRIES_MAX: u32 = 2000;

/// Whether this machine lets us listen at the loopback port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// `count` free loopback ports: the ones right after `near` where possible, else random ones below
/// the range of outgoing connections. `None` when there are not so many.
pub fn choose(near: Option<u16>, count: usize, random: impl Fn() -> u64) -> Option<Vec<u16>> {
    choose_among(near, count, random, is_free)
}

fn choose_among(
    near: Option<u16>,
    count: usize,
    random: impl Fn() -> u64,
    is_free: impl Fn(u16) -> bool,
) -> Option<Vec<u16>> {
    if let Some(first) = near.and_then(|port| port.checked_add(1)) {
        let neighbours: Vec<u16> = (first..EPHEMERAL_FIRST).take(count).collect();
        if neighbours.len() == count && neighbours.iter().all(|port| is_free(*port)) {
            return Some(neighbours);
        }
    }
    let mut chosen = Vec::new();
    let mut tried = BTreeSet::new();
    for _try in 0..TRIES_MAX {
        if chosen.len() == count {
            break;
        }
        let offset = random() % u64::from(EPHEMERAL_FIRST - SEARCH_FIRST);
        let port = SEARCH_FIRST + u16::try_from(offset).unwrap_or(0);
        if Some(port) != near && tried.insert(port) && is_free(port) {
            chosen.push(port);
        }
    }
    (chosen.len() == count).then_some(chosen)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn neighbours_are_taken_when_all_are_free() {
        let ports = choose_among(Some(4567), 6, || 0, |_| true);
        assert_eq!(ports, Some(vec![4568, 4569, 4570, 4571, 4572, 4573]));
    }

    #[test]
    fn otherwise_any_free_ones_below_the_outgoing_range() {
        let next = Cell::new(0);
        let random = || {
            next.set(next.get() + 7919);
            next.get()
        };
        let ports = choose_among(Some(4567), 6, random, |port| port != 4570).expect("free ports");
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 6);
        assert!(
            ports
                .iter()
                .all(|port| (SEARCH_FIRST..EPHEMERAL_FIRST).contains(port))
        );
        assert_eq!(choose_among(None, 1, || 5, |_| false), None);
        assert!(choose_among(Some(65_535), 2, || next.replace(next.get() + 1), |_| true).is_some());
    }
}
