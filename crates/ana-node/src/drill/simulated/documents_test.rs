//! The documents of a simulation say what its text says.

use html5gum::{Token, Tokenizer};
use roxmltree::{Document, Node};

use super::simulated_test::needed;
use super::*;

fn simulation() -> Simulation {
    Simulation {
        format: FORMAT,
        drill: "zone<loss>".to_owned(),
        about: "About & more".to_owned(),
        build: "1.2.3".to_owned(),
        outcome: Outcome::Passed,
        why: None,
        first_seed: 5,
        seeds_asked: 20,
        seeds_run: 20,
        duration_ms: 61_500,
        simulated_ms: 20_000,
        acknowledged: 1400,
        read: 1401,
        elections: 2,
        expectations: vec![
            Expectation {
                check: "no_acked_record_lost".to_owned(),
                judgement: Judgement::Held { seen: None },
            },
            Expectation {
                check: "write_gap <= 5s".to_owned(),
                judgement: Judgement::NotExercised {
                    why: "no machine".to_owned(),
                },
            },
        ],
        first_broken: None,
        needed: None,
        again: "ana drill run zone-loss --sim".to_owned(),
    }
}

/// One that broke something: a promise of the simulation, or an expectation.
fn broken(check: &str) -> Simulation {
    let mut simulation = simulation();
    simulation.outcome = Outcome::Broken;
    simulation.first_broken = Some(BrokenSeed {
        seed: 7,
        broken: BrokenCheck {
            check: check.to_owned(),
            found: "1 <gone>".to_owned(),
            records: vec!["record 5".to_owned()],
        },
    });
    simulation.needed = Some(needed(7));
    for each in &mut simulation.expectations {
        if each.check == check {
            each.judgement = Judgement::Broken {
                at_ms: None,
                found: "1 <gone>".to_owned(),
            };
        }
    }
    simulation
}

/// Each case with its tag and message; an empty tag where it passed.
fn cases(simulation: &Simulation) -> Vec<(String, String, String)> {
    let xml = junit(simulation);
    let parsed = Document::parse(&xml).expect("well-formed XML");
    let all = parsed
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    all.map(|case| {
        let fate = case.children().find(Node::is_element);
        let tag = fate.map_or("", |fate| fate.tag_name().name());
        let message = fate.and_then(|fate| fate.attribute("message"));
        (
            case.attribute("name").unwrap_or_default().to_owned(),
            tag.to_owned(),
            message.unwrap_or_default().to_owned(),
        )
    })
    .collect()
}

/// The texts of a page, and its tags.
fn page(simulation: &Simulation) -> (String, Vec<String>) {
    let (mut words, mut tags) = (String::new(), Vec::new());
    for token in Tokenizer::new(&html(simulation)) {
        match token.expect("a string is always read") {
            Token::String(text) => {
                words.push_str(&String::from_utf8_lossy(&text));
                words.push(' ');
            }
            Token::StartTag(tag) => tags.push(String::from_utf8_lossy(&tag.name).into_owned()),
            Token::Error(error) => panic!("not HTML: {error:?}"),
            Token::EndTag(_) | Token::Doctype(_) | Token::Comment(_) => {}
        }
    }
    (words, tags)
}

fn row<'a>(cases: &'a [(String, String, String)], name: &str) -> Option<(&'a str, &'a str)> {
    let found = cases.iter().find(|case| case.0 == name);
    found.map(|case| (case.1.as_str(), case.2.as_str()))
}

const PROMISES: &str = "the simulation's own promises";

#[test]
fn each_check_is_a_case_and_only_what_held_passes() {
    let cases = cases(&simulation());
    assert_eq!(cases.len(), 4, "{cases:?}");
    for name in ["run", PROMISES, "no_acked_record_lost"] {
        assert_eq!(row(&cases, name), Some(("", "")), "{name}");
    }
    let skipped = row(&cases, "write_gap <= 5s");
    assert_eq!(skipped, Some(("skipped", "not exercised: no machine")));
}

#[test]
fn what_broke_fails_where_it_belongs() {
    let promise = "A1 what was acknowledged is there";
    let all = cases(&broken(promise));
    let message = "broken: seed 7, A1 what was acknowledged is there: 1 <gone>";
    assert_eq!(row(&all, PROMISES), Some(("failure", message)));
    assert_eq!(row(&all, "run"), Some(("", "")), "it came to its end");
    let all = cases(&broken("no_acked_record_lost"));
    let failed = row(&all, "no_acked_record_lost");
    assert_eq!(failed, Some(("failure", "broken: 1 <gone>")));
    assert_eq!(row(&all, PROMISES), Some(("", "")));
}

#[test]
fn what_saw_nothing_or_was_ended_does_not_pass() {
    let mut nothing = simulation();
    nothing.acknowledged = 0;
    let skipped = Some(("skipped", "not exercised: no record was acknowledged"));
    assert_eq!(row(&cases(&nothing), PROMISES), skipped);
    let mut stopped = simulation();
    stopped.outcome = Outcome::StoppedByPerson;
    let ended = Some(("error", "stopped by a person"));
    assert_eq!(row(&cases(&stopped), "run"), ended);
}

#[test]
fn a_page_says_what_held_and_nothing_in_it_is_a_tag() {
    let (words, tags) = page(&simulation());
    for said in [
        "Held",
        "zone<loss>",
        "About & more",
        "2 of 3 checks held, 1 not exercised",
        "simulated · 20 of 20 seeds from 5 · 1 min 1 s · build 1.2.3",
        "– not exercised",
        "1,400 acknowledged records, 1,401 read back that had not expired, in 20 of 20 seeds",
        "ana drill run zone-loss --sim",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(!words.contains("First broken"), "{words}");
    assert!(!tags.contains(&"loss".to_owned()), "{tags:?}");
}

#[test]
fn a_page_tells_of_the_seed_that_broke_and_of_the_steps() {
    let (words, tags) = page(&broken("no_acked_record_lost"));
    for said in [
        "Broken",
        "First broken: no_acked_record_lost",
        "Seed 7: 1 <gone>",
        "record 5",
        "1 of 3 steps, found in 4 more runs.",
        "zone.down",
        "5.0s",
        "ana-sim seed 7 --only 1 --print",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(!tags.contains(&"gone".to_owned()), "{tags:?}");
}
