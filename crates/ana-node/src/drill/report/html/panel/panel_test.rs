//! Lines, and gaps between puts.

use super::super::super::super::record::SeriesUnit;
use super::super::super::fixture::{full, series};
use super::super::super::report_test::record;
use super::*;

fn with_gaps(points: &[(i64, u64)]) -> Record {
    let mut run = record();
    run.series = vec![series("write_gap", SeriesUnit::Micros, points)];
    run
}

fn gap(from_ms: i64, to_ms: i64, length_us: u64) -> Gap {
    Gap {
        from_ms,
        to_ms,
        length_us,
    }
}

#[test]
fn a_gap_is_told_once_however_often_it_was_sampled() {
    let gaps = gaps(&full());
    assert_eq!(gaps, [gap(9960, 10_800, 840_000)]);
}

#[test]
fn long_gaps_are_all_marked_and_of_short_ones_the_longest() {
    let run = with_gaps(&[
        (0, 20_000),
        (300, 900_000),
        (600, 30_000),
        (900, 500_000),
        (1200, 499_000),
        (1500, 10_000),
    ]);
    assert_eq!(
        gaps(&run),
        [gap(-600, 300, 900_000), gap(400, 900, 500_000)]
    );
    let run = with_gaps(&[(0, 20_000), (300, 40_000), (600, 30_000)]);
    assert_eq!(gaps(&run), [gap(260, 300, 40_000)]);
    assert_eq!(gaps(&with_gaps(&[])), []);
    // One that never ended.
    let run = with_gaps(&[(0, 20_000), (5000, 5_000_000)]);
    assert_eq!(gaps(&run), [gap(0, 5000, 5_000_000)]);
    let many: Vec<(i64, u64)> = (0..1000)
        .map(|at| (at * 1000, if at % 2 == 0 { 0 } else { 700_000 }))
        .collect();
    assert_eq!(gaps(&with_gaps(&many)).len(), GAPS_MARKED_MAX);
}

#[test]
fn errors_are_what_lacks_to_all() {
    let panels = panels(&full());
    let errors = &panels[1].lines;
    let names: Vec<&str> = errors.iter().map(|line| line.name).collect();
    assert_eq!(names, ["puts", "gets"]);
    assert_eq!(
        errors[0].points,
        [(-4000, 0), (10_200, 40_000), (48_000, 0)]
    );
    assert_eq!(percent(40_000), "40%");
    assert_eq!(percent(500), "0.5%");
}

#[test]
fn what_was_not_measured_has_no_line_and_says_so() {
    let run = full();
    let frame = Frame::of(&run);
    let drawn: Vec<String> = panels(&run)
        .iter()
        .map(|panel| panel.draw(frame, 0).into_string())
        .collect();
    let absent: Vec<bool> = drawn
        .iter()
        .map(|panel| panel.contains("not measured"))
        .collect();
    assert_eq!(absent, [false, false, false, true]);
    assert!(!drawn[3].contains("polyline"), "{}", drawn[3]);
    assert!(drawn[0].contains("longest write gap 0.84s"), "{}", drawn[0]);
    assert!(drawn[0].contains("records per second"), "{}", drawn[0]);
    // One measurement is a dot: a line would need two.
    assert!(drawn[1].contains("class=\"dot second\""), "{}", drawn[1]);
}
