//! Which texts are which checks, and when each holds, breaks or was not exercised.

use super::{Check, Verdict};
use crate::observations::{Audit, Flag, Metric, Observations};
use crate::quantity::Span;
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assert_ne, proptest};

fn check(text: &str) -> Check {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Samples of a metric at whole seconds, seen until `now`.
fn seen(metric: Metric, samples: &[(u64, u64)], now: u64, healed_at: Option<u64>) -> Observations {
    let healed_at = healed_at.map(Span::from_secs);
    let mut seen = Observations::until(Span::from_secs(now), healed_at);
    for (at, value) in samples {
        seen.record(metric, Span::from_secs(*at), *value);
    }
    seen
}

#[test]
fn what_is_written_plainly_prints_as_it_was_written() {
    for text in [
        "put_success_rate >= 99.9% for 10s",
        "acked_lost > 0",
        "put_unavailable > 15s",
        "write_gap <= 2s",
        "leader_changes != 3",
        "shards_under_replicated == 0 for 1m30s",
        "put_p99 < 200ms",
        "all_shards_writable within 10s of heal",
        "all_shards_writable",
        "consumer_lag <= 5s within 30s of heal",
        "no_acked_record_lost",
        "no_duplicate_sequence",
        "order_per_key_kept",
        "replicas_identical",
    ] {
        assert_eq!(check(text).to_string(), text);
    }
    assert_eq!(check(" write_gap<=2000ms ").to_string(), "write_gap <= 2s");
}

#[test]
fn what_is_no_check_is_refused_with_the_word_meant() {
    for (text, message) in [
        ("", "a metric with a limit, or a flag"),
        ("write_gaps <= 2s", "did you mean `write_gap`?"),
        (
            "no_acked_records_lost",
            "did you mean `no_acked_record_lost`?",
        ),
        ("write_gap", "needs a comparison"),
        ("write_gap <=", "needs a comparison"),
        ("write_gap => 2s", "\"=>\" is not a comparison"),
        ("write_gap <= 2", "is not a duration"),
        ("put_success_rate >= 101%", "out of bounds"),
        ("acked_lost > +1", "is not a whole number"),
        ("acked_lost > 0 for 0s", "longer than nothing"),
        ("write_gap <= 2s since 3s", "cannot follow"),
        ("write_gap <= 2s within 3s of start", "cannot follow"),
        ("write_gap <= 2s for 3s within 3s of heal", "cannot follow"),
        ("replicas_identical for 3s", "takes no time"),
        ("= 3", "there is no metric"),
    ] {
        let error = text.parse::<Check>().expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

/// A check of the write gap, samples in seconds, the present second, and what becomes of the check. The faults
/// are healed at 20 s.
type Measured = (&'static str, &'static [(u64, u64)], u64, &'static str);

const MEASURED: &[Measured] = &[
    (
        "write_gap <= 2s",
        &[],
        30,
        "not exercised: nothing was measured",
    ),
    ("write_gap <= 2s", &[(1, 1), (2, 2)], 30, "held"),
    (
        "write_gap <= 2s",
        &[(1, 1), (2, 3), (3, 4)],
        30,
        "broken at 2s: write_gap was 3s",
    ),
    (
        "write_gap > 2s",
        &[(1, 3), (2, 2)],
        30,
        "broken at 2s: write_gap was 2s",
    ),
    // The last 10 s of 30 s, with what stood at their start.
    (
        "write_gap <= 2s for 10s",
        &[(5, 9), (18, 1), (25, 1)],
        30,
        "held",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(18, 9), (25, 1)],
        30,
        "broken at 20s: write_gap was 9s",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(18, 1), (25, 9)],
        30,
        "broken at 25s: write_gap was 9s",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(18, 1)],
        30,
        "not exercised: nothing was measured",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(25, 1)],
        30,
        "not exercised: it was not watched long enough",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(25, 9)],
        30,
        "broken at 25s: write_gap was 9s",
    ),
    (
        "write_gap <= 2s for 10s",
        &[(1, 1)],
        5,
        "not exercised: it was not watched long enough",
    ),
    // Healed at 20 s.
    (
        "write_gap <= 2s within 5s of heal",
        &[(19, 9), (21, 9), (24, 1), (29, 1)],
        30,
        "held",
    ),
    (
        "write_gap <= 2s within 5s of heal",
        &[(21, 1), (24, 9)],
        30,
        "broken at 24s: write_gap was 9s",
    ),
    (
        "write_gap <= 2s within 5s of heal",
        &[(21, 1), (29, 9)],
        30,
        "broken at 29s: write_gap was 9s",
    ),
    (
        "write_gap <= 2s within 5s of heal",
        &[(19, 1)],
        30,
        "not exercised: nothing was measured",
    ),
    (
        "write_gap <= 2s within 5s of heal",
        &[(29, 1)],
        30,
        "not exercised: it was not watched long enough",
    ),
    (
        "write_gap <= 2s within 5s of heal",
        &[(21, 9)],
        22,
        "not exercised: it was not watched long enough",
    ),
    ("write_gap <= 2s within 5s of heal", &[(21, 1)], 22, "held"),
    (
        "write_gap <= 2s for 10s",
        &[(0, 1), (3, 1)],
        9,
        "not exercised: it was not watched long enough",
    ),
];

#[test]
fn measured_checks() {
    for (text, samples, now, verdict) in MEASURED {
        let micros: Vec<_> = samples.iter().map(|(at, s)| (*at, s * 1_000_000)).collect();
        let seen = seen(Metric::WriteGap, &micros, *now, Some(20));
        let found = check(text).evaluate(&seen).to_string();
        assert_eq!(found, *verdict, "{text} {samples:?}");
    }
}

#[test]
fn other_units_and_the_state_of_shards() {
    let rate = seen(
        Metric::PutSuccessRate,
        &[(1, 100_000), (2, 98_500)],
        3,
        None,
    );
    let found = check("put_success_rate >= 99.9%")
        .evaluate(&rate)
        .to_string();
    assert_eq!(found, "broken at 2s: put_success_rate was 98.5%");

    let shards = |samples: &[(u64, u64)], heal| seen(Metric::ShardsUnwritable, samples, 30, heal);
    let writable = check("all_shards_writable within 10s of heal");
    for (samples, heal, verdict) in [
        (vec![(11, 3), (15, 0)], Some(10), "held"),
        (
            vec![(11, 3), (25, 0)],
            Some(10),
            "broken at 11s: shards_unwritable was 3",
        ),
        (
            vec![(11, 0)],
            None,
            "not exercised: the faults were never taken away",
        ),
    ] {
        assert_eq!(
            writable.evaluate(&shards(&samples, heal)).to_string(),
            verdict,
            "{samples:?}"
        );
    }
}

#[test]
fn flags_hold_only_when_something_was_audited() {
    let kept = check("order_per_key_kept");
    let mut seen = Observations::default();
    assert_eq!(
        kept.evaluate(&seen).to_string(),
        "not exercised: the audit had nothing to look at"
    );
    seen.audit(
        Flag::OrderPerKeyKept,
        Audit {
            looked_at: 100,
            wrong: None,
        },
    );
    assert_eq!(kept.evaluate(&seen), Verdict::Held);
    for wrong in ["key 7: 12 before 11", "key 8: 2 before 1"] {
        seen.audit(
            Flag::OrderPerKeyKept,
            Audit {
                looked_at: 1,
                wrong: Some(wrong.to_owned()),
            },
        );
    }
    assert_eq!(seen.audited(Flag::OrderPerKeyKept).looked_at, 102);
    assert_eq!(
        kept.evaluate(&seen).to_string(),
        "broken: key 7: 12 before 11"
    );
}

#[test]
fn guards_trip_at_the_first_moment() {
    for (text, samples, now, at) in [
        ("acked_lost > 0", vec![], 30, None),
        ("acked_lost > 0", vec![(1, 0), (2, 0)], 30, None),
        ("acked_lost > 0", vec![(1, 0), (2, 5), (3, 0)], 30, Some(2)),
        ("acked_lost > 0", vec![(1, 0), (2, 5)], 2, Some(2)),
        ("acked_lost > 0 for 5s", vec![(1, 5), (4, 0)], 30, None),
        (
            "acked_lost > 0 for 5s",
            vec![(1, 5), (4, 5), (8, 0)],
            30,
            Some(6),
        ),
        (
            "acked_lost > 0 for 5s",
            vec![(1, 5), (2, 0), (3, 5)],
            7,
            None,
        ),
        (
            "acked_lost > 0 for 5s",
            vec![(1, 5), (2, 0), (3, 5)],
            8,
            Some(8),
        ),
        ("acked_lost > 0 within 5s of heal", vec![(1, 5)], 30, None),
        ("no_acked_record_lost", vec![(1, 5)], 30, None),
    ] {
        let trip = check(text).trips(&seen(Metric::AckedLost, &samples, now, Some(0)));
        assert_eq!(
            trip.map(|trip| trip.at),
            at.map(Span::from_secs),
            "{text} {samples:?}"
        );
    }
}

#[test]
fn late_samples_stand_in_their_place() {
    let late = seen(Metric::AckedLost, &[(5, 50), (1, 10), (3, 30)], 0, None);
    let values: Vec<u64> = late
        .series(Metric::AckedLost)
        .iter()
        .map(|each| each.value)
        .collect();
    assert_eq!((values, late.now), (vec![10, 30, 50], Span::from_secs(5)));
}

const LIKELY: &str = "((put_success_rate|write_gap|acked_lost|all_shards_writable|replicas_identical|>=|<=|==|!|<|\
                      99.9%|2s|0|7|for|within|of|heal) ?){0,9}";

proptest! {
    #[test]
    fn no_text_upsets_the_parser(text in "\\PC*") {
        if let Ok(read) = text.parse::<Check>() {
            prop_assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn likely_texts_read_back_and_hold_nothing_without_data(text in LIKELY) {
        if let Ok(read) = text.parse::<Check>() {
            prop_assert_ne!(read.evaluate(&Observations::default()), Verdict::Held);
            prop_assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn nothing_is_held_by_samples_that_all_break_it(
        samples in proptest::collection::vec((0..60_u64, 1..9_u64), 0..9),
        now in 0..60_u64,
        heal in any::<Option<u8>>(),
    ) {
        let seen = seen(Metric::AckedLost, &samples, now, heal.map(u64::from));
        for text in ["acked_lost == 0", "acked_lost == 0 for 5s", "acked_lost == 0 within 5s of heal"] {
            prop_assert!(check(text).evaluate(&seen) != Verdict::Held);
        }
    }
}
