//! Tables of tags.

use super::MetaCommand;
use super::fixture::{World, check_error, create, name, tags};
use ana_types::{KinesisError, StreamStatus};
use std::collections::{BTreeMap, BTreeSet};

fn add_tags(text: &str, tags: BTreeMap<String, String>) -> MetaCommand {
    MetaCommand::AddTags {
        name: name(text),
        tags,
    }
}

fn remove_tags(text: &str, keys: &[&str]) -> MetaCommand {
    let keys: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    MetaCommand::RemoveTags {
        name: name(text),
        keys,
    }
}

fn many_tags(range: std::ops::Range<u32>) -> BTreeMap<String, String> {
    range
        .map(|number| (format!("key{number}"), String::new()))
        .collect()
}

#[test]
fn tags_are_checked_before_the_stream_is_looked_for() {
    let mut world = World::new();
    let not_found = KinesisError::StreamNotFound { stream: name("s") };
    let illegal = |removing| KinesisError::TagsIllegalCharacters {
        stream: name("s"),
        removing,
    };
    let table = [
        (
            add_tags("s", tags(&[("a;", "")])),
            KinesisError::TagsInvalidCharacters,
        ),
        (
            add_tags("s", tags(&[("a", "x\u{2603}")])),
            KinesisError::TagsInvalidCharacters,
        ),
        (
            add_tags("s", tags(&[("a%", "b;")])),
            KinesisError::TagsInvalidCharacters,
        ),
        (add_tags("s", tags(&[("a", "100%")])), illegal(false)),
        (remove_tags("s", &["a%"]), illegal(true)),
        (
            remove_tags("s", &["a,"]),
            KinesisError::TagsInvalidCharacters,
        ),
        (add_tags("s", tags(&[("a", "b")])), not_found.clone()),
        (remove_tags("s", &["a"]), not_found),
    ];
    for (command, expect) in table {
        check_error(&mut world, command, &expect);
    }
    world.active("s", 1);
    let fine = "azAZ09 _./=+-@\u{a0}\u{e9}\u{4e2d}\u{ff76}\u{20000}";
    world
        .apply(add_tags("s", tags(&[(fine, fine)])))
        .expect("letters of all kinds");
}

#[test]
fn tags_are_overwritten_removed_and_limited() {
    let mut world = World::new();
    world.apply(create("s", 1, 0)).expect("created");
    let creating = KinesisError::StreamNotActive {
        stream: name("s"),
        status: StreamStatus::Creating,
    };
    check_error(&mut world, add_tags("s", tags(&[("a", "1")])), &creating);
    check_error(&mut world, remove_tags("s", &["a"]), &creating);
    let key = world.key("s");
    world
        .apply(MetaCommand::ActivateStream { key, now_ms: 0 })
        .expect("activated");
    world
        .apply(add_tags("s", tags(&[("a", "1"), ("b", "1")])))
        .expect("added");
    let version = world.machine.version();
    world
        .apply(add_tags("s", tags(&[("b", "1")])))
        .expect("as it is");
    world
        .apply(remove_tags("s", &["unknown"]))
        .expect("passed over");
    assert_eq!(world.machine.version(), version);
    world
        .apply(add_tags("s", tags(&[("b", "2")])))
        .expect("overwritten");
    world.apply(remove_tags("s", &["a"])).expect("removed");
    assert_eq!(
        world.machine.stream_by_key(key).expect("exists").tags,
        tags(&[("b", "2")])
    );
    world
        .apply(add_tags("s", many_tags(0..49)))
        .expect("50 in all");
    let limit = KinesisError::TagLimit { stream: name("s") };
    check_error(&mut world, add_tags("s", many_tags(49..50)), &limit);
    world
        .apply(add_tags("s", tags(&[("b", "3")])))
        .expect("the number stays");
}
