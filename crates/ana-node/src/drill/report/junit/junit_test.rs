//! What a reader of JUnit's XML finds.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use super::super::super::record::Broken;
use super::super::fixture::{full, hostile};
use super::super::report_test::record;
use super::*;

/// The cases by name: the tag in it, its message, its text; nothing where it passed.
type Cases = BTreeMap<String, Option<(String, String, String)>>;

fn cases(xml: &str) -> Cases {
    let parsed = Document::parse(xml).expect("well-formed XML");
    let suite = the_suite(&parsed);
    let cases: Vec<Node<'_, '_>> = children(suite, "testcase").collect();
    let fates: Vec<Node<'_, '_>> = cases
        .iter()
        .flat_map(|case| case.children().filter(Node::is_element))
        .collect();
    let attribute = |node: Node<'_, '_>, name: &str| {
        let value = node.attribute(name);
        value
            .unwrap_or_else(|| panic!("{name} of {node:?}"))
            .to_owned()
    };
    // The counts are those of what is there, in both places.
    for (name, tag) in [
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        let count = fates.iter().filter(|fate| fate.has_tag_name(tag)).count();
        assert_eq!(attribute(suite, name), count.to_string(), "{name}");
        if name != "skipped" {
            assert_eq!(attribute(parsed.root_element(), name), count.to_string());
        }
    }
    assert_eq!(attribute(suite, "tests"), cases.len().to_string());
    assert_eq!(
        attribute(parsed.root_element(), "tests"),
        cases.len().to_string()
    );
    let mut all = Cases::new();
    for case in cases {
        let time: f64 = attribute(case, "time").parse().expect("seconds");
        assert!(time >= 0.0);
        assert!(attribute(case, "classname").starts_with("drill."));
        let mut fates = case.children().filter(Node::is_element);
        let fate = fates.next().map(|fate| {
            let tag = fate.tag_name().name().to_owned();
            let text = fate.text().unwrap_or_default().to_owned();
            (tag, attribute(fate, "message"), text)
        });
        assert!(fates.next().is_none(), "a case has one fate");
        let name = attribute(case, "name");
        assert!(
            all.insert(name.clone(), fate).is_none(),
            "{name} is there twice"
        );
    }
    all
}

fn the_suite<'a, 'input>(parsed: &'a Document<'input>) -> Node<'a, 'input> {
    let root = parsed.root_element();
    assert!(root.has_tag_name("testsuites"));
    let mut suites = root.children().filter(Node::is_element);
    let suite = suites.next().expect("a suite");
    assert!(suite.has_tag_name("testsuite") && suites.next().is_none());
    suite
}

fn children<'a, 'input>(
    node: Node<'a, 'input>,
    tag: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name(tag))
}

fn fate<'a>(cases: &'a Cases, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let fate = cases.get(name).unwrap_or_else(|| panic!("no case {name}"));
    fate.as_ref()
        .map(|(tag, message, text)| (tag.as_str(), message.as_str(), text.as_str()))
}

#[test]
fn each_check_is_a_case_and_only_what_held_passes() {
    let cases = cases(&junit(&full()));
    assert_eq!(cases.len(), 5, "{cases:?}");
    assert_eq!(fate(&cases, "run"), None);
    assert_eq!(fate(&cases, "order_per_key_kept"), None);
    assert_eq!(fate(&cases, "write_gap <= 2s"), None);
    assert_eq!(
        fate(&cases, "read_gap <= 2s"),
        Some(("skipped", "not exercised: nothing was measured", ""))
    );
    let (tag, message, text) = fate(&cases, "no_acked_record_lost").expect("broken");
    assert_eq!(
        (tag, message),
        ("failure", "broken at 10.0s: 1 found: gone")
    );
    for line in [
        "record 17 of key k7 at shardId-000000000000 496: gone",
        "acknowledged at 10.0s, while node 2 led, term 7, entry 812",
        "led by nobody instead of node 2, term 8",
        "again: ana drill run zone-loss --seed 42",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_suite_tells_of_its_run() {
    let xml = junit(&full());
    let parsed = Document::parse(&xml).expect("XML");
    let suite = the_suite(&parsed);
    assert_eq!(suite.attribute("name"), Some("zone-loss"));
    assert_eq!(suite.attribute("time"), Some("58.400"));
    assert_eq!(suite.attribute("timestamp"), Some("2026-11-28T04:41:10"));
    let times: Vec<Option<&str>> = children(suite, "testcase")
        .map(|case| case.attribute("time"))
        .collect();
    // What broke was watched until then.
    let whole = Some("58.400");
    assert_eq!(times, [whole, whole, whole, Some("9.950"), whole]);
    let properties = children(suite, "properties").next().expect("properties");
    let properties: Vec<_> = children(properties, "property")
        .map(|each| (each.attribute("name"), each.attribute("value")))
        .collect();
    assert!(
        properties.contains(&(Some("seed"), Some("42"))),
        "{properties:?}"
    );
    assert_eq!(
        properties[0],
        (Some("run"), Some("20261128-044110-zone-loss"))
    );
    let out = children(suite, "system-out")
        .next()
        .and_then(|out| out.text());
    assert_eq!(out, Some(text(&full(), None, Paint::default()).as_str()));
}

#[test]
fn a_run_that_did_not_come_to_its_end_does_not_pass() {
    let ended = |outcome| {
        let mut run = record();
        run.outcome = outcome;
        run.why = Some("because".to_owned());
        run.first_broken = (outcome == Outcome::StoppedByGuard).then(|| Broken {
            check: "acked_lost > 0".to_owned(),
            at_ms: Some(9950),
            found: "acked_lost was 1".to_owned(),
            records: Vec::new(),
            around: Vec::new(),
        });
        junit(&run)
    };
    for (outcome, tag, message) in [
        (Outcome::CouldNotRun, "error", "could not run: because"),
        (
            Outcome::StoppedByPerson,
            "error",
            "stopped by a person: because",
        ),
        (
            Outcome::StoppedByGuard,
            "failure",
            "stopped by guard: because",
        ),
    ] {
        let cases = cases(&ended(outcome));
        let (seen_tag, seen_message, text) = fate(&cases, "run").expect("no pass");
        assert_eq!((seen_tag, seen_message), (tag, message));
        assert!(text.contains("again: ana drill run"), "{text}");
        let is_guard = outcome == Outcome::StoppedByGuard;
        assert_eq!(text.contains("acked_lost was 1"), is_guard, "{text}");
    }
}

#[test]
fn a_run_that_judged_nothing_is_one_case() {
    let mut run = record();
    run.expectations.clear();
    let cases = cases(&junit(&run));
    assert_eq!(cases, Cases::from([("run".to_owned(), None)]));
}

#[test]
fn a_refused_run_is_an_error() {
    let xml = junit_of_refusal(
        "a<b>&\"",
        "node 2 is\u{1b} down",
        "start it: ana node start 2",
    );
    let cases = cases(&xml);
    assert_eq!(
        fate(&cases, "run"),
        Some((
            "error",
            "node 2 is\u{fffd} down",
            "start it: ana node start 2"
        ))
    );
}

#[test]
fn whatever_a_record_holds_it_is_xml_and_nothing_in_it_is_a_tag() {
    let (run, planted) = hostile(&full());
    let xml = junit(&run);
    assert_eq!(cases(&xml).len(), 5);
    let parsed = Document::parse(&xml).expect("XML");
    let scripts = parsed
        .descendants()
        .filter(|node| node.has_tag_name("script"));
    assert_eq!(scripts.count(), 0);
    // What is shown, is shown whole.
    let mut words = String::new();
    for node in parsed.descendants() {
        words.extend(node.attributes().map(|attribute| attribute.value()));
        words.push_str(if node.is_text() {
            node.text().unwrap_or_default()
        } else {
            ""
        });
    }
    for shown in [
        ".drill",
        ".why",
        ".expectations.check",
        ".expectations.found",
        ".expectations.why",
        ".notes",
        ".again",
        ".first_broken.records.key",
        ".first_broken.around.text",
        ".endpoint",
    ] {
        let mut of_place = planted.iter().filter(|(place, _)| place == shown);
        let (_, evil) = of_place
            .next()
            .unwrap_or_else(|| panic!("{shown} is not in the record"));
        let evil = evil.replace(['\u{1b}', '\u{0}'], "\u{fffd}");
        assert!(words.contains(&evil), "{shown}");
    }
}
