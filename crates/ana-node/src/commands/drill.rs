//! `ana drill`: break a cluster by a plan, watch what its clients see, and say what held.
//!
//! ```text
//!   source   a name or a file: which drill is meant
//!   simulate the seeded simulator instead of a cluster: run --sim
//!   ls, check, run, watch, stop, report     one file each, but for the short ones here
//!   live     events as lines on standard error, with a line of figures on a terminal
//!   files    reports as HTML and JUnit, into files or to standard output
//! ```
//! Must stay true: everything here is told by the library in `drill` and by the files of a run, so that another process,
//! or another kind of front end, can do the same.

mod check;
mod files;
mod live;
mod ls;
mod run;
mod simulate;
mod source;
mod stop;
mod watch;

use clap::Subcommand;

use super::Context;
use crate::drill::cluster::Cluster;
use crate::drill::record::{Outcome, Record};
use crate::drill::report;
use crate::drill::runner::store_of;
use crate::drill::store::{RunDir, Store};
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Break a disposable cluster by a plan, and see what held.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A drill says what is broken when, where and for how long, what must hold meanwhile, and what is expected at the
end. Some are built in; yours are files. One without a [load] looks at what your own application does meanwhile.
Every fault ends by itself, whatever becomes of the runner.
The file format, the report and what each action does: docs/DRILLS.md.

Exit codes of `run`: 0 everything held, 1 something did not, 2 it could not run, 3 a guard stopped it,
130 a person stopped it.

Examples:
  ana up &                           a cluster to break
  ana drill ls                       the built-in drills
  ana drill run zone-loss            lose a zone for 30 s; the report comes in about a minute
  ana drill check my-drill.toml      what a file would do, without doing it
  ana drill run my-drill.toml --seed 7 -o json
  ana drill run zone-loss --sim      the same in the seeded simulator, without a cluster")]
pub(super) enum Drill {
    /// List the built-in drills.
    Ls,
    /// Show what a drill would do: its plan, its reach, and whether this cluster can do it.
    Check(check::Check),
    /// Run a drill and print its report.
    Run(Box<run::Run>),
    /// Follow a run from another terminal.
    Watch(Which),
    /// End a run: every fault is taken away, then its report is made.
    Stop(Which),
    /// Print the report of a run again, or make HTML or JUnit of it.
    Report(Report),
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The run's id, or a drill's name for its newest run; the newest run of all without it.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A report is made from the record of the run, so that it can be made at any time. An option with a PATH writes a
file beside what is printed anyway; without PATH, or with -, it is printed instead.

Examples:
  ana drill report                       of the newest run
  ana drill report zone-loss             of the newest run of that drill
  ana drill report 20261128-044110-zone-loss -o json
  ana drill report zone-loss --html report.html --junit report.xml
  ana drill report zone-loss --junit | xmllint --format -")]
pub(super) struct Report {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    files: files::Files,
}

impl Drill {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Drill::Ls => ls::run(context),
            Drill::Check(check) => check.run(context).await,
            Drill::Run(run) => run.run(context).await,
            Drill::Watch(which) => watch::run(context, &which).await,
            Drill::Stop(which) => stop::run(context, &which).await,
            Drill::Report(report) => report_again(context, &report).await,
        }
    }
}

/// The cluster of the command line.
fn cluster(context: &Context) -> Cluster {
    Cluster::new(
        context.env.clone(),
        context.endpoint.clone(),
        context.access.clone(),
    )
}

/// Where its runs are kept.
async fn store(context: &Context) -> Store {
    store_of(&cluster(context), &context.environment.data_dir()).await
}

impl Which {
    /// The run that is meant.
    async fn find(&self, store: &Store) -> Result<RunDir, CliError> {
        let runs = store.runs().await;
        let runs = runs.map_err(|error| CliError::file("list the runs", store.dir(), &error))?;
        let is_meant = |id: &&String| match &self.id {
            None => true,
            Some(asked) => *id == asked || drill_of(id) == Some(asked.as_str()),
        };
        let Some(id) = runs.iter().rev().find(is_meant) else {
            let what = match &self.id {
                None => "no drill has been run here".to_owned(),
                Some(asked) => format!("there is no run {asked}"),
            };
            return Err(CliError::new(Exit::NotFound, what)
                .context(format!("runs are kept in {}", store.dir().display()))
                .advice("try: ana drill run zone-loss"));
        };
        Ok(store.run(id))
    }
}

/// The drill of a run's id: `20261128-044110-zone-loss`.
fn drill_of(id: &str) -> Option<&str> {
    let (_day, rest) = id.split_once('-')?;
    let (_second, drill) = rest.split_once('-')?;
    Some(drill)
}

async fn report_again(context: &Context, report: &Report) -> Result<Exit, CliError> {
    let store = store(context).await;
    let Report { which, files } = report;
    files.check(context).await?;
    if which.id.is_none() {
        let runs = store.runs().await.unwrap_or_default();
        let drills = runs.iter().filter_map(|id| drill_of(id));
        files.check_no_path_is(runs.iter().map(String::as_str).chain(drills))?;
    }
    let run = which.find(&store).await?;
    let record = read_record(&run).await?;
    let Some(record) = record else {
        return Err(CliError::new(
            Exit::NotFound,
            format!("the run {} has no report yet", run.id()),
        )
        .context(format!("it is kept in {}", run.dir().display()))
        .advice("try: ana drill watch, or ana drill stop when its runner is gone"));
    };
    tell(context, &record, &run, files).await?;
    Ok(Exit::Ok)
}

/// Writes the files that were asked for, and prints what is not one of them.
async fn tell(
    context: &Context,
    record: &Record,
    run: &RunDir,
    files: &files::Files,
) -> Result<(), CliError> {
    match files.printed(record) {
        Some(text) => output::data(&text)?,
        None => print(context, record, run)?,
    }
    files.write(context, record).await
}

async fn read_record(run: &RunDir) -> Result<Option<Record>, CliError> {
    let read = run.record().await;
    read.map_err(|error| CliError::file("read the record of the run", run.dir(), &error))
}

/// Prints a report as it was asked for.
fn print(context: &Context, record: &Record, run: &RunDir) -> Result<(), CliError> {
    match context.format {
        Format::Json => {
            let value = serde_json::to_value(record).map_err(|error| {
                CliError::new(Exit::Failed, format!("the record is not JSON: {error}"))
            })?;
            output::json(&value)
        }
        Format::Table => output::data(&report::text(record, Some(run.dir()), context.paint())),
    }
}

/// The exit code of an outcome.
fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Passed => Exit::Ok,
        Outcome::Broken => Exit::Failed,
        Outcome::CouldNotRun => Exit::Usage,
        Outcome::StoppedByGuard => Exit::Guarded,
        Outcome::StoppedByPerson => Exit::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::drill_of;

    #[test]
    fn a_run_is_found_by_its_drill() {
        assert_eq!(drill_of("20261128-044110-zone-loss"), Some("zone-loss"));
        assert_eq!(drill_of("zone"), None);
    }
}
