//! `ana drill check`: what a drill would do, laid out for the cluster that is there, without doing it.

use ana_drill::plan::{Plan, PlanError};
use serde_json::json;

use super::{cluster, source};
use crate::commands::Context;
use crate::drill::runner::unable;
use crate::drill::snapshot::Census;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 2 when the drill does not read, hurts too much at once, or asks for what cannot be done.

Examples:
  ana drill check zone-loss
  ana drill check my-drill.toml
  ana drill check experiment.json        a template of AWS FIS")]
pub(in crate::commands) struct Check {
    /// A built-in drill, or a file: TOML, the same as JSON, or a template of AWS FIS.
    #[arg(value_name = "NAME|FILE")]
    drill: String,
    /// Allow it to hurt more zones at once than two.
    #[arg(long)]
    i_know: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let source = source::read(context, &self.drill).await?;
        let cluster = cluster(context);
        let mut census = Census::default();
        let seen = cluster.look(census.clone()).await.ok();
        if seen.is_some() {
            Box::pin(cluster.count(&mut census, true)).await;
        }
        let topology = seen.map(|mut seen| {
            seen.census = census;
            seen.topology()
        });
        let drill = &source.import.drill;
        let plan = Plan::of(drill, topology.as_ref(), self.i_know).map_err(|error| {
            let advice = match &error {
                PlanError::TooWide(_) => "try: --i-know, when that is meant",
                PlanError::TooLong { .. } => "try: a shorter drill",
            };
            CliError::new(Exit::Usage, error.to_string()).advice(advice)
        })?;
        let unable = unable(drill);
        match context.format {
            Format::Json => output::json(&self.document(&plan, &unable))?,
            Format::Table => {
                output::data(&plan.to_string())?;
                for note in &source.import.not_carried {
                    output::line(&format!("note     not carried over: {note}"))?;
                }
                for why in &unable {
                    output::line(&format!("cannot   {why}"))?;
                }
            }
        }
        Ok(if unable.is_empty() {
            Exit::Ok
        } else {
            Exit::Usage
        })
    }

    fn document(&self, plan: &Plan, unable: &[String]) -> serde_json::Value {
        let ms = |span: ana_drill::quantity::Span| span.micros() / 1000;
        let faults = plan.faults.iter().map(|fault| {
            json!({
                "number": fault.number,
                "name": fault.name,
                "at_ms": ms(fault.at),
                "until_ms": fault.until.map(ms),
                "action": fault.action.to_string(),
                "on": fault.on.to_string(),
                "reach": fault.blast.to_string(),
                "reverts": fault.action.spec().revert.to_string(),
                "overlaps": fault.overlaps,
            })
        });
        let texts = |checks: &[ana_drill::check::Check]| {
            checks.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        json!({
            "drill": plan.name.as_str(),
            "about": plan.about,
            "seed": plan.seed,
            "before_ms": ms(plan.before),
            "heal_at_ms": ms(plan.heal_at),
            "ends_at_ms": ms(plan.ends_at),
            "zones_at_once": plan.widest.zones,
            "of_zones": plan.widest.of,
            "faults": faults.collect::<Vec<_>>(),
            "steady": texts(&plan.steady),
            "stop": texts(&plan.stop),
            "expect": texts(&plan.expect),
            "notes": plan.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "unable": unable,
        })
    }
}
