//! From `startAfter` to moments: an action starts when the last of those before it has ended.

use super::Slot;
use super::action::Planned;
use crate::error::{DrillError, FisFault};
use crate::file::Step;
use crate::quantity::Span;
use std::collections::BTreeMap;

pub(super) fn steps(planned: Vec<Planned>) -> Result<Vec<Step>, DrillError> {
    let starts = starts(&planned)?;
    let mut steps = Vec::new();
    for each in planned {
        let place = format!("action {:?}", each.name);
        let at = starts.get(&each.name).copied().unwrap_or_default();
        let Some((action, on)) = each.fault else {
            continue;
        };
        let step = Step {
            name: Some(each.name),
            at,
            action,
            on,
            lasts: Some(each.lasts),
        };
        step.check().map_err(|fault| fault.at(place))?;
        steps.push(step);
    }
    if steps.is_empty() {
        return Err(FisFault::OnlyWaits.at("actions"));
    }
    Ok(steps)
}

/// All actions with their times.
pub(super) fn outline(planned: Vec<Planned>) -> Result<Vec<Slot>, DrillError> {
    let starts = starts(&planned)?;
    let slots = planned.into_iter().map(|each| Slot {
        at: starts.get(&each.name).copied().unwrap_or_default(),
        only_waits: each.fault.is_none(),
        lasts: each.lasts,
        name: each.name,
    });
    Ok(slots.collect())
}

/// When each action starts.
fn starts(planned: &[Planned]) -> Result<BTreeMap<String, Span>, DrillError> {
    let mut ends: BTreeMap<&str, Span> = BTreeMap::new();
    let mut starts = BTreeMap::new();
    let known = |name: &String| planned.iter().any(|each| each.name == *name);
    for each in planned {
        if let Some(unknown) = each.after.iter().find(|name| !known(name)) {
            let fault = FisFault::NoSuchPredecessor(unknown.clone());
            return Err(fault.at(format!("action {:?}", each.name)));
        }
    }
    // Each round places at least one action, or those left wait for each other.
    while starts.len() < planned.len() {
        let mut placed = false;
        for each in planned {
            if starts.contains_key(&each.name) {
                continue;
            }
            let before: Option<Vec<Span>> = each
                .after
                .iter()
                .map(|name| ends.get(name.as_str()).copied())
                .collect();
            let Some(before) = before else { continue };
            let at = before.into_iter().max().unwrap_or_default();
            let end = at.plus(each.lasts);
            if end > Span::LONGEST {
                let place = format!("action {:?}", each.name);
                return Err(FisFault::TooLong(Span::LONGEST).at(place));
            }
            ends.insert(&each.name, end);
            starts.insert(each.name.clone(), at);
            placed = true;
        }
        let mut left = planned
            .iter()
            .filter(|each| !starts.contains_key(&each.name));
        if let Some(stuck) = left.next().filter(|_| !placed) {
            return Err(FisFault::Circle(stuck.name.clone()).at("actions"));
        }
    }
    Ok(starts)
}
