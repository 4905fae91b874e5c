//! `ana drill watch`: a run that another process runs, by the file of its events.

use std::time::Duration;

use ana_env::time;

use super::live::Live;
use super::{Which, print, read_record, store};
use crate::cluster::lock;
use crate::commands::Context;
use crate::drill::store::Store;
use crate::error::{CliError, Exit};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looks between two questions whether the runner still lives.
const LIVES_LOOKS: u32 = 10;

pub(super) async fn run(context: &Context, which: &Which) -> Result<Exit, CliError> {
    let store = store(context).await;
    let run = which.find(&store).await?;
    let live = Live::new(false);
    let mut from = 0;
    let mut looks: u32 = 0;
    loop {
        // First the record: what happened before it was written is in the events by then.
        let record = read_record(&run).await?;
        let read = run.events_from(from).await;
        let (events, next) =
            read.map_err(|error| CliError::file("read the events of the run", run.dir(), &error))?;
        from = next;
        for event in &events {
            live.tell(event);
        }
        if let Some(record) = record {
            live.end();
            print(context, &record, &run)?;
            return Ok(Exit::Ok);
        }
        looks += 1;
        if looks.is_multiple_of(LIVES_LOOKS) && !is_running(&store) {
            live.end();
            if read_record(&run).await?.is_some() {
                continue;
            }
            return Err(
                CliError::new(Exit::Failed, format!("the runner of {} is gone", run.id()))
                    .context(format!("it is kept in {}", run.dir().display()))
                    .advice("its faults end by themselves; to be sure: ana drill stop"),
            );
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// Whether some process runs a drill: it holds the lock then.
pub(super) fn is_running(store: &Store) -> bool {
    matches!(lock::holder(store.dir()), Ok(Some(_)))
}
