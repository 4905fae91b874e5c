//! Faults of a node's program, by the supervisor.

use ana_drill::Pick;
use ana_drill::action::ProcessAction;

use serde_json::json;

use super::{Means, Needs, Process};

pub(super) fn needs(action: ProcessAction) -> Needs {
    match action {
        ProcessAction::Kill => Needs::verbs(["down", "start"]),
        ProcessAction::Pause => Needs::verbs(["pause", "resume"]),
        ProcessAction::Restart => Needs::verbs(["restart"]),
        ProcessAction::WipeDisk => Needs::verbs(["wipe"]),
    }
}

pub(super) fn means(action: ProcessAction, pick: &Pick) -> Means {
    let (verb, back) = match action {
        ProcessAction::Kill => return Process::down(pick.nodes()),
        ProcessAction::Pause => ("pause", Some("resume")),
        ProcessAction::Restart => ("restart", None),
        ProcessAction::WipeDisk => ("wipe", None),
    };
    Means::Process(Process {
        nodes: pick.nodes(),
        verb,
        body: json!({}),
        back,
    })
}
