//! Every action: what its spec says is what is read, printed and refused.

use super::{Action, Spec, TargetKind};
use crate::document::{Table, Value};
use crate::error::DrillError;
use crate::fields::Fields;
use crate::targets::Target;
use std::collections::BTreeSet;

fn read(name: &str, parameters: &[(&str, &str)]) -> Result<Action, DrillError> {
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), Value::Text((*value).to_owned()));
    let mut fields = Fields::new("here", parameters.iter().map(text).collect::<Table>());
    let action = Action::read(name, &mut fields)?;
    fields.finish()?;
    Ok(action)
}

/// The parameters of an action as its spec shows them. Those of a reshard exclude each other.
fn shown(spec: &Spec) -> Vec<(&'static str, &'static str)> {
    let count = if spec.name == "change.reshard" {
        1
    } else {
        spec.parameters.len()
    };
    let shown = spec.parameters.iter().take(count);
    shown.map(|each| (each.key, each.like)).collect()
}

/// `shards`, `split` and `merge` are counts, so they are numbers in a file.
fn numbers(parameters: &[(&'static str, &'static str)]) -> Table {
    let value = |text: &str| match text.parse::<u64>() {
        Ok(_) => Value::Number(text.to_owned()),
        Err(_) => Value::Text(text.to_owned()),
    };
    parameters
        .iter()
        .map(|(key, text)| ((*key).to_owned(), value(text)))
        .collect()
}

#[test]
fn every_action_is_read_as_its_spec_shows_it_and_prints_what_was_read() {
    let names: BTreeSet<&str> = Action::specs().iter().map(|spec| spec.name).collect();
    assert_eq!(names.len(), Action::specs().len());
    for spec in Action::specs() {
        let mut fields = Fields::new("here", numbers(&shown(spec)));
        let action = Action::read(spec.name, &mut fields).expect(spec.name);
        fields.finish().expect(spec.name);
        assert_eq!(action.spec(), spec);
        let printed = action.parameters();
        let keys: Vec<&str> = printed.iter().map(|(key, _)| *key).collect();
        let expected: Vec<&str> = shown(spec).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, expected, "{}", spec.name);
        let table = printed
            .iter()
            .map(|(key, value)| match value.parse::<u64>() {
                Ok(_) => ((*key).to_owned(), Value::Number(value.clone())),
                Err(_) => ((*key).to_owned(), Value::Text(value.clone())),
            });
        let again = Action::read(spec.name, &mut Fields::new("here", table.collect()));
        assert_eq!(again.expect("read back"), action);
    }
}

#[test]
fn required_parameters_are_required_and_others_are_not() {
    for spec in Action::specs() {
        for left_out in spec.parameters {
            let mut given = shown(spec);
            given.retain(|(key, _)| *key != left_out.key);
            let result = Action::read(spec.name, &mut Fields::new("here", numbers(&given)));
            let needed = left_out.required || (spec.name == "change.reshard" && given.is_empty());
            assert_eq!(
                result.is_err(),
                needed,
                "{} without {}",
                spec.name,
                left_out.key
            );
        }
    }
}

type Refused = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const REFUSED: &[Refused] = &[
    (
        "node.kil",
        &[],
        "there is no action \"node.kil\"; did you mean `node.kill`?",
    ),
    ("disk.slwo", &[], "did you mean `disk.slow`?"),
    ("moon.fall", &[], "there is no action \"moon.fall\""),
    (
        "api.throttle",
        &[("percnt", "25")],
        "unknown key `percnt`; did you mean `percent`?",
    ),
    ("api.throttle", &[("percent", "0")], "`percent` is nothing"),
    ("api.throttle", &[("percent", "200")], "out of bounds"),
    ("node.kill", &[("percent", "25")], "unknown key `percent`"),
    (
        "disk.slow",
        &[],
        "at least one of fsync, write, read must be there",
    ),
    (
        "disk.slow",
        &[("fsnyc", "1s")],
        "unknown key `fsnyc`; did you mean `fsync`?",
    ),
    ("disk.bit_flip", &[("file", "logs")], "did you mean `log`?"),
    ("disk.torn_tail", &[("bytes", "0")], "`bytes` is nothing"),
    ("link.delay", &[("delay", "0s")], "`delay` is nothing"),
    ("link.thin", &[("rate", "64KiB")], "is not a rate"),
    ("clock.jump", &[("by", "0s")], "is not a step of a clock"),
    (
        "api.error",
        &[("error", "ExpiredIterator"), ("percent", "5")],
        "\"ExpiredIterator\" is not one of",
    ),
    (
        "change.move_leader",
        &[("to", "Zone C")],
        "a zone may not contain",
    ),
    (
        "change.reshard",
        &[],
        "at least one of shards, split, merge",
    ),
    (
        "change.reshard",
        &[("shards", "4")],
        "should be a whole number",
    ),
];

#[test]
fn parameters_that_make_no_sense_are_refused_by_name() {
    for (name, parameters, message) in REFUSED {
        let error = read(name, parameters).expect_err(name).to_string();
        assert!(error.contains(message), "{name} {parameters:?}: {error}");
        assert!(error.starts_with("here: "), "{error}");
    }
    let both = numbers(&[("shards", "4"), ("split", "1")]);
    let error = Action::read("change.reshard", &mut Fields::new("here", both)).expect_err("both");
    assert!(
        error
            .to_string()
            .contains("exactly one of shards, split, merge"),
        "{error}"
    );
    for bad in ["0", "10001"] {
        let mut fields = Fields::new("here", numbers(&[("shards", bad)]));
        let error = Action::read("change.reshard", &mut fields)
            .expect_err(bad)
            .to_string();
        assert!(error.contains("between 1 and 10000"), "{error}");
    }
}

#[test]
fn actions_are_aimed_only_at_what_they_take() {
    let samples = [
        (TargetKind::Zones, "zone b"),
        (TargetKind::Nodes, "leader of orders/0"),
        (TargetKind::Link, "link a -> b"),
        (TargetKind::Requests, "stream orders"),
    ];
    for spec in Action::specs() {
        let mut fields = Fields::new("here", numbers(&shown(spec)));
        let action = Action::read(spec.name, &mut fields).expect(spec.name);
        for (kind, text) in samples {
            let both_ways = spec.name == "link.drop" && kind == TargetKind::Link;
            let text = if both_ways { "link a <-> b" } else { text };
            let target: Target = text.parse().expect(text);
            let taken = action.check_target(&target).is_ok();
            assert_eq!(taken, spec.takes.contains(&kind), "{} at {text}", spec.name);
        }
    }
}

#[test]
fn targets_of_the_right_kind_can_still_be_wrong() {
    let percent = vec![("percent", "25")];
    let expired = vec![("error", "ExpiredIteratorException"), ("percent", "25")];
    for (name, parameters, target, message) in [
        (
            "node.kill",
            vec![],
            "stream orders",
            "it takes nodes or zones",
        ),
        (
            "link.drop",
            vec![],
            "link a -> b",
            "there is link.oneway_drop",
        ),
        (
            "link.oneway_drop",
            vec![],
            "link a <-> b",
            "there is link.drop",
        ),
        (
            "change.move_leader",
            vec![],
            "node 4",
            "needs `leader of STREAM/SHARD`",
        ),
        (
            "api.throttle",
            percent.clone(),
            "stream s op SplitShard",
            "does not concern SplitShard",
        ),
        (
            "api.partial_puts",
            percent,
            "stream s op PutRecord",
            "it concerns PutRecords",
        ),
        (
            "api.error",
            expired,
            "stream s op PutRecord",
            "it concerns GetRecords",
        ),
    ] {
        let action = read(name, &parameters).expect(name);
        let error = action
            .check_target(&target.parse().expect(target))
            .expect_err(target);
        assert!(
            error.to_string().contains(message),
            "{name} at {target}: {error}"
        );
    }
}
