//! Nodes that die and come back, and what clients see meanwhile.

use crate::common;

use std::time::Duration;

use ana_env::time;
use ana_router::Limits;
use ana_router::ops::{CreateStream, DeleteStream, PutRecord, PutRecords, StreamRef};
use ana_types::{GroupId, KinesisError, NodeId, ShardIndex};
use common::{Cluster, active, entry, eventually, put_all, read_all, scoped};

fn create(name: &str, shards: u32) -> CreateStream {
    CreateStream {
        name: name.to_owned(),
        shard_count: Some(shards),
        ..CreateStream::default()
    }
}

fn record(text: &str) -> PutRecord {
    PutRecord {
        stream: StreamRef::by_name("s"),
        entry: entry("key", text),
        ordering: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_leader_is_replaced_and_leads_again_when_it_is_back() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 1))
            .await
            .expect("created");
        let group = active(cluster.router(1), "s").await.shards[0].group;
        let mut acknowledged = Vec::new();
        for i in 0..50 {
            cluster
                .any()
                .put_record(record(&format!("{i}")))
                .await
                .expect("acknowledged");
            acknowledged.push(format!("{i}"));
        }
        let leader = cluster.leader(group).await;
        cluster.kill(leader).await;
        let died = time::now();
        eventually("puts go on", async || {
            cluster
                .any()
                .put_record(record("after"))
                .await
                .ok()
                .map(|_| ())
        })
        .await;
        assert!(
            died.elapsed() < Duration::from_secs(4),
            "after {:?}",
            died.elapsed()
        );
        let (records, _) = read_all(cluster.any(), "s", ShardIndex(0)).await;
        let texts: Vec<_> = records.into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            texts[..50],
            acknowledged,
            "what was acknowledged is there, in order"
        );

        // The metadata may have been led by the dead node too: the control plane goes on as well.
        eventually("streams are created", async || {
            let created = cluster.any().create_stream(create("t", 2)).await;
            matches!(created, Ok(()) | Err(KinesisError::StreamExists { .. })).then_some(())
        })
        .await;
        active(cluster.any(), "t").await;
        cluster.restart(leader).await;
        eventually("the leader is back where it is preferred", async || {
            (cluster.leader(group).await == leader).then_some(())
        })
        .await;
        let through = cluster.router(leader.0);
        assert_eq!(
            read_all(through, "s", ShardIndex(0)).await.0.len(),
            texts.len()
        );
        put_all(through, "t", vec![entry("k", "v")]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_nothing_is_acknowledged_and_the_answer_comes_in_time() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 3))
            .await
            .expect("created");
        active(cluster.router(1), "s").await;
        cluster.kill(NodeId(2)).await;
        cluster.kill(NodeId(3)).await;
        // The leader that is left gives up when its lease has run out; from then on nobody may be in doubt.
        time::sleep(Duration::from_secs(3)).await;
        let began = time::now();
        let put = cluster.router(1).put_record(record("x")).await;
        assert!(
            matches!(put, Err(KinesisError::Unavailable { .. })),
            "{put:?}"
        );
        let entries = (0..10).map(|i| entry(&format!("{i}"), "x")).collect();
        let request = PutRecords {
            stream: StreamRef::by_name("s"),
            entries,
        };
        let puts = cluster.router(1).put_records(request).await;
        assert!(
            matches!(puts, Err(KinesisError::Unavailable { .. })),
            "{puts:?}"
        );
        let created = cluster.router(1).create_stream(create("t", 1)).await;
        assert!(
            matches!(created, Err(KinesisError::Unavailable { .. })),
            "{created:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "three answers, each within 5 s"
        );

        let status = cluster.router(1).status().await;
        assert_eq!(status.groups.len(), 4, "status needs no majority");
        cluster.restart(NodeId(2)).await;
        cluster.restart(NodeId(3)).await;
        let healed = time::now();
        eventually("puts go on", async || {
            cluster
                .router(1)
                .put_record(record("y"))
                .await
                .ok()
                .map(|_| ())
        })
        .await;
        assert!(
            healed.elapsed() < Duration::from_secs(5),
            "after {:?}",
            healed.elapsed()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_is_a_cluster() {
    scoped(async {
        let mut cluster = Cluster::start(1, Limits::Aws).await;
        cluster
            .router(1)
            .create_stream(create("s", 1))
            .await
            .expect("created");
        active(cluster.router(1), "s").await;
        put_all(cluster.router(1), "s", vec![entry("k", "v")]).await;
        let entries = (0..500)
            .map(|i| entry("k", &format!("{i}")))
            .collect::<Vec<_>>();
        let request = || PutRecords {
            stream: StreamRef::by_name("s"),
            entries: entries.clone(),
        };
        let mut throttled = 0;
        for _ in 0..4 {
            let results = cluster
                .router(1)
                .put_records(request())
                .await
                .expect("an answer");
            throttled += results.iter().filter(|it| it.is_err()).count();
        }
        assert!(
            throttled >= 300,
            "a shard takes 1,000 records a second, {throttled} were refused"
        );
        let kept = read_all(cluster.router(1), "s", ShardIndex(0))
            .await
            .0
            .len();
        assert_eq!(kept, 1 + 2000 - throttled, "what was refused is not there");

        cluster.kill(NodeId(1)).await;
        cluster.restart(NodeId(1)).await;
        assert_eq!(cluster.leader(GroupId::METADATA).await, NodeId(1));
        active(cluster.router(1), "s").await;
        let back = read_all(cluster.router(1), "s", ShardIndex(0))
            .await
            .0
            .len();
        assert_eq!(back, kept, "a power cut loses nothing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_follows_the_metadata_and_carries_new_streams() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 3))
            .await
            .expect("created");
        active(cluster.router(1), "s").await;
        cluster.join(NodeId(4), "z1").await;
        let through = cluster.router(4);
        put_all(through, "s", vec![entry("k", "through a learner")]).await;
        let shards = active(through, "s").await.shards;
        let mut seen = Vec::new();
        for info in shards {
            seen.extend(read_all(through, "s", info.shard).await.0);
        }
        assert_eq!(seen.len(), 1);

        // The new node carries least, so the next stream has a replica there.
        through
            .create_stream(create("t", 1))
            .await
            .expect("created");
        let group = active(through, "t").await.shards[0].group;
        let status = through.status().await;
        let view = status
            .groups
            .iter()
            .find(|it| it.id == group)
            .expect("the group");
        assert!(view.voters.contains(&NodeId(4)), "{:?}", view.voters);
        assert_eq!(status.nodes.len(), 4);
        put_all(cluster.router(2), "t", vec![entry("k", "v")]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_makes_up_for_streams_made_and_deleted() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        cluster
            .router(1)
            .create_stream(create("s", 1))
            .await
            .expect("created");
        let old = active(cluster.router(1), "s").await.shards[0].group;
        put_all(cluster.router(1), "s", vec![entry("k", "v")]).await;
        assert!(cluster.has_directory(NodeId(3), old).await);
        cluster.kill(NodeId(3)).await;
        let stream = StreamRef::by_name("s");
        let delete = DeleteStream {
            stream,
            enforce_consumer_deletion: false,
        };
        eventually("the stream is deleted", async || {
            cluster.router(1).delete_stream(delete.clone()).await.ok()
        })
        .await;
        eventually("the name is free", async || {
            cluster.router(2).create_stream(create("s", 1)).await.ok()
        })
        .await;
        let new = active(cluster.router(2), "s").await.shards[0].group;
        put_all(cluster.router(1), "s", vec![entry("k", "new")]).await;
        eventually("the deleted replica is gone", async || {
            (!cluster.has_directory(NodeId(1), old).await).then_some(())
        })
        .await;

        cluster.restart(NodeId(3)).await;
        eventually(
            "the deleted replica is gone, the new one is level",
            async || {
                let status = cluster.router(3).status().await;
                let view = status.groups.iter().find(|it| it.id == new)?;
                let level = view.replicas.len() == 3 && view.replicas.iter().all(|it| it.lag == 0);
                (level && !cluster.has_directory(NodeId(3), old).await).then_some(())
            },
        )
        .await;
        assert_eq!(
            read_all(cluster.router(3), "s", ShardIndex(0)).await.0[0].1,
            "new"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_metadata_is_repaired_finds_out_what_was_deleted() {
    scoped(async {
        let mut cluster = Cluster::start(3, Limits::Off).await;
        // What the node still has after the damage is from before the stream: it does not open the replica.
        cluster.cut_metadata().await;
        let through = cluster.router(1);
        through
            .create_stream(create("s", 1))
            .await
            .expect("created");
        let old = active(through, "s").await.shards[0].group;
        put_all(through, "s", vec![entry("k", "v")]).await;
        assert!(cluster.has_directory(NodeId(3), old).await);
        cluster.kill(NodeId(3)).await;
        let delete = DeleteStream {
            stream: StreamRef::by_name("s"),
            enforce_consumer_deletion: false,
        };
        eventually("the stream is deleted", async || {
            cluster.router(1).delete_stream(delete.clone()).await.ok()
        })
        .await;
        eventually("the deleted replica is gone", async || {
            (!cluster.has_directory(NodeId(1), old).await).then_some(())
        })
        .await;

        cluster.damage(NodeId(3), GroupId::METADATA).await;
        cluster.restart(NodeId(3)).await;
        eventually("it is gone where the metadata was damaged", async || {
            (!cluster.has_directory(NodeId(3), old).await).then_some(())
        })
        .await;
    })
    .await;
}
