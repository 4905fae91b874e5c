//! Faults of a node's program, by the supervisor.

use ana_drill::Pick;
use ana_drill::action::ProcessAction;

use super::{Means, Needs, Process};

pub(super) fn needs(action: ProcessAction) -> Needs {
    match action {
        ProcessAction::Kill => Needs::verbs(["kill", "start"]),
        ProcessAction::Pause => Needs::verbs(["pause", "resume"]),
        ProcessAction::Restart => Needs::verbs(["stop", "start"]),
        ProcessAction::WipeDisk => Needs::verbs(["kill", "wipe", "start"]),
    }
}

pub(super) fn means(action: ProcessAction, pick: &Pick) -> Means {
    let (verbs, back) = match action {
        ProcessAction::Kill => (vec!["kill"], Some("start")),
        ProcessAction::Pause => (vec!["pause"], Some("resume")),
        ProcessAction::Restart => (vec!["stop", "start"], None),
        ProcessAction::WipeDisk => (vec!["kill", "wipe", "start"], None),
    };
    Means::Process(Process {
        nodes: pick.nodes(),
        verbs,
        back,
    })
}
