//! `ana bench`: how fast a cluster takes records, gives them back and pushes them.
//!
//! Must stay true:
//! - what is measured goes through the public API alone, signed, so that any server of that API can be measured; what
//!   only our nodes can tell is null elsewhere, never an error;
//! - what this program does at its own leisure (encoding, signing, making the stream) is done before the clock starts.

mod cpu;
mod fanout;
mod figures;
mod fill;
mod full_speed;
mod get;
mod load;
mod measure;
mod mixed;
mod open_loop;
mod progress;
mod put;
mod reader;
mod readers;
mod requests;
mod stream;

use ana_gateway::Signer;
use ana_types::Region;
use clap::Subcommand;

use self::fanout::BenchFanout;
use self::get::BenchGet;
use self::mixed::BenchMixed;
use self::put::BenchPut;
use super::Context;
use crate::error::{CliError, Exit};
use crate::open_files;

/// Measure how fast the cluster takes, gives back and pushes records, through the public protocol.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Write records, as fast as they are acknowledged or at a given rate.
    Put(BenchPut),
    /// Read a stream from its oldest record to its tip with GetRecords, as fast as it is answered.
    Get(BenchGet),
    /// Write at a given rate, first alone, then while the stream is read from its beginning.
    Mixed(BenchMixed),
    /// Measure the time from put to push over enhanced fan-out, at a given rate.
    Fanout(BenchFanout),
}

impl Bench {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        // A connection for each request under way: with 1,024 of them the usual limit is too low. What holds from then
        // on is seen when a connection cannot be opened.
        open_files::raise();
        let context = signing(context);
        match self {
            Bench::Put(put) => Box::pin(put.run(&context)).await,
            Bench::Get(get) => Box::pin(get.run(&context)).await,
            Bench::Mixed(mixed) => Box::pin(mixed.run(&context)).await,
            Bench::Fanout(fanout) => Box::pin(fanout.run(&context)).await,
        }
    }
}

/// The same context, with something to sign with: servers of other makes want a signature, of whomever.
fn signing(context: &Context) -> Context {
    const ANYBODY: &str = "test";
    let signer = || {
        let region = context.environment.aws_region.clone();
        let region = region.unwrap_or_else(|| Region::default().to_string());
        Signer::new(ANYBODY, ANYBODY, None, &region)
    };
    let mut signing = context.clone();
    signing.access = signing.access.signing_at_least_with(signer);
    signing
}

#[cfg(test)]
mod bench_test;
