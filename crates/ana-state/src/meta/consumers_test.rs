//! Tables of registered consumers.

use super::fixture::{World, check_error, name, tags};
use super::{ConsumerCommand, ConsumerState, MetaCommand, MetaReply, SettingCommand};
use ana_types::{
    ConsumerError, ConsumerName, ConsumerStatus, KinesisError, SettingError, StreamMode,
    StreamStatus, limits,
};
use std::collections::{BTreeMap, BTreeSet};

fn consumer(text: &str) -> ConsumerName {
    ConsumerName::new(text).expect("test names are valid")
}

fn register_with(world: &World, text: &str, tags: BTreeMap<String, String>) -> MetaCommand {
    MetaCommand::Consumer(ConsumerCommand::Register {
        stream: name("s"),
        consumer: consumer(text),
        tags,
        now_ms: world.now_ms,
    })
}

fn register(world: &World, text: &str) -> MetaCommand {
    register_with(world, text, BTreeMap::new())
}

fn deregister(world: &World, text: &str, created_s: Option<u64>) -> MetaCommand {
    MetaCommand::Consumer(ConsumerCommand::Deregister {
        stream: name("s"),
        consumer: consumer(text),
        created_s,
        now_ms: world.now_ms,
    })
}

fn state<'a>(world: &'a World, text: &str) -> &'a ConsumerState {
    let stream = world.machine.stream(&name("s")).expect("exists");
    stream.consumers.get(&consumer(text)).expect("registered")
}

fn activate(world: &World, text: &str) -> MetaCommand {
    MetaCommand::Consumer(ConsumerCommand::Activate {
        key: world.key("s"),
        consumer: consumer(text),
        created_ms: state(world, text).created_ms,
        now_ms: world.now_ms,
    })
}

fn remove(world: &World, text: &str) -> MetaCommand {
    MetaCommand::Consumer(ConsumerCommand::Remove {
        key: world.key("s"),
        consumer: consumer(text),
        created_ms: state(world, text).created_ms,
    })
}

/// Applies a command made from the world as it is.
fn apply(world: &mut World, command: impl Fn(&World) -> MetaCommand) -> MetaReply {
    let command = command(world);
    world.apply(command).expect("the command is carried out")
}

fn refuse(world: &mut World, command: MetaCommand, expect: ConsumerError) {
    check_error(world, command, &KinesisError::Consumer(expect));
}

fn not_found(text: &str) -> ConsumerError {
    ConsumerError::NotFound {
        consumer: consumer(text),
        stream: name("s"),
    }
}

#[test]
fn a_consumer_lives_and_dies() {
    let mut world = World::new();
    let absent = KinesisError::StreamNotFound { stream: name("s") };
    let command = register(&world, "c");
    check_error(&mut world, command, &absent);
    world.active("s", 1);
    let created_ms = world.now_ms;
    let reply = apply(&mut world, |world| register(world, "c"));
    assert_eq!(reply, MetaReply::Consumer { created_ms });
    assert_eq!(state(&world, "c").status, ConsumerStatus::Creating);
    let exists = ConsumerError::Exists {
        consumer: consumer("c"),
        stream: name("s"),
    };
    let command = register(&world, "c");
    refuse(&mut world, command, exists);

    world.now_ms += 500;
    apply(&mut world, |world| activate(world, "c"));
    let shown = state(&world, "c");
    assert_eq!(
        (shown.status, shown.since_ms),
        (ConsumerStatus::Active, world.now_ms)
    );
    // The step once more, and one for another registration of the name.
    let version = world.machine.version();
    apply(&mut world, |world| activate(world, "c"));
    apply(&mut world, |world| remove(world, "c"));
    assert_eq!(world.machine.version(), version);

    let command = deregister(&world, "d", None);
    refuse(&mut world, command, not_found("d"));
    let command = deregister(&world, "c", Some(created_ms / 1000 + 1));
    refuse(&mut world, command, not_found("c"));
    apply(&mut world, |world| {
        deregister(world, "c", Some(created_ms / 1000))
    });
    assert_eq!(state(&world, "c").status, ConsumerStatus::Deleting);
    let command = deregister(&world, "c", None);
    refuse(&mut world, command, not_found("c"));
    let late = activate(&world, "c");
    world.apply(late).expect("nothing to do");
    assert_eq!(state(&world, "c").status, ConsumerStatus::Deleting);
    apply(&mut world, |world| remove(world, "c"));
    let stream = world.machine.stream(&name("s")).expect("exists");
    assert!(stream.consumers.is_empty());
    assert_eq!(
        stream.status,
        StreamStatus::Active,
        "the stream is as before"
    );
}

#[test]
fn an_arn_is_never_given_out_again() {
    let mut world = World::new();
    world.active("s", 1);
    let mut seen = BTreeSet::new();
    for round in 0..5 {
        if round == 4 {
            // With the stream made again, too; and by a clock that is behind.
            let delete = MetaCommand::DeleteStream {
                name: name("s"),
                enforce_consumer_deletion: false,
                now_ms: world.now_ms,
            };
            world.apply(delete).expect("it has no consumers");
            let key = world.key("s");
            world
                .apply(MetaCommand::FinishDelete { key })
                .expect("deleted");
            world.now_ms -= 60_000;
            world.active("s", 1);
        }
        apply(&mut world, |world| register(world, "c"));
        let created_s = state(&world, "c").created_s();
        assert!(seen.insert(created_s), "round {round}: {created_s} twice");
        apply(&mut world, |world| deregister(world, "c", None));
        apply(&mut world, |world| remove(world, "c"));
    }
}

#[test]
fn the_stream_has_to_be_active() {
    let mut world = World::new();
    world.active("s", 2);
    world.split("s", 0, 1 << 126).expect("split");
    let command = register(&world, "c");
    let updating = KinesisError::StreamNotActive {
        stream: name("s"),
        status: StreamStatus::Updating,
    };
    check_error(&mut world, command, &updating);
}

/// Registers consumers until the limit of the stream; none stays in CREATING.
fn fill(world: &mut World, limit: u32) {
    for number in 0..limit {
        let text = format!("c{number}");
        let stream = world.machine.stream(&name("s")).expect("exists");
        if stream.consumers.contains_key(&consumer(&text)) {
            continue;
        }
        apply(world, |world| register(world, &text));
        apply(world, |world| activate(world, &text));
    }
    let command = register(world, "more");
    let too_many = ConsumerError::TooMany {
        stream: name("s"),
        limit,
    };
    refuse(world, command, too_many);
}

#[test]
fn twenty_consumers_fifty_with_the_commitment_on_demand_only() {
    for (mode, limit) in [
        (StreamMode::Provisioned, limits::CONSUMERS_PER_STREAM_MAX),
        (
            StreamMode::OnDemand,
            limits::CONSUMERS_PER_STREAM_COMMITTED_MAX,
        ),
    ] {
        let mut world = World::new();
        let create = super::fixture::create_with("s", Some(mode), Some(1), world.now_ms);
        world.apply(create).expect("created");
        let (key, now_ms) = (world.key("s"), world.now_ms);
        world
            .apply(MetaCommand::ActivateStream { key, now_ms })
            .expect("active");
        fill(&mut world, limits::CONSUMERS_PER_STREAM_MAX);
        let enable = MetaCommand::Setting(SettingCommand::SetCommitment {
            enabled: true,
            now_ms,
        });
        world.apply(enable).expect("committed");
        fill(&mut world, limit);
        // One on its way out makes room.
        apply(&mut world, |world| deregister(world, "c0", None));
        apply(&mut world, |world| register(world, "more"));
    }
}

#[test]
fn five_consumers_in_creating() {
    let mut world = World::new();
    world.active("s", 1);
    let limit = limits::CREATING_CONSUMERS_MAX;
    for number in 0..limit {
        apply(&mut world, |world| register(world, &format!("c{number}")));
    }
    let command = register(&world, "more");
    let creating = ConsumerError::TooManyCreating {
        stream: name("s"),
        limit,
    };
    refuse(&mut world, command, creating);
    apply(&mut world, |world| activate(world, "c0"));
    apply(&mut world, |world| register(world, "more"));
}

#[test]
fn a_stream_with_consumers_is_kept_unless_they_may_go() {
    let mut world = World::new();
    let key = world.active("s", 1);
    apply(&mut world, |world| register(world, "c"));
    apply(&mut world, |world| register(world, "d"));
    apply(&mut world, |world| activate(world, "d"));
    let delete = |world: &World, enforce_consumer_deletion| MetaCommand::DeleteStream {
        name: name("s"),
        enforce_consumer_deletion,
        now_ms: world.now_ms,
    };
    let command = delete(&world, false);
    let stream = name("s");
    refuse(
        &mut world,
        command,
        ConsumerError::StreamHasConsumers { stream },
    );
    apply(&mut world, |world| delete(world, true));
    for text in ["c", "d"] {
        assert_eq!(state(&world, text).status, ConsumerStatus::Deleting);
    }
    apply(&mut world, |world| remove(world, "c"));
    world
        .apply(MetaCommand::FinishDelete { key })
        .expect("the other goes with the stream");

    // One that is on its way out does not keep the stream.
    world.active("s", 1);
    apply(&mut world, |world| register(world, "c"));
    apply(&mut world, |world| deregister(world, "c", None));
    apply(&mut world, |world| delete(world, false));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn tags_and_policies_hang_on_one_registration() {
    let mut world = World::new();
    world.active("s", 1);
    let invalid = KinesisError::Setting(SettingError::TagsInvalidCharacters);
    let reserved = |key: &str| {
        KinesisError::Setting(SettingError::TagReserved {
            key: key.to_owned(),
        })
    };
    let many: BTreeMap<String, String> = (0..51)
        .map(|number: u32| (number.to_string(), String::new()))
        .collect();
    let limit = || ConsumerError::TagLimit {
        consumer: consumer("c"),
        stream: name("s"),
    };
    for (given, expect) in [
        (tags(&[("a%", "")]), invalid.clone()),
        (tags(&[("a", ";")]), invalid.clone()),
        (tags(&[("aws:a", "")]), reserved("aws:a")),
        (many.clone(), KinesisError::Consumer(limit())),
    ] {
        let command = register_with(&world, "c", given);
        check_error(&mut world, command, &expect);
    }
    apply(&mut world, |world| {
        register_with(world, "c", tags(&[("team:a", "1")]))
    });
    let created_s = state(&world, "c").created_s();
    let add = |created_s, tags| {
        MetaCommand::Consumer(ConsumerCommand::AddTags {
            stream: name("s"),
            consumer: consumer("c"),
            created_s,
            tags,
        })
    };
    let creating = ConsumerError::NotActive {
        consumer: consumer("c"),
        stream: name("s"),
        status: ConsumerStatus::Creating,
    };
    refuse(&mut world, add(created_s, tags(&[("b", "")])), creating);
    apply(&mut world, |world| activate(world, "c"));
    refuse(&mut world, add(0, tags(&[("b", "")])), not_found("c"));
    refuse(&mut world, add(created_s, many), limit());
    apply(&mut world, |_| {
        add(created_s, tags(&[("b", "2"), ("d", "")]))
    });
    let keys = |keys: &[&str]| {
        MetaCommand::Consumer(ConsumerCommand::RemoveTags {
            stream: name("s"),
            consumer: consumer("c"),
            created_s,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        })
    };
    check_error(&mut world, keys(&["a%"]), &invalid);
    apply(&mut world, |_| keys(&["d", "unknown"]));
    assert_eq!(
        state(&world, "c").tags,
        tags(&[("b", "2"), ("team:a", "1")])
    );

    let policy = |policy: Option<&str>| {
        MetaCommand::Consumer(ConsumerCommand::SetPolicy {
            stream: name("s"),
            consumer: consumer("c"),
            created_s,
            policy: policy.map(str::to_owned),
        })
    };
    let none = KinesisError::Setting(SettingError::NoPolicy {
        stream: name("s"),
        consumer: Some((consumer("c"), created_s)),
    });
    check_error(&mut world, policy(None), &none);
    let long = "x".repeat(limits::POLICY_BYTES_MAX + 1);
    let too_large = KinesisError::Setting(SettingError::PolicyTooLarge { bytes: long.len() });
    check_error(&mut world, policy(Some(&long)), &too_large);
    apply(&mut world, |_| policy(Some("{}")));
    assert_eq!(state(&world, "c").policy.as_deref(), Some("{}"));
    apply(&mut world, |_| policy(None));
    assert_eq!(state(&world, "c").policy, None);
}
