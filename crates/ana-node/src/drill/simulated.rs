//! A drill in the seeded simulator: what the simulator tells of it, a line of JSON each, and what that comes to.
//!
//! The simulator is a program of its own (`ana-sim`), which links this library; so both ends read the same shapes.
//!
//! Must stay true:
//! - member names are part of the interface: members are added, never renamed;
//! - a check that the simulation cannot judge, or that saw no data in any seed, is `not_exercised`, never `held`.

mod checks;
mod html;
mod junit;
mod report;

use serde::{Deserialize, Serialize};

use super::record::{Expectation, Judgement, Outcome};
use super::report::thousands;

pub use self::html::html;
pub use self::junit::junit;
pub use self::report::text;

/// The version of the lines and of the document.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Told {
    /// The first line.
    Began {
        /// [`FORMAT`] of the simulator.
        format: u32,
        /// Its version.
        build: String,
    },
    /// The simulation cannot run this drill.
    Refused {
        /// Why: the steps by their numbers.
        what: String,
    },
    /// A seed was run.
    Seed(SeedRun),
    /// The seed that broke something is run again and again with fewer steps.
    Smaller(Smaller),
}

/// What one seed came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records read back at the end: in some seeds records expire within seconds.
    pub read: u64,
    /// Elections that somebody saw won.
    pub elections: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
    /// Promises of the simulation that were broken.
    pub broken: Vec<BrokenCheck>,
    /// The drill's own expectations, in the order of the file.
    pub expectations: Vec<SeedExpectation>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenCheck {
    /// The promise, or the expectation as the file writes it.
    pub check: String,
    /// What was found instead.
    pub found: String,
    /// The records that it is about, a few of them.
    pub records: Vec<String>,
}

/// What one seed says of an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedExpectation {
    /// As the file writes it.
    pub check: String,
    /// Facts that were looked at.
    pub looked_at: u64,
    /// What was found instead, where it did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Why it is not judged in a simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<String>,
}

/// The steps without which it does not break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smaller {
    /// How many steps were left out or kept by turns.
    pub of: u64,
    /// Runs that it took.
    pub tries: u64,
    /// What is needed.
    pub steps: Vec<NeededStep>,
    /// The command of the simulator that shows every event of the smallest run.
    pub events: String,
}

/// A step that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededStep {
    /// Its number in the file, from one.
    pub number: u64,
    /// When it begins.
    pub at_ms: u64,
    /// How long it lasts; zero for what is done once.
    pub for_ms: u64,
    /// What it does, with its parameters.
    pub action: String,
    /// To whom.
    pub on: String,
}

impl SeedRun {
    /// The first thing that broke: a promise before an expectation.
    pub fn first_broken(&self) -> Option<BrokenCheck> {
        let promise = self.broken.first().cloned();
        promise.or_else(|| {
            self.expectations.iter().find_map(|each| {
                Some(BrokenCheck {
                    check: each.check.clone(),
                    found: each.broken.clone()?,
                    records: Vec::new(),
                })
            })
        })
    }

    /// Whether this check broke.
    pub fn broke(&self, check: &str) -> bool {
        let promises = self.broken.iter().map(|each| &each.check);
        let expected = self.expectations.iter();
        let expected = expected.filter(|each| each.broken.is_some());
        promises
            .chain(expected.map(|each| &each.check))
            .any(|each| each == check)
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The drill's name.
    pub drill: String,
    /// What it shows.
    pub about: String,
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// The command that repeats a run, without its seeds.
    pub again: String,
}

/// The first seed that broke something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenSeed {
    /// The seed.
    pub seed: u64,
    /// What broke.
    #[serde(flatten)]
    pub broken: BrokenCheck,
}

/// A drill over many seeds: what `-o json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// [`FORMAT`].
    pub format: u32,
    /// The drill's name.
    pub drill: String,
    /// What it shows.
    pub about: String,
    /// Version of the simulator; empty before it spoke.
    pub build: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it could not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The first seed.
    pub first_seed: u64,
    /// Seeds that were asked for.
    pub seeds_asked: u64,
    /// Seeds that were run.
    pub seeds_run: u64,
    /// Real milliseconds.
    pub duration_ms: u64,
    /// Simulated milliseconds, of all seeds.
    pub simulated_ms: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records read back.
    pub read: u64,
    /// Elections won.
    pub elections: u64,
    /// What was expected, over all seeds.
    pub expectations: Vec<Expectation>,
    /// The first seed that broke something, and what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_broken: Option<BrokenSeed>,
    /// The steps that are needed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<Smaller>,
    /// The command that repeats the run.
    pub again: String,
}

/// Hears the lines of a simulator.
#[derive(Debug)]
pub struct Hearing {
    asked: Asked,
    began: bool,
    simulation: Simulation,
    expected: Vec<SeedExpectation>,
}

impl Hearing {
    /// Nothing was heard yet.
    pub fn new(asked: Asked) -> Hearing {
        let simulation = Simulation {
            format: FORMAT,
            drill: asked.drill.clone(),
            about: asked.about.clone(),
            build: String::new(),
            outcome: Outcome::Passed,
            why: None,
            first_seed: asked.first,
            seeds_asked: asked.seeds,
            seeds_run: 0,
            duration_ms: 0,
            simulated_ms: 0,
            acknowledged: 0,
            read: 0,
            elections: 0,
            expectations: Vec::new(),
            first_broken: None,
            needed: None,
            again: String::new(),
        };
        Hearing {
            asked,
            began: false,
            simulation,
            expected: Vec::new(),
        }
    }

    /// Hears a line; gives back what a person is told of it.
    ///
    /// # Errors
    /// When it is none that a simulator of this version says.
    pub fn hear(&mut self, line: &str) -> Result<Option<String>, String> {
        let told: Told = serde_json::from_str(line)
            .map_err(|error| format!("the simulator says what is not known here: {error}"))?;
        let simulation = &mut self.simulation;
        match told {
            Told::Began { format, build } => {
                if format != FORMAT {
                    return Err(format!(
                        "the simulator speaks version {format}, not {FORMAT}"
                    ));
                }
                self.began = true;
                simulation.build = build;
                Ok(None)
            }
            Told::Refused { what } => {
                simulation.outcome = Outcome::CouldNotRun;
                simulation.why = Some(what);
                Ok(None)
            }
            Told::Seed(run) => Ok(Some(self.seed(&run))),
            Told::Smaller(smaller) => {
                let count = smaller.steps.len();
                let words = format!("{count} of {} steps are needed for it", smaller.of);
                simulation.needed = Some(smaller);
                Ok(Some(words))
            }
        }
    }

    fn seed(&mut self, run: &SeedRun) -> String {
        let simulation = &mut self.simulation;
        simulation.seeds_run += 1;
        simulation.simulated_ms += run.simulated_ms;
        simulation.acknowledged += run.acknowledged;
        simulation.read += run.read;
        simulation.elections += run.elections;
        add(&mut self.expected, &run.expectations);
        let place = format!(
            "seed {} ({} of {})",
            run.seed, simulation.seeds_run, self.asked.seeds
        );
        let Some(broken) = run.first_broken() else {
            return format!(
                "{place}: held, {} records in {} simulated s",
                thousands(run.acknowledged),
                run.simulated_ms / 1000
            );
        };
        let words = format!(
            "{place}: BROKEN {}: {}; looking for the steps that are needed",
            broken.check, broken.found
        );
        simulation.outcome = Outcome::Broken;
        let seed = run.seed;
        simulation.first_broken = Some(BrokenSeed { seed, broken });
        words
    }

    /// What it came to, `duration_ms` after the start.
    ///
    /// # Errors
    /// When the simulator ended before it was done, without a word why; `how` it ended.
    pub fn end(self, duration_ms: u64, stopped: bool, how: &str) -> Result<Simulation, String> {
        let mut simulation = self.simulation;
        let Asked { seeds, again, .. } = &self.asked;
        if stopped && simulation.outcome == Outcome::Passed {
            simulation.outcome = Outcome::StoppedByPerson;
        }
        let is_done = simulation.outcome != Outcome::Passed || simulation.seeds_run == *seeds;
        // A person may be faster than its first word.
        if !(self.began || stopped) || !is_done {
            return Err(format!(
                "the simulator ended after {} of {seeds} seeds ({how})",
                simulation.seeds_run
            ));
        }
        simulation.duration_ms = duration_ms;
        simulation.expectations = self.expected.into_iter().map(expectation).collect();
        let (first, seeds) = match &simulation.first_broken {
            Some(broken) => (broken.seed, 1),
            None => (self.asked.first, *seeds),
        };
        simulation.again = format!("{again} --seeds {seeds} --first {first}");
        Ok(simulation)
    }
}

/// Adds what a seed says of each expectation.
fn add(all: &mut Vec<SeedExpectation>, run: &[SeedExpectation]) {
    for each in run {
        match all.iter_mut().find(|known| known.check == each.check) {
            Some(known) => {
                known.looked_at = known.looked_at.saturating_add(each.looked_at);
                if known.broken.is_none() {
                    known.broken.clone_from(&each.broken);
                }
            }
            None => all.push(each.clone()),
        }
    }
}

fn expectation(seen: SeedExpectation) -> Expectation {
    let judgement = match seen {
        SeedExpectation {
            broken: Some(found),
            ..
        } => Judgement::Broken { at_ms: None, found },
        SeedExpectation {
            not_judged: Some(why),
            ..
        } => Judgement::NotExercised { why },
        SeedExpectation { looked_at: 0, .. } => Judgement::NotExercised {
            why: "no seed had anything to look at".to_owned(),
        },
        SeedExpectation { looked_at, .. } => Judgement::Held {
            seen: Some(format!("{} looked at", thousands(looked_at))),
        },
    };
    Expectation {
        check: seen.check,
        judgement,
    }
}

#[cfg(test)]
mod documents_test;
#[cfg(test)]
mod simulated_test;
