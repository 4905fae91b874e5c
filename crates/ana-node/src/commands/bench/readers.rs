//! All readers of a stream: as many for each shard as wanted, and what they have read together.
//!
//! Must stay true: a reader that breaks off breaks the whole measurement off.

use std::sync::Arc;

use ana_env::runtime;
use futures::future::try_join_all;

use super::fill::Filled;
use super::load::broken_off;
use super::reader::{Passes, Plan, Read, ReadMeter, Reader};
use crate::client::error::ClientError;
use crate::commands::Context;
use crate::error::CliError;

/// How it is read: the same for all commands that read.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReadArgs {
    /// Records of an answer at most.
    #[arg(long, default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) limit: u32,
    /// Readers of each shard, each of which reads all of it.
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64), value_name = "N")]
    pub(super) readers_per_shard: u32,
}

/// Readers at work.
#[derive(Debug)]
pub(super) struct Readers {
    /// Round by round: the first reader of every shard, then the second of every shard.
    tasks: Vec<runtime::JoinHandle<Result<Read, ClientError>>>,
    shards: usize,
}

/// What all readers have read.
#[derive(Debug, Default)]
pub(super) struct AllRead {
    /// Together; the passes are those of nobody.
    pub(super) total: Read,
    /// Passes of each reader: one list for each round, in it one for each shard.
    pub(super) rounds: Vec<Vec<Passes>>,
}

impl Readers {
    /// Starts them.
    pub(super) fn start(
        context: &Context,
        plan: &Plan,
        shards: &[String],
        readers_per_shard: u32,
        meter: &Arc<ReadMeter>,
    ) -> Readers {
        let rounds = (0..readers_per_shard).flat_map(|_| shards);
        let readers = rounds.map(|shard| Reader::new(context, plan, shard, meter));
        Readers {
            tasks: readers.map(|it| runtime::spawn(it.run())).collect(),
            shards: shards.len(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until all have ended by themselves.
    pub(super) async fn join(self, context: &Context) -> Result<AllRead, CliError> {
        let ended = self.tasks.into_iter().map(async |task| {
            let read = task.await.map_err(broken_off)?;
            read.map_err(|error| context.explain(error))
        });
        let mut all = AllRead::default();
        for round in try_join_all(ended).await?.chunks(self.shards.max(1)) {
            all.rounds
                .push(round.iter().map(|read| read.passes).collect());
            for read in round {
                all.total.add(read);
            }
        }
        Ok(all)
    }
}

impl Read {
    fn add(&mut self, other: &Read) {
        self.records += other.records;
        self.payload_bytes += other.payload_bytes;
        self.failed_requests += other.failed_requests;
        self.latency.merge(&other.latency);
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }
}

impl AllRead {
    /// How often the whole stream was read: what every reader has done at least.
    pub(super) fn passes(&self) -> u64 {
        let all = self.rounds.iter().flatten();
        all.map(|passes| passes.count).min().unwrap_or(0)
    }

    /// The fewest records of a fill that one complete pass over all shards has shown.
    pub(super) fn filled_read(&self) -> u64 {
        let sums = self.rounds.iter().map(|it| sum(it, |one| one.fewest));
        sums.min().unwrap_or(0)
    }

    /// Compares what was read with what was written before.
    ///
    /// # Errors
    /// A sentence: what is missing, or too much.
    pub(super) fn check(&self, filled: &Filled) -> Result<(), String> {
        let written = filled.records;
        if self.passes() == 0 {
            return Err("the time was over before every reader was at the tip".to_owned());
        }
        let fewest = self.filled_read();
        if fewest < written {
            return Err(format!("{fewest} of {written} written records were read"));
        }
        let most = self.rounds.iter().map(|it| sum(it, |one| one.most)).max();
        match most {
            Some(most) if most > written + filled.unsure => Err(format!(
                "{most} records were read of {written} that were written"
            )),
            _ => Ok(()),
        }
    }
}

fn sum(round: &[Passes], of: impl Fn(&Passes) -> u64) -> u64 {
    round.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_must_show_what_was_written() {
        let passes = |count, fewest, most| Passes {
            count,
            fewest,
            most,
        };
        let filled = |unsure| Filled {
            key_begins: "k".into(),
            records: 10,
            unsure,
        };
        let good = vec![passes(1, 4, 4), passes(3, 6, 6)];
        for (rounds, unsure, expected) in [
            (vec![good.clone()], 0, true),
            (vec![good.clone(), good.clone()], 0, true),
            (vec![], 0, false),
            // One reader has not come to the tip.
            (vec![vec![passes(0, 0, 0), passes(1, 10, 10)]], 0, false),
            // One round, or one pass, shows less.
            (vec![good, vec![passes(1, 4, 4), passes(1, 5, 5)]], 0, false),
            (vec![vec![passes(2, 3, 4), passes(2, 6, 6)]], 0, false),
            // More than was written: only after attempts without an answer.
            (vec![vec![passes(1, 5, 5), passes(1, 6, 6)]], 0, false),
            (vec![vec![passes(1, 5, 5), passes(1, 6, 6)]], 1, true),
        ] {
            let all = AllRead {
                rounds,
                ..AllRead::default()
            };
            let checked = all.check(&filled(unsure));
            assert_eq!(checked.is_ok(), expected, "{all:?} {checked:?}");
        }
    }
}
