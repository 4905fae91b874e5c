//! Times and gaps of each fault, from what was measured around it.

use super::*;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn seen(samples: &[(Metric, u64, u64)], now: u64, heal: Option<u64>) -> Observations {
    let mut seen = Observations::until(ms(now), heal.map(ms));
    for (metric, at, value) in samples {
        seen.record(*metric, ms(*at), *value);
    }
    seen
}

fn judged(check: &str, seen: &Observations) -> Judgement {
    expectation(&check.parse().expect("a check"), seen).judgement
}

#[test]
fn what_held_says_how_nearly() {
    let gaps = [
        (Metric::WriteGap, 1000, 200_000),
        (Metric::WriteGap, 2000, 840_000),
        (Metric::WriteGap, 9000, 100_000),
    ];
    let data = seen(&gaps, 10_000, Some(1500));
    let cases = [
        ("write_gap <= 2s", "worst 0.84s"),
        ("write_gap <= 1s for 2s", "worst 0.10s"),
        ("write_gap <= 200ms within 8s of heal", "after 7.50s"),
    ];
    for (check, expected) in cases {
        let seen = Some(expected.to_owned());
        assert_eq!(judged(check, &data), Judgement::Held { seen }, "{check}");
    }
}

#[test]
fn what_did_not_hold_says_when_and_what() {
    let data = seen(&[(Metric::WriteGap, 12_500, 2_500_000)], 20_000, None);
    assert_eq!(
        judged("write_gap <= 2s", &data),
        Judgement::Broken {
            at_ms: Some(12_500),
            found: "write_gap was 2.5s".to_owned(),
        }
    );
    assert_eq!(
        judged("no_acked_record_lost", &data),
        Judgement::NotExercised {
            why: "the audit had nothing to look at".to_owned(),
        }
    );
}

#[test]
fn the_gap_of_a_fault_is_the_longest_that_touched_it() {
    let gaps = [
        (Metric::WriteGap, 1000, 900_000),
        (Metric::WriteGap, 5000, 100_000),
        (Metric::WriteGap, 6000, 300_000),
        (Metric::WriteGap, 8000, 700_000),
        (Metric::WriteGap, 9000, 800_000),
    ];
    let seen = seen(&gaps, 10_000, None);
    assert_eq!(gap_during(&seen, ms(4000), ms(6500)), Some(ms(700)));
    assert_eq!(gap_during(&seen, ms(9500), ms(9600)), None);
}

#[test]
fn normal_is_when_everything_measured_again_is_well() {
    let samples = [
        (Metric::PutSuccessRate, 900, 100_000),
        (Metric::WriteGap, 900, 50_000),
        (Metric::ShardsUnderReplicated, 900, 0),
        (Metric::PutSuccessRate, 1100, 100_000),
        (Metric::WriteGap, 1100, 50_000),
        (Metric::ShardsUnderReplicated, 1500, 2),
        (Metric::ShardsUnderReplicated, 3200, 0),
    ];
    let seen = seen(&samples, 4000, None);
    assert_eq!(normal_after(&seen, ms(1000)), Some(ms(2200)));
    assert_eq!(normal_after(&seen, ms(3500)), None, "nothing was measured");
}

#[test]
fn series_leave_out_what_repeats_and_count_from_the_start() {
    let before = seen(
        &[(Metric::PutP99, 400, 5), (Metric::PutP99, 650, 5)],
        1000,
        None,
    );
    let during = seen(
        &[
            (Metric::PutP99, 0, 5),
            (Metric::PutP99, 250, 9),
            (Metric::PutP99, 500, 9),
        ],
        1000,
        None,
    );
    let all = series(&before, ms(1000), &during);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].points, [(-600, 5), (0, 5), (250, 9), (500, 9)]);
    let many = (0..10_000).map(|at| (at, u64::from(at % 7 == 0))).collect();
    let few = thinned(many);
    assert!(few.len() <= POINTS_MAX, "{}", few.len());
    assert!(few.iter().any(|point| point.1 == 1));
    // One second without a good answer is still there, and in its place.
    let many = (0..10_000).map(|at| {
        (
            at,
            if at == 5000 {
                0
            } else {
                90 + u64::from(at % 2 == 0)
            },
        )
    });
    let few = thinned(many.collect());
    assert!(few.len() <= POINTS_MAX, "{}", few.len());
    assert!(few.contains(&(5000, 0)));
    assert!(few.is_sorted());
}

#[test]
fn a_rate_is_by_the_second_however_long_between_two_looks() {
    let so_far = [
        (ms(1000), 0),
        (ms(2100), 220),
        (ms(3000), 400),
        (ms(3000), 401),
        (ms(4000), 401),
    ];
    let rates = per_second(ms(3000), &so_far);
    assert_eq!(rates, [(-900, 200), (0, 200), (1000, 0)]);
    assert_eq!(per_second(ms(0), &so_far[..1]), []);
}

#[test]
fn lengths_are_short() {
    let cases = [
        (41, "41ms"),
        (840, "0.84s"),
        (1204, "1.20s"),
        (30_049, "30.0s"),
    ];
    for (millis, text) in cases {
        assert_eq!(short(ms(millis)), text);
    }
}
