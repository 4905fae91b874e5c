//! `ana drill stop`: the one big STOP. A runner that lives is asked to end; where it is gone, everything that it may have
//! left is taken away from here.

use std::time::Duration;

use ana_env::time;

use super::watch::is_running;
use super::{Which, cluster, print, read_record, store};
use crate::commands::Context;
use crate::drill::sweep;
use crate::error::{CliError, Exit};
use crate::output;

/// Faults are taken away, replicas catch up, everything is read back.
const REPORT_MAX: Duration = Duration::from_secs(420);
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn run(context: &Context, which: &Which) -> Result<Exit, CliError> {
    let store = store(context).await;
    let run = which.find(&store).await?;
    if read_record(&run).await?.is_some() {
        return Err(
            CliError::new(Exit::NotFound, format!("the run {} is over", run.id()))
                .advice("try: ana drill report"),
        );
    }
    if !is_running(&store) {
        let told = Box::pin(sweep::sweep(&cluster(context))).await;
        for line in &told {
            output::say(line);
        }
        return Err(CliError::new(
            Exit::Failed,
            format!("the runner of {} is gone, so there is no report", run.id()),
        )
        .context("what it left was taken away")
        .advice("try: ana status"));
    }
    let asked = run.ask_stop("ana drill stop").await;
    asked.map_err(|error| CliError::file("ask for the end", run.dir(), &error))?;
    output::say(&format!("asked {} to end; its report follows", run.id()));
    let began = context.env.clock.elapsed();
    while context.env.clock.elapsed().saturating_sub(began) < REPORT_MAX {
        if let Some(record) = read_record(&run).await? {
            print(context, &record, &run)?;
            return Ok(Exit::Ok);
        }
        time::sleep(LOOK_EVERY).await;
    }
    Err(
        CliError::new(Exit::TimedOut, format!("the run {} does not end", run.id()))
            .context(format!("it is kept in {}", run.dir().display()))
            .advice("try: ana drill watch"),
    )
}
