//! `ana drill run`: runs a drill, tells what happens, prints the report.

use std::sync::Arc;

use ana_env::runtime::Tasks;
use ana_types::StreamName;
use tokio::sync::watch;

use super::files::Files;
use super::live::Live;
use super::simulate::Simulate;
use super::{cluster, exit_of, source, tell};
use crate::client::endpoint::DEFAULT;
use crate::commands::Context;
use crate::drill::rename;
use crate::drill::runner::{self, Order, Outlet, Refusal};
use crate::error::{CliError, Exit};
use crate::output;
use crate::signals::EndSignals;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Progress goes to standard error, the report to standard output. Ctrl-C ends the drill in order: every fault is
taken away, then the report is made; a second Ctrl-C does not wait for the report. The run is kept below drills/ in
the data directory of the cluster.

Exit codes: 0 everything held, 1 something did not, 2 it could not run, 3 a guard stopped it, 130 a person did.

Examples:
  ana drill run zone-loss
  ana drill run leader-kill --stream orders --seed 42
  ana drill run zone-loss --watch-mine --stream orders
  ana drill run my-drill.toml -o json > report.json
  ana drill run my-drill.toml --quiet --html drill.html --junit drill.xml
  ana drill run all-zones-power-cut --i-know
  ana drill run zone-loss --sim --seeds 100       in the seeded simulator, without a cluster
  ana drill run zone-loss --sim --junit drill.xml

With --sim each seed decides message delays, elections and what a crash leaves on a disk. At the first seed that
breaks something, steps are left out for as long as it still breaks, and those that are needed are told.")]
pub(in crate::commands) struct Run {
    /// A built-in drill, or a file: TOML, the same as JSON, or a template of AWS FIS.
    #[arg(value_name = "NAME|FILE")]
    drill: String,
    /// The seed of its picks; the file's, or a drawn one, without it.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Allow it to hurt more zones at once than two.
    #[arg(long)]
    i_know: bool,
    #[command(flatten)]
    traffic: Traffic,
    /// Tell nothing while it runs.
    #[arg(long)]
    quiet: bool,
    /// Carry faults out by the kernel's own means, on a cluster of `ana up --real`.
    #[arg(long)]
    real: bool,
    #[command(flatten)]
    simulate: Simulate,
    #[command(flatten)]
    files: Files,
}

/// What it is done to.
#[derive(Debug, clap::Args)]
struct Traffic {
    /// Work on this stream instead of the one the drill names.
    #[arg(long, value_name = "NAME")]
    stream: Option<StreamName>,
    /// Put no load on: look at what your own application does, on the stream of --stream or on all.
    #[arg(long)]
    watch_mine: bool,
}

impl Run {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if self.simulate.is_meant() {
            let simulated = self
                .simulate
                .run(context, &self.drill, self.quiet, &self.files);
            return simulated.await;
        }
        // Before anything is broken: a run of minutes is not to end without its files.
        self.files.check(context).await?;
        let source = source::read(context, &self.drill).await?;
        let name = source.import.drill.name.to_string();
        let signals = EndSignals::take_over().map_err(|error| {
            CliError::new(Exit::Usage, format!("cannot listen for Ctrl-C: {error}"))
        })?;
        let (asked, stop) = watch::channel(None);
        let listening = Tasks::new();
        listening.spawn(listen(signals, asked));
        let live = Arc::new(Live::new(self.quiet));
        let told = Arc::clone(&live);
        let outlet = Outlet {
            voice: Arc::new(move |event| told.tell(event)),
            stop,
        };
        let order = self.order(context, source);
        let cluster = cluster(context).really(self.real);
        let quiet = self.quiet;
        let mut kept = None;
        let running = runner::run(&cluster, order, outlet, |run, seed| {
            if !quiet {
                output::say(&format!("run {}, seed {seed}", run.id()));
                output::say(&format!("kept in {}", run.dir().display()));
            }
            kept = Some(run.clone());
        });
        let outcome = Box::pin(running).await;
        live.end();
        listening.shutdown().await;
        let record = match outcome {
            Ok(record) => record,
            Err(refusal) => {
                let Refusal { what, advice } = refusal;
                let written = self.files.write_refusal(context, &name, &what, &advice);
                written.await?;
                return Err(CliError::new(Exit::Usage, what)
                    .context(format!("endpoint {}", context.endpoint))
                    .advice(advice));
            }
        };
        if let Some(run) = kept {
            tell(context, &record, &run, &self.files).await?;
        }
        Ok(exit_of(record.outcome))
    }

    fn order(&self, context: &Context, source: source::Source) -> Order {
        let not_carried = source.import.not_carried.into_iter();
        let mut again = format!("ana drill run {}", source.word);
        if let Some(stream) = &self.traffic.stream {
            again.push_str(&format!(" --stream {stream}"));
        }
        let mut drill = source.import.drill;
        if self.traffic.watch_mine {
            again.push_str(" --watch-mine");
            rename::to_own_traffic(&mut drill, self.traffic.stream.as_ref());
        }
        if self.real {
            again.push_str(" --real");
        }
        if self.i_know {
            again.push_str(" --i-know");
        }
        let endpoint = context.endpoint.to_string();
        if endpoint != DEFAULT {
            again.push_str(&format!(" --endpoint {endpoint}"));
        }
        Order {
            drill,
            notes: not_carried
                .map(|note| format!("not carried over: {note}"))
                .collect(),
            seed: self.seed,
            i_know: self.i_know,
            stream: self.traffic.stream.clone(),
            again,
            data_dir: context.environment.data_dir(),
        }
    }
}

/// Hands each signal on.
async fn listen(mut signals: EndSignals, asked: watch::Sender<Option<String>>) {
    while !asked.is_closed() {
        signals.next().await;
        asked.send_replace(Some("Ctrl-C".to_owned()));
    }
}
