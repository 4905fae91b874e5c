//! `ana drill ls`: the built-in drills.

use ana_drill::library;
use ana_drill::plan::Plan;
use serde_json::{Value, json};

use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format, Table};

pub(super) fn run(context: &Context) -> Result<Exit, CliError> {
    let mut table = Table::new(&["NAME", ">TIME", "REACH", "WHAT IT SHOWS"]);
    let mut all = Vec::new();
    for entry in library::ALL {
        let drill = entry.drill();
        let drill = drill.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
        // Whoever lists drills is not about to run the widest of them.
        let plan = Plan::of(&drill, None, true);
        let plan = plan.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
        let time = plan.before.plus(plan.ends_at);
        let reach = reach(&plan);
        table.row(vec![
            entry.name.to_owned(),
            format!("{} s", time.micros().div_ceil(1_000_000)),
            reach.clone(),
            drill.about.clone(),
        ]);
        let actions = plan.faults.iter().map(|fault| fault.action.spec().name);
        all.push(json!({
            "name": entry.name,
            "about": drill.about,
            "time_ms": time.micros() / 1000,
            "zones_at_once": plan.widest.zones,
            "reach": reach,
            "actions": actions.collect::<Vec<_>>(),
        }));
    }
    match context.format {
        Format::Json => output::json(&Value::from(all))?,
        Format::Table => {
            output::data(&table.render())?;
            output::say(
                "TIME is the longest: a run ends earlier when all is well again. try: ana drill run NAME",
            );
        }
    }
    Ok(Exit::Ok)
}

fn reach(plan: &Plan) -> String {
    let widest = &plan.widest;
    match widest.zones {
        0 if plan
            .faults
            .iter()
            .any(|fault| fault.blast.requests.is_some()) =>
        {
            "requests".to_owned()
        }
        0 => "no replica".to_owned(),
        zones => format!("{zones} of {} zones", widest.of),
    }
}
