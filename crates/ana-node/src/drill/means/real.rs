//! The same faults by the kernel's own means, on a cluster of `ana up --real`.
//!
//! Must stay true: what the kernel cannot do is refused before anything is broken, and never done by other means instead.

use ana_drill::action::{Action, DiskAction};

use super::{Means, Needs, Unable, link, not_offered};
use crate::cluster::real::KINDS;

/// The order that cuts a node's file system off.
pub const POWER_CUT: &str = "power_cut";

/// Whether the kernel does faults of this kind; others are left to the nodes.
pub fn is_of_kernel(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// What an action needs there.
///
/// # Errors
/// When the kernel cannot do it.
pub fn needs(action: &Action, mut usual: Needs) -> Result<Needs, Unable> {
    if usual.kinds.contains(link::DELAY) {
        return Err(not_offered(
            format!("{} with --real", action.spec().name),
            "it would take the kernel's netem, which is not made use of; leave --real out",
        ));
    }
    if is_power_cut(action) && usual.verbs.remove("down") {
        usual.verbs.insert(POWER_CUT);
    }
    Ok(usual)
}

/// How it is carried out there.
pub fn means(action: &Action, usual: Means) -> Means {
    match usual {
        Means::Process(mut process) if is_power_cut(action) => {
            process.verb = POWER_CUT;
            Means::Process(process)
        }
        usual => usual,
    }
}

fn is_power_cut(action: &Action) -> bool {
    matches!(action, Action::Disk(DiskAction::PowerCut))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ana_drill::Drill;
    use ana_types::NodeId;

    use super::super::{Process, needs as usual_needs};
    use super::*;

    fn step(words: &str) -> ana_drill::file::Step {
        let text = format!("drill = \"d\"\nabout = \"a\"\n[[step]]\nat = \"1s\"\n{words}\n");
        let drill = Drill::from_toml(&text).expect("reads");
        drill.steps.into_iter().next().expect("a step")
    }

    #[test]
    fn power_is_cut_off_and_what_the_kernel_cannot_do_is_refused() {
        let cases = [
            (
                "do = \"disk.power_cut\"\non = \"node 1\"\nfor = \"5s\"",
                Some(POWER_CUT),
            ),
            (
                "do = \"node.kill\"\non = \"node 1\"\nfor = \"5s\"",
                Some("down"),
            ),
            (
                "do = \"link.drop\"\non = \"link node 1 <-> node 2\"\nfor = \"5s\"",
                None,
            ),
        ];
        for (words, verb) in cases {
            let step = step(words);
            let usual = usual_needs(&step.action, &step.on).expect("it can be done");
            let needs = needs(&step.action, usual).expect("here too");
            let down: Vec<&str> = needs
                .verbs
                .iter()
                .copied()
                .filter(|it| *it != "start")
                .collect();
            assert_eq!(down, verb.into_iter().collect::<Vec<_>>(), "{words}");
            if let Some(verb) = verb {
                let means = means(&step.action, Process::down(BTreeSet::from([NodeId(1)])));
                let Means::Process(process) = means else {
                    panic!("an order")
                };
                assert_eq!(process.verb, verb);
            }
        }
        for words in [
            "do = \"link.delay\"\non = \"link node 1 <-> node 2\"\ndelay = \"5ms\"\nfor = \"5s\"",
            "do = \"zone.slow\"\non = \"zone a\"\ndelay = \"5ms\"\nfor = \"5s\"",
        ] {
            let step = step(words);
            let usual = usual_needs(&step.action, &step.on).expect("it can be done");
            let refused = needs(&step.action, usual).expect_err("not by this kernel");
            assert!(refused.to_string().contains("--real"), "{refused}");
        }
    }
}
