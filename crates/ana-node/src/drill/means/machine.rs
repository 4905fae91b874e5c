//! Faults of a node's disk and clock.

use ana_drill::Pick;
use ana_drill::action::{Action, ClockAction, DiskAction};
use ana_drill::quantity::Span;
use serde_json::{Value, json};

use super::{Leased, Means, Needs, Process, Unable, ms, not_offered, whole, whole_percent};

pub(super) fn disk_needs(action: DiskAction) -> Result<Needs, Unable> {
    Ok(match action {
        DiskAction::PowerCut => Needs::verbs(["kill", "start"]),
        DiskAction::FsyncError { .. } => {
            let mut needs = Needs::kind("disk.fsync_error");
            needs.join(Needs::verbs(["start"]));
            body(action)?;
            needs
        }
        DiskAction::Slow { .. } => {
            body(action)?;
            Needs::kind("disk.slow")
        }
        DiskAction::Full { .. } => {
            body(action)?;
            Needs::kind("disk.full")
        }
        DiskAction::BitFlip { .. } | DiskAction::TornTail { .. } => {
            body(action)?;
            Needs::default()
        }
    })
}

pub(super) fn clock_needs(action: ClockAction) -> Needs {
    Needs::kind(match action {
        ClockAction::Jump { .. } => "clock.jump",
        ClockAction::Drift { .. } => "clock.drift",
    })
}

pub(super) fn disk(action: DiskAction, lasts: Span, pick: &Pick) -> Result<Means, Unable> {
    if action == DiskAction::PowerCut {
        return Ok(Means::Process(Process {
            nodes: pick.nodes(),
            verbs: vec!["kill"],
            back: Some("start"),
        }));
    }
    let mut means = whole(lasts, on_each(pick, &body(action)?));
    if let (DiskAction::FsyncError { .. }, Means::Leases(leases)) = (action, &mut means) {
        leases.start_after = pick.nodes();
    }
    Ok(means)
}

pub(super) fn clock(action: ClockAction, pick: &Pick) -> Vec<Leased> {
    let body = match action {
        ClockAction::Jump { by } => {
            let size = i64::try_from(ms(by.by)).unwrap_or(i64::MAX);
            json!({ "kind": "clock.jump", "offset_ms": if by.back { -size } else { size } })
        }
        ClockAction::Drift { by } => {
            let size = i64::from(by.ppm);
            json!({ "kind": "clock.drift", "drift_ppm": if by.slow { -size } else { size } })
        }
    };
    on_each(pick, &body)
}

fn body(action: DiskAction) -> Result<Value, Unable> {
    Ok(match action {
        DiskAction::Slow { fsync, write, read } => {
            let mut body = json!({ "kind": "disk.slow" });
            let times = [("fsync_ms", fsync), ("write_ms", write), ("read_ms", read)];
            for (name, time) in times {
                // No time is no parameter.
                if let Some(time) = time.filter(|time| *time > Span::ZERO) {
                    body[name] = json!(ms(time));
                }
            }
            body
        }
        DiskAction::Full { free: None } => json!({ "kind": "disk.full" }),
        DiskAction::Full { free: Some(_) } => {
            return Err(not_offered(
                "disk.full with `free`",
                "nodes call a disk full or not; leave `free` out",
            ));
        }
        DiskAction::FsyncError { percent } => {
            json!({ "kind": "disk.fsync_error", "percent": whole_percent(percent)? })
        }
        DiskAction::BitFlip { .. } | DiskAction::TornTail { .. } => {
            return Err(not_offered(action_name(action), NO_FILES));
        }
        DiskAction::PowerCut => Value::Null,
    })
}

const NO_FILES: &str = "nobody may touch the files of a node";

fn action_name(action: DiskAction) -> &'static str {
    Action::Disk(action).spec().name
}

fn on_each(pick: &Pick, body: &Value) -> Vec<Leased> {
    let nodes = pick.nodes().into_iter();
    nodes
        .map(|node| Leased {
            on: Some(node),
            name: "0".to_owned(),
            body: body.clone(),
        })
        .collect()
}
