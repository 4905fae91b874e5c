//! The sections of a report about the user's own traffic.

use super::super::super::record::{ApplicationSection, ClusterSection, PollGap};
use super::super::fixture::full;
use super::super::report_test::record;
use super::*;

#[test]
fn what_was_found_is_told_apart() {
    let expected = "\
cluster, your puts to orders: 1,200 looked at   lost 1   duplicated not exercised   reordered 0   2 copies by retries
  lost: 4961
  not exercised: duplicated: one in 2 records was noted
  1,250 acknowledged in all, 3 without an answer: they may be there or not
  not looked at: node 2 lost its notes
application, billing reading orders: 1,210 records   skipped 3   processed twice 17   checkpoint went back 1   \
stood still 2 times (3.10s)   caught up 6.00s after the healing
  passed over 3 records";
    assert_eq!(text(&full()), expected);
}

#[test]
fn what_saw_no_data_is_not_exercised() {
    assert_eq!(
        text(&record()),
        "",
        "a drill with a load says nothing of it"
    );
    let mut run = record();
    run.cluster = Some(ClusterSection::default());
    run.application = Some(ApplicationSection::default());
    let expected = "cluster, your puts: not exercised: no acknowledged put of yours was seen\n\
                    application: not exercised: no consumer of yours was seen";
    assert_eq!(text(&run), expected);
    let states: Vec<State> = findings(&run).into_iter().map(|it| it.state).collect();
    let is_silent = |state: &State| matches!(state, State::NotExercised(_));
    assert!(
        states.len() == 2 && states.iter().all(is_silent),
        "{states:?}"
    );
    let idle = ForeignConsumer {
        name: "anyone".to_owned(),
        ..ForeignConsumer::default()
    };
    run.application = Some(ApplicationSection {
        consumers: vec![idle],
    });
    assert!(text(&run).contains("not exercised: none of them is known"));
}

#[test]
fn one_pause_is_told_once() {
    let consumer = ForeignConsumer {
        looked_at: 1,
        gaps: 1,
        longest: vec![PollGap {
            shard: "s".to_owned(),
            at_ms: 0,
            length_ms: 1500,
        }],
        is_behind: true,
        ..ForeignConsumer::default()
    };
    let told = consumer_lines(&consumer).join("\n");
    assert!(
        told.contains("stood still once (1.50s)   had not caught up"),
        "{told}"
    );
}
