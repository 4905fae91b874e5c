//! What is due when, with leases that are renewed and faults that end early.

use ana_drill::Drill;
use ana_drill::observations::Metric;

use super::*;

/// A kill from 5 s to 20 s, a reshard at 10 s that takes as long as it takes, and what is expected.
fn timeline(expect: &str) -> Timeline {
    let text = format!(
        r#"
drill = "t"
about = "t"
steady = ["put_success_rate >= 99% for 5s"]
[[step]]
at = "5s"
do = "node.kill"
on = "node 1"
for = "15s"
[[step]]
at = "10s"
do = "change.reshard"
on = "stream orders"
split = 1
[expect]
all = [{expect}]
"#
    );
    let drill = Drill::from_toml(&text).expect("a drill");
    Timeline::new(&Plan::of(&drill, None, false).expect("a plan"))
}

fn at(secs: u64) -> Span {
    Span::from_secs(secs)
}

fn nothing() -> Observations {
    Observations::default()
}

/// All puts well from `since` to `now`, in thousandths of a percent before that.
fn puts(now: u64, worst: u64, since: u64) -> Observations {
    let mut seen = Observations::until(at(now), None);
    seen.record(Metric::PutSuccessRate, at(0), worst);
    for second in since..=now {
        seen.record(Metric::PutSuccessRate, at(second), 100_000);
    }
    seen
}

/// A timeline whose drill has started.
fn started(expect: &str) -> Timeline {
    let mut timeline = timeline(expect);
    assert_eq!(timeline.look(at(6), &puts(6, 100_000, 0)), [Command::Start]);
    timeline
}

#[test]
fn nothing_starts_before_the_steady_state_held_long_enough() {
    let mut timeline = timeline("");
    let cases = [
        (3, puts(3, 100_000, 0)),
        (6, puts(6, 50_000, 2)),
        (8, nothing()),
        (19, puts(19, 50_000, 16)),
    ];
    for (now, seen) in cases {
        assert_eq!(timeline.look(at(now), &seen), [], "{now}");
        assert_eq!(timeline.unsteady(&seen).len(), 1, "{now}");
    }
    let mut impatient = timeline.clone();
    assert_eq!(impatient.look(at(20), &nothing()), [Command::Refuse]);
    assert_eq!(impatient.phase(), Phase::Over);
    assert_eq!(
        timeline.look(at(21), &puts(21, 50_000, 15)),
        [Command::Start]
    );
    assert_eq!(timeline.phase(), Phase::Faults);
}

#[test]
fn faults_fire_and_end_once_and_the_last_one_heals() {
    let mut timeline = started("");
    let look = |timeline: &mut Timeline, now| timeline.look(at(now), &nothing());
    assert_eq!(look(&mut timeline, 4), []);
    assert_eq!(look(&mut timeline, 5), [Command::Fire(0)]);
    assert_eq!(look(&mut timeline, 9), []);
    assert_eq!(look(&mut timeline, 10), [Command::Fire(1)]);
    assert_eq!(look(&mut timeline, 20), [Command::End(0)]);
    assert_eq!(look(&mut timeline, 21), []);
    timeline.over(0);
    assert_eq!(look(&mut timeline, 25), [], "the reshard goes on");
    timeline.over(1);
    assert_eq!(look(&mut timeline, 31), [Command::Healed]);
    assert_eq!(timeline.healed_at(), Some(at(31)));
    assert_eq!(look(&mut timeline, 33), []);
    assert_eq!(look(&mut timeline, 36), [Command::Finish]);
    assert_eq!(look(&mut timeline, 37), []);
}

#[test]
fn a_late_look_still_fires_everything_in_order() {
    let mut timeline = started("");
    assert_eq!(
        timeline.look(at(60), &nothing()),
        [Command::Fire(0), Command::Fire(1)]
    );
    assert_eq!(timeline.look(at(60), &nothing()), [Command::End(0)]);
}

#[test]
fn a_cut_ends_what_is_on_and_lets_nothing_fire() {
    let mut timeline = started("\"put_success_rate >= 99% within 1m of heal\"");
    assert_eq!(timeline.look(at(5), &nothing()), [Command::Fire(0)]);
    assert_eq!(timeline.cut_short(Cut::Guard), [Command::End(0)]);
    assert_eq!(timeline.cut_short(Cut::Person), [], "it is ended once");
    assert_eq!(timeline.look(at(12), &nothing()), [], "nothing fires");
    assert!(timeline.fired(0) && !timeline.fired(1));
    timeline.over(0);
    assert_eq!(timeline.look(at(13), &nothing()), [Command::Healed]);
    assert_eq!(timeline.cut(), Some(Cut::Guard), "the first one counts");
    assert_eq!(timeline.look(at(22), &nothing()), []);
    assert_eq!(timeline.look(at(23), &nothing()), [Command::Finish]);
}

#[test]
fn a_cut_before_anything_fired_is_the_end() {
    let mut timeline = timeline("");
    assert_eq!(timeline.cut_short(Cut::Person), [Command::Finish]);
    let mut timeline = started("");
    assert_eq!(timeline.cut_short(Cut::Person), []);
    assert_eq!(timeline.look(at(1), &nothing()), [Command::Healed]);
}

#[test]
fn the_watch_ends_when_all_was_well_for_a_while_or_its_time_is_over() {
    let expect = "\"put_success_rate >= 99% within 30s of heal\"";
    let healed = |expect| {
        let mut timeline = started(expect);
        assert_eq!(timeline.look(at(5), &nothing()), [Command::Fire(0)]);
        assert_eq!(timeline.look(at(10), &nothing()), [Command::Fire(1)]);
        timeline.over(0);
        timeline.over(1);
        assert_eq!(timeline.look(at(21), &nothing()), [Command::Healed]);
        timeline
    };
    let seen = |now, since| {
        let mut seen = puts(now, 0, since);
        seen.healed_at = Some(at(21));
        seen
    };
    let mut timeline = healed(expect);
    assert_eq!(timeline.look(at(25), &seen(25, 25)), []);
    assert_eq!(timeline.look(at(29), &seen(29, 25)), []);
    assert_eq!(timeline.look(at(30), &seen(30, 25)), [Command::Finish]);
    let mut timeline = healed(expect);
    assert_eq!(timeline.look(at(50), &seen(50, 60)), []);
    assert_eq!(timeline.look(at(51), &seen(51, 60)), [Command::Finish]);
    // `for 20s` looks at the last 20 s: these must not reach back into the faults.
    let mut timeline = healed("\"put_success_rate >= 99% for 20s\"");
    assert_eq!(timeline.look(at(40), &seen(40, 21)), []);
    assert_eq!(timeline.look(at(41), &seen(41, 21)), [Command::Finish]);
}
