//! Pages as a browser reads them: cut into tags and texts by a tokenizer of the HTML standard.

use std::collections::BTreeSet;

use html5gum::{Token, Tokenizer};
use serde_json::json;

use super::super::super::record::{Judgement, Outcome, Record};
use super::super::fixture::{full, hostile};
use super::super::report_test::record;
use super::*;

/// Tags that have no end.
const VOID: [&str; 1] = ["meta"];
/// All tags of a page. None of them loads or runs anything.
const TAGS: &str = "html head meta title style body main header footer section div p span h1 h2 h3 dl dt dd ul li \
                    table tr th td pre code b svg desc defs pattern g rect line polyline circle text";

/// A page in pieces.
#[derive(Debug, Default)]
struct Page {
    tags: BTreeSet<String>,
    attributes: BTreeSet<String>,
    /// All texts, each on a line of its own.
    words: String,
    /// All values of attributes, likewise.
    values: String,
    style: String,
}

fn page(html: &str) -> Page {
    let mut page = Page::default();
    let mut open: Vec<String> = Vec::new();
    for token in Tokenizer::new(html) {
        let token = token.expect("a string is always read");
        let name = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        match token {
            Token::StartTag(tag) => {
                let tag_name = name(&tag.name);
                for (attribute, value) in &tag.attributes {
                    page.attributes.insert(name(attribute));
                    page.values.push_str(&name(value));
                    page.values.push('\n');
                }
                page.tags.insert(tag_name.clone());
                if !VOID.contains(&tag_name.as_str()) && !tag.self_closing {
                    open.push(tag_name);
                }
            }
            Token::EndTag(tag) => {
                let closed = open.pop();
                assert_eq!(closed, Some(name(&tag.name)), "tags end in their order");
            }
            Token::String(text) if open.last().is_some_and(|tag| tag == "style") => {
                page.style.push_str(&name(&text));
            }
            Token::String(text) => {
                page.words.push_str(&name(&text));
                page.words.push('\n');
            }
            Token::Doctype(doctype) => assert_eq!(&**doctype.name, b"html"),
            Token::Comment(comment) => panic!("a comment: {comment:?}"),
            Token::Error(error) => panic!("not HTML: {error:?}"),
        }
    }
    assert_eq!(open, Vec::<String>::new(), "all tags end");
    page
}

/// A page that needs nothing and runs nothing.
fn harmless(html: &str) -> Page {
    let page = page(html);
    let known: BTreeSet<String> = TAGS.split(' ').map(str::to_owned).collect();
    let others: Vec<&String> = page.tags.difference(&known).collect();
    assert!(others.is_empty(), "{others:?}");
    for attribute in &page.attributes {
        let loads = [
            "src",
            "href",
            "xlink:href",
            "data",
            "action",
            "srcset",
            "style",
        ];
        assert!(
            !attribute.starts_with("on") && !loads.contains(&attribute.as_str()),
            "{attribute}"
        );
    }
    let links = page.style.matches("url(").count();
    assert_eq!(links, page.style.matches("url(#hatch)").count());
    assert!(!page.style.contains("@import"), "{}", page.style);
    page
}

#[test]
fn a_page_needs_nothing_from_outside() {
    for run in [record(), full()] {
        let page = harmless(&html(&run));
        for media in ["prefers-color-scheme:dark", "@media print"] {
            assert!(page.style.contains(media), "{media}");
        }
    }
}

#[test]
fn every_text_of_a_record_is_escaped_and_shown() {
    let (run, planted) = hostile(&full());
    let page = harmless(&html(&run));
    assert!(planted.len() > 60, "{}", planted.len());
    let missing: BTreeSet<&str> = planted
        .iter()
        .filter(|(_, evil)| {
            let shown = evil.replace(['\u{1b}', '\u{0}'], "\u{fffd}");
            !page.words.contains(&shown)
        })
        .map(|(place, _)| place.as_str())
        .collect();
    // A gap names its shard in the record alone.
    assert_eq!(missing, BTreeSet::from([".consumers.gaps.shard"]));
}

#[test]
fn the_picture_is_well_formed_by_itself() {
    for run in [record(), full(), hostile(&full()).0] {
        let html = html(&run);
        let from = html.find("<svg").expect("a picture");
        let to = html.find("</svg>").expect("its end") + "</svg>".len();
        let picture = html.get(from..to).expect("between them");
        roxmltree::Document::parse(picture).expect("XML");
    }
}

#[test]
fn the_verdict_is_at_the_top_in_words() {
    let mut silent = record();
    silent
        .expectations
        .retain(|each| matches!(each.judgement, Judgement::NotExercised { .. }));
    let ended = |outcome| {
        let mut run = record();
        run.outcome = outcome;
        run
    };
    for (run, class, words) in [
        (record(), "held", "✓ Held"),
        (full(), "broken", "✗ Broken"),
        (silent, "not-exercised", "– Not exercised"),
        (
            ended(Outcome::StoppedByGuard),
            "guard",
            "■ Stopped by guard",
        ),
        (ended(Outcome::StoppedByPerson), "stopped", "■ Stopped"),
        (
            ended(Outcome::CouldNotRun),
            "could-not-run",
            "✗ Could not run",
        ),
    ] {
        let html = html(&run);
        let head = format!("<main><header class=\"verdict {class}\"><p class=\"word\">");
        let (_, after) = html.split_once(&head).expect("the verdict comes first");
        let (line, _) = after.split_once("</p>").expect("its end");
        assert_eq!(page(line).words.replace('\n', ""), words);
    }
}

#[test]
fn sections_stand_in_their_order_and_what_broke_comes_first() {
    let order = |run: &Record| {
        let html = html(run);
        let sections = html.split("<section").skip(1);
        let ids: Vec<String> = sections
            .filter_map(|rest| rest.split_once("id=\"")?.1.split_once('"'))
            .map(|(id, _)| id.to_owned())
            .collect();
        ids
    };
    assert_eq!(
        order(&full()),
        [
            "first-broken",
            "cluster",
            "application",
            "consumers",
            "faults",
            "checks",
            "time-line",
            "again",
            "promises",
            "events",
        ]
    );
    assert_eq!(
        order(&record()),
        [
            "cluster",
            "consumers",
            "faults",
            "checks",
            "time-line",
            "again"
        ]
    );
}

#[test]
fn a_check_without_data_has_no_tick() {
    let html = html(&full());
    let rows = |section: &str| {
        let start = format!("<section id=\"{section}\">");
        let (_, after) = html.split_once(&start).expect("the section");
        let (section, _) = after.split_once("</section>").expect("its end");
        let rows = section.split("<tr>").skip(2);
        let rows: Vec<String> = rows
            .map(|row| page_of_row(row).replace('\n', " "))
            .collect();
        rows
    };
    assert_eq!(
        rows("checks"),
        [
            "✓ held order_per_key_kept ",
            "✓ held write_gap <= 2s worst 0.84s ",
            "✗ broken no_acked_record_lost at 10.0s: 1 found: gone ",
            "– not exercised read_gap <= 2s nothing was measured ",
        ]
    );
    let promises = rows("promises");
    assert!(promises[0].starts_with("✗ broken"), "{promises:?}");
    assert!(promises[1].starts_with("✓ held"), "{promises:?}");
    assert!(promises[2].starts_with("– not exercised"), "{promises:?}");
}

fn page_of_row(row: &str) -> String {
    let (row, _) = row.split_once("</tr>").expect("the end of the row");
    page(row).words
}

#[test]
fn what_broke_is_told_with_its_record_and_what_happened_around_it() {
    let words = page(&html(&full())).words;
    let words = words.replace('\n', "");
    for told in [
        "First broken: no_acked_record_lostAt 10.0s: 1 found: gone",
        "gone: record 17 of key k7 at shardId-000000000000, sequence number 496; \
         acknowledged at 10.0s while node 2 led, term 7, entry 812",
        "Five seconds before and after",
        "10.4sdrill/shardId-000000000000: led by nobody instead of node 2, term 8",
        "zone.down (the first)one of zoneszone b (node 2)10.0s10.0s40.1s0.84s41 ms1.24s",
        "seed42ana drill run zone-loss --seed 42",
        "drill = \"zone-loss\"",
    ] {
        assert!(words.contains(told), "{told}\n{words}");
    }
}

#[test]
fn a_record_of_an_older_version_has_a_page() {
    let mut value = serde_json::to_value(full()).expect("JSON");
    let members = value.as_object_mut().expect("an object");
    members.remove("plan");
    members.insert("anomalies".to_owned(), json!([]));
    let old: Record = serde_json::from_value(value).expect("a record");
    assert_eq!(old.plan, None);
    let page = harmless(&html(&old));
    assert!(page.words.contains("older than plans"), "{}", page.words);
}
