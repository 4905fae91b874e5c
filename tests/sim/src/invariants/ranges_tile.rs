//! In every listing, at any moment, the open shards cover 0..=2^128-1 without gap or overlap, and a parent that is
//! listed is closed once its children are.

use crate::oracle::{Oracle, ShardSeen};

pub(super) fn check(oracle: &Oracle) -> Result<(), String> {
    oracle
        .listings
        .iter()
        .chain([&oracle.shards])
        .filter(|listing| !listing.is_empty())
        .try_for_each(|listing| tiles(listing))
}

fn tiles(listing: &[ShardSeen]) -> Result<(), String> {
    let mut open: Vec<_> = listing
        .iter()
        .filter(|shard| shard.open)
        .map(|shard| (shard.start, shard.end))
        .collect();
    open.sort_unstable();
    let joined = open
        .windows(2)
        .all(|pair| pair[0].1.checked_add(1) == Some(pair[1].0));
    let whole = open.first().is_some_and(|first| first.0 == 0)
        && open.last().is_some_and(|last| last.1 == u128::MAX);
    if !joined || !whole {
        return Err(format!("open shards do not tile: {listing:?}"));
    }
    for shard in listing {
        for parent in &shard.parents {
            if listing
                .iter()
                .any(|other| other.id == *parent && other.open)
            {
                return Err(format!("{parent} is open and has the child {}", shard.id));
            }
        }
    }
    Ok(())
}
