//! Registered consumers and settings over three nodes, each asked of another node than the one before.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use ana_router::ops::{
    ConsumerRef, ConsumerView, CreateStream, DeleteStream, ListConsumers, PutRecord,
    PutResourcePolicy, RegisterConsumer, SetEncryption, SetMaxRecord, SetMonitoring, StreamRef,
    TagResource, UntagResource,
};
use ana_router::{Answer, Limits, Router};
use ana_types::{
    CommitmentStatus, ConsumerError, ConsumerStatus, EncryptionType, KinesisError, SettingError,
    ShardIndex, ShardLevelMetric, StreamStatus,
};
use common::{Cluster, active, describe, entry, eventually, put_all, read_all, scoped};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const KEY: &str = "alias/aws/kinesis";
const POLICY: &str = r#"{ "Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},
    "Action":"kinesis:PutRecord","Resource":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}}"#;

async fn start() -> Cluster {
    let cluster = Cluster::start(3, Limits::Off).await;
    make(cluster.router(1)).await;
    cluster
}

async fn make(router: &Router) {
    let create = CreateStream {
        name: "s".to_owned(),
        shard_count: Some(1),
        ..CreateStream::default()
    };
    router.create_stream(create).await.expect("created");
    active(router, "s").await;
}

async fn register(router: &Router, name: &str) -> Answer<ConsumerView> {
    let request = RegisterConsumer {
        stream_arn: STREAM.to_owned(),
        consumer_name: name.to_owned(),
        tags: BTreeMap::from([("made:by".to_owned(), name.to_owned())]),
    };
    router.register_stream_consumer(request).await
}

fn by_name(name: &str) -> ConsumerRef {
    ConsumerRef {
        stream_arn: Some(STREAM.to_owned()),
        consumer_name: Some(name.to_owned()),
        consumer_arn: None,
    }
}

fn by_arn(arn: &str) -> ConsumerRef {
    ConsumerRef {
        consumer_arn: Some(arn.to_owned()),
        ..ConsumerRef::default()
    }
}

async fn active_consumer(router: &Router, name: &str) -> ConsumerView {
    eventually("the consumer is active", async || {
        let view = router.describe_stream_consumer(by_name(name)).await.ok()?;
        (view.status == ConsumerStatus::Active).then_some(view)
    })
    .await
}

async fn gone(router: &Router, name: &str) {
    eventually("the consumer is gone", async || {
        let found = router.describe_stream_consumer(by_name(name)).await;
        matches!(
            found,
            Err(KinesisError::Consumer(ConsumerError::NotFound { .. }))
        )
        .then_some(())
    })
    .await;
}

fn is_not_found<T: std::fmt::Debug>(answer: &Answer<T>) -> bool {
    matches!(
        answer,
        Err(KinesisError::Consumer(ConsumerError::NotFound { .. }))
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_live_and_die() {
    scoped(async {
        let cluster = start().await;
        let (a, b, c) = (cluster.router(1), cluster.router(2), cluster.router(3));
        let new = register(a, "app").await.expect("registered");
        assert_eq!(
            (new.status, new.stream_arn.as_str()),
            (ConsumerStatus::Creating, STREAM)
        );
        let arn = format!("{STREAM}/consumer/app:{}", new.created_ms / 1000);
        assert_eq!(new.arn, arn);
        let shown = b.describe_stream_consumer(by_arn(&arn)).await;
        assert_eq!(shown.expect("it is there").status, ConsumerStatus::Creating);
        let again = register(c, "app").await;
        assert!(
            matches!(
                again,
                Err(KinesisError::Consumer(ConsumerError::Exists { .. }))
            ),
            "{again:?}"
        );
        let shown = active_consumer(c, "app").await;
        assert_eq!(
            (shown.arn.as_str(), shown.created_ms),
            (arn.as_str(), new.created_ms)
        );
        let summary = a
            .describe_summary(StreamRef::by_name("s"))
            .await
            .expect("told");
        assert_eq!(
            (summary.consumers, summary.status),
            (1, StreamStatus::Active)
        );
        addressing(b, &arn).await;

        b.deregister_stream_consumer(by_name("app"))
            .await
            .expect("begun");
        let twice = c.deregister_stream_consumer(by_arn(&arn)).await;
        assert!(is_not_found(&twice), "{twice:?}");
        gone(a, "app").await;
        // The same name again is another consumer.
        let second = register(b, "app").await.expect("registered again");
        assert_ne!(second.arn, arn);
        let old = c.describe_stream_consumer(by_arn(&arn)).await;
        assert!(is_not_found(&old), "{old:?}");
        stream_goes_with_its_consumers(&cluster).await;
    })
    .await;
}

/// The members that name a consumer, and whether they find `app`.
async fn addressing(router: &Router, arn: &str) {
    let other_stream = "arn:aws:kinesis:us-east-1:000000000000:stream/t";
    let other_account = arn.replace("000000000000", "111111111111");
    let other_time = format!("{arn}0");
    let ask = |stream_arn: Option<&str>, name: Option<&str>, consumer_arn: Option<&str>| {
        router.describe_stream_consumer(ConsumerRef {
            stream_arn: stream_arn.map(str::to_owned),
            consumer_name: name.map(str::to_owned),
            consumer_arn: consumer_arn.map(str::to_owned),
        })
    };
    for (stream_arn, name, consumer_arn) in [
        (Some(STREAM), Some("app"), None),
        (None, None, Some(arn)),
        (Some(STREAM), None, Some(arn)),
        (None, Some("app"), Some(arn)),
        (Some(STREAM), Some("app"), Some(arn)),
    ] {
        let found = ask(stream_arn, name, consumer_arn).await;
        assert_eq!(found.expect("found").arn, arn);
    }
    for (stream_arn, name, consumer_arn, expect) in [
        (None, None, None, "neither"),
        (Some(STREAM), None, None, "neither"),
        (None, Some("app"), None, "neither"),
        (Some(other_stream), Some("app"), Some(arn), "differ"),
        (Some(STREAM), Some("other"), Some(arn), "differ"),
        (Some(STREAM), Some("other"), None, "not found"),
        (Some(other_stream), Some("app"), None, "not found"),
        (None, None, Some(other_account.as_str()), "no consumer here"),
        (None, None, Some(STREAM), "no consumer here"),
        (None, None, Some(other_time.as_str()), "not found"),
    ] {
        let refused = ask(stream_arn, name, consumer_arn).await;
        let text = refused.expect_err("refused").to_string();
        assert!(
            text.contains(expect),
            "{stream_arn:?} {name:?} {consumer_arn:?}: {text}"
        );
    }
}

async fn stream_goes_with_its_consumers(cluster: &Cluster) {
    let delete = |enforce_consumer_deletion| DeleteStream {
        stream: StreamRef::by_name("s"),
        enforce_consumer_deletion,
    };
    let kept = cluster.router(2).delete_stream(delete(false)).await;
    let has_consumers = ConsumerError::StreamHasConsumers {
        stream: "s".parse().expect("valid"),
    };
    assert_eq!(kept, Err(KinesisError::Consumer(has_consumers)));
    cluster
        .router(1)
        .delete_stream(delete(true))
        .await
        .expect("begun");
    let router = cluster.router(3);
    eventually("the stream is gone", async || {
        matches!(
            describe(router, "s").await,
            Err(KinesisError::StreamNotFound { .. })
        )
        .then_some(())
    })
    .await;
    let orphan = router.describe_stream_consumer(by_name("app")).await;
    assert!(
        matches!(orphan, Err(KinesisError::StreamNotFound { .. })),
        "{orphan:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn consumers_are_listed_page_by_page() {
    scoped(async {
        let cluster = start().await;
        let router = cluster.router(2);
        for name in ["d", "b", "a", "c", "e"] {
            register(router, name).await.expect("registered");
        }
        let sixth = register(router, "f").await;
        assert!(
            matches!(
                sixth,
                Err(KinesisError::Consumer(
                    ConsumerError::TooManyCreating { .. }
                ))
            ),
            "{sixth:?}"
        );
        let list = |position, max_results| {
            cluster.router(3).list_stream_consumers(ListConsumers {
                stream_arn: STREAM.to_owned(),
                position,
                max_results,
                stream_created_ms: None,
            })
        };
        let names = |page: &ana_router::ops::ConsumerPage| -> Vec<String> {
            page.consumers
                .iter()
                .map(|it| it.name.to_string())
                .collect()
        };
        let all = list(None, None).await.expect("a page");
        assert_eq!((names(&all).join(""), all.next), ("abcde".to_owned(), None));
        let first = list(None, Some(2)).await.expect("a page");
        let second = list(first.next.clone(), Some(2)).await.expect("a page");
        let third = list(second.next.clone(), Some(1)).await.expect("a page");
        let pages = [&first, &second, &third].map(names);
        assert_eq!(pages.concat().join(""), "abcde");
        assert_eq!(third.next, None, "nothing follows");

        let created = |stream_created_ms| {
            router.list_stream_consumers(ListConsumers {
                stream_arn: STREAM.to_owned(),
                stream_created_ms: Some(stream_created_ms),
                ..ListConsumers::default()
            })
        };
        let created_ms = describe(router, "s").await.expect("a stream").created_ms;
        assert_eq!(
            created(created_ms).await.expect("that one").consumers.len(),
            5
        );
        let other = created(created_ms - 60_000).await;
        assert!(matches!(other, Err(KinesisError::StreamNotFound { .. })));

        // A listing does not go on with another stream, nor with the one that is made next under the name.
        let of_other = cluster.router(1).list_stream_consumers(ListConsumers {
            stream_arn: "arn:aws:kinesis:us-east-1:000000000000:stream/t".to_owned(),
            position: first.next.clone(),
            ..ListConsumers::default()
        });
        assert_eq!(of_other.await.map(drop), Err(KinesisError::InvalidToken));
        let delete = DeleteStream {
            stream: StreamRef::by_name("s"),
            enforce_consumer_deletion: true,
        };
        router.delete_stream(delete).await.expect("begun");
        eventually("the stream is gone", async || {
            describe(router, "s").await.is_err().then_some(())
        })
        .await;
        make(router).await;
        let stale = list(first.next, None).await.map(drop);
        assert_eq!(stale, Err(KinesisError::InvalidToken));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_goes_on_under_the_next_metadata_leader() {
    scoped(async {
        let mut cluster = start().await;
        register(cluster.router(1), "stays")
            .await
            .expect("registered");
        active_consumer(cluster.router(1), "stays").await;
        let leader = cluster.leader(ana_types::GroupId::METADATA).await;
        register(cluster.any(), "begun").await.expect("registered");
        let leaving = cluster.any().deregister_stream_consumer(by_name("stays"));
        leaving.await.expect("begun");
        cluster.kill(leader).await;
        active_consumer(cluster.any(), "begun").await;
        gone(cluster.any(), "stays").await;
    })
    .await;
}

async fn active_again(router: &Router) {
    active(router, "s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_take_effect_and_are_shown() {
    scoped(async {
        let cluster = start().await;
        monitoring(&cluster).await;
        encryption(&cluster).await;
        greatest_record(&cluster).await;
    })
    .await;
}

async fn monitoring(cluster: &Cluster) {
    let set = |node, metrics: &[ShardLevelMetric], enable| {
        cluster.router(node).set_monitoring(SetMonitoring {
            stream: StreamRef::by_name("s"),
            metrics: metrics.iter().copied().collect(),
            enable,
        })
    };
    let (one, two) = (
        ShardLevelMetric::IncomingBytes,
        ShardLevelMetric::OutgoingBytes,
    );
    let change = set(1, &[one, two], true).await.expect("on");
    assert_eq!((change.arn.as_str(), change.before.len()), (STREAM, 0));
    assert_eq!(change.after, BTreeSet::from([one, two]));
    let busy = set(2, &[one], false).await.map(drop);
    assert!(
        matches!(busy, Err(KinesisError::StreamNotActive { .. })),
        "{busy:?}"
    );
    active_again(cluster.router(2)).await;
    let change = set(3, &[one], false).await.expect("off");
    assert_eq!(change.after, BTreeSet::from([two]));
    active_again(cluster.router(1)).await;
    let view = describe(cluster.router(1), "s").await.expect("a stream");
    assert_eq!(view.shard_level_metrics, BTreeSet::from([two]));
    let summary = cluster
        .router(2)
        .describe_summary(StreamRef::by_name("s"))
        .await;
    assert_eq!(
        summary.expect("told").shard_level_metrics,
        BTreeSet::from([two])
    );
}

/// A record is answered and read as encrypted exactly when it was put so, whatever the stream's setting is later.
async fn encryption(cluster: &Cluster) {
    let request = |encryption_type, key_id: &str| SetEncryption {
        stream: StreamRef::by_name("s"),
        encryption_type,
        key_id: key_id.to_owned(),
    };
    let kms = EncryptionType::Kms;
    let router = cluster.router(1);
    let none = router.start_stream_encryption(request(EncryptionType::None, KEY));
    let not_kms = KinesisError::Setting(SettingError::EncryptionTypeNotKms);
    assert_eq!(none.await, Err(not_kms.clone()));
    let none = router.stop_stream_encryption(request(EncryptionType::None, KEY));
    assert_eq!(none.await, Err(not_kms));
    let key = "my key".to_owned();
    let unknown = router.start_stream_encryption(request(kms, &key)).await;
    assert_eq!(unknown, Err(SettingError::KeyNotFound { key }.into()));

    let put = |router: &Router, text: &str| {
        let request = PutRecord {
            stream: StreamRef::by_name("s"),
            entry: entry("k", text),
            ordering: None,
        };
        let router = router.clone();
        async move { router.put_record(request).await.expect("placed") }
    };
    let mut expected = Vec::new();
    for (on, text) in [(false, "before"), (true, "during"), (false, "after")] {
        if on {
            let start = cluster.router(2).start_stream_encryption(request(kms, KEY));
            start.await.expect("begun");
        } else if text == "after" {
            let stop = cluster.router(3).stop_stream_encryption(request(kms, KEY));
            stop.await.expect("begun");
        }
        // Asking brings a node's metadata up to date, and with it the setting it puts under.
        for node in 1..=3 {
            let router = cluster.router(node);
            let view = active(router, "s").await;
            assert_eq!(view.encryption_key.as_deref(), on.then_some(KEY));
            let placed = put(router, text).await;
            assert_eq!(placed.encrypted, on, "node {node} {text}");
            expected.push((placed.sequence, on));
        }
    }
    for node in 1..=3 {
        let router = cluster.router(node);
        let mut seen = Vec::new();
        let mut at = common::iterator(
            router,
            "s",
            ShardIndex(0),
            ana_router::ops::IteratorKind::TrimHorizon,
        )
        .await
        .expect("an iterator");
        while seen.len() < expected.len() {
            let answer = common::read(router, at).await.expect("a read");
            seen.extend(answer.records.iter().map(|it| (it.sequence, it.encrypted)));
            at.position = answer.next.expect("an open shard");
        }
        assert_eq!(seen, expected, "node {node}");
    }
}

async fn greatest_record(cluster: &Cluster) {
    let set = |max_record_kib| SetMaxRecord {
        stream: StreamRef {
            name: None,
            arn: Some(STREAM.to_owned()),
        },
        max_record_kib,
    };
    let put = |node, bytes: usize| {
        cluster.router(node).put_record(PutRecord {
            stream: StreamRef::by_name("s"),
            entry: entry("k", &"x".repeat(bytes - 1)),
            ordering: None,
        })
    };
    let too_large = put(1, (1 << 20) + 1).await.map(drop);
    assert!(matches!(
        too_large,
        Err(KinesisError::RecordTooLarge { .. })
    ));
    cluster
        .router(2)
        .update_max_record_size(set(2048))
        .await
        .expect("begun");
    active_again(cluster.router(1)).await;
    put(3, 2 << 20).await.expect("as large as may be");
    let too_large = put(1, (2 << 20) + 1).await.map(drop);
    assert!(matches!(
        too_large,
        Err(KinesisError::RecordTooLarge { .. })
    ));
    let summary = cluster
        .router(3)
        .describe_summary(StreamRef::by_name("s"))
        .await;
    assert_eq!(summary.expect("told").max_record_kib, 2048);
    cluster
        .router(3)
        .update_max_record_size(set(1024))
        .await
        .expect("begun");
    active_again(cluster.router(1)).await;
    let too_large = put(1, 2 << 20).await.map(drop);
    assert!(matches!(
        too_large,
        Err(KinesisError::RecordTooLarge { .. })
    ));
    put_all(cluster.router(1), "s", vec![entry("k", "small")]).await;
    let (records, _) = read_all(cluster.router(2), "s", ShardIndex(0)).await;
    assert_eq!(records.last().map(|it| it.1.as_str()), Some("small"));
    assert!(
        records.iter().any(|it| it.1.len() == (2 << 20) - 1),
        "what was put stays"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_and_policies_of_streams_and_consumers() {
    scoped(async {
        let cluster = start().await;
        let arn = register(cluster.router(1), "app")
            .await
            .expect("registered")
            .arn;
        active_consumer(cluster.router(1), "app").await;
        for (resource, first) in [(STREAM, None), (arn.as_str(), Some(("made:by", "app")))] {
            tags_of(&cluster, resource, first).await;
        }
        let consumer_policy = POLICY.replace("PutRecord", "SubscribeToShard");
        for (resource, good, bad) in [
            (STREAM, POLICY, consumer_policy.as_str()),
            (arn.as_str(), consumer_policy.as_str(), POLICY),
        ] {
            policy_of(&cluster, resource, good, bad).await;
        }
        // What hangs on one registration is not there for another.
        let later = format!("{STREAM}/consumer/app:1");
        let tags = cluster.router(2).list_tags_for_resource(&later).await;
        assert!(is_not_found(&tags), "{tags:?}");
        for unknown in [
            "arn:aws:kinesis:us-east-1:111111111111:stream/s",
            "arn:aws:kinesis:us-east-1:000000000000:stream/s/queue/q",
            "arn:aws:sqs:us-east-1:000000000000:stream/s",
        ] {
            let arn = unknown.to_owned();
            let tags = cluster.router(3).list_tags_for_resource(unknown).await;
            assert_eq!(tags, Err(SettingError::ResourceNotFound { arn }.into()));
        }
    })
    .await;
}

async fn tags_of(cluster: &Cluster, resource: &str, first: Option<(&str, &str)>) {
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter().chain(&first);
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let tag = TagResource {
        resource_arn: resource.to_owned(),
        tags: BTreeMap::from(["a", "b"].map(|key| (key.to_owned(), "1:1".to_owned()))),
    };
    cluster.router(1).tag_resource(tag).await.expect("tagged");
    let untag = UntagResource {
        resource_arn: resource.to_owned(),
        keys: vec!["b".to_owned(), "unknown".to_owned()],
    };
    cluster
        .router(2)
        .untag_resource(untag)
        .await
        .expect("untagged");
    let tags = cluster.router(3).list_tags_for_resource(resource).await;
    assert_eq!(tags.expect("tags"), own(&[("a", "1:1")]));
}

async fn policy_of(cluster: &Cluster, resource: &str, good: &str, bad: &str) {
    let put = |node, policy: &str| {
        cluster.router(node).put_resource_policy(PutResourcePolicy {
            resource_arn: resource.to_owned(),
            policy: policy.to_owned(),
        })
    };
    let no_policy = |answer: Answer<()>| {
        matches!(
            answer,
            Err(KinesisError::Setting(SettingError::NoPolicy { .. }))
        )
    };
    assert!(no_policy(
        cluster
            .router(1)
            .get_resource_policy(resource)
            .await
            .map(drop)
    ));
    let refused = put(2, bad).await;
    assert!(
        matches!(
            refused,
            Err(KinesisError::Setting(SettingError::InvalidPolicy { .. }))
        ),
        "{refused:?}"
    );
    put(2, good).await.expect("attached");
    let policy = cluster.router(3).get_resource_policy(resource).await;
    assert_eq!(policy.as_deref(), Ok(good), "to the letter");
    cluster
        .router(1)
        .delete_resource_policy(resource)
        .await
        .expect("gone");
    assert!(no_policy(
        cluster.router(2).delete_resource_policy(resource).await
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commitment_holds_for_a_day() {
    scoped(async {
        let cluster = Cluster::start(1, Limits::Off).await;
        let router = cluster.router(1);
        let off = router.describe_account_settings().await.expect("told");
        assert_eq!(
            (off.status, off.started_ms),
            (CommitmentStatus::Disabled, None)
        );
        let on = router.update_account_settings(true).await.expect("on");
        assert_eq!(on.status, CommitmentStatus::Enabled);
        let day = on
            .earliest_end_ms
            .zip(on.started_ms)
            .map(|(end, start)| end - start);
        assert_eq!(day, Some(86_400_000));
        let ending = router
            .update_account_settings(false)
            .await
            .expect("asked to end");
        assert_eq!(
            ending.status,
            CommitmentStatus::EnabledUntilEarliestAllowedEnd
        );
        assert_eq!(router.describe_account_settings().await, Ok(ending));
    })
    .await;
}
