//! Lines of a simulator, and what they come to.

use super::*;

fn asked(seeds: u64) -> Asked {
    Asked {
        drill: "zone-loss".to_owned(),
        about: "About".to_owned(),
        first: 5,
        seeds,
        again: "ana drill run zone-loss --sim".to_owned(),
    }
}

fn expected(check: &str, looked_at: u64, broken: Option<&str>) -> SeedExpectation {
    SeedExpectation {
        check: check.to_owned(),
        looked_at,
        broken: broken.map(str::to_owned),
        not_judged: None,
    }
}

fn run(seed: u64, expectations: Vec<SeedExpectation>) -> SeedRun {
    SeedRun {
        seed,
        acknowledged: 700,
        read: 700,
        elections: 2,
        simulated_ms: 20_000,
        broken: Vec::new(),
        expectations,
    }
}

fn hear(hearing: &mut Hearing, told: &Told) -> Option<String> {
    let line = serde_json::to_string(told).expect("JSON");
    hearing.hear(&line).expect("it is known")
}

/// One step of three is needed for what this seed broke.
pub(super) fn needed(seed: u64) -> Smaller {
    Smaller {
        of: 3,
        tries: 4,
        steps: vec![NeededStep {
            number: 2,
            at_ms: 2000,
            for_ms: 5000,
            action: "zone.down".to_owned(),
            on: "zone a".to_owned(),
        }],
        events: format!("ana-sim seed {seed} --only 1 --print"),
    }
}

fn began() -> Told {
    Told::Began {
        format: FORMAT,
        build: "1.2.3".to_owned(),
    }
}

#[test]
fn seeds_that_hold_pass_and_what_saw_nothing_is_not_held() {
    let mut hearing = Hearing::new(asked(2));
    hear(&mut hearing, &began());
    let mut gap = expected("write_gap <= 5s", 0, None);
    gap.not_judged = Some("no machine".to_owned());
    let seen = || {
        vec![
            expected("no_acked_record_lost", 700, None),
            expected("replicas_identical", 0, None),
            gap.clone(),
        ]
    };
    let words = hear(&mut hearing, &Told::Seed(run(5, seen()))).expect("words");
    assert!(words.starts_with("seed 5 (1 of 2): held"), "{words}");
    hear(&mut hearing, &Told::Seed(run(6, seen())));
    let simulation = hearing.end(1500, false, "in order").expect("all is there");
    assert_eq!(simulation.outcome, Outcome::Passed);
    assert_eq!(simulation.acknowledged, 1400);
    let told = text(&simulation, crate::output::Paint::default());
    for words in [
        "zone-loss   PASS   2 of 2 seeds from 5   simulated   00:01   build 1.2.3",
        "expectations 1/3 held",
        "held    no_acked_record_lost  (1,400 looked at)",
        "  -     replicas_identical  not exercised: no seed had anything to look at",
        "  -     write_gap <= 5s  not exercised: no machine",
        "again: ana drill run zone-loss --sim --seeds 2 --first 5",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
}

#[test]
fn what_broke_is_told_with_the_steps_that_are_needed() {
    let mut hearing = Hearing::new(asked(20));
    hear(&mut hearing, &began());
    let changes = |found| vec![expected("leader_changes <= 0", 3, found)];
    hear(&mut hearing, &Told::Seed(run(5, changes(None))));
    let broken = run(6, changes(Some("2 changes")));
    assert!(broken.broke("leader_changes <= 0") && !broken.broke("A1"));
    let words = hear(&mut hearing, &Told::Seed(broken)).expect("words");
    assert!(
        words.contains("BROKEN leader_changes <= 0: 2 changes"),
        "{words}"
    );
    hear(&mut hearing, &Told::Smaller(needed(6)));
    let simulation = hearing.end(1500, false, "in order").expect("all is there");
    assert_eq!(simulation.outcome, Outcome::Broken);
    let told = text(&simulation, crate::output::Paint::default());
    for words in [
        "zone-loss   BROKEN   2 of 20 seeds",
        "first broken: seed 6, leader_changes <= 0: 2 changes",
        "needed for it: 1 of 3 steps (4 more runs)",
        "  step 2    2.0s  zone.down on zone a for 5.0s",
        "every event: ana-sim seed 6 --only 1 --print",
        "again: ana drill run zone-loss --sim --seeds 1 --first 6",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    let document = serde_json::to_value(&simulation).expect("JSON");
    assert_eq!(document["first_broken"]["check"], "leader_changes <= 0");
    assert_eq!(document["needed"]["steps"][0]["number"], 2);
}

#[test]
fn promises_come_before_expectations() {
    let mut broken = run(6, vec![expected("leader_changes <= 0", 3, Some("2"))]);
    broken.broken.push(BrokenCheck {
        check: "A1 what was acknowledged is there".to_owned(),
        found: "one record is gone".to_owned(),
        records: vec!["a".to_owned()],
    });
    let first = broken.first_broken().expect("something broke");
    assert_eq!(first.found, "one record is gone");
}

#[test]
fn an_end_before_the_end_is_never_a_pass() {
    let cases: [(&[Told], bool, Option<Outcome>); 7] = [
        (&[], false, None),
        (&[], true, Some(Outcome::StoppedByPerson)),
        (&[began()], false, None),
        (&[began(), Told::Seed(run(5, Vec::new()))], false, None),
        (
            &[began(), Told::Seed(run(5, Vec::new()))],
            true,
            Some(Outcome::StoppedByPerson),
        ),
        (
            &[
                began(),
                Told::Refused {
                    what: "step 1: no".to_owned(),
                },
            ],
            false,
            Some(Outcome::CouldNotRun),
        ),
        (
            &[
                began(),
                Told::Seed(run(5, Vec::new())),
                Told::Seed(run(6, Vec::new())),
            ],
            false,
            Some(Outcome::Passed),
        ),
    ];
    for (lines, stopped, outcome) in cases {
        let mut hearing = Hearing::new(asked(2));
        for line in lines {
            hear(&mut hearing, line);
        }
        let ended = hearing
            .end(1, stopped, "signal 9")
            .map(|it| it.outcome)
            .ok();
        assert_eq!(ended, outcome, "{lines:?}");
    }
}

#[test]
fn a_simulator_of_another_version_is_not_guessed_at() {
    let mut hearing = Hearing::new(asked(2));
    let other = Told::Began {
        format: FORMAT + 1,
        build: String::new(),
    };
    let line = serde_json::to_string(&other).expect("JSON");
    assert!(hearing.hear(&line).is_err());
    assert!(hearing.hear("zone-loss: all kept").is_err());
}
