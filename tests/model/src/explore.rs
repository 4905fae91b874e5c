//! Searches a model to its end and says what was found.

use crate::log::digest_of;
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Threads of a search. Tests run beside each other already, and with one thread the depth is the same in every run.
const THREADS: usize = 1;
/// Steps to a good end, for those who are left alone: far more than any model needs.
const ALONE_STEPS_MAX: usize = 128;

/// An event, and what it makes of the world. Two are the same when their events are.
#[derive(Clone)]
pub struct Step<Event, World> {
    pub(crate) event: Event,
    pub(crate) next: World,
}

impl<Event, World> Step<Event, World> {
    pub(crate) fn new(event: Event, next: World) -> Self {
        Self { event, next }
    }
}

impl<Event: Debug, World> Debug for Step<Event, World> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event.fmt(f)
    }
}

impl<Event: PartialEq, World> PartialEq for Step<Event, World> {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
    }
}

/// What a search came to.
#[derive(Debug)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// States that were reached, each as often as it was.
    pub steps: usize,
    /// Steps to the state that is furthest away.
    pub depth: usize,
    /// Each property that does not hold, with the shortest way there.
    pub broken: Vec<(&'static str, String)>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            states,
            steps,
            depth,
            broken,
        } = self;
        writeln!(f, "{states} states, {steps} steps, {depth} deep")?;
        for (property, way) in broken {
            writeln!(f, "not so: {property}. The shortest way there:\n{way}")?;
        }
        Ok(())
    }
}

impl Explored {
    /// Whether one of the properties was found broken.
    #[must_use]
    pub fn has_broken(&self, property: &str) -> bool {
        self.broken.iter().any(|(name, _)| *name == property)
    }
}

/// Searches every state.
#[must_use]
pub fn all<M>(model: M) -> Explored
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + Send + Sync + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    run(model, HasDiscoveries::AnyFailures)
}

/// Searches until one property is found broken, or every state was seen.
#[must_use]
pub fn until_broken<M>(model: M, property: &'static str) -> Explored
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + Send + Sync + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    run(model, HasDiscoveries::AllOf(BTreeSet::from([property])))
}

/// Where states lead that are left alone, remembered: one walk serves all states on its way.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// Digests of states that come to a good end.
    good: Mutex<BTreeSet<u64>>,
}

impl Ends {
    /// Whether `step`, taken again and again, leads from `state` to one that is done.
    pub(crate) fn reaches<S: Hash + Clone>(
        &self,
        state: &S,
        is_done: impl Fn(&S) -> bool,
        step: impl Fn(&S) -> Option<S>,
    ) -> bool {
        let good = || self.good.lock().unwrap_or_else(PoisonError::into_inner);
        let mut way = Vec::new();
        let mut state = state.clone();
        while way.len() < ALONE_STEPS_MAX {
            let digest = digest_of(&state);
            if good().contains(&digest) || is_done(&state) {
                way.push(digest);
                good().extend(way);
                return true;
            }
            way.push(digest);
            let Some(next) = step(&state) else {
                return false;
            };
            state = next;
        }
        false
    }
}

fn run<M>(model: M, end: HasDiscoveries) -> Explored
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + Send + Sync + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    let names: Vec<&'static str> = model.properties().iter().map(|it| it.name).collect();
    let checker = model
        .checker()
        .threads(THREADS)
        .finish_when(end)
        .spawn_bfs()
        .join();
    let broken = names
        .into_iter()
        .filter_map(|name| {
            let path = checker.discovery(name)?;
            let steps = path
                .into_actions()
                .into_iter()
                .map(|it| format!("  {it:?}\n"));
            Some((name, steps.collect()))
        })
        .collect();
    Explored {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        broken,
    }
}
