//! Settings over three nodes, each asked of another node than the one before.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};

use ana_router::ops::{
    PutRecord, PutResourcePolicy, SetEncryption, SetMaxRecord, SetMonitoring, StreamRef,
    TagResource, UntagResource,
};
use ana_router::{Answer, Limits, Router};
use ana_types::{
    CommitmentStatus, EncryptionType, KinesisError, SettingError, ShardIndex, ShardLevelMetric,
};
use common::{Cluster, active, describe, entry, put_all, read_all, scoped};

use crate::consumers::{
    KEY, POLICY, STREAM, active_again, active_consumer, is_not_found, register, start,
};

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
