//! Registered consumers over three nodes, each asked of another node than the one before.

use crate::common;

use std::collections::BTreeMap;

use ana_router::ops::{
    ConsumerRef, ConsumerView, CreateStream, DeleteStream, ListConsumers, RegisterConsumer,
    StreamRef,
};
use ana_router::{Answer, Limits, Router};
use ana_types::{ConsumerError, ConsumerStatus, KinesisError, StreamStatus};
use common::{Cluster, active, describe, eventually, scoped};

pub(crate) const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
pub(crate) const KEY: &str = "alias/aws/kinesis";
pub(crate) const POLICY: &str = r#"{ "Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},
    "Action":"kinesis:PutRecord","Resource":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}}"#;

pub(crate) async fn start() -> Cluster {
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

pub(crate) async fn register(router: &Router, name: &str) -> Answer<ConsumerView> {
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

pub(crate) async fn active_consumer(router: &Router, name: &str) -> ConsumerView {
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

pub(crate) fn is_not_found<T: std::fmt::Debug>(answer: &Answer<T>) -> bool {
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

pub(crate) async fn active_again(router: &Router) {
    active(router, "s").await;
}
