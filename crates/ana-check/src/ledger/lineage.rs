//! Which deliveries follow each other: those whose iterator the one before handed out, or the events of one session; and
//! which lineage goes on where another ended.
//!
//! Nodes know a polling reader by its credentials alone, and many may use the same. So a lineage takes the place of one
//! that was not used any more when it began: of several the one that ended just where it begins, then one on the same
//! connection, then the one used last. If all others go on being used, it is another reader beside them.
//!
//! Must stay true: two lineages that were used at the same time are never one reader.

use std::collections::BTreeMap;

use super::{Delivery, StreamLedger, Way};

/// Deliveries that follow each other, in the order in which they were answered.
#[derive(Debug)]
pub(super) struct Lineage<'l> {
    pub(super) deliveries: Vec<&'l Delivery>,
}

/// All lineages that one reader had in one shard, in order.
#[derive(Debug)]
pub(super) struct Reader<'l> {
    pub(super) name: &'l str,
    pub(super) shard: &'l str,
    /// Readers of one name and shard are told apart by a number.
    pub(super) number: usize,
    pub(super) lineages: Vec<Lineage<'l>>,
}

impl<'l> Lineage<'l> {
    fn first(&self) -> Option<&'l Delivery> {
        self.deliveries.first().copied()
    }

    /// When its last delivery was asked for.
    fn used_us(&self) -> u64 {
        let asked = self.deliveries.iter().map(|each| each.asked_us);
        asked.max().unwrap_or(0)
    }

    fn reached(&self) -> u64 {
        let next = self.deliveries.iter().map(|each| each.next);
        next.max().unwrap_or(0)
    }

    fn is_on(&self, connection: &str) -> bool {
        let last = self.deliveries.last().map(|each| &each.way);
        matches!(last, Some(Way::Polled { connection: mine, .. }) if mine == connection)
    }
}

/// All readers of a stream, by name and shard.
pub(super) fn readers(ledger: &StreamLedger) -> Vec<Reader<'_>> {
    let mut by_place: BTreeMap<(&str, &str, bool), Vec<Lineage<'_>>> = BTreeMap::new();
    for lineage in lineages(ledger) {
        let Some(first) = lineage.first() else {
            continue;
        };
        let is_pushed = matches!(first.way, Way::Pushed { .. });
        let place = (first.reader.as_str(), first.shard.as_str(), is_pushed);
        by_place.entry(place).or_default().push(lineage);
    }
    let mut readers = Vec::new();
    for ((name, shard, is_pushed), lineages) in by_place {
        readers.extend(joined((name, shard), lineages, is_pushed));
    }
    readers
}

fn lineages(ledger: &StreamLedger) -> Vec<Lineage<'_>> {
    let mut sorted: Vec<&Delivery> = ledger.deliveries.iter().collect();
    sorted.sort_by_key(|each| (each.answered_us, each.asked_us));
    let mut lineages: Vec<Lineage<'_>> = Vec::new();
    let mut of_iterator: BTreeMap<u64, usize> = BTreeMap::new();
    let mut of_session: BTreeMap<u64, usize> = BTreeMap::new();
    for delivery in sorted {
        let known = match &delivery.way {
            Way::Polled { iterator, .. } => of_iterator.get(iterator).copied(),
            Way::Pushed { session } => of_session.get(session).copied(),
        };
        let number = known.unwrap_or(lineages.len());
        match lineages.get_mut(number) {
            Some(lineage) => lineage.deliveries.push(delivery),
            None => lineages.push(Lineage {
                deliveries: vec![delivery],
            }),
        }
        match &delivery.way {
            Way::Polled {
                iterator,
                next_iterator,
                ..
            } => {
                of_iterator.insert(*iterator, number);
                of_iterator.extend(next_iterator.map(|next| (next, number)));
            }
            Way::Pushed { session } => {
                of_session.insert(*session, number);
            }
        }
    }
    lineages.sort_by_key(|lineage| lineage.first().map(|first| first.asked_us));
    lineages
}

/// Gives each lineage, in the order in which they began, to a reader that is free.
fn joined<'l>(
    (name, shard): (&'l str, &'l str),
    lineages: Vec<Lineage<'l>>,
    is_pushed: bool,
) -> Vec<Reader<'l>> {
    let mut readers: Vec<Reader<'l>> = Vec::new();
    for lineage in lineages {
        let Some(first) = lineage.first() else {
            continue;
        };
        let connection = match &first.way {
            Way::Polled { connection, .. } => connection.as_str(),
            Way::Pushed { .. } => "",
        };
        let free = readers.iter_mut().filter_map(|reader| {
            let last = reader.lineages.last()?;
            // A registered consumer has one session in a shard: the later one took it over.
            let is_free = is_pushed || last.used_us() < first.asked_us;
            let rank = (
                last.reached() == first.from,
                last.is_on(connection),
                last.used_us(),
            );
            is_free.then_some((rank, reader))
        });
        match free.max_by_key(|(rank, _)| *rank) {
            Some((_, reader)) => reader.lineages.push(lineage),
            None => readers.push(Reader {
                name,
                shard,
                number: readers.len(),
                lineages: vec![lineage],
            }),
        }
    }
    readers
}
