//! A15: at all times open shards cover 0..=2^128-1 without gap or overlap; a parent is closed once its children are
//! listed, and stays closed; no put to a closed shard is acknowledged; a child's records come after its parents'; the
//! end of a shard comes once, after all its records, and only of a shard that is closed.
//!
//! Source: AWS's words for resharding; the lineage that KCL relies on for order per key.

use std::collections::BTreeMap;

use crate::history::{Listing, Put, Shard, Start};
use crate::index::Index;
use crate::verdict::{Finding, Judgement, Moment};
use crate::work::Work;

pub(super) fn judge(index: &Index<'_>, judgement: &mut Judgement, work: &mut Work) {
    let mut listings: Vec<&Listing> = index.history.listings.iter().collect();
    work.sort(&mut listings, |a, b| a.asked.us.cmp(&b.asked.us));
    for listing in &listings {
        work.step(listing.shards.len());
        judgement.looked(1);
        tiles(index, judgement, listing, work);
        parents_are_closed(index, judgement, listing);
    }
    let closed = closed_since(&listings);
    stays_closed(index, judgement, &listings, &closed);
    closed_takes_no_puts(index, judgement, &closed, work);
    children_come_after(index, judgement, &listings, work);
    ends(index, judgement, &listings);
}

fn plain(what: String) -> Finding {
    Finding {
        what,
        records: Vec::new(),
    }
}

fn tiles(index: &Index<'_>, judgement: &mut Judgement, listing: &Listing, work: &mut Work) {
    let open = listing.shards.iter().filter(|shard| shard.is_open);
    let mut open: Vec<_> = open
        .map(|shard| (shard.range.start.0, shard.range.end.0))
        .collect();
    work.sort(&mut open, Ord::cmp);
    let are_joined = open
        .windows(2)
        .all(|pair| pair[0].1.checked_add(1) == Some(pair[1].0));
    let is_whole = open.first().is_some_and(|first| first.0 == 0)
        && open.last().is_some_and(|last| last.1 == u128::MAX);
    if !are_joined || !is_whole {
        judgement.found(|| {
            let told = |shard: &crate::history::ShardSeen| {
                let state = if shard.is_open { "open" } else { "closed" };
                let (start, end) = (shard.range.start, shard.range.end);
                format!(
                    "{} {state} {start}..={end}",
                    index.history.shard_name(shard.shard)
                )
            };
            let shards: Vec<String> = listing.shards.iter().map(told).collect();
            let at = Moment(listing.asked.us);
            plain(format!(
                "open shards do not cover the keys at {at}: {}",
                shards.join(", ")
            ))
        });
    }
}

fn parents_are_closed(index: &Index<'_>, judgement: &mut Judgement, listing: &Listing) {
    let open: BTreeMap<Shard, bool> = listing
        .shards
        .iter()
        .map(|shard| (shard.shard, shard.is_open))
        .collect();
    for shard in &listing.shards {
        let open_parents = shard
            .parents
            .iter()
            .filter(|it| open.get(it) == Some(&true));
        for parent in open_parents {
            judgement.found(|| {
                plain(format!(
                    "{} is open at {} and has the child {}",
                    index.history.shard_name(*parent),
                    Moment(listing.asked.us),
                    index.history.shard_name(shard.shard)
                ))
            });
        }
    }
}

/// When each shard was first known to be closed.
fn closed_since(listings: &[&Listing]) -> BTreeMap<Shard, u64> {
    let mut closed: BTreeMap<Shard, u64> = BTreeMap::new();
    for listing in listings {
        for shard in listing.shards.iter().filter(|shard| !shard.is_open) {
            let since = closed.entry(shard.shard).or_insert(u64::MAX);
            *since = listing.answered_us.min(*since);
        }
    }
    closed
}

fn stays_closed(
    index: &Index<'_>,
    judgement: &mut Judgement,
    listings: &[&Listing],
    closed: &BTreeMap<Shard, u64>,
) {
    let lag_us = index.history.rules.metadata_lag_ms * 1000;
    for listing in listings {
        for shard in listing.shards.iter().filter(|shard| shard.is_open) {
            let Some(since) = closed.get(&shard.shard) else {
                continue;
            };
            if listing.asked.us > since.saturating_add(lag_us) {
                judgement.found(|| {
                    plain(format!(
                        "{} was closed at {} and is open at {}",
                        index.history.shard_name(shard.shard),
                        Moment(*since),
                        Moment(listing.asked.us)
                    ))
                });
            }
        }
    }
}

fn closed_takes_no_puts(
    index: &Index<'_>,
    judgement: &mut Judgement,
    closed: &BTreeMap<Shard, u64>,
    work: &mut Work,
) {
    for (put, _) in index.acknowledged() {
        work.step(1);
        let Some(since) = closed.get(&put.shard) else {
            continue;
        };
        judgement.looked(1);
        if put.sent.us > *since {
            judgement.found(|| Finding {
                what: format!(
                    "acknowledged by a shard that was closed at {}",
                    Moment(*since)
                ),
                records: vec![index.tell_put(put)],
            });
        }
    }
}

/// The last and the first of what one shard acknowledged, by number and by time.
struct Span<'h> {
    least: &'h Put,
    greatest: &'h Put,
    first_answered: &'h Put,
    last_sent: &'h Put,
}

fn span<'h>(index: &Index<'h>, shard: Shard, work: &mut Work) -> Option<Span<'h>> {
    let puts = || index.acknowledged_in(shard).map(|(put, _)| put);
    work.step(puts().count());
    Some(Span {
        least: puts().next()?,
        greatest: puts().next_back()?,
        first_answered: puts().min_by_key(|put| put.answered_us)?,
        last_sent: puts().max_by_key(|put| put.sent.us)?,
    })
}

fn children_come_after(
    index: &Index<'_>,
    judgement: &mut Judgement,
    listings: &[&Listing],
    work: &mut Work,
) {
    let mut parents: BTreeMap<Shard, Vec<Shard>> = BTreeMap::new();
    for shard in listings.iter().flat_map(|listing| &listing.shards) {
        let of_child = parents.entry(shard.shard).or_default();
        for parent in &shard.parents {
            if !of_child.contains(parent) {
                of_child.push(*parent);
            }
        }
    }
    for (child, parents) in parents {
        let of_child = if parents.is_empty() {
            None
        } else {
            span(index, child, work)
        };
        for (parent, child) in parents.iter().zip(std::iter::repeat(of_child.as_ref())) {
            let (Some(parent), Some(child)) = (span(index, *parent, work), child) else {
                continue;
            };
            judgement.looked(1);
            let told = |what: &str, one, other| Finding {
                what: what.to_owned(),
                records: vec![index.tell_put(one), index.tell_put(other)],
            };
            if parent.greatest.sequence >= child.least.sequence {
                let what = "a parent's number is not below its child's";
                judgement.found(|| told(what, parent.greatest, child.least));
            }
            if parent.last_sent.sent.us > child.first_answered.answered_us {
                let what = "sent after a child had acknowledged, and acknowledged by its parent";
                judgement.found(|| told(what, parent.last_sent, child.first_answered));
            }
        }
    }
}

fn ends(index: &Index<'_>, judgement: &mut Judgement, listings: &[&Listing]) {
    let lag_us = index.history.rules.metadata_lag_ms * 1000;
    for (number, chain) in index.history.chains.iter().enumerate() {
        let Some(end) = chain.batches.iter().position(|(_, batch)| batch.is_end) else {
            continue;
        };
        judgement.looked(1);
        let told = |what: &str| plain(format!("{}: {what}", index.tell_chain(number)));
        if end + 1 < chain.batches.len() {
            judgement.found(|| told("went on after the end of its shard"));
        }
        let log = index.log(chain.shard).and_then(|log| log.seen.last());
        let rest = log.filter(|last| match chain.seen.last() {
            Some(seen) => seen.place() < last.place(),
            None => chain.start == Start::TrimHorizon,
        });
        if let Some(last) = rest {
            judgement.found(|| Finding {
                records: vec![index.tell_seen(chain.shard, last)],
                ..told("came to the end of its shard before this")
            });
        }
        let ended_us = chain.batches[end].1.answered_us.saturating_add(lag_us);
        let is_open_later = listings
            .iter()
            .rev()
            .take_while(|it| it.asked.us > ended_us)
            .any(|it| {
                it.shards
                    .iter()
                    .any(|shard| shard.shard == chain.shard && shard.is_open)
            });
        if is_open_later {
            judgement.found(|| told("came to the end of a shard that is open"));
        }
    }
}
