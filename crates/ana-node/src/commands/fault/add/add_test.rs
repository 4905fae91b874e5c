//! Command lines, and the bodies that they become for each node.

use clap::Parser;
use serde_json::Value;

use super::super::target::tests::status;
use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    add: Add,
}

/// Node ids and bodies of a command line, or what is wrong with it.
fn wanted(line: &[&str]) -> Result<Vec<(u64, Value)>, String> {
    let words = ["add"].iter().chain(line);
    let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
    let status = status();
    let wanted = line.add.wanted(&status, 0x1_f00d);
    let wanted = wanted.map_err(|error| error.to_string())?;
    for (node, fault) in &wanted {
        check(&status, node, fault).map_err(|error| error.to_string())?;
    }
    let bodies = wanted.iter().map(|(node, fault)| (node.id, json!(fault)));
    Ok(bodies.collect())
}

#[test]
fn faults_of_the_api_go_to_every_node_that_runs() {
    let body = json!({
        "id": "storm", "kind": "api.throttle", "lease_ms": 20_000,
        "stream": "orders", "operation": "PutRecords", "percent": 50,
    });
    let line = [
        "api.throttle",
        "--on",
        "stream orders op PutRecords",
        "--percent",
        "50",
        "--for",
        "20s",
        "--id",
        "storm",
    ];
    assert_eq!(
        wanted(&line),
        Ok(vec![(1, body.clone()), (2, body.clone())])
    );
    let at_one = [&line[..], &["--node", "2"]].concat();
    assert_eq!(wanted(&at_one), Ok(vec![(2, body)]));
}

#[test]
fn links_are_slow_lossy_thin_and_reset_at_both_ends() {
    let cases = [
        (
            &["link.delay", "--delay", "50ms", "--jitter", "20ms"][..],
            json!({ "kind": "link.delay", "delay_ms": 50, "jitter_ms": 20 }),
        ),
        (
            &["link.loss", "--percent", "5"],
            json!({ "kind": "link.loss", "percent": 5 }),
        ),
        (
            &["link.thin", "--rate", "64KiB/s"],
            json!({ "kind": "link.thin", "bytes_per_second": 65_536 }),
        ),
        (
            &["link.reset", "--every", "2s"],
            json!({ "kind": "link.reset", "every_ms": 2000 }),
        ),
        (&["link.reset"], json!({ "kind": "link.reset" })),
    ];
    for (words, expected) in cases {
        let line = [words, &["--from", "1", "--to", "2", "--id", "x"]].concat();
        let [(1, there), (2, back)] = &wanted(&line).expect("good")[..] else {
            panic!("both ends: {line:?}");
        };
        let mut expected = expected;
        let more = [("id", json!("x")), ("lease_ms", json!(30_000))];
        let of = |node: u64, way: &str| {
            let breaks = words[0] == "link.reset";
            let way = (!breaks).then(|| ("way", json!(way)));
            more.clone()
                .into_iter()
                .chain([("node", json!(node))])
                .chain(way)
        };
        for (end, node, way) in [(there, 2, "out"), (back, 1, "in")] {
            for (name, value) in of(node, way) {
                expected[name] = value;
            }
            assert_eq!(*end, expected);
        }
    }
    let nothing = wanted(&["link.loss", "--from", "1", "--to", "2"]);
    assert!(
        nothing
            .expect_err("how much?")
            .contains("--percent: is missing")
    );
    let nothing = wanted(&["link.thin", "--rate", "0B/s", "--from", "1", "--to", "2"]);
    assert!(nothing.expect_err("nothing").contains("64KiB/s"));
}

#[test]
fn clocks_run_wrong_by_parts_per_million_or_percent() {
    for (text, ppm) in [
        ("+500ppm", Some(500)),
        ("-200ppm", Some(-200)),
        ("10%", Some(100_000)),
        ("-0.5%", Some(-5000)),
        ("+50%", Some(500_000)),
        ("51%", None),
        ("0%", None),
        ("10", None),
        ("--1%", None),
    ] {
        let bodies = wanted(&["clock.drift", "--drift", text, "--node", "1", "--id", "x"]);
        let told = bodies.ok().map(|bodies| bodies[0].1["drift_ppm"].clone());
        assert_eq!(told, ppm.map(|ppm| json!(ppm)), "{text}");
    }
}

#[test]
fn a_name_and_a_time_are_made_up() {
    let body = json!({ "id": "disk.full-f00d", "kind": "disk.full", "lease_ms": 30_000 });
    assert_eq!(wanted(&["disk.full", "--zone", "b"]), Ok(vec![(2, body)]));
}

#[test]
fn machines_are_found_by_what_they_lead() {
    let line = [
        "disk.slow",
        "--delay",
        "200ms",
        "--on",
        "leader of orders/0",
        "--id",
        "x",
    ];
    let body = json!({ "id": "x", "kind": "disk.slow", "lease_ms": 30_000, "delay_ms": 200 });
    assert_eq!(wanted(&line), Ok(vec![(2, body)]));
    let line = [
        "clock.jump",
        "--offset",
        "-10m",
        "--on",
        "meta leader",
        "--id",
        "x",
    ];
    let body =
        json!({ "id": "x", "kind": "clock.jump", "lease_ms": 30_000, "offset_ms": -600_000 });
    assert_eq!(wanted(&line), Ok(vec![(2, body)]));
}

#[test]
fn a_cut_link_is_held_at_both_ends() {
    let body = |node: u64, way: &str| json!({ "id": "x", "kind": "link.cut", "lease_ms": 30_000, "node": node, "way": way });
    let one_way = Ok(vec![(1, body(2, "out")), (2, body(1, "in"))]);
    assert_eq!(
        wanted(&["link.cut", "--from", "1", "--to", "2", "--id", "x"]),
        one_way
    );
    assert_eq!(
        wanted(&["link.cut", "--on", "link 1 -> 2", "--id", "x"]),
        one_way
    );
    let both_ways = Ok(vec![(1, body(2, "both")), (2, body(1, "both"))]);
    let line = [
        "link.cut", "--from", "1", "--to", "2", "--both", "--id", "x",
    ];
    assert_eq!(wanted(&line), both_ways);
    assert_eq!(
        wanted(&["link.cut", "--on", "link 1 <-> 2", "--id", "x"]),
        both_ways
    );
}

#[test]
fn what_is_wrong_is_said_with_what_to_try() {
    let cases: [(&[&str], &str); 16] = [
        (&["disk.slow"], "say in which"),
        (&["disk.slow", "--on", "stream orders"], "say in which"),
        (&["disk.full", "--from", "1", "--to", "2"], "say in which"),
        (&["disk.full", "--on", "link 1 -> 2"], "say in which"),
        (&["link.cut"], "say between which"),
        (&["link.cut", "--node", "1"], "say between which"),
        (&["link.cut", "--on", "zone a"], "say between which"),
        (
            &["api.throttle", "--on", "link 1 -> 2"],
            "is about requests",
        ),
        (
            &["disk.full", "--on", "zone a", "--node", "1"],
            "are named twice",
        ),
        (&["disk.full", "--node", "9"], "there is no node 9"),
        (&["disk.full", "--zone", "c"], "no node runs in a zone c"),
        (&["disk.slow", "--node", "1"], "--delay: is missing"),
        (
            &["disk.full", "--node", "1", "--delay", "1s"],
            "--delay: is not a parameter",
        ),
        (&["api.throttle", "--percent", "0"], "--percent: has to be"),
        (
            &["link.cut", "--from", "1", "--to", "1"],
            "--from, --to: has to be another node",
        ),
        (&["api.latency", "--delay", "soon"], "use a time such as"),
    ];
    for (line, expected) in cases {
        let error = wanted(line).expect_err(expected);
        assert!(error.contains(expected), "{line:?}: {error}");
    }
}
