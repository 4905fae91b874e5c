//! The picture as a whole.

use super::super::super::super::record::Event;
use super::super::super::fixture::full;
use super::*;

fn picture(record: &Record) -> String {
    time_line(record).into_string()
}

/// The elements of a class, as the attributes that were asked for.
fn elements(picture: &str, class: &str, wanted: [&str; 2]) -> Vec<[i64; 2]> {
    let parsed = roxmltree::Document::parse(picture).expect("XML");
    let of_class = parsed.descendants().filter(|node| {
        let classes = node.attribute("class").unwrap_or_default();
        classes.split(' ').any(|each| each == class)
    });
    let number = |node: roxmltree::Node<'_, '_>, name: &str| {
        let value = node.attribute(name).expect("the attribute");
        value.parse().expect("a whole number")
    };
    of_class
        .map(|node| wanted.map(|name| number(node, name)))
        .collect()
}

#[test]
fn faults_are_bars_over_time_and_one_that_did_not_fire_says_so() {
    let run = full();
    let frame = Frame::of(&run);
    let picture = picture(&run);
    let (from, to) = (frame.x(10_020), frame.x(40_100));
    assert_eq!(
        elements(&picture, "bar", ["x", "width"]),
        [[from, to - from]]
    );
    assert_eq!(
        elements(&picture, "shade", ["x", "width"]),
        [[from, to - from]]
    );
    assert_eq!(
        elements(&picture, "notfired", ["x", "width"]),
        [[frame.x(10_000), 10]]
    );
    assert!(picture.contains("did not fire"), "{picture}");
    assert!(picture.contains("1 zone.down</text>"), "{picture}");
    assert!(picture.contains("zone b (node 2)</text>"), "{picture}");
}

#[test]
fn a_fault_that_nobody_saw_end_reaches_to_the_end() {
    let mut run = full();
    run.faults[0].reverted_at_ms = None;
    let picture = picture(&run);
    let from = Frame::of(&run).x(10_020);
    assert_eq!(
        elements(&picture, "open", ["x", "width"]),
        [[from, RIGHT - from]]
    );
}

#[test]
fn leader_changes_and_notes_are_ticks() {
    let run = full();
    let frame = Frame::of(&run);
    let picture = picture(&run);
    let expected =
        [10_400, 11_000, 10_100, 12_000, 13_000, 14_000, 15_000].map(|at| [frame.x(at) - 2, 4]);
    assert_eq!(elements(&picture, "event", ["x", "width"]), expected);
    assert!(picture.contains("leader changes (2)"), "{picture}");
    assert!(picture.contains("notes and nodes (5)"), "{picture}");
    assert!(picture.contains("<title>12.0s a word</title>"), "{picture}");
}

#[test]
fn the_moments_that_matter_are_marked_through_the_picture() {
    let run = full();
    let frame = Frame::of(&run);
    let picture = picture(&run);
    let expected = [14_000, 9950, 40_100].map(|at| [frame.x(at); 2]);
    assert_eq!(elements(&picture, "mark", ["x1", "x2"]), expected);
    for words in ["guard, 14.0s", "first broken, 10.0s", "healed, 40.1s"] {
        assert!(picture.contains(words), "{words}");
    }
}

#[test]
fn time_has_an_axis_with_its_unit() {
    let picture = picture(&full());
    assert!(picture.contains("seconds of the drill"), "{picture}");
    let places = elements(&picture, "attime", ["x", "y"]);
    assert!(places.len() > 8, "{places:?}");
}

#[test]
fn many_changes_are_a_bounded_number_of_ticks() {
    let mut run = full();
    run.events = (0..50_000)
        .map(|number| Event {
            at_ms: number,
            what: What::LeaderChanged {
                shard: None,
                from: None,
                to: None,
                term: 1,
            },
        })
        .collect();
    let picture = picture(&run);
    let ticks = elements(&picture, "event", ["x", "width"]);
    assert!(ticks.len() <= 1 + usize::try_from(RIGHT - LEFT).expect("small"));
    assert!(picture.contains("more</title>"));
    assert!(picture.contains("leader changes (50000)"));
}

#[test]
fn long_names_are_cut_at_a_character() {
    assert_eq!(cut("zone.down"), "zone.down");
    let long = "é".repeat(60);
    assert_eq!(cut(&long).chars().count(), NAME_MAX);
    assert!(cut(&long).ends_with('…'));
}
