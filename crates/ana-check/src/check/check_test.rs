//! A clean history is clean; one that is broken in one way is found under the right anomaly, and under no other.

use proptest::prelude::*;

use crate::breakages::{Breakage, all};
use crate::fixture::Service;
use crate::{Anomaly, History, Verdict, check};

#[test]
fn a_history_that_keeps_every_promise_is_clean_and_exercises_everything() {
    let verdict = check(&Service::usual());
    assert!(verdict.is_clean(), "{verdict}");
    for anomaly in Anomaly::ALL {
        assert!(verdict.of(anomaly).is_exercised(), "{verdict}");
        assert_eq!(verdict.of(anomaly).undecided, None, "{verdict}");
    }
}

#[test]
fn an_empty_history_says_that_nothing_was_exercised() {
    let verdict = check(&History::default());
    assert!(verdict.judgements.iter().all(|it| !it.is_exercised()));
    let lines = verdict
        .to_string()
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert_eq!(lines.len(), 20);
    assert!(
        lines.iter().all(|line| line.ends_with("not exercised")),
        "{lines:?}"
    );
}

fn broken(verdict: &Verdict) -> Vec<Anomaly> {
    verdict
        .broken()
        .map(|judgement| judgement.anomaly)
        .collect()
}

fn is_as_expected(breakage: &Breakage, verdict: &Verdict) -> bool {
    let broken = broken(verdict);
    let expected = |it: &Anomaly| breakage.found.contains(it) || breakage.also.contains(it);
    breakage.found.iter().all(|it| broken.contains(it)) && broken.iter().all(expected)
}

#[test]
fn each_way_of_breaking_a_history_is_found_under_its_own_name() {
    let mut wrong = Vec::new();
    for breakage in all() {
        let mut applied = 0;
        for pick in 0..12 {
            let mut history = Service::usual();
            if (breakage.breaks)(&mut history, pick).is_none() {
                continue;
            }
            applied += 1;
            let verdict = check(&history);
            if !is_as_expected(breakage, &verdict) {
                let told: Vec<String> = verdict.broken().map(ToString::to_string).collect();
                wrong.push(format!(
                    "{}, {pick}: {:?} and not {:?}\n{}",
                    breakage.name,
                    broken(&verdict),
                    breakage.found,
                    told.join("\n")
                ));
                break;
            }
        }
        if applied == 0 {
            wrong.push(format!("{}: nothing to break", breakage.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_anomaly_has_a_way_to_break_it() {
    for anomaly in Anomaly::ALL {
        assert!(
            all().any(|breakage| breakage.found.contains(&anomaly)),
            "{anomaly}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Any history of a service that keeps its promises is clean; broken once, anywhere, it is not.
    #[test]
    fn any_clean_history_is_clean_and_any_broken_one_is_found(
        script in prop::collection::vec(any::<u8>(), 40..250),
        which in any::<prop::sample::Index>(),
        pick in 0..1000_usize,
    ) {
        let made = || {
            let mut service = Service::new();
            script.iter().for_each(|byte| service.step(*byte));
            service.finish()
        };
        let verdict = check(&made());
        prop_assert!(verdict.is_clean(), "{verdict}");
        let ways: Vec<&Breakage> = all().collect();
        let breakage = ways[which.index(ways.len())];
        let mut history = made();
        if (breakage.breaks)(&mut history, pick).is_some() {
            let verdict = check(&history);
            let told = broken(&verdict);
            let is_found = breakage.found.iter().all(|it| told.contains(it));
            prop_assert!(is_found, "{}: {told:?}", breakage.name);
        }
    }
}

/// Work for each put: linear, but for the logarithm of sorting.
#[test]
fn the_cost_grows_as_the_history_does() {
    let work = |puts: usize| {
        let history = Service::long(puts);
        let verdict = check(&history);
        assert!(verdict.is_clean(), "{verdict}");
        assert_eq!(verdict.figures.acknowledged, verdict.figures.read);
        verdict.work
    };
    let (small, large) = (work(2_000), work(32_000));
    // Sixteen times the puts: sorting alone would cost 16 * 15 / 11 = 21.8 times as much, anything quadratic 256 times.
    assert!(large < 22 * small, "{small} {large}");
    // Half a dozen sorts at log2(n) comparisons each and some walks.
    assert!(large < 200 * 32_000, "{large}");
}
