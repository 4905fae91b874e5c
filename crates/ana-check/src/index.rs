//! A history in the orders the checks need, sorted once, and what became of each put.
//!
//! Must stay true: what is kept for each put or record is a few bytes; a record itself is never copied, unless a reader
//! broke its promise and its records came out of order.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::history::{At, History, Outcome, Put, Seen, Shard, Value};
use crate::sequence::Sequence;
use crate::verdict::{Moment, RecordTold};
use crate::work::Work;

mod walk;

pub(crate) use walk::{Stray, StrayKind, Walk};

/// A place in a list of puts or records.
type Place = u32;

fn place(index: usize) -> Place {
    Place::try_from(index).expect("four thousand million records do not fit in memory")
}

fn at(place: Place) -> usize {
    usize::try_from(place).expect("an index was made from a usize")
}

/// The last read of a shard, in the order of its sequence numbers, each record once.
#[derive(Debug)]
pub(crate) struct Log<'h> {
    pub(crate) shard: Shard,
    pub(crate) seen: Cow<'h, [Seen]>,
    pub(crate) is_complete: bool,
    pub(crate) began: At,
    /// What had expired by then, Unix milliseconds, may be gone.
    pub(crate) expired_by_ms: u64,
}

impl Log<'_> {
    /// Whether it can say of a sequence number that nothing is there.
    pub(crate) fn reaches(&self, sequence: Sequence) -> bool {
        let last = self.seen.last().map(Seen::sequence);
        self.is_complete || last.is_some_and(|last| sequence <= last)
    }

    /// The records with one sequence number: several if they are parts, or if the number was used twice.
    pub(crate) fn with(&self, sequence: Sequence) -> &[Seen] {
        let from = self.seen.partition_point(|seen| seen.sequence() < sequence);
        let rest = self.seen.get(from..).unwrap_or_default();
        let upto = rest.partition_point(|seen| seen.sequence() == sequence);
        rest.get(..upto).unwrap_or_default()
    }
}

/// What became of a put, as the last read shows it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    /// Places where its value lies, 255 for more.
    pub(crate) copies: u8,
    /// It lies where it was acknowledged.
    pub(crate) is_at_place: bool,
    /// It lies under the number that was acknowledged, in another shard.
    pub(crate) is_in_other_shard: bool,
}

/// A history and its orders.
#[derive(Debug)]
pub(crate) struct Index<'h> {
    pub(crate) history: &'h History,
    /// The last reads, by shard.
    pub(crate) logs: Vec<Log<'h>>,
    /// Indices of puts by value.
    puts_by_value: Vec<Place>,
    /// Indices of acknowledged puts by shard and sequence number.
    acknowledged: Vec<Place>,
    /// One for each put.
    pub(crate) fates: Vec<Fate>,
    /// Records of the last read whose value no put of the history has.
    pub(crate) orphans: Vec<(Shard, Seen)>,
    /// One for each chain.
    pub(crate) walks: Vec<Walk>,
    /// Records that readers saw and the last read does not have there.
    pub(crate) strays: Vec<Stray>,
    /// From when on records live how long: the least of all settings from then on.
    lives: Vec<(u64, u64)>,
}

impl<'h> Index<'h> {
    pub(crate) fn new(history: &'h History, work: &mut Work) -> Index<'h> {
        let mut index = Index {
            history,
            logs: logs(history, work),
            puts_by_value: (0..place(history.puts.len())).collect(),
            acknowledged: Vec::new(),
            fates: vec![Fate::default(); history.puts.len()],
            orphans: Vec::new(),
            walks: Vec::new(),
            strays: Vec::new(),
            lives: lives(history),
        };
        let put = |each: &Place| &history.puts[at(*each)];
        work.sort(&mut index.puts_by_value, |a, b| {
            put(a).value.cmp(&put(b).value)
        });
        index.decide_fates(work);
        index.acknowledged = (0..place(history.puts.len()))
            .filter(|each| put(each).is_acknowledged())
            .collect();
        work.sort(&mut index.acknowledged, |a, b| {
            let key = |each: &Place| (put(each).shard, put(each).sequence);
            key(a).cmp(&key(b))
        });
        walk::walk_all(&mut index, work);
        index
    }

    /// Joins the puts and the records of the last read on their values.
    fn decide_fates(&mut self, work: &mut Work) {
        let mut records = Vec::with_capacity(self.logs.iter().map(|log| log.seen.len()).sum());
        for (log, slot) in self.logs.iter().zip(0_u32..) {
            for (seen, index) in log.seen.iter().zip(0_u32..) {
                match seen.value() {
                    Some(value) => records.push((value, slot, index)),
                    None => self.orphans.push((log.shard, *seen)),
                }
            }
        }
        work.sort(&mut records, Ord::cmp);
        let mut puts = self.puts_by_value.iter().map(|each| at(*each)).peekable();
        for (value, slot, index) in &records {
            work.step(1);
            let log = &self.logs[at(*slot)];
            let seen = log.seen[at(*index)];
            while puts
                .next_if(|put| self.history.puts[*put].value < *value)
                .is_some()
            {}
            let Some(owner) = puts
                .peek()
                .filter(|put| self.history.puts[**put].value == *value)
            else {
                self.orphans.push((log.shard, seen));
                continue;
            };
            let (put, fate) = (&self.history.puts[*owner], &mut self.fates[*owner]);
            fate.copies = fate.copies.saturating_add(1);
            if put.is_acknowledged() && put.sequence == seen.sequence() {
                fate.is_at_place |= put.shard == log.shard;
                fate.is_in_other_shard |= put.shard != log.shard;
            }
        }
        work.step(self.fates.len());
    }

    /// Puts with their fates.
    pub(crate) fn puts(&self) -> impl Iterator<Item = (&'h Put, Fate)> {
        self.history.puts.iter().zip(self.fates.iter().copied())
    }

    /// The put of a value.
    pub(crate) fn put_of(&self, value: Value) -> Option<(&'h Put, Fate)> {
        let found = self
            .puts_by_value
            .binary_search_by(|each| self.history.puts[at(*each)].value.cmp(&value));
        let put = at(*self.puts_by_value.get(found.ok()?)?);
        Some((&self.history.puts[put], self.fates[put]))
    }

    /// All acknowledged puts with their fates, by shard and then by sequence number.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = (&'h Put, Fate)> {
        self.of_places(&self.acknowledged)
    }

    /// Acknowledged puts of one shard by sequence number.
    pub(crate) fn acknowledged_in(
        &self,
        shard: Shard,
    ) -> impl DoubleEndedIterator<Item = (&'h Put, Fate)> {
        self.of_places(&self.acknowledged[self.range_of(shard)])
    }

    /// The acknowledged puts of one shard below a sequence number, the greatest first.
    pub(crate) fn acknowledged_below(
        &self,
        shard: Shard,
        sequence: Sequence,
    ) -> impl Iterator<Item = (&'h Put, Fate)> {
        let of_shard = &self.acknowledged[self.range_of(shard)];
        let upto =
            of_shard.partition_point(|each| self.history.puts[at(*each)].sequence < sequence);
        self.of_places(&of_shard[..upto]).rev()
    }

    /// The put that was acknowledged with this sequence number in this shard.
    pub(crate) fn acknowledged_at(&self, shard: Shard, sequence: Sequence) -> Option<&'h Put> {
        let of_shard = &self.acknowledged[self.range_of(shard)];
        let found =
            of_shard.partition_point(|each| self.history.puts[at(*each)].sequence < sequence);
        let put = &self.history.puts[at(*of_shard.get(found)?)];
        (put.sequence == sequence).then_some(put)
    }

    fn of_places<'i>(
        &'i self,
        places: &'i [Place],
    ) -> impl DoubleEndedIterator<Item = (&'h Put, Fate)> + use<'i, 'h> {
        places
            .iter()
            .map(|each| (&self.history.puts[at(*each)], self.fates[at(*each)]))
    }

    fn range_of(&self, shard: Shard) -> Range<usize> {
        let of = |each: &Place| self.history.puts[at(*each)].shard;
        let from = self.acknowledged.partition_point(|each| of(each) < shard);
        let upto = self.acknowledged.partition_point(|each| of(each) <= shard);
        from..upto
    }

    /// The last read of a shard.
    pub(crate) fn log(&self, shard: Shard) -> Option<&Log<'h>> {
        let found = self.logs.binary_search_by_key(&shard, |log| log.shard);
        self.logs.get(found.ok()?)
    }

    /// Whether a record that was sent then may be gone at that time.
    pub(crate) fn may_have_expired(&self, sent: At, wall_ms: u64) -> bool {
        let slack = self.history.rules.horizon_slack_ms;
        self.over_ms(sent)
            .is_some_and(|over| over <= wall_ms.saturating_add(slack))
    }

    /// Whether a record that was sent then is past its time by every clock.
    pub(crate) fn has_expired(&self, sent: At, wall_ms: u64) -> bool {
        let slack = self.history.rules.horizon_slack_ms;
        self.over_ms(sent)
            .is_some_and(|over| over.saturating_add(slack) < wall_ms)
    }

    /// When the time of a record that was sent then is over, unix milliseconds.
    fn over_ms(&self, sent: At) -> Option<u64> {
        let after = self.lives.partition_point(|(since, _)| *since <= sent.us);
        let (_, lives_ms) = self.lives.get(after.saturating_sub(1))?;
        Some(sent.wall_ms.saturating_add(*lives_ms))
    }

    /// Whether an acknowledged put is gone although it may not be.
    pub(crate) fn is_lost(&self, put: &Put, fate: Fate) -> bool {
        put.is_acknowledged()
            && fate.copies == 0
            && self.log(put.shard).is_some_and(|log| {
                log.reaches(put.sequence) && !self.may_have_expired(put.sent, log.expired_by_ms)
            })
    }

    /// The shard that a stray was read from.
    pub(crate) fn shard_of(&self, stray: &Stray) -> Shard {
        self.history.chains[stray.chain].shard
    }

    /// Where readers saw what the last read does not have there.
    pub(crate) fn stray_places(&self) -> BTreeSet<(Shard, (Sequence, u64))> {
        let strays = self.strays.iter();
        strays
            .map(|stray| (self.shard_of(stray), stray.seen.place()))
            .collect()
    }

    /// A chain for people.
    pub(crate) fn tell_chain(&self, number: usize) -> String {
        let chain = &self.history.chains[number];
        format!(
            "{}, reading {} from {:?} since {}",
            self.history.clients.name(chain.client.0),
            self.history.shard_name(chain.shard),
            chain.start,
            Moment(chain.began.us)
        )
    }

    /// A stray for people.
    pub(crate) fn tell_stray(&self, stray: &Stray) -> RecordTold {
        self.tell_seen(self.shard_of(stray), &stray.seen)
    }

    /// A put for people.
    pub(crate) fn tell_put(&self, put: &Put) -> RecordTold {
        let place = put.place();
        RecordTold {
            value: self.history.value_text(put.value),
            key: Some(self.history.key_text(put.key).to_owned()),
            shard: place.map(|(shard, _)| self.history.shard_name(shard).to_owned()),
            sequence: place.map(|(_, sequence)| sequence.to_string()),
            outcome: Some(match put.outcome {
                Outcome::Acknowledged => "acknowledged",
                Outcome::Refused => "refused",
                Outcome::Unknown => "unknown",
            }),
            node: put
                .node()
                .map(|node| self.history.node_name(node).to_owned()),
            sent_us: Some(put.sent.us),
            answered_us: put.answered_us(),
        }
    }

    /// A record that was read, for people.
    pub(crate) fn tell_seen(&self, shard: Shard, seen: &Seen) -> RecordTold {
        let put = seen.value().and_then(|value| self.put_of(value));
        let told = put.map(|(put, _)| self.tell_put(put));
        let value = seen.value().map_or_else(
            || "nobody's record".to_owned(),
            |value| self.history.value_text(value),
        );
        let place = (
            Some(self.history.shard_name(shard).to_owned()),
            Some(seen.sequence().to_string()),
        );
        match told {
            Some(told) => RecordTold {
                shard: place.0,
                sequence: place.1,
                ..told
            },
            None => RecordTold {
                value,
                key: None,
                shard: place.0,
                sequence: place.1,
                outcome: None,
                node: None,
                sent_us: None,
                answered_us: None,
            },
        }
    }
}

fn logs<'h>(history: &'h History, work: &mut Work) -> Vec<Log<'h>> {
    let mut logs: Vec<Log<'h>> = Vec::new();
    for (shard, read) in &history.finals {
        work.step(read.seen.len());
        let is_rising = read
            .seen
            .windows(2)
            .all(|pair| pair[0].place() < pair[1].place());
        let seen = if is_rising {
            Cow::Borrowed(read.seen.as_slice())
        } else {
            let mut sorted = read.seen.clone();
            work.sort(&mut sorted, |a, b| {
                (a.place(), a.value()).cmp(&(b.place(), b.value()))
            });
            sorted.dedup_by_key(|seen| (seen.place(), seen.value()));
            Cow::Owned(sorted)
        };
        logs.push(Log {
            shard: *shard,
            seen,
            is_complete: read.is_complete,
            began: read.began,
            expired_by_ms: read.ended.unwrap_or(read.began).wall_ms,
        });
    }
    if let Some(began) = history.read_everything {
        for shard in (0..place(history.shards.len())).map(Shard) {
            if !history.finals.contains_key(&shard) {
                logs.push(Log {
                    shard,
                    seen: Cow::Borrowed(&[]),
                    is_complete: true,
                    began,
                    expired_by_ms: began.wall_ms,
                });
            }
        }
        logs.sort_by_key(|log| log.shard);
    }
    logs
}

/// Retention settings, each with the least of it and all later ones: what was set once may have trimmed.
fn lives(history: &History) -> Vec<(u64, u64)> {
    let mut lives: Vec<(u64, u64)> = history
        .retention
        .iter()
        .map(|each| (each.since_us, each.lives_ms))
        .collect();
    lives.sort_unstable();
    let mut least = u64::MAX;
    for (_, lives_ms) in lives.iter_mut().rev() {
        least = least.min(*lives_ms);
        *lives_ms = least;
    }
    lives
}
