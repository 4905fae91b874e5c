//! Places in the picture.

use super::super::super::report_test::record;
use super::*;

fn frame(from_ms: i64, to_ms: i64) -> Frame {
    Frame { from_ms, to_ms }
}

#[test]
fn a_frame_holds_every_moment_of_the_record() {
    let mut run = record();
    assert_eq!(Frame::of(&run), frame(0, 40_100));
    run.series.push(super::super::super::super::record::Series {
        metric: "put_p99".to_owned(),
        unit: super::super::super::super::record::SeriesUnit::Micros,
        points: vec![(-5100, 1), (50_000, 1)],
    });
    assert_eq!(Frame::of(&run), frame(-5100, 50_000));
    run.series.clear();
    run.faults.clear();
    run.healed_at_ms = None;
    assert_eq!(
        Frame::of(&run),
        frame(0, 1000),
        "a run without any moment has a picture"
    );
}

#[test]
fn moments_stand_in_order_and_none_outside() {
    let frame = frame(-5000, 45_000);
    assert_eq!(frame.x(-5000), LEFT);
    assert_eq!(frame.x(45_000), RIGHT);
    assert_eq!(frame.x(20_000), (LEFT + RIGHT) / 2);
    assert_eq!((frame.x(i64::MIN), frame.x(i64::MAX)), (LEFT, RIGHT));
    let widest = Frame {
        from_ms: i64::MIN,
        to_ms: i64::MAX,
    };
    assert_eq!((widest.x(i64::MIN), widest.x(i64::MAX)), (LEFT, RIGHT));
    assert!(
        widest.ticks().len() <= 16,
        "the axis of an absurd record is bounded"
    );
}

#[test]
fn ticks_are_round_and_not_too_many() {
    let all = frame(-5000, 45_000).ticks();
    let expected = (-1..=9).map(|count| count * 5000);
    assert_eq!(all, expected.collect::<Vec<i64>>());
    assert_eq!(frame(-300, 1200).ticks(), [0, 1000]);
    for to_s in [1, 9, 14, 15, 61, 600, 4000, 100_000, 10_000_000] {
        let ticks = frame(-5100, to_s * 1000).ticks();
        assert!((1..=15).contains(&ticks.len()), "{to_s}: {ticks:?}");
    }
}

#[test]
fn the_top_of_an_axis_is_round_and_high_enough() {
    for (greatest, top) in [
        (0, 2),
        (2, 2),
        (3, 4),
        (5, 10),
        (11, 20),
        (220, 400),
        (401, 1000),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(top_of(greatest, 1), top);
    }
    assert_eq!(top_of(0, 1000), 1000);
    assert_eq!(rise(0, 400, 100), 0);
    assert_eq!(rise(100, 400, 100), 25);
    assert_eq!(rise(900, 400, 100), 100);
    assert_eq!(rise(u64::MAX, u64::MAX, 100), 100);
}
