//! Files that are read, files that are refused, and that a drill prints as a file that reads as itself.

use super::Drill;
use crate::quantity::Span;
use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;

const PEAK: &str = r#"
drill = "zone-b-dies-at-peak"
about = "Losing a zone must not lose a record nor stop writers for 2 s"
seed = 42
steady = ["put_success_rate >= 99.9% for 10s"]

[load]
stream = "orders"
puts_per_second = 500
record_bytes = [200, 2000]
keys = 100
consumers = 2

[[step]]
at = "10s"
do = "zone.down"
on = "zone b"
for = "30s"

[[step]]
name = "expired"
at = "15s"
do = "api.error"
on = "stream orders op GetRecords"
error = "ExpiredIteratorException"
percent = 25
for = "20s"

[[step]]
at = "22s"
do = "disk.slow"
on = "leader of orders/shardId-000000000000"
fsync = "200ms"
for = "10s"

[[step]]
at = "25s"
do = "change.reshard"
on = "stream orders"
shards = 4

[stop]
when = ["acked_lost > 0", "put_unavailable > 15s"]

[expect]
all = ["no_acked_record_lost", "write_gap <= 2s", "all_shards_writable within 10s of heal"]
"#;

/// A file with the least that is needed, and `more` at its end.
fn least(step: &str, more: &str) -> String {
    format!(
        "drill = \"d\"\nabout = \"a\"\n[[step]]\nat = \"1s\"\ndo = \"node.kill\"\non = \"node 1\"\n{step}\n{more}"
    )
}

#[test]
fn the_example_reads_and_prints_as_itself() {
    let drill = Drill::from_toml(PEAK).expect("the example");
    assert_eq!(drill.name.as_str(), "zone-b-dies-at-peak");
    assert_eq!(
        (drill.seed, drill.steps.len(), drill.stop.len()),
        (Some(42), 4, 2)
    );
    assert_eq!(drill.steps[1].name.as_deref(), Some("expired"));
    assert_eq!(drill.steps[2].lasts, Some(Span::from_secs(10)));
    assert_eq!(drill.steps[2].action.to_string(), "disk.slow fsync 200ms");
    let printed = drill.to_string();
    assert_eq!(
        Drill::from_toml(&printed).expect("read back"),
        drill,
        "{printed}"
    );
    assert_eq!(Drill::from_text(&printed).expect("read back").drill, drill);
}

#[test]
fn json_of_the_same_shape_is_the_same_drill() {
    let json = r#"{
        "drill": "d", "about": "a", "seed": 7,
        "step": [{"at": "1s", "do": "api.throttle", "on": "stream orders", "percent": 12.5, "for": "1m"}],
        "expect": {"all": ["acked_lost == 0"]}
    }"#;
    let toml = "drill = \"d\"\nabout = \"a\"\nseed = 7\n[[step]]\nat = \"1s\"\ndo = \"api.throttle\"\n\
                on = \"stream orders\"\npercent = 12.5\nfor = \"60s\"\n[expect]\nall = [\"acked_lost == 0\"]";
    let toml = Drill::from_toml(toml).expect("TOML");
    assert_eq!(Drill::from_json(json).expect("JSON"), toml);
    assert_eq!(Drill::from_text(json).expect("JSON").drill, toml);
    assert_eq!(
        toml.steps[0].action.to_string(),
        "api.throttle percent 12.5%"
    );
}

/// Whole files, or heads of files whose step comes after them, and what is said.
const WRONG_HEADS: &[(&str, &str)] = &[
    ("drill = ", "the file: this is not TOML"),
    ("{", "the file: this is not JSON"),
    ("", "the file: `drill` is missing"),
    ("dril = \"d\"", "unknown key `dril`; did you mean `drill`?"),
    (
        "drill = \"D\"\nabout = \"a\"",
        "\"D\" is not the name of a drill",
    ),
    (
        "drill = 1\nabout = \"a\"",
        "`drill` is a number, and should be a text",
    ),
    ("drill = \"d\"\nabout = \" \"", "`about` is nothing"),
    ("drill = \"d\"\nabout = \"a\"", "`step` is missing"),
    (
        "drill = \"d\"\nabout = \"a\"\nstep = []",
        "`step` has 0 entries",
    ),
    (
        "drill = \"d\"\nabout = \"a\"\n[[steps]]",
        "did you mean `step`?",
    ),
];

/// Lines before a good drill.
const WRONG_LINES: &[(&str, &str)] = &[
    ("sed = 1", "unknown key `sed`; did you mean `seed`?"),
    ("seed = -1", "`seed` is a number, and should be a whole"),
    ("steady = [\"replicas_identical\"]", "decided at the end"),
    (
        "steady = [\"write_gap < 1s within 1s of heal\"]",
        "could heal",
    ),
];

/// The rest of the step, and what is said.
const WRONG_STEPS: &[(&str, &str)] = &[
    ("", "step 1 (node.kill): node.kill needs `for`"),
    ("fro = \"5s\"", "node.kill needs `for`"),
    ("for = \"0s\"", "step 1 (node.kill): `for` is nothing"),
    ("for = \"13h\"", "`for` is 13h, and at most 12h is allowed"),
    ("for = 5", "`for`: \"5\" is not a duration"),
    (
        "for = \"5s\"\npercnt = 3",
        "step 1 (node.kill): unknown key `percnt`",
    ),
];

/// What follows a good step, and what is said.
const WRONG_TAILS: &[(&str, &str)] = &[
    (
        "[stop]\nwhen = []\nwhere = 1",
        "[stop]: unknown key `where`",
    ),
    (
        "[stop]\nwhen = [\"acked_lst > 0\"]",
        "did you mean `acked_lost`?",
    ),
    (
        "[stop]\nwhen = [\"no_acked_record_lost\"]",
        "name a metric that grows",
    ),
    (
        "[stop]\nwhen = [\"all_shards_writable\"]",
        "write shards_unwritable > 0",
    ),
    (
        "[stop]\nwhen = [\"write_gap > 2s within 1s of heal\"]",
        "cannot stand here",
    ),
    (
        "[expect]\nall = \"write_gap <= 2s\"",
        "`all` is a text, and should be a list",
    ),
    (
        "[expects]\nall = []",
        "unknown key `expects`; did you mean `expect`?",
    ),
    (
        "[load]\nstream = \"s\"",
        "[load]: `puts_per_second` is missing",
    ),
    (
        "[load]\nstream = \"s\"\nputs_per_second = 5\n[watch]\n",
        "leave out [load] or [watch]",
    ),
    ("[watch]\none_in = 0", "[watch]: `one_in` is 0"),
    (
        "[watch]\nstream = [\"s\"]",
        "[watch]: unknown key `stream`; did you mean `streams`?",
    ),
];

/// A second step, and what is said.
const WRONG_SECONDS: &[(&str, &str)] = &[
    (
        "do = \"node.kill\"\non = \"nod 1\"\nfor = \"1s\"",
        "step 2 (node.kill): `on`: \"nod\"",
    ),
    (
        "do = \"node.restart\"\non = \"node 1\"\nfor = \"1s\"",
        "takes no `for`",
    ),
    (
        "do = \"node.restart\"\non = \"stream s\"",
        "cannot be aimed at requests",
    ),
    ("on = \"node 1\"", "step 2: `do` is missing"),
];

/// More of a load, and what is said.
const WRONG_LOADS: &[(&str, &str)] = &[
    ("puts_per_second = 0", "between 1 and 100000"),
    (
        "puts_per_second = 1\nrecord_bytes = [2, 99]",
        "between 32 and 99",
    ),
    (
        "puts_per_second = 1\nrecord_bytes = [99, 40]",
        "between 32 and 40",
    ),
    (
        "puts_per_second = 1\nrecord_bytes = [99, 40, 1]",
        "one size or two",
    ),
    ("puts_per_second = 1\nkey = 1", "did you mean `keys`?"),
];

#[test]
fn nothing_is_passed_over_in_silence() {
    let kill = "for = \"5s\"";
    let second = |more: &str| least(kill, &format!("[[step]]\nat = \"1s\"\n{more}"));
    let load = |more: &str| least(kill, &format!("[load]\nstream = \"s\"\n{more}"));
    let wrong = [
        (
            WRONG_HEADS,
            &(|text: &str| text.to_owned()) as &dyn Fn(&str) -> String,
        ),
        (WRONG_LINES, &|line| format!("{line}\n{}", least(kill, ""))),
        (WRONG_STEPS, &|step| least(step, "")),
        (WRONG_TAILS, &|tail| least(kill, tail)),
        (WRONG_SECONDS, &second),
        (WRONG_LOADS, &load),
    ];
    for (table, whole) in wrong {
        for (part, message) in table {
            let text = whole(part);
            let error = Drill::from_text(&text).expect_err(&text).to_string();
            assert!(error.contains(message), "{text}\n{error}");
        }
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let drill = least(
        "for = \"5s\"",
        "[load]\nstream = \"s\"\nputs_per_second = 5",
    );
    let drill = Drill::from_toml(&drill).expect("a drill");
    let load = drill.load.expect("a load").to_string();
    assert_eq!(
        load,
        "s: 5 puts a second of 200B to 2000B, 100 keys, 1 consumers"
    );
    assert_eq!(
        (drill.seed, drill.steady, drill.expect),
        (None, vec![], vec![])
    );
}

#[test]
fn without_a_load_the_own_traffic_is_watched() {
    let read = |more: &str| Drill::from_toml(&least("for = \"5s\"", more)).expect("a drill");
    let watched = |more: &str| read(more).watched().map(|watch| watch.to_string());
    let all = Some("your own traffic of all streams".to_owned());
    assert_eq!(watched(""), all);
    let some = "[watch]\nstreams = [\"b\", \"a\"]\none_in = 16";
    let told = Some("your own traffic of a, b, one in 16 of its records".to_owned());
    assert_eq!(watched(some), told);
    let again = Drill::from_toml(&read(some).to_string()).expect("read back");
    assert_eq!(again, read(some));
    assert_eq!(watched("[load]\nstream = \"s\"\nputs_per_second = 5"), None);
}

#[test]
fn a_zone_called_by_a_number_is_written_as_a_text() {
    let step =
        "[[step]]\nat = \"1s\"\ndo = \"change.move_leader\"\non = \"leader of s/0\"\nto = \"7\"";
    let drill = Drill::from_toml(&least("for = \"5s\"", step)).expect("a drill");
    assert_eq!(
        Drill::from_toml(&drill.to_string()).expect("read back"),
        drill
    );
}

proptest! {
    #[test]
    fn no_text_upsets_the_readers(text in "\\PC*") {
        if let Ok(read) = Drill::from_text(&text) {
            prop_assert_eq!(Drill::from_toml(&read.drill.to_string()).ok(), Some(read.drill));
        }
    }

    /// The example with one line taken out, or its characters from somewhere on replaced.
    #[test]
    fn damaged_files_upset_nobody_and_what_still_reads_prints_as_itself(
        line in 0..PEAK.lines().count(),
        put in select(vec!["", "x = 1", "for = \"5s\"", "[load]", "on = \"all nodes\"", "\u{0}", "name = \"\\u0007\\\"\""]),
    ) {
        let lines = PEAK.lines().enumerate().map(|(at, each)| if at == line { put } else { each });
        let text = lines.collect::<Vec<_>>().join("\n");
        if let Ok(read) = Drill::from_text(&text) {
            prop_assert_eq!(Drill::from_toml(&read.drill.to_string()).ok(), Some(read.drill));
        }
    }
}
