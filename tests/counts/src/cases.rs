//! What is counted, and how much each may take.

use anyhow::{Context as _, Result};

mod cluster;
mod log;
mod state;
mod wire;

/// One thing that is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What the count is divided by...
    pub(crate) units: u64,
    /// ...and what one of it is.
    pub(crate) unit: &'static str,
    /// Instructions for one unit that are not to be exceeded: a third above what was counted when the limit
    /// was set: how the compiler cuts and inlines moves a count by up to a quarter from build to build.
    pub(crate) at_most: u64,
    pub(crate) run: fn(),
}

/// Every case.
fn all() -> Vec<Case> {
    let parts: [&[Case]; 4] = [wire::CASES, state::CASES, log::CASES, cluster::CASES];
    parts.concat()
}

/// The cases named, in their order; all of them when none is.
pub(crate) fn named(names: &[String]) -> Result<Vec<Case>> {
    if names.is_empty() {
        return Ok(all());
    }
    names.iter().map(|name| one(name)).collect()
}

/// The case of a name.
pub(crate) fn one(name: &str) -> Result<Case> {
    let all = all();
    let known: Vec<_> = all.iter().map(|case| case.name).collect();
    all.iter()
        .find(|case| case.name == name)
        .copied()
        .with_context(|| format!("no case is called {name:?}; there are {}", known.join(", ")))
}
